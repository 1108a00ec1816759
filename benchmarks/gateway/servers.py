"""The other processes of the benchmark: the bare endpoints and the gateway before them.

``python -m benchmarks.gateway.servers quick`` is the fake server, ``paced`` one that stamps its words with
the moment it sends them, ``gateway URL`` a gateway that records. Each prints a line of JSON when it is ready.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
import time
from dataclasses import replace

import anyio

from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.server import Gateway
from skvm.llm.contract import CallScope
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.llm.port import ModelPort
from skvm.settings import Route, load_settings

TOKENS_PER_S = 50
WORDS = "one two three four five six seven eight nine ten"


def ready(**values: object) -> None:
    print(json.dumps(values), flush=True)


async def quick() -> None:
    """The fake server, as fast as it can."""
    async with FakeServer([FakeAnswer(WORDS)]) as server:
        ready(url=server.root_url)
        await anyio.sleep_forever()


async def paced() -> None:
    """Streams at a steady pace; what is due is sent, however late."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        tokens = json.loads(await reader.readexactly(length))["max_tokens"]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        began = time.monotonic()
        for number in range(tokens):
            await asyncio.sleep(max(0.0, began + number / TOKENS_PER_S - time.monotonic()))
            writer.write(event({"content": f"{time.monotonic():.6f} "}))
            await writer.drain()
        writer.write(event({}, "stop") + b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
    ready(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


def event(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n"


async def gateway(url: str) -> None:
    """A gateway over the port that records, as in a run of a bench."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        routes = (
            Route("chat/*", "openai-compatible", base_url=f"{url}/v1", api_key="k"),
            Route("ant/*", "anthropic", base_url=url, api_key="k"),
        )
        settings = replace(load_settings(cache_dir=folder, env={}), auto_probe=False, routes=routes)
        async with (
            ModelPort(settings) as port,
            port.session(CallScope("bench")) as session,
            Gateway() as gate,
        ):
            await gate.serve(listener)
            tokens = {
                name: gate.open(session, f"{name}/m", held=Held(temperature=0.0)) for name in ("chat", "ant")
            }
            ready(url=tokens["chat"].origin, tokens={name: door.token for name, door in tokens.items()})
            await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run({"quick": quick, "paced": paced, "gateway": gateway}[sys.argv[1]], *sys.argv[2:])
