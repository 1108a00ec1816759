"""One model call of a program: held to what its run is held to, answered, and recorded."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from skvm.errors import InfrastructureError
from skvm.evidence.record import CallRecord, Usage
from skvm.harness.gateway.asking import hook_context
from skvm.harness.gateway.call_ids import CallIds
from skvm.harness.gateway.contract import Exchange, Wire
from skvm.harness.gateway.door import OpenDoor
from skvm.harness.gateway.refusal import NO_RETRY, RunOverError, note_failure, refusal_of, words_of
from skvm.harness.gateway.relay import (
    Kept,
    native_dialect,
    pass_through,
    put_in,
    settings_for,
    upstream_request,
)
from skvm.harness.gateway.single import FirstCall, Withheld, wants_one_call
from skvm.harness.gateway.splice import JsonObject, read_object
from skvm.harness.gateway.translate import translation_for
from skvm.harness.gateway.translate.contract import Heading, RefusedRequestError
from skvm.harness.gateway.written import with_written_calls
from skvm.harness.history import response_usage
from skvm.harness.hooks import HookContext
from skvm.harness.serving import GoneError, Incoming, Reply
from skvm.llm.codecs.events import decode_events
from skvm.llm.contract import DeadlineExceededError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model

    from skvm.harness.gateway.translate.contract import Asked, Renderer

__all__ = ["LAST_WORDS", "answer_call"]

KEEP_ALIVE_S = 15.0
"""How long a client that waits for a stream hears nothing; many give up after some minutes."""
LAST_WORDS = "[step limit reached: the run ends here]"
"""Said in the model's place where the run has taken all its turns: a program that is told so ends."""


async def answer_call(door: OpenDoor, dialect: Wire, incoming: Incoming, reply: Reply) -> None:
    """Answer one model call, whatever becomes of it; only a broken connection is raised.

    Args:
        door: Whose call it is.
        dialect: How it is asked.
        incoming: Its request, the body unread.
        reply: Where the answer goes.
    """
    started_s = door.recorder.now_s()
    try:
        asked = read_object(await incoming.read_body())
    except ValueError as error:
        body = translation_for(dialect).error_body(400, f"the body is no JSON object: {error}")
        await reply.json(400, body, headers=NO_RETRY)
        return
    await _Call(door, dialect, incoming, reply, asked, started_s).run()


@dataclass(slots=True)
class _Call:
    door: OpenDoor
    dialect: Wire
    incoming: Incoming
    reply: Reply
    body: JsonObject
    started_s: float
    turn: int = 0
    usage: Usage | None = None
    call_error: str | None = None
    response: ModelResponse | None = None
    kept: Kept = field(default_factory=Kept)
    error: Exception | None = None
    from_hook: bool = False
    is_kept_back: bool = False
    renderer: Renderer | None = None
    _asked: Asked | None = None
    _context: HookContext | None = None

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.body.members

    @property
    def has_tools(self) -> bool:
        return bool(self.payload.get("tools"))

    @property
    def takes_one_call(self) -> bool:
        """Whether the program takes no more than one call an answer."""
        return self.has_tools and (self.door.held.one_call or wants_one_call(self.dialect, self.payload))

    @property
    def is_stream(self) -> bool:
        return self.payload.get("stream") is True

    @property
    def name(self) -> str:
        """The model's name, as the client gave it."""
        return str(self.payload.get("model") or self.door.model_id or "")

    @property
    def heading(self) -> Heading:
        return Heading(self.name, secrets.token_hex(12), int(time.time()))

    def asked(self) -> Asked:
        """The request in pydantic-ai's words.

        Raises:
            RefusedRequestError: It cannot be said in them.
        """
        if self._asked is None:
            self._asked = translation_for(self.dialect).read_request(self.payload)
        return self._asked

    async def run(self) -> None:
        """Answer, while watching whether the client is still there."""
        door = self.door
        door.calls += 1
        door.turns += self.has_tools
        self.turn = door.turns - 1
        try:
            async with anyio.create_task_group() as group:
                door.under_way[group.cancel_scope] = anyio.Event()
                group.start_soon(self._watch, group.cancel_scope)
                if self.is_stream:
                    group.start_soon(self._keep_alive)
                await self._answer_or_refuse()
                group.cancel_scope.cancel()
        finally:
            try:
                with anyio.CancelScope(shield=True):
                    await self._close()
            finally:
                door.under_way.pop(group.cancel_scope).set()

    async def _watch(self, scope: anyio.CancelScope) -> None:
        await self.reply.until_gone()
        scope.cancel()

    async def _keep_alive(self) -> None:
        with suppress(GoneError):
            await self.reply.keep_alive(KEEP_ALIVE_S)

    async def _answer_or_refuse(self) -> None:
        try:
            await self._answer_in_time()
        except GoneError:
            self.reply.is_gone = True
        except Exception as error:  # noqa: BLE001 - told to the client, and remembered for the driver
            self.error = error
            with suppress(GoneError):
                await self._refuse(error)

    async def _answer_in_time(self) -> None:
        with anyio.CancelScope(deadline=self.door.held.deadline) as scope:
            await self._answer()
        if scope.cancelled_caught:
            raise DeadlineExceededError("the deadline of the run passed during a model call")

    async def _answer(self) -> None:
        door = self.door
        if door.is_over(has_tools=self.has_tools):
            await self._end_run()
            return
        if self.has_tools and (answer := await door.held.hooks.before_model(self._hook_context())):
            self.from_hook, self.usage = True, Usage()
            await self._say(answer)
            return
        if door.kept_calls and self.has_tools and (left := self._left_of_earlier()):
            self.is_kept_back, self.usage = True, Usage()
            await self._say(left)
            return
        await self._ask(await door.model(self.name))

    def _left_of_earlier(self) -> ModelResponse | None:
        """The next call of an answer the program has taken the first ones of."""
        asked = self._readable()
        left = None if asked is None else self.door.kept_calls.next_for(asked.messages)
        return left if self.takes_one_call else None

    def _first_of(self, response: ModelResponse) -> ModelResponse:
        """As much of a model's answer as the program takes."""
        if not self.takes_one_call or len(response.tool_calls) < 2:
            return response
        return self.door.kept_calls.first_of(response, self.asked().messages)

    async def _end_run(self) -> None:
        """End the run in the model's place, the first time; a program that goes on is told an error."""
        if self.door.has_said_last_words:
            raise RunOverError
        from pydantic_ai.messages import ModelResponse, TextPart

        self.door.has_said_last_words = True
        self.usage = Usage()
        await self._say(ModelResponse([TextPart(LAST_WORDS)], finish_reason="stop"))
        self.error, self.response = RunOverError(), None

    def _hook_context(self) -> HookContext:
        if self._context is None:
            held = self.door.held
            asked = self._readable() if held.hooks.hooks else None
            self._context = hook_context(held, self.door.own, self.turn, asked)
        return self._context

    async def _ask(self, model: Model) -> None:
        from skvm.llm.model import PortModel

        if not isinstance(model, PortModel):
            await self._translate(model)
            return
        model = model.noting(self._note_call)
        if model.endpoint.kind == "local" and (self.has_tools or not self.is_stream):
            await self._ask_embedded(model)
            return
        if native_dialect(model.endpoint) != self.dialect:
            await self._translate(model)
            return
        changes = put_in(self.payload, model, self.door.held)
        body = self.body.spliced(changes) if changes else self.incoming.body
        request = upstream_request(model.endpoint, self.incoming, body)
        hides_usage = "stream_options" in changes
        if not self.takes_one_call or self._readable() is None:
            await pass_through(model, request, self.reply, self.kept, hides_usage=hides_usage)
            return
        withheld = Withheld(self.reply)
        await pass_through(model, request, withheld, self.kept, hides_usage=hides_usage)
        answer = None if withheld.is_passing else self._passed()
        if answer is None or len(answer.tool_calls) < 2:
            await withheld.pass_on()
        else:
            await self._say(self._first_of(answer))

    async def _ask_embedded(self, model: Model) -> None:
        """Ask a small model for a whole answer, and read the calls it wrote as text.

        The embedded server works on for a client that left, unless it streams, which ``request`` makes it.
        """
        asked = self.asked()
        messages, settings = list(asked.messages), settings_for(model, self.door.held, asked.settings)
        response = await model.request(messages, settings, asked.parameters)
        tools = [tool.name for tool in asked.parameters.function_tools]
        await self._say(self._first_of(with_written_calls(response, tools, at=len(messages))))

    def _note_call(self, call: CallRecord) -> None:
        self.usage = call.usage if self.usage is None else self.usage + call.usage
        self.call_error = call.error

    async def _translate(self, model: Model) -> None:
        from skvm.llm.model import PortModel

        asked = self.asked()
        messages, settings = list(asked.messages), settings_for(model, self.door.held, asked.settings)
        ids = CallIds(messages)
        if not (self.is_stream and isinstance(model, PortModel)):
            response = ids.response(await model.request(messages, settings, asked.parameters))
            await self._say(self._first_of(response))
            return
        first = FirstCall() if self.takes_one_call else None
        renderer = self.renderer = translation_for(self.dialect).renderer(self.heading)
        async with model.request_stream(messages, settings, asked.parameters) as stream:
            # The answer has begun, and its beginning needs nothing of what comes.
            if said := renderer.start():
                await self.reply.send(said)
            async for event in stream:
                told = ids.event(event)
                if (first is None or first.lets_pass(told)) and (said := renderer.feed(told)):
                    await self.reply.send(said)
            response = self._first_of(ids.response(stream.get()))
        if response.finish_reason == "error":
            raise InfrastructureError("the model stopped with an error")
        await self.reply.send(renderer.finish(response))
        self.response = response
        await self.reply.end()

    async def _say(self, response: ModelResponse) -> None:
        """Send a whole answer in the client's dialect."""
        translation = translation_for(self.dialect)
        if response.finish_reason == "error":
            raise InfrastructureError("the model stopped with an error")
        if self.is_stream:
            renderer = self.renderer = translation.renderer(self.heading)
            await self.reply.send(renderer.start() + renderer.finish(response))
            self.response = response
            await self.reply.end()
            return
        self.response = response
        await self.reply.json(200, translation.render_answer(response, self.heading))

    async def _refuse(self, error: Exception) -> None:
        translation, refusal = translation_for(self.dialect), refusal_of(error)
        if not self.reply.is_started:
            body = translation.error_body(refusal.status, refusal.message)
            await self.reply.json(refusal.status, body, headers=NO_RETRY)
        elif self.is_stream:
            renderer = self.renderer or translation.renderer(self.heading)
            # Of a stream that broke off, an event may have begun.
            cut = b"" if self.reply.is_between_events else b"\n\n"
            await self.reply.send(cut + renderer.fail(refusal.status, refusal.message))
            await self.reply.end()

    async def _close(self) -> None:
        """Record how it went; the client may have left already."""
        door = self.door
        messages = self._messages() if door.recorder.is_kept else ()
        if self.response is None and self.error is None:
            self.response = self._passed() if door.recorder.is_kept else None
        if self.has_tools and self.response is None:
            door.turns -= 1
        if self.error is not None:
            note_failure(door.recorder, self.error)
        elif self.response is not None and not self.from_hook:
            door.recorder.failure, door.recorder.is_too_long = None, False
        if self.response is not None and self.has_tools and door.held.hooks.hooks:
            await self._tell_hooks(self.response)
        door.recorder.add(self._exchange(messages))

    async def _tell_hooks(self, response: ModelResponse) -> None:
        try:
            await self.door.held.hooks.after_model(self._hook_context(), response)
        except Exception as error:  # noqa: BLE001 - the answer is sent; the driver is told
            self.door.recorder.failure = error

    def _messages(self) -> tuple[ModelMessage, ...]:
        """What the model is sent; nothing if that cannot be said, which is no reason not to pass it on."""
        asked = self._readable()
        return () if asked is None else tuple(asked.messages)

    def _readable(self) -> Asked | None:
        with suppress(RefusedRequestError):
            return self.asked()
        return None

    def _passed(self) -> ModelResponse | None:
        """The answer that passed as bytes; ``None`` if it did not come to its end."""
        body = self.kept.body
        if not body:
            return None
        translation = translation_for(self.dialect)
        if self.kept.is_events:
            response = translation.read_events(decode_events(body))
        else:
            response = translation.read_answer(json.loads(body))
        is_whole = response.state == "complete" and response.finish_reason != "error"
        return response if is_whole else None

    def _exchange(self, messages: tuple[ModelMessage, ...]) -> Exchange:
        response = self.response
        usage = self.usage
        if usage is None:
            usage = Usage() if response is None else response_usage(response)
        return Exchange(
            dialect=self.dialect,
            model=self.name,
            messages=messages,
            response=response,
            usage=usage,
            started_s=self.started_s,
            duration_ms=(self.door.recorder.now_s() - self.started_s) * 1000,
            has_tools=self.has_tools,
            system=self._asked.system if self._asked is not None else "",
            from_hook=self.from_hook,
            is_kept_back=self.is_kept_back,
            status=self.reply.status,
            error=self._what_went_wrong(),
            is_cut=self.kept.is_cut,
        )

    def _what_went_wrong(self) -> str | None:
        if self.error is not None:
            return words_of(self.error)
        if self.reply.is_gone and (self.call_error or not self.reply.is_started):
            return "the client left before the end"
        return self.call_error or ("the answer was too long to be kept" if self.kept.is_cut else None)
