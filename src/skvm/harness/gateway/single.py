"""One call an answer, for programs that take no more: the others are kept, and given when their turn comes.

A program says with a request that it takes one call at a time, and many an endpoint gives several all the
same. The first is given; a request that brings its result, and nothing else, is answered with the next, and
the model is asked nothing. Whatever else comes, what was kept is let go of, and the model decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.contract import Wire
from skvm.harness.gateway.relay import MAX_ANSWER_BYTES
from skvm.harness.serving import EVENT_STREAM, Reply

if TYPE_CHECKING:
    from pydantic_ai.messages import (
        ModelMessage,
        ModelResponse,
        ModelResponseStreamEvent,
        ToolCallPart,
    )

__all__ = ["FirstCall", "KeptCalls", "Withheld", "wants_one_call"]

MAX_KEPT = 64
"""Answers of which calls are kept at one door; of more, the oldest is let go of."""


def wants_one_call(dialect: Wire, payload: Mapping[str, Any]) -> bool:
    """Whether a request says that its program takes one call at a time."""
    if not payload.get("tools"):
        return False
    if dialect != "messages":
        return payload.get("parallel_tool_calls") is False
    choice = payload.get("tool_choice")
    return isinstance(choice, Mapping) and choice.get("disable_parallel_tool_use") is True


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is left of one answer.

    Args:
        opening: What the conversation begins with.
        before: Its messages before the call that was given last.
        given: That call.
        left: The answers that are still to be given.
    """

    opening: tuple[str, ...]
    before: int
    given: ToolCallPart
    left: tuple[ModelResponse, ...]

    def is_answered_by(self, messages: Sequence[ModelMessage]) -> bool:
        """Whether its conversation has come to the result of the call that was given, and to nothing else."""
        if len(messages) != self.before + 2:
            return False
        said, told = messages[-2:]
        if said.kind != "response" or told.kind != "request":
            return False
        # Not by its id: some endpoints number the calls of every answer, and some programs give their own.
        [*calls] = map(_meant, said.tool_calls)
        results = [part for part in told.parts if part.part_kind in {"tool-return", "retry-prompt"}]
        ids = [part.tool_call_id for part in results]
        is_its = calls == [_meant(self.given)] and ids == [each.tool_call_id for each in said.tool_calls]
        return is_its and len(told.parts) == len(results)


@dataclass(slots=True)
class KeptCalls:
    """The calls one door has yet to give."""

    _kept: list[_Kept] = field(default_factory=list)

    def first_of(self, response: ModelResponse, messages: Sequence[ModelMessage]) -> ModelResponse:
        """An answer with its first call; the others are kept.

        Args:
            response: A whole answer of a model; one with no more than a call is given back as it is.
            messages: The conversation before it.
        """
        calls = response.tool_calls
        if len(calls) < 2:
            return response
        # Of an answer that was cut, the last call may be half of one.
        if response.finish_reason != "length":
            left = tuple(_alone(call, response) for call in calls[1:])
            self._keep(_Kept(_opening(messages), len(messages), calls[0], left))
        parts = [part for part in response.parts if part.part_kind != "tool-call" or part is calls[0]]
        return replace(response, parts=parts)

    def next_for(self, messages: Sequence[ModelMessage]) -> ModelResponse | None:
        """The next call of an earlier answer, if this conversation has come to it, else ``None``.

        Whatever else was kept of the conversation is let go of.
        """
        if not self._kept:
            return None
        opening = _opening(messages)
        of_it = [kept for kept in self._kept if kept.opening == opening and len(messages) >= kept.before]
        self._kept = [kept for kept in self._kept if kept not in of_it]
        found = next((kept for kept in of_it if kept.is_answered_by(messages)), None)
        if found is None:
            return None
        answer, *left = found.left
        if left:
            self._keep(_Kept(opening, len(messages), answer.tool_calls[0], tuple(left)))
        return answer

    def _keep(self, kept: _Kept) -> None:
        self._kept = [*self._kept[1 - MAX_KEPT :], kept]

    def __bool__(self) -> bool:
        return bool(self._kept)


def _opening(messages: Sequence[ModelMessage]) -> tuple[str, ...]:
    """What stays the same as long as a conversation goes on: the system text and the first words said."""
    found: dict[str, str] = {}
    for part in messages[0].parts if messages else ():
        found.setdefault(part.part_kind, str(getattr(part, "content", "")))
    return found.get("system-prompt", ""), found.get("user-prompt", "")


def _alone(call: ToolCallPart, response: ModelResponse) -> ModelResponse:
    """An answer that makes one call of another one, and has cost nothing.

    Thinking that is signed goes with it: endpoints want it before every call that came of it.
    """
    from pydantic_ai.usage import RequestUsage

    signed = [part for part in response.parts if part.part_kind == "thinking" and part.signature]
    return replace(response, parts=[*signed, call], usage=RequestUsage(), finish_reason="tool_call")


def _meant(call: ToolCallPart) -> tuple[str, object]:
    """What a call asks for, however its arguments are written."""
    try:
        return call.tool_name, call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError, TypeError):
        return call.tool_name, call.args


@dataclass(slots=True)
class FirstCall:
    """Lets the events of one call pass, and of everything that is no call."""

    _first: int | None = None
    _others: set[int] = field(default_factory=set)

    def lets_pass(self, event: ModelResponseStreamEvent) -> bool:
        """Whether an event belongs to what may pass."""
        index = getattr(event, "index", None)
        if event.event_kind == "part_start" and event.part.part_kind == "tool-call":
            self._first = event.index if self._first is None else self._first
            if event.index != self._first:
                self._others.add(event.index)
        return index not in self._others


@dataclass(slots=True)
class Withheld:
    """Takes an answer in the place of a reply, until it is known whether it may pass as it is.

    Args:
        reply: Where it goes in the end; one that is too long to be kept goes there at once.
    """

    reply: Reply
    is_passing: bool = False
    _sent: list[tuple[bytes, str]] = field(default_factory=list)
    _size: int = 0
    _whole: tuple[int, bytes, str] | None = None

    @property
    def is_started(self) -> bool:
        """Whether more of a stream is all that can follow."""
        return self.reply.is_started or bool(self._sent)

    async def send(self, data: bytes, *, kind: str = EVENT_STREAM) -> None:
        """Take some of a stream."""
        self._sent.append((data, kind))
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self.is_passing = True
            await self._send_all()

    async def whole(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
        """Take a whole answer."""
        self._whole = status, body, kind

    async def end(self) -> None:
        """Take the end of a stream; nothing has to be kept of that."""

    async def pass_on(self) -> None:
        """Send what was taken, and end."""
        if self._whole is not None:
            status, body, kind = self._whole
            await self.reply.whole(status, body, kind=kind)
            return
        await self._send_all()
        await self.reply.end()

    async def _send_all(self) -> None:
        while self._sent:
            data, kind = self._sent.pop(0)
            await self.reply.send(data, kind=kind)
