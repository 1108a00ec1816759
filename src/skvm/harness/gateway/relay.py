"""Same dialect upstream: the bytes pass as they are, but for what has to be put in.

Put in are the model's name and what a run is held to, and only where they differ; and the two fields without
which an endpoint would not say what a call used. Everything else, what nobody here knows included, comes out
as it came in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import httpx2

from skvm.errors import InfrastructureError
from skvm.harness.gateway.contract import Held, Wire
from skvm.harness.serving import EVENT_STREAM, Incoming
from skvm.llm.capabilities import assumed
from skvm.llm.codecs.events import decode_events
from skvm.llm.model import CONNECT_TIMEOUT_S, EMBEDDED_MAX_TOKENS, READ_TIMEOUT_S, PortModel
from skvm.llm.sampling import takes_sampling

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

    from skvm.llm.route import Endpoint

__all__ = [
    "MAX_ANSWER_BYTES",
    "Kept",
    "Taker",
    "native_dialect",
    "pass_through",
    "put_in",
    "settings_for",
    "upstream_request",
]

MAX_ANSWER_BYTES = 8 << 20
"""What is kept of one answer to record it; a longer one passes whole and is not kept."""

MIN_THINKING_TOKENS = 1024
"""Anthropic refuses a smaller budget of thinking."""

_PATHS: Mapping[Wire, str] = {"chat": "/chat/completions", "messages": "/v1/messages"}
_MEANT = ("anthropic-", "openai-beta", "accept", "content-type", "user-agent", "http-referer", "x-title")
"""Beginnings of the names of headers that are passed on: no credential, nothing about the connection."""
_NOT_MEANT = frozenset({"accept-encoding"})
_TIMEOUT = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S).as_dict()
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_BOUNDARY = re.compile(rb"\r?\n\r?\n")


def native_dialect(endpoint: Endpoint) -> Wire:
    """The dialect an endpoint speaks."""
    return "messages" if endpoint.kind == "anthropic" else "chat"


def put_in(payload: Mapping[str, Any], model: PortModel, held: Held) -> dict[str, Any]:
    """The members of a request that have to be others, and what they have to be."""
    wanted: dict[str, Any] = {"model": model.endpoint.backend_id}
    if held.temperature is not None and _takes_temperature(payload, model):
        wanted["temperature"] = held.temperature
    if native_dialect(model.endpoint) == "messages":
        wanted |= _bound_for_messages(payload, held)
    else:
        wanted |= _for_chat(payload, model, held)
    return {name: value for name, value in wanted.items() if name not in payload or payload[name] != value}


def settings_for(model: Model, held: Held, asked: ModelSettings) -> ModelSettings:
    """What a translated request asks for, as far as its run and its model allow it."""
    settings = held.applied_to(asked)
    if isinstance(model, PortModel) and model.endpoint.kind == "local":
        settings["max_tokens"] = _embedded_bound(held, settings.get("max_tokens"))
    return settings


def _bound_for_messages(payload: Mapping[str, Any], held: Held) -> dict[str, Any]:
    """The bound of the output, and of the thinking in it, which must be less."""
    bound = held.output_bound(payload.get("max_tokens"))
    if bound is None or bound == payload.get("max_tokens"):
        return {}
    thinking = payload.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    if not isinstance(thinking, Mapping) or not isinstance(budget, int) or budget < bound:
        return {"max_tokens": bound}
    less = {**thinking, "budget_tokens": bound - 1} if bound > MIN_THINKING_TOKENS else {"type": "disabled"}
    return {"max_tokens": bound, "thinking": less}


def _bound_for_chat(payload: Mapping[str, Any], model: PortModel, held: Held) -> dict[str, Any]:
    """The bound of the output, by the name the request gives it, else by the endpoint's."""
    endpoint = model.endpoint
    bound = _embedded_bound if endpoint.kind == "local" else Held.output_bound
    named = [name for name in ("max_tokens", "max_completion_tokens") if payload.get(name)]
    if named:
        return {name: bound(held, payload[name]) for name in named}
    unasked = bound(held, None)
    return {model.limit_field or assumed(endpoint).limit_field: unasked} if unasked else {}


def _embedded_bound(held: Held, asked: object) -> int:
    """The output tokens of a request to the embedded model, see ``Held.output_bound``.

    Programs ask for as much as a large model may write; a small one that repeats itself would write it.
    """
    return min(held.output_bound(asked) or EMBEDDED_MAX_TOKENS, EMBEDDED_MAX_TOKENS)


def _for_chat(payload: Mapping[str, Any], model: PortModel, held: Held) -> dict[str, Any]:
    endpoint = model.endpoint
    wanted = _bound_for_chat(payload, model, held)
    if held.seed is not None:
        wanted["seed"] = held.seed
    if payload.get("stream") is True:
        options = payload.get("stream_options")
        known = options if isinstance(options, Mapping) else {}
        wanted["stream_options"] = {**known, "include_usage": True}
    if endpoint.kind == "openrouter" and "usage" not in payload:
        wanted["usage"] = {"include": True}
    return wanted


def _takes_temperature(payload: Mapping[str, Any], model: PortModel) -> bool:
    """Models that think take none, some always, some while they do."""
    profile: Mapping[str, Any] = model.profile
    reasoning = payload.get("reasoning")
    told = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
    effort = payload.get("reasoning_effort") or told
    if profile.get("thinking_always_enabled") or not takes_sampling(profile, effort=effort):
        return False
    thinking = payload.get("thinking")
    return not (isinstance(thinking, Mapping) and thinking.get("type") != "disabled")


def upstream_request(endpoint: Endpoint, incoming: Incoming, body: bytes) -> httpx2.Request:
    """The request as the endpoint is sent it, with its own credential."""
    headers = {
        name: value
        for name, value in incoming.headers.items()
        if name.startswith(_MEANT) and name not in _NOT_MEANT
    }
    key = endpoint.credential or "no-key"
    if endpoint.kind == "anthropic":
        headers["x-api-key"] = key
        headers.setdefault("anthropic-version", "2023-06-01")
    else:
        headers["authorization"] = f"Bearer {key}"
    headers |= {"content-type": "application/json", "accept-encoding": "identity"}
    url = endpoint.base_url.rstrip("/") + _PATHS[native_dialect(endpoint)]
    if incoming.query:
        url += f"?{incoming.query}"
    return httpx2.Request("POST", url, headers=headers, content=body, extensions={"timeout": _TIMEOUT})


@dataclass(slots=True)
class Kept:
    """What is kept of an answer while it passes.

    Args:
        kind: Its content type.
        is_cut: Whether it was too long to be kept.
    """

    kind: str = ""
    is_cut: bool = False
    _chunks: list[bytes] = field(default_factory=list)
    _size: int = 0

    def add(self, chunk: bytes) -> None:
        """Keep some more, or let go of all."""
        self._size += len(chunk)
        if self._size > MAX_ANSWER_BYTES:
            self.is_cut = True
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    @property
    def is_events(self) -> bool:
        """Whether it is a stream."""
        return "event-stream" in self.kind

    @property
    def body(self) -> bytes:
        """All of it; nothing if it was too long."""
        return b"".join(self._chunks)


class Taker(Protocol):
    """Takes an answer as it passes; a ``Reply`` is one."""

    @property
    def is_started(self) -> bool:
        """Whether more of a stream is all that can follow."""

    async def send(self, data: bytes, *, kind: str = EVENT_STREAM) -> None:
        """Take some of a stream."""

    async def whole(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
        """Take a whole answer."""

    async def end(self) -> None:
        """Take the end of a stream."""


async def pass_through(
    model: PortModel, request: httpx2.Request, reply: Taker, kept: Kept, *, hides_usage: bool
) -> None:
    """Send a request and pass its answer on as it comes, no faster than the client takes it.

    Args:
        model: The model that is asked.
        request: As ``upstream_request`` made it.
        reply: Where the answer goes.
        kept: Gets what passes.
        hides_usage: Leave out the chunk that only tells the usage, which the client did not ask for.

    Raises:
        ProviderError, BudgetExceededError, DeadlineExceededError: As ``PortModel.request``.
    """
    response = await model.relay(request)
    try:
        kept.kind = response.headers.get("content-type", "")
        if kept.is_events:
            await _stream(response, reply, kept, _Unasked() if hides_usage else None)
            return
        body = await response.aread()
        kept.add(body)
        if reply.is_started:
            raise InfrastructureError(f"{model.endpoint.model_id}: the endpoint did not stream its answer")
        await reply.whole(response.status_code, body, kind=kept.kind)
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


async def _stream(response: httpx2.Response, reply: Taker, kept: Kept, unasked: _Unasked | None) -> None:
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            kept.add(chunk)
            passed = chunk if unasked is None else unasked.feed(chunk)
            if passed:
                await reply.send(passed, kind=kept.kind)
    left = b"" if unasked is None else unasked.rest
    if left or not reply.is_started:
        await reply.send(left or b": nothing\n\n", kind=kept.kind or EVENT_STREAM)
    await reply.end()


@dataclass(slots=True)
class _Unasked:
    """Takes the chunk that only tells the usage out of a stream of chat completions."""

    rest: bytes = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may pass of all that came; the beginning of an event waits for its end."""
        data = self.rest + chunk
        ends = [found.end() for found in _BOUNDARY.finditer(data)]
        if not ends:
            self.rest = data
            return b""
        whole, self.rest = data[: ends[-1]], data[ends[-1] :]
        if not _NO_CHOICES.search(whole):
            return whole
        starts = [0, *ends[:-1]]
        events = [whole[start:end] for start, end in zip(starts, ends, strict=True)]
        return b"".join(event for event in events if not _tells_usage_only(event))


def _tells_usage_only(event: bytes) -> bool:
    return any(found.get("choices") == [] and found.get("usage") for found in decode_events(event))
