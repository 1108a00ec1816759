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

from skvm.harness.serving import Bounds, Incoming, RefusedError, Reply, Room, accept_connections
from skvm.harness.site import SITE_ORIGIN, Page, Site, Visit

__all__ = ["MAX_BODY_BYTES", "MAX_VISITS", "SiteServer", "serve_site"]

MAX_BODY_BYTES = 1 << 20
"""A longer request body is answered with 413."""
MAX_VISITS = 10_000
"""Requests answered; what comes after is told 429 and not remembered."""
MAX_CONNECTIONS = 100
"""Connections served at once; more wait."""
MAX_ROOM_BYTES = MAX_CONNECTIONS * (MAX_BODY_BYTES + (1 << 16))
"""Bytes of bodies that are being read at once; all there can be."""
MAX_VISIT_BYTES = 32 << 20
"""Bytes of targets and bodies remembered in all; likewise."""
IDLE_S = 30.0
"""How long a connection may take over one request, or be idle between two."""

_MAX_FIELDS = 1000
_FORM = "application/x-www-form-urlencoded"
_TEXT = "text/plain; charset=utf-8"


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

    async def answer(self, incoming: Incoming, reply: Reply) -> None:
        """Answer one request."""
        try:
            page = self._page(incoming, await incoming.read_body())
        except RefusedError as error:
            refusal = f"{error.reason}\n".encode("utf-8", "replace")
            await reply.whole(error.status, refusal, kind=_TEXT, headers={"connection": "close"})
            return
        body = page.body.encode("utf-8", "replace")
        headers = {**page.answer_headers, "cache-control": "no-store"}
        await reply.whole(page.status, body, kind=page.content_type, headers=headers)

    def _page(self, incoming: Incoming, body: bytes) -> Page:
        method, target, headers = incoming.method, incoming.target, incoming.headers
        form = _fields(body, headers.get("content-type", ""))
        try:
            parts = urlsplit(target)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            page = self.site.find(method, target, headers=headers, form=form)
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
        self._visit_bytes += len(target) + len(body)
        if len(self.visits) >= MAX_VISITS or self._visit_bytes > MAX_VISIT_BYTES:
            raise RefusedError(429, "too many requests")
        if page is None:
            page = Page("", "not found\n", status=404, content_type=_TEXT)
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


def _bounds() -> Bounds:
    return Bounds(MAX_BODY_BYTES, MAX_CONNECTIONS, IDLE_S, IDLE_S, IDLE_S, IDLE_S)


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
        group.start_soon(accept_connections, accepting, server.answer, _bounds(), Room(MAX_ROOM_BYTES))
        try:
            yield server
        except Exception as error:  # noqa: BLE001 - passed on outside the group, which would wrap it
            failures.append(error)
        finally:
            group.cancel_scope.cancel()
    if failures:
        raise failures[0]
