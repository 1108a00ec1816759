"""A model server on loopback with scripted answers: chat completions, messages and responses.

For tests, benchmarks and trying things out; it speaks enough HTTP/1.1 for any client and writes down what it
was asked. ::

    async with FakeServer([FakeAnswer("hello")]) as server:
        ...  # server.base_url, server.requests
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from skvm.llm.fake_dialects import render_answer, render_events

__all__ = ["Answers", "FakeAnswer", "FakeRequest", "FakeServer", "FakeToolCall", "send_answer"]


@dataclass(frozen=True, slots=True)
class FakeToolCall:
    """One tool call of an answer.

    Args:
        name: The tool.
        arguments: An object, or text that is sent as it is (to send broken arguments).
        id: The call's id; numbered if ``None``.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class FakeAnswer:
    """One scripted answer.

    Args:
        text: What the model says.
        tool_calls: What it calls.
        input_tokens: Reported tokens read, cached ones left out.
        output_tokens: Reported tokens written.
        cache_read_tokens: Reported tokens from the cache.
        billed_usd: Reported cost (chat completions, as OpenRouter does), if any.
        status: HTTP status; 300 and above send ``text`` as an error body.
        headers: Extra response headers.
        delay_s: Wait before the first byte.
        raw_body: Send exactly these bytes as the body.
        content_type: For ``raw_body``.
        chunk_delay_s: Wait between the events of a stream.
        truncate_events: Send only so many events of a stream, then close the connection.
        hang: Take the request and never answer.
        disconnect: Close the connection without an answer.
    """

    text: str = ""
    tool_calls: Sequence[FakeToolCall] = ()
    input_tokens: int = 10
    output_tokens: int = 5
    cache_read_tokens: int = 0
    billed_usd: float | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    raw_body: bytes | None = None
    content_type: str = "application/json"
    chunk_delay_s: float = 0.0
    truncate_events: int | None = None
    hang: bool = False
    disconnect: bool = False


@dataclass(frozen=True, slots=True)
class FakeRequest:
    """One request as the server got it.

    Args:
        path: The request path.
        headers: Lower-case names.
        body: The decoded JSON body, ``{}`` if there is none.
    """

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


Answers = Sequence[FakeAnswer] | Callable[[dict[str, Any]], FakeAnswer]


class FakeServer:
    """A loopback model server. An async context manager; ``FakeServer.running`` is the blocking way in.

    Args:
        answers: Given one after the other, the last one for ever after; or a function of the request body.
            The default says ``ok``.
    """

    def __init__(self, answers: Answers = ()) -> None:
        self._answers: Answers = answers if callable(answers) else list(answers) or [FakeAnswer("ok")]
        self._served = 0
        self._port = 0
        self._listener: anyio.abc.Listener[anyio.abc.SocketStream] | None = None
        self._group: anyio.abc.TaskGroup | None = None
        self.requests: list[FakeRequest] = []
        self.disconnected = anyio.Event()
        """Set once a client went away before its answer was sent."""

    @property
    def root_url(self) -> str:
        """``http://127.0.0.1:PORT``: the base of messages clients."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT/v1``: the base of chat completions clients."""
        return f"{self.root_url}/v1"

    async def __aenter__(self) -> Self:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        self._listener = listener
        self._port = int(listener.extra(anyio.abc.SocketAttribute.local_port))  # noqa: S610 - not Django's
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._serve)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._group is not None  # noqa: S101 - set by __aenter__
        assert self._listener is not None  # noqa: S101 - set by __aenter__
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)
        with anyio.CancelScope(shield=True):
            await self._listener.aclose()

    @classmethod
    @contextlib.contextmanager
    def running(cls, answers: Answers = ()) -> Iterator[FakeServer]:
        """A server in a thread of its own, for code that blocks."""
        from anyio.from_thread import start_blocking_portal

        with start_blocking_portal() as portal, portal.wrap_async_context_manager(cls(answers)) as server:
            yield server

    async def _serve(self) -> None:
        assert self._listener is not None  # noqa: S101 - set by __aenter__
        await self._listener.serve(self._converse)

    async def _converse(self, stream: anyio.abc.SocketStream) -> None:
        with contextlib.suppress(anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError):
            async with stream:
                reader = BufferedByteReceiveStream(stream)
                while (request := await _read_request(reader)) is not None:
                    self._note(request)
                    if not await self._answer(stream, reader, request):
                        return

    async def _answer(
        self, stream: anyio.abc.SocketStream, reader: BufferedByteReceiveStream, request: FakeRequest
    ) -> bool:
        answer = self._next(request.body)
        if answer.disconnect:
            return False
        if not (answer.hang or answer.delay_s or answer.chunk_delay_s):
            return await send_answer(stream, request, answer)

        async def send_late() -> bool:
            if answer.hang:
                await anyio.sleep_forever()
            await anyio.sleep(answer.delay_s)
            return await send_answer(stream, request, answer)

        return await self._while_there(reader, send_late)

    async def _while_there(
        self, reader: BufferedByteReceiveStream, work: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Do something that takes its time, as long as the client is there; says what ``work`` said."""
        went_on = False
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                try:
                    await reader.receive(1)
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    self.disconnected.set()
                    group.cancel_scope.cancel()

            group.start_soon(watch)
            with contextlib.suppress(anyio.BrokenResourceError):
                went_on = await work()
            group.cancel_scope.cancel()
        return went_on

    def _note(self, request: FakeRequest) -> None:
        self.requests.append(request)

    def _next(self, body: dict[str, Any]) -> FakeAnswer:
        if callable(self._answers):
            return self._answers(body)
        answer = self._answers[min(self._served, len(self._answers) - 1)]
        self._served += 1
        return answer


async def _read_request(reader: BufferedByteReceiveStream) -> FakeRequest | None:
    try:
        head = (await reader.receive_until(b"\r\n\r\n", 1 << 20)).decode("latin-1")
    except anyio.IncompleteRead:
        return None
    first, *lines = head.split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.receive_exactly(int(headers.get("content-length") or 0))
    try:
        decoded = json.loads(body) if body else {}
    except ValueError:
        decoded = {}
    return FakeRequest(first.split(" ")[1], headers, decoded if isinstance(decoded, dict) else {})


async def send_answer(stream: anyio.abc.SocketStream, request: FakeRequest, answer: FakeAnswer) -> bool:
    """Send one scripted answer; says whether the connection may be used again."""
    if request.body.get("stream") is True and answer.raw_body is None and answer.status < 300:
        return await _send_events(stream, request, answer)
    body, kind = answer.raw_body, answer.content_type
    if body is None:
        body, kind = (
            json.dumps(render_answer(request.path, request.body, answer)).encode(),
            "application/json",
        )
    lines = [f"HTTP/1.1 {answer.status} Scripted", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    await stream.send("\r\n".join([*lines, "", ""]).encode() + body)
    return True


async def _send_events(stream: anyio.abc.SocketStream, request: FakeRequest, answer: FakeAnswer) -> bool:
    lines = ["HTTP/1.1 200 OK", "content-type: text/event-stream", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    await stream.send("\r\n".join([*lines, "", ""]).encode())
    async for event in _events(request, answer):
        await stream.send(b"%x\r\n%s\r\n" % (len(event), event))
    if answer.truncate_events is not None:
        return False
    await stream.send(b"0\r\n\r\n")
    return True


async def _events(request: FakeRequest, answer: FakeAnswer) -> AsyncIterator[bytes]:
    for event in render_events(request.path, request.body, answer)[: answer.truncate_events]:
        yield event
        if answer.chunk_delay_s:
            await anyio.sleep(answer.chunk_delay_s)
