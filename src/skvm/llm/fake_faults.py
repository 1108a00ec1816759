"""A model server on loopback that misbehaves on purpose, by a schedule that can be repeated.

What is right comes from the same scripted answers as ``FakeServer``'s; the schedule says which requests are
answered wrongly, and how. ::

    schedule = FaultSchedule(rate=0.05, kinds=(FaultKind.SILENCE, FaultKind.RESET_EARLY), seed=7)
    with FaultyServer.under(schedule, [FakeAnswer("hello")]) as server:
        ...  # server.base_url, server.injected
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Any

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from skvm.llm.fake import Answers, FakeAnswer, FakeRequest, FakeServer, send_answer
from skvm.llm.fake_dialects import render_answer, render_endless, render_error_event, render_events

__all__ = ["FaultKind", "FaultSchedule", "FaultyServer"]

MAX_KEPT_REQUESTS = 1000
"""A soak asks hundreds of thousands of times; nobody looks at more than the first ones."""
_SERVER_ERRORS = (500, 502, 503, 529)
_WRONG_JSON = (b"{}", b"[1, 2, 3]", b'"hello"', b"null", b'{"unexpected": {"choices": 7}}')
_MALFORMED = (
    b"data: {not json\n\n",
    b"event\ndata\n\n: \xff\xfe\n\n",
    b"data: [1, 2]\n\ndata: null\n\n",
    b'data: {"choices": "none", "type": 7}\n\n',
    b"\x00\x01\x02 no lines at all",
)


class FaultKind(StrEnum):
    """One way of not answering."""

    LATENCY = "latency"
    """The right answer, late."""
    RATE_LIMIT = "rate-limit"
    """429 without a word on when to come again."""
    RATE_LIMIT_SECONDS = "rate-limit-seconds"
    """429 with ``Retry-After`` in seconds."""
    RATE_LIMIT_DATE = "rate-limit-date"
    """429 with ``Retry-After`` as an HTTP date."""
    SERVER_ERROR = "server-error"
    """500, 502 (a page of HTML), 503 or 529."""
    RESET_EARLY = "reset-early"
    """The connection is reset before any answer."""
    RESET_BODY = "reset-body"
    """Reset within the body: before the first whole event of a stream."""
    RESET_STREAM = "reset-stream"
    """Reset half-way: some events came, or half of a body in chunks."""
    MALFORMED_EVENTS = "malformed-events"
    """Server-sent events that are none."""
    ERROR_BODY = "error-body"
    """200, and an error inside."""
    WRONG_JSON = "wrong-json"
    """200 and JSON that is no answer."""
    TRUNCATED_JSON = "truncated-json"
    """200 and JSON that stops in the middle, in good order otherwise."""
    ENDLESS = "endless"
    """An answer without an end."""
    SILENCE = "silence"
    """The request is taken and never answered."""
    DRIP = "drip"
    """The right answer, byte by byte."""


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """Which requests are answered wrongly, and how: a function of the seed and the request's number.

    Args:
        rate: Share of the requests, 0 to 1.
        kinds: What may happen, each as likely as the others; all kinds if empty.
        seed: Makes another schedule of the same rate.
        since: Requests before this number (from 0) are answered rightly.
        until: Requests from this number on are answered rightly; ``None`` for ever wrongly.
    """

    rate: float = 1.0
    kinds: tuple[FaultKind, ...] = ()
    seed: int = 0
    since: int = 0
    until: int | None = None

    def fault_of(self, number: int) -> FaultKind | None:
        """What happens to a request, ``None`` if nothing does.

        Args:
            number: How many requests came before it.
        """
        chance = self.chance_of(number)
        is_over = self.until is not None and number >= self.until
        if number < self.since or is_over or chance.random() >= self.rate:
            return None
        return chance.choice(self.kinds or tuple(FaultKind))

    def chance_of(self, number: int) -> random.Random:
        """The dice of one request."""
        return random.Random(f"{self.seed}:{number}")


class FaultyServer(FakeServer):
    """A ``FakeServer`` some of whose answers are faults. ``FaultyServer.under`` is the blocking way in.

    Args:
        schedule: Which and how.
        answers: As ``FakeServer``'s; a fault uses up none of them.
        late_s: Seconds a late answer is late, > 0.
        retry_after_s: Seconds that a 429 asks for; a date says whole seconds.
        drip_s: Seconds between two bytes of a dripping answer, > 0.
    """

    def __init__(
        self,
        schedule: FaultSchedule,
        answers: Answers = (),
        *,
        late_s: float = 0.2,
        retry_after_s: float = 0.05,
        drip_s: float = 0.05,
    ) -> None:
        super().__init__(answers)
        self.schedule = schedule
        self.injected: Counter[FaultKind] = Counter()
        """How often each kind happened."""
        self.asked = 0
        """Requests so far; ``requests`` holds the first ones only."""
        self._late_s = late_s
        self._retry_after_s = retry_after_s
        self._drip_s = drip_s

    @classmethod
    @contextlib.contextmanager
    def under(
        cls, schedule: FaultSchedule, answers: Answers = (), **options: float
    ) -> Iterator[FaultyServer]:
        """A server in a thread of its own, for code that blocks; see the class for the options."""
        from anyio.from_thread import start_blocking_portal

        made = cls(schedule, answers, **options)
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(made) as server:
            yield server

    def _note(self, request: FakeRequest) -> None:
        if len(self.requests) < MAX_KEPT_REQUESTS:
            self.requests.append(request)

    async def _answer(
        self, stream: anyio.abc.SocketStream, reader: BufferedByteReceiveStream, request: FakeRequest
    ) -> bool:
        number, self.asked = self.asked, self.asked + 1
        fault = self.schedule.fault_of(number)
        if fault is None:
            return await super()._answer(stream, reader, request)
        self.injected[fault] += 1
        chance = self.schedule.chance_of(-1 - number)
        say = _Saying(stream, request, self._peek(request.body), chance)
        if fault in _RATE_LIMITS:
            return await say.rate_limit(self._retry_after(fault))
        if fault in _FAULTS:
            return await _FAULTS[fault](say)
        slow: Mapping[FaultKind, Callable[[], Awaitable[bool]]] = {
            FaultKind.LATENCY: lambda: self._late(stream, request),
            FaultKind.DRIP: lambda: self._drip(say),
            FaultKind.SILENCE: say.nothing,
            FaultKind.ENDLESS: say.without_end,
        }
        return await self._while_there(reader, slow[fault])

    def _peek(self, body: dict[str, Any]) -> FakeAnswer:
        """What would be right to say; nothing of the script is used up."""
        if callable(self._answers):
            return self._answers(body)
        return self._answers[min(self._served, len(self._answers) - 1)]

    async def _late(self, stream: anyio.abc.SocketStream, request: FakeRequest) -> bool:
        await anyio.sleep(self._late_s)
        return await send_answer(stream, request, self._next(request.body))

    async def _drip(self, say: _Saying) -> bool:
        self._next(say.request.body)
        await say.head(200, length=len(say.right))
        for byte in say.right:
            await anyio.sleep(self._drip_s)
            await say.stream.send(bytes([byte]))
        return True

    def _retry_after(self, fault: FaultKind) -> str | None:
        if fault is FaultKind.RATE_LIMIT_SECONDS:
            return f"{self._retry_after_s:g}"
        if fault is FaultKind.RATE_LIMIT_DATE:
            then = datetime.now(UTC) + timedelta(seconds=self._retry_after_s)
            return format_datetime(then, usegmt=True)
        return None


_RATE_LIMITS = (FaultKind.RATE_LIMIT, FaultKind.RATE_LIMIT_SECONDS, FaultKind.RATE_LIMIT_DATE)


class _Saying:
    """One request, and the ways to answer it wrongly; each says whether the connection goes on."""

    def __init__(
        self,
        stream: anyio.abc.SocketStream,
        request: FakeRequest,
        answer: FakeAnswer,
        chance: random.Random,
    ) -> None:
        self.stream, self.request, self.chance = stream, request, chance
        self.is_stream = request.body.get("stream") is True
        self.kind = "text/event-stream" if self.is_stream else "application/json"
        self.events = render_events(request.path, request.body, answer) if self.is_stream else []
        whole = json.dumps(render_answer(request.path, request.body, answer)).encode()
        self.right = b"".join(self.events) if self.is_stream else whole

    async def head(
        self,
        status: int,
        *,
        kind: str | None = None,
        length: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """The head of an answer; without a length, the body comes in chunks."""
        size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        lines = [f"HTTP/1.1 {status} Scripted", f"content-type: {kind or self.kind}", size]
        lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
        await self.stream.send("\r\n".join([*lines, "", ""]).encode())

    async def whole(self, status: int, body: bytes, **more: Any) -> bool:
        """An answer in good order, whatever its body holds."""
        await self.head(status, length=len(body), **more)
        await self.stream.send(body)
        return True

    async def chunk(self, data: bytes) -> None:
        """One chunk of a body without a length."""
        await self.stream.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def rate_limit(self, after: str | None) -> bool:
        """429."""
        body = json.dumps({"error": {"message": "too many requests", "type": "rate_limit_error"}}).encode()
        extra = {} if after is None else {"retry-after": after}
        return await self.whole(429, body, kind="application/json", extra=extra)

    async def server_error(self) -> bool:
        """A status of the 5xx."""
        status = self.chance.choice(_SERVER_ERRORS)
        if status == 502:
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            return await self.whole(status, page, kind="text/html")
        body = json.dumps({"error": {"message": f"scripted {status}", "type": "server_error"}}).encode()
        return await self.whole(status, body, kind="application/json")

    async def reset(self) -> bool:
        """Reset the connection: a client that reads is told so at once, whatever is on its way."""
        held = self.stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The only way to a reset: an orderly shutdown, which closing begins with, would come before it. So
        # the descriptor is given another socket, and the kernel closes ours.
        with socket.socket() as blank:
            os.dup2(blank.fileno(), held.fileno(), inheritable=False)
        return False

    async def reset_body(self) -> bool:
        """Reset within the first part of the body."""
        first = self.events[0] if self.is_stream else self.right
        await self.head(200, length=None if self.is_stream else len(self.right))
        half = first[: len(first) // 2]
        await (self.chunk(half) if self.is_stream else self.stream.send(half))
        return await self._reset_later()

    async def reset_stream(self) -> bool:
        """Reset half-way through the body."""
        await self.head(200)
        if self.is_stream:
            for event in self.events[: max(1, len(self.events) // 2)]:
                await self.chunk(event)
        else:
            await self.chunk(self.right[: len(self.right) // 2])
        return await self._reset_later()

    async def _reset_later(self) -> bool:
        # A reset overtakes what was not read yet.
        await anyio.sleep(0.02)
        return await self.reset()

    async def malformed_events(self) -> bool:
        """Events that are none; to a client that wanted no stream, too."""
        return await self.whole(200, self.chance.choice(_MALFORMED), kind="text/event-stream")

    async def error_body(self) -> bool:
        """200, and an error inside."""
        if self.is_stream:
            return await self.whole(200, render_error_event(self.request.path, "the engine is overloaded"))
        error = {"message": "the engine is overloaded", "type": "overloaded_error", "code": 503}
        return await self.whole(200, json.dumps({"type": "error", "error": error}).encode())

    async def wrong_json(self) -> bool:
        """JSON that is no answer."""
        body = self.chance.choice(_WRONG_JSON)
        return await self.whole(200, b"data: %s\n\n" % body if self.is_stream else body)

    async def truncated_json(self) -> bool:
        """JSON that stops in the middle."""
        return await self.whole(200, self.right[: self.chance.randrange(1, len(self.right) - 3)])

    async def nothing(self) -> bool:
        """Not a word, until the client leaves."""
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def without_end(self) -> bool:
        """Text for ever, as fast as it is taken."""
        await self.head(200)
        before, again = render_endless(self.request.path, self.request.body, is_stream=self.is_stream)
        await self.chunk(before)
        while True:
            await self.chunk(again)


_FAULTS: Mapping[FaultKind, Callable[[_Saying], Awaitable[bool]]] = {
    FaultKind.SERVER_ERROR: _Saying.server_error,
    FaultKind.RESET_EARLY: _Saying.reset,
    FaultKind.RESET_BODY: _Saying.reset_body,
    FaultKind.RESET_STREAM: _Saying.reset_stream,
    FaultKind.MALFORMED_EVENTS: _Saying.malformed_events,
    FaultKind.ERROR_BODY: _Saying.error_body,
    FaultKind.WRONG_JSON: _Saying.wrong_json,
    FaultKind.TRUNCATED_JSON: _Saying.truncated_json,
}
