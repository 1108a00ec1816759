"""Serves a site to one run, from our side of the confinement, and remembers what was asked.

The listening socket is the cell's door (``Cell.listeners``): made in the cell's own network where it has one,
else on the host's loopback. Who asks is the agent, so whatever comes is answered, with 400 if it is no HTTP,
and nothing that comes can raise here or fill the memory.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import socket
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio
import anyio.abc
import h11

from skvm.harness.site import SITE_ORIGIN, Page, Site, Visit

__all__ = ["MAX_BODY_BYTES", "MAX_VISITS", "SiteServer", "serve_site"]

MAX_BODY_BYTES = 1 << 20
"""A longer request body is answered with 413."""
MAX_VISITS = 10_000
"""Requests answered; what comes after is told 429 and not remembered."""
MAX_CONNECTIONS = 100
"""Connections served at once; more wait."""
MAX_VISIT_BYTES = 32 << 20
"""Bytes of targets and bodies remembered in all; likewise."""
IDLE_S = 30.0
"""How long a connection may take over one request, or be idle between two."""

_MAX_HEAD_BYTES = 1 << 16
_MAX_FIELDS = 1000
_MAX_UNREAD = 64
_RETRY_S = 0.05
_CHUNK = 1 << 16
_FORM = "application/x-www-form-urlencoded"
_BODILESS = frozenset({204, 304})


class _RefusedError(Exception):
    """A request that gets an error status and ends its connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class SiteServer:
    """A site at work.

    Args:
        site: Its pages.
        origin: Where the agent reaches it; ``SITE_ORIGIN`` in the pages is replaced by it.
        visits: What was asked so far, in order.
    """

    site: Site
    origin: str
    visits: list[Visit] = field(default_factory=list)
    _visit_bytes: int = 0

    def here(self, text: str) -> str:
        """A text that names ``SITE_ORIGIN``, with the origin the site really has."""
        return text.replace(SITE_ORIGIN, self.origin)

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Serve one connection until it ends; raises nothing on account of what comes."""
        conversation = _Conversation(stream)
        async with stream:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, TimeoutError, OSError):
                while await self._exchange(conversation):
                    pass

    async def _exchange(self, conversation: _Conversation) -> bool:
        """Answer one request; says whether another may come on this connection."""
        try:
            with anyio.fail_after(IDLE_S):
                asked = await conversation.request()
            if asked is None:
                return False
            answer = self._answer(*asked)
        except (_RefusedError, h11.RemoteProtocolError) as error:
            status = error.status if isinstance(error, _RefusedError) else error.error_status_hint
            await conversation.refuse(status, str(error))
            return False
        with anyio.fail_after(IDLE_S):
            return await conversation.answer(answer)

    def _answer(self, request: h11.Request, body: bytes) -> Page:
        method = request.method.decode("ascii")
        target = request.target.decode("latin-1")
        headers = {name.decode("ascii").lower(): value.decode("latin-1") for name, value in request.headers}
        form = _fields(body, headers.get("content-type", ""))
        try:
            parts = urlsplit(target)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            page = self.site.find(method, target, headers=headers, form=form)
        except ValueError as error:
            raise _RefusedError(400, str(error)) from error
        self._visit_bytes += len(request.target) + len(body)
        if len(self.visits) >= MAX_VISITS or self._visit_bytes > MAX_VISIT_BYTES:
            raise _RefusedError(429, "too many requests")
        if page is None:
            page = Page("", "not found\n", status=404, content_type="text/plain; charset=utf-8")
        visit = Visit(method.upper(), unquote(parts.path) or "/", query, page.status, form)
        self.visits.append(visit)
        answer_headers = {name: self.here(value) for name, value in page.answer_headers.items()}
        return Page(
            page.path,
            self.here(page.body),
            status=page.status,
            content_type=page.content_type,
            answer_headers=answer_headers,
        )


class _Conversation:
    """The HTTP of one connection."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._is_head = False

    async def request(self) -> tuple[h11.Request, bytes] | None:
        """The next request with its body, ``None`` at the end.

        Raises:
            h11.RemoteProtocolError: It is no HTTP.
        """
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Request):
                request = event
                self._is_head = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY_BYTES:
                    raise _RefusedError(413, f"a body may have {MAX_BODY_BYTES} bytes")
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return request, bytes(body)
            else:
                return None

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                self._http.receive_data(await self._stream.receive(_CHUNK))
            except anyio.EndOfStream:
                self._http.receive_data(b"")
        return event

    async def answer(self, page: Page) -> bool:
        """Send an answer; says whether the connection goes on."""
        body = b"" if page.status in _BODILESS else page.body.encode("utf-8", "replace")
        headers = [("content-type", page.content_type), *page.answer_headers.items()]
        headers.append(("cache-control", "no-store"))
        if page.status not in _BODILESS:
            headers.append(("content-length", str(len(body))))
        await self._send(h11.Response(status_code=page.status, headers=headers))
        if body and not self._is_head:
            await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    async def refuse(self, status: int, reason: str) -> None:
        """Say what is wrong, if it can still be said, and end."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"{reason}\n".encode("utf-8", "replace")
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        with anyio.move_on_after(IDLE_S):
            await self._send(h11.Response(status_code=status, headers=headers))
            if not self._is_head:
                await self._send(h11.Data(data=body))
            await self._send(h11.EndOfMessage())
            await self._stream.send_eof()
            with suppress(anyio.EndOfStream):
                # Closing with unread input resets the connection, and the answer with it.
                for _ in range(_MAX_UNREAD):
                    await self._stream.receive(_CHUNK)

    async def _send(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            await self._stream.send(data)


def _fields(body: bytes, content_type: str) -> Mapping[str, str]:
    """The fields of a form-encoded body or of a JSON object; none of anything else."""
    text = body.decode("utf-8", "replace")
    # Whatever kind a client names: curl calls every body a form.
    if text.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):
            return {name: _field(each) for name, each in json.loads(text).items()}
    if content_type.partition(";")[0].strip().lower() == _FORM:
        with suppress(ValueError):
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    return {}


def _field(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@asynccontextmanager
async def serve_site(site: Site, listener: socket) -> AsyncIterator[SiteServer]:
    """Serve a site as long as the block lasts.

    Args:
        site: Its pages.
        listener: A listening TCP socket, which stays open; see ``Cell.listeners``.
    """
    host, port = listener.getsockname()[:2]
    server = SiteServer(site, f"http://{host}:{port}")
    failures: list[Exception] = []
    # The socket is the cell's; this is a second handle on it, which is ours to close.
    accepting = await anyio.abc.SocketListener.from_socket(listener.dup())
    async with accepting, anyio.create_task_group() as group:
        group.start_soon(_accept, accepting, server)
        try:
            yield server
        except Exception as error:  # noqa: BLE001 - passed on outside the group, which would wrap it
            failures.append(error)
        finally:
            group.cancel_scope.cancel()
    if failures:
        raise failures[0]


async def _accept(listener: anyio.abc.SocketListener, server: SiteServer) -> None:
    """Serve connections as they come, so many at once; the others wait in the kernel."""
    places = anyio.Semaphore(MAX_CONNECTIONS)
    streams: set[anyio.abc.SocketStream] = set()

    async def serve(stream: anyio.abc.SocketStream) -> None:
        try:
            await server.serve(stream)
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
