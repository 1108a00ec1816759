"""Enough of an HTTP/1.1 server for programs on loopback: one request at a time on a connection, streams out.

Who asks may be an agent's own doing, so whatever comes is answered or dropped, with 400 if it is no HTTP;
nothing that comes can raise here, hold a place for ever, or fill the memory. What is sent waits for the
client to take it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
import h11

from skvm.harness.serving_bounds import Bounds, GoneError, RefusedError, Room

__all__ = [
    "EVENT_STREAM",
    "Bounds",
    "GoneError",
    "Incoming",
    "RefusedError",
    "Reply",
    "Room",
    "accept_connections",
]

EVENT_STREAM = "text/event-stream; charset=utf-8"

_MAX_HEAD_BYTES = 1 << 16
_MAX_UNREAD = 64
_RETRY_S = 0.05
_CHUNK = 1 << 16
_BODILESS = frozenset({204, 304})


@dataclass(slots=True)
class Incoming:
    """One request whose body may not have been read yet.

    Args:
        method: As sent.
        target: Path and query, as sent.
        headers: Lower-case names; of a repeated one the last.
        body: What was read of the body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    _http: _Connection
    _room: Room
    body: bytes = b""
    _taken: int = 0

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]

    async def read_body(self) -> bytes:
        """Read the body, within the bounds.

        Raises:
            RefusedError: It is too long, or there is no room for it now.
        """
        bounds = self._http.bounds
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > bounds.max_body_bytes:
            raise RefusedError(413, f"a body may have {bounds.max_body_bytes} bytes")
        try:
            with anyio.fail_after(bounds.request_s):
                self.body = await self._read(bounds.max_body_bytes)
        except TimeoutError:
            raise RefusedError(408, f"the request did not arrive within {bounds.request_s:g} s") from None
        except h11.RemoteProtocolError as error:
            raise RefusedError(error.error_status_hint, str(error)) from error
        return self.body

    async def _read(self, limit: int) -> bytes:
        read = bytearray()
        while isinstance(event := await self._http.event(), h11.Data):
            self._room.take(len(event.data))
            self._taken += len(event.data)
            read += event.data
            if len(read) > limit:
                raise RefusedError(413, f"a body may have {limit} bytes")
        if not isinstance(event, h11.EndOfMessage):
            raise GoneError
        return bytes(read)

    def forget(self) -> None:
        """Give back the room of the body."""
        self.body = b""
        self._room.give_back(self._taken)
        self._taken = 0


@dataclass(slots=True)
class Reply:
    """The answer to one request: whole, or streamed as it comes.

    Args:
        status: What was answered; 0 until then.
    """

    _http: _Connection
    status: int = 0
    last_sent: float = -math.inf
    is_gone: bool = False
    """Whether the client left before the answer was whole."""
    _tail: bytes = b"\n\n"
    _lock: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))

    @property
    def is_started(self) -> bool:
        """Whether a status was sent: nothing but more of the stream can follow."""
        return self.status != 0

    @property
    def is_between_events(self) -> bool:
        """Whether what was sent of the stream ends with the end of an event."""
        return self._tail.endswith((b"\n\n", b"\r\n\r\n"))

    async def whole(
        self,
        status: int,
        body: bytes,
        *,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole answer."""
        async with self._lock:
            self.status = status
            head = [("content-type", kind), *(headers or {}).items()]
            if status not in _BODILESS:
                head.append(("content-length", str(len(body))))
            sent = self._http.bytes_of(h11.Response(status_code=status, headers=head))
            if body and not self._http.is_head and status not in _BODILESS:
                sent += self._http.bytes_of(h11.Data(data=body))
            await self._http.send(sent + self._http.bytes_of(h11.EndOfMessage()))

    async def json(self, status: int, value: Any, *, headers: Mapping[str, str] | None = None) -> None:
        """Send a JSON document."""
        await self.whole(status, json.dumps(value).encode(), headers=headers)

    async def send(self, data: bytes, *, kind: str = EVENT_STREAM) -> None:
        """Send some of a stream with status 200; waits until the client takes it.

        Args:
            data: Not empty.
            kind: The type of the stream; matters at the first call.
        """
        async with self._lock:
            self._tail = (self._tail + data)[-4:]
            await self._http.send(self._head(kind) + self._http.bytes_of(h11.Data(data=data)))
            self.last_sent = anyio.current_time()

    async def end(self) -> None:
        """End the stream."""
        async with self._lock:
            await self._http.send(self._http.bytes_of(h11.EndOfMessage()))

    async def keep_alive(self, every_s: float) -> None:
        """While no answer comes, say between two events that one will."""
        self.last_sent = max(self.last_sent, anyio.current_time())
        while True:
            await anyio.sleep_until(self.last_sent + every_s)
            if anyio.current_time() < self.last_sent + every_s:
                continue
            if self.is_between_events:
                await self.send(b": waiting\n\n")
            else:
                self.last_sent = anyio.current_time()

    async def until_gone(self) -> None:
        """Return when the client leaves, or half-closes its side, which nobody does who waits for more."""
        await self._http.until_gone()
        self.is_gone = True

    def _head(self, kind: str) -> bytes:
        if self.is_started:
            return b""
        self.status = 200
        head = [("content-type", kind), ("cache-control", "no-cache"), ("transfer-encoding", "chunked")]
        return self._http.bytes_of(h11.Response(status_code=200, headers=head))


Handler = Callable[[Incoming, Reply], Awaitable[None]]


class _Connection:
    """The HTTP of one connection."""

    def __init__(self, stream: anyio.abc.ByteStream, bounds: Bounds, room: Room) -> None:
        self.bounds = bounds
        self._stream = stream
        self._room = room
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self.is_head = False

    async def serve(self, handle: Handler) -> None:
        """Serve requests until the connection ends."""
        wait_s = self.bounds.first_s
        while True:
            try:
                incoming = await self._request(wait_s)
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint, str(error))
                return
            if incoming is None:
                return
            reply = Reply(self)
            try:
                await handle(incoming, reply)
            finally:
                incoming.forget()
            if not await self._go_on():
                return
            wait_s = self.bounds.idle_s

    async def _request(self, wait_s: float) -> Incoming | None:
        """The head of the next request, ``None`` at the end."""
        if not self._http.trailing_data[0]:
            with anyio.fail_after(wait_s):
                await self._receive()
        with anyio.fail_after(self.bounds.request_s):
            event = await self.event()
        if not isinstance(event, h11.Request):
            return None
        self.is_head = event.method == b"HEAD"
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
        method, target = event.method.decode("ascii"), event.target.decode("latin-1")
        return Incoming(method, target, headers, self, self._room)

    async def event(self) -> Any:
        """What comes next of a request."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self.send(self.bytes_of(h11.InformationalResponse(status_code=100, headers=[])))
            await self._receive()
        return event

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive(_CHUNK)
        except anyio.EndOfStream:
            data = b""
        except anyio.BrokenResourceError as error:
            raise GoneError from error
        self._http.receive_data(data)

    async def until_gone(self) -> None:
        """Return when the client leaves while its answer is made."""
        if not self._http.trailing_data[0]:
            try:
                self._http.receive_data(await self._stream.receive(_CHUNK))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return
        # A client that asks ahead is there. What else it says is left in the kernel until its turn.
        await anyio.sleep_forever()

    def bytes_of(self, event: h11.Event) -> bytes:
        """An event as it goes over the wire."""
        return self._http.send(event) or b""

    async def send(self, data: bytes) -> None:
        """Send bytes, as fast as they are taken.

        Raises:
            GoneError: Nobody takes them.
        """
        try:
            with anyio.fail_after(self.bounds.stall_s):
                await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            raise GoneError from error

    async def _go_on(self) -> bool:
        """Whether another request may come."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        if self._http.our_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            await self._linger()
        return False

    async def _refuse(self, status: int, reason: str) -> None:
        """Say what is wrong, if it can still be said."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await Reply(self).json(status, {"error": {"message": reason}}, headers={"connection": "close"})
            await self._linger()

    async def _linger(self) -> None:
        """Take what is still coming: closing with unread input resets the connection, and the answer."""
        with (
            anyio.move_on_after(self.bounds.first_s),
            suppress(anyio.EndOfStream, anyio.BrokenResourceError, OSError),
        ):
            await self._stream.send_eof()
            for _ in range(_MAX_UNREAD):
                await self._stream.receive(_CHUNK)


async def accept_connections(
    listener: anyio.abc.SocketListener, handle: Handler, bounds: Bounds, room: Room
) -> None:
    """Serve the connections of a listener until cancelled.

    Args:
        listener: Listening; not closed here.
        handle: Answers one request; it may raise ``GoneError`` and nothing else.
        bounds: Of every connection.
        room: Of all bodies.
    """
    places = anyio.Semaphore(bounds.max_connections)
    streams: set[anyio.abc.SocketStream] = set()

    async def serve(stream: anyio.abc.SocketStream) -> None:
        try:
            async with stream:
                with suppress(GoneError, TimeoutError):
                    await _Connection(stream, bounds, room).serve(handle)
        finally:
            streams.discard(stream)
            places.release()

    try:
        async with anyio.create_task_group() as group:
            while True:
                await places.acquire()
                try:
                    stream = await listener.accept()
                except OSError:  # it went away before it was taken, or we have no descriptor left for it
                    places.release()
                    await anyio.sleep(_RETRY_S)
                    continue
                streams.add(stream)
                group.start_soon(serve, stream)
    finally:
        with anyio.CancelScope(shield=True):
            for left in list(streams):
                await anyio.aclose_forcefully(left)
