"""A gateway between a client and one fake upstream server, all of them in the test's process."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from skvm.harness.gateway.contract import Door, Held, Recorded
from skvm.harness.gateway.server import Gateway
from skvm.harness.serving import Bounds
from skvm.llm.contract import CallScope, PortSession, SpendLimit
from skvm.llm.fake import FakeServer
from skvm.llm.port import ModelPort
from skvm.llm.replay import Cassette
from skvm.llm.retry import RetryPolicy
from skvm.settings import Route, load_settings

SECRET = "sk-planted-0123456789abcdef"
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(slots=True)
class Gate:
    """A door and a client at it."""

    gateway: Gateway
    door: Door
    web: httpx2.AsyncClient
    session: Any
    upstream: FakeServer | None = None
    said: list[bytes] = field(default_factory=list)

    async def ask(self, dialect: str, body: Any, *, query: str = "", **headers: str) -> httpx2.Response:
        """Send a request; bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.web.post(
            PATHS[dialect] + query, content=content, headers={**self.door.headers, **named}
        )
        self.said += [answer.content, repr(answer.headers.raw).encode()]
        return answer

    async def recorded(self) -> Recorded:
        """What passed, once all that was answered is written down."""
        await until(lambda: not self.gateway._doors[self.door.token].under_way)
        return self.gateway.recorded(self.door.token)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.door.origin.removeprefix("http://").split(":")
        return host, int(port)


def body_of(dialect: str, text: str = "Hello.", **members: Any) -> dict[str, Any]:
    """A request with one user message and, unless ``tools=None``, one tool."""
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    function = {"name": "read", "description": "Read a file.", "parameters": schema}
    turn = {"role": "user", "content": text}
    if dialect == "chat":
        system = {"role": "system", "content": "You are an agent."}
        body = {"messages": [system, turn], "tools": [{"type": "function", "function": function}]}
    elif dialect == "responses":
        body = {"instructions": "You are an agent.", "input": [turn]}
        body["tools"] = [{"type": "function", **function}]
    else:
        tool = {"name": "read", "description": "Read a file.", "input_schema": schema}
        body = {"system": "You are an agent.", "max_tokens": 100, "messages": [turn], "tools": [tool]}
    merged = {"model": "whatever", **body, **members}
    return {name: value for name, value in merged.items() if value is not None}


Open = Callable[..., AbstractAsyncContextManager[Gate]]


@asynccontextmanager
async def at_the_gate(
    session: PortSession, model_id: str | None, held: Held, bounds: Bounds | None = None
) -> AsyncIterator[Gate]:
    """A gate over any session."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with Gateway(bounds=bounds or Bounds()) as gateway:
            await gateway.serve(listener)
            door = gateway.open(session, model_id, held=held)
            async with httpx2.AsyncClient(base_url=door.origin, trust_env=False, timeout=20) as web:
                yield Gate(gateway, door, web, session)


@pytest.fixture
def gate(tmp_path: Path) -> Open:
    """Opens a gate over the port, with routes ``chat/``, ``or/`` and ``ant/`` to a fake server."""

    @asynccontextmanager
    async def opened(
        answers: Any = (),
        model_id: str | None = "chat/m",
        *,
        held: Held | None = None,
        bounds: Bounds | None = None,
        limit: SpendLimit | None = None,
        cassette: Cassette | None = None,
        deadline_s: float | None = None,
        put_blob: Callable[[bytes], str] | None = None,
    ) -> AsyncIterator[Gate]:
        async with FakeServer(answers) as server:
            routes = (
                Route("chat/*", "openai-compatible", base_url=server.base_url, api_key=SECRET),
                Route("or/*", "openrouter", base_url=server.base_url, api_key=SECRET),
                Route("ant/*", "anthropic", base_url=server.root_url, api_key=SECRET),
            )
            base = load_settings(cache_dir=str(tmp_path / "cache"), env={})
            settings = replace(base, auto_probe=False, routes=routes)
            quick = RetryPolicy(base_s=0.001, jitter_s=0.0, max_s=0.01)
            async with (
                ModelPort(settings, limit=limit, cassette=cassette, retry=quick, put_blob=put_blob) as port,
                port.session(CallScope("t"), deadline_s=deadline_s) as session,
                at_the_gate(session, model_id, held or Held(), bounds) as gate,
            ):
                gate.upstream = server
                yield gate

    return opened


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that is going to happen."""
    with anyio.fail_after(20):
        while not is_so():  # noqa: ASYNC110 - what happens here sets no event
            await anyio.sleep(0.005)
