"""The gateway: model endpoints on loopback, in three dialects, over the model port.

A run opens a door and gets a token; with it a program reaches the model of its run and nothing else. One
gateway serves any number of doors on any number of listening sockets (see ``Cell.listeners``). ::

    async with Gateway() as gateway:
        origin = await gateway.serve(listener)
        door = gateway.open(session, "local/qwen2.5-coder-1.5b", origin=origin)
        ...
        recorded = await gateway.close(door.token)
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from socket import socket
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

import anyio
import anyio.abc

from skvm.harness.gateway.contract import Door, Exchange, Held, Recorded, Wire
from skvm.harness.gateway.door import OpenDoor
from skvm.harness.gateway.exchange import answer_call
from skvm.harness.gateway.recording import Recorder
from skvm.harness.gateway.refusal import NO_RETRY, refusal_of
from skvm.harness.gateway.translate import translation_for
from skvm.harness.serving import Bounds, GoneError, Incoming, RefusedError, Reply, Room, accept_connections

if TYPE_CHECKING:
    from skvm.llm.contract import PortSession

__all__ = ["Gateway"]

_CALLS: Mapping[str, Wire] = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
}
_COUNT = "/v1/messages/count_tokens"
_CHARS_A_TOKEN = 4


@dataclass(slots=True)
class Gateway:
    """The server. An async context manager.

    Args:
        on_exchange: Told of every exchange of every door as it ends.
        bounds: What a client may have.
    """

    on_exchange: Callable[[Exchange], None] | None = None
    bounds: Bounds = field(default_factory=Bounds)
    _doors: dict[str, OpenDoor] = field(default_factory=dict)
    _room: Room = field(default_factory=Room)
    _group: anyio.abc.TaskGroup | None = None
    _origin: str = ""

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._group is not None:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)

    async def serve(self, listener: socket) -> str:
        """Begin to serve a listening TCP socket, which stays open and its owner's; returns its origin."""
        if self._group is None:
            raise RuntimeError("the gateway is not entered")
        host, port = listener.getsockname()[:2]
        accepting = await anyio.abc.SocketListener.from_socket(listener.dup())
        self._group.start_soon(self._serve, accepting)
        self._origin = f"http://{host}:{port}"
        return self._origin

    def open(
        self,
        session: PortSession,
        model_id: str | None,
        *,
        held: Held | None = None,
        origin: str | None = None,
        is_kept: bool = True,
        token: str | None = None,
    ) -> Door:
        """Open a door.

        Args:
            session: Where its calls go.
            model_id: Full id of the model that answers, whatever name is asked for; ``None`` for the one
                that is asked for.
            held: What the run is held to.
            origin: Where the program reaches the gateway; by default the socket that was served last.
            is_kept: Whether exchanges are kept to be read later.
            token: The token; a new one by default.
        """
        token = token or secrets.token_urlsafe(32)
        recorder = Recorder(is_kept=is_kept, on_exchange=self.on_exchange)
        self._doors[token] = OpenDoor(session, model_id, held or Held(), recorder)
        return Door(self._origin if origin is None else origin, token, model_id or "")

    def recorded(self, token: str) -> Recorded:
        """What passed an open door so far."""
        return self._doors[token].recorder.recorded()

    async def close(self, token: str) -> Recorded:
        """Close a door: what is under way is cancelled and recorded, the token opens nothing any more."""
        door = self._doors.pop(token)
        under_way = list(door.under_way.items())
        for scope, _ in under_way:
            scope.cancel()
        with anyio.CancelScope(shield=True):
            for _, is_recorded in under_way:
                await is_recorded.wait()
        return door.recorder.recorded()

    async def _serve(self, listener: anyio.abc.SocketListener) -> None:
        async with listener:
            await accept_connections(listener, self._handle, self.bounds, self._room)

    async def _handle(self, incoming: Incoming, reply: Reply) -> None:
        """Answer one request, whatever it is."""
        try:
            await self._route(incoming, reply)
        except GoneError:
            raise
        except Exception as error:  # noqa: BLE001 - one request must not end the gateway
            refusal = refusal_of(error)
            if not reply.is_started:
                body = _error_body(incoming, refusal.status, refusal.message)
                # What is left unread of the body cannot be told from the next request.
                headers = {**NO_RETRY, "connection": "close"}
                await reply.json(refusal.status, body, headers=headers)
            door = self._door_of(incoming)
            if door is not None and not isinstance(error, RefusedError):
                door.recorder.failure = error

    async def _route(self, incoming: Incoming, reply: Reply) -> None:
        path, method = incoming.path, incoming.method
        if path == "/" and method in {"HEAD", "GET"}:
            await reply.json(200, {"gateway": "skvm"})
            return
        dialect = _CALLS.get(path)
        is_model = path == "/v1/models" or path.startswith("/v1/models/")
        if dialect is None and path != _COUNT and not is_model:
            raise RefusedError(404, f"there is no {_shown(path)} here")
        if method not in ({"GET", "HEAD"} if is_model else {"POST"}):
            raise RefusedError(405, f"{path} takes no {_shown(method)}")
        door = self._door_of(incoming)
        if door is None:
            raise RefusedError(401, "the token is missing or not good for any run")
        if incoming.headers.get("content-encoding", "identity") != "identity":
            raise RefusedError(415, "a request body must not be compressed")
        if dialect is not None:
            await answer_call(door, dialect, incoming, reply)
        elif is_model:
            await reply.json(200, _models(door.model_id, unquote(path[len("/v1/models/") :])))
        else:
            await reply.json(200, {"input_tokens": _estimate(await incoming.read_body())})

    def _door_of(self, incoming: Incoming) -> OpenDoor | None:
        """The door a request's token opens; every token is compared in full."""
        given = [_token(incoming.headers.get(name, "")) for name in ("authorization", "x-api-key", "api-key")]
        found: OpenDoor | None = None
        for token, door in self._doors.items():
            for each in given:
                if hmac.compare_digest(token.encode(), each):
                    found = door
        return found


def _token(header: str) -> bytes:
    scheme, _, rest = header.partition(" ")
    return (rest.strip() if scheme.lower() == "bearer" else header).encode("utf-8", "replace")


def _error_body(incoming: Incoming, status: int, message: str) -> dict[str, Any]:
    dialect: Wire = "messages" if incoming.path.startswith("/v1/messages") else "chat"
    return translation_for(_CALLS.get(incoming.path, dialect)).error_body(status, message)


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"


def _models(model_id: str | None, asked: str) -> dict[str, Any]:
    """The list of models, or the one that was asked for, as all dialects together have it."""
    if asked:
        return _model(asked)
    models = [_model(model_id)] if model_id else []
    ends = {"first_id": model_id, "last_id": model_id, "has_more": False}
    return {"object": "list", "data": models, **ends}


def _model(name: str) -> dict[str, Any]:
    chat = {"id": name, "object": "model", "created": 0, "owned_by": "skvm"}
    return {**chat, "type": "model", "display_name": name, "created_at": "1970-01-01T00:00:00Z"}


def _estimate(body: bytes) -> int:
    """Tokens of a request, by its length: no dialect's own count can be had of another's model."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is no JSON object") from None
    counted = [asked.get(name) for name in ("system", "messages", "tools")] if isinstance(asked, dict) else []
    texts = [json.dumps(each, ensure_ascii=False) for each in counted if each]
    return max(1, sum(map(len, texts)) // _CHARS_A_TOKEN)
