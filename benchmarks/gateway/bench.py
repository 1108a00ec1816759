"""What the gateway adds to a call, beside the bare endpoint; whether it keeps pace; what memory it takes.

Endpoint, gateway and client are a process each; the client speaks bytes over sockets, so that it costs next
to nothing in both ways.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROUNDS = 300
WARM_UP = 30
STREAMS = 64
TOKENS = 1000
TEXT_CHARS = 40_000
"""The size of a request of a usual coding harness."""


@dataclass
class Server:
    """A server in a process of its own."""

    url: str
    pid: int
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024

    @property
    def cpu_s(self) -> float:
        """Processor time so far, which others at work on the machine do not lengthen much."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)


@contextmanager
def started(*arguments: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks.gateway.servers", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Server(pid=process.pid, **json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def request(path: str, token: str, **members: Any) -> bytes:
    """A request as it goes over the wire."""
    function = {"name": "read", "description": "Read.", "parameters": {"type": "object", "properties": {}}}
    body = {
        "model": "m",
        "stream": True,
        "max_tokens": 100,
        "tools": [{"type": "function", "function": function}],
    }
    if path.endswith("/messages"):
        body["tools"] = [{"name": "read", "description": "Read.", "input_schema": {"type": "object"}}]
    content = json.dumps(body | members).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


@dataclass
class Way:
    """One way to the answer, over one connection."""

    server: Server
    sent: bytes
    times_ms: list[float] = field(default_factory=list)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def once(self) -> float:
        """Milliseconds to the first byte of the body; the rest is read, too."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self.server.address)
        reader, writer = self._streams
        began = time.perf_counter()
        writer.write(self.sent)
        received = b""
        while b"data:" not in received:
            received += await reader.read(1 << 16)
        elapsed = (time.perf_counter() - began) * 1000
        assert received.startswith(b"HTTP/1.1 200"), received[:300]
        while not received.endswith(b"0\r\n\r\n"):
            received += await reader.read(1 << 16)
        return elapsed


async def first_bytes(ways: dict[str, Way], rounds: int) -> None:
    """Every way once a round, so that a busy machine slows all of them alike."""
    for number in range(WARM_UP + rounds):
        for way in ways.values():
            elapsed = await way.once()
            if number >= WARM_UP:
                way.times_ms.append(elapsed)


async def stream_lags(server: Server, sent: bytes) -> tuple[list[float], float]:
    """How late each word of a paced stream arrives, in ms, and how long the stream took, in s."""
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(sent)
    began, lags, left = time.monotonic(), [], b""
    while b"[DONE]" not in left:
        chunk = await reader.read(1 << 16)
        assert chunk, "the stream broke"
        now, left = time.monotonic(), left + chunk
        # What follows the last whole event waits for the rest of it.
        cut = left.rfind(b"\n\n") + 2 if b"[DONE]" not in left else 0
        whole, left = (left[:cut], left[cut:]) if cut > 1 else (left, left if b"[DONE]" in left else b"")
        lags += [(now - float(stamp)) * 1000 for stamp in re.findall(rb'"content": "([\d.]+) ', whole)]
    writer.close()
    return lags, time.monotonic() - began


async def paced_streams(server: Server, sent: bytes, streams: int) -> dict[str, float]:
    """Many streams at once."""
    found = await asyncio.gather(*(stream_lags(server, sent) for _ in range(streams)))
    lags = [lag for each, _ in found for lag in each]
    tail = [lag for each, _ in found for lag in each[-len(each) // 10 :]]
    return {
        "words": len(lags),
        "p50_ms": percentile(lags, 50),
        "p95_ms": percentile(lags, 95),
        "p99_ms": percentile(lags, 99),
        "max_ms": max(lags),
        "last_tenth_p50_ms": percentile(tail, 50),
        "longest_s": max(took for _, took in found),
    }


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def text(chars: int) -> str:
    return ("Some words of a conversation that has gone on for a while. " * (chars // 59 + 1))[:chars]


async def measure_first_bytes(rounds: int) -> None:
    print(f"time to the first byte, {rounds} interleaved rounds\n")
    print("| request | size | bare p50 | p95 | gateway p50 | p95 | added fastest | p50 | p95 | cpu a call |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    with started("quick") as endpoint, started("gateway", endpoint.url) as gateway:
        for chars in (200, TEXT_CHARS):
            turn = {"messages": [{"role": "user", "content": text(chars)}]}
            asked = {"stream_options": {"include_usage": True}}
            chat, messages = "/v1/chat/completions", "/v1/messages"
            cases = {
                "chat → chat": (chat, chat, "chat", asked),
                "messages → messages": (messages, messages, "ant", {}),
                "messages → chat (translated)": (messages, chat, "chat", {}),
                "responses → chat (translated)": ("/v1/responses", chat, "chat", {}),
            }
            for name, (path, bare_path, model, more) in cases.items():
                own = turn | more if path != "/v1/responses" else {"input": turn["messages"], "tools": []}
                bare = Way(endpoint, request(bare_path, "", **turn))
                through = Way(gateway, request(path, gateway.tokens[model], **own))
                cpu_s = gateway.cpu_s
                await first_bytes({"bare": bare, "gateway": through}, rounds)
                row = [percentile(way.times_ms, at) for way in (bare, through) for at in (50, 95)]
                fastest = min(through.times_ms) - min(bare.times_ms)
                added = [fastest, row[2] - row[0], row[3] - row[1]]
                added.append((gateway.cpu_s - cpu_s) * 1000 / (WARM_UP + rounds))
                print(
                    f"| {name} | {chars} | " + " | ".join(f"{value:.2f}" for value in (*row, *added)) + " |"
                )
        print(f"\npeak memory of the gateway: {gateway.peak_mb:.0f} MB")


async def measure_streams(streams: int, tokens: int) -> None:
    print(f"\n{streams} streams of {tokens} words, 50 a second each: how late a word arrives\n")
    with started("paced") as endpoint, started("gateway", endpoint.url) as gateway:
        turn = {"messages": [{"role": "user", "content": text(TEXT_CHARS)}], "max_tokens": tokens}
        path = "/v1/chat/completions"
        for name, server in (("bare", endpoint), ("gateway", gateway)):
            sent = request(path, server.tokens.get("chat", ""), **turn)
            # The first call loads the libraries of the provider.
            await paced_streams(
                server, request(path, server.tokens.get("chat", ""), **turn | {"max_tokens": 9}), 2
            )
            cpu_s = gateway.cpu_s
            found = await paced_streams(server, sent, streams)
            found["gateway_cpu_s"] = gateway.cpu_s - cpu_s
            print(f"{name:<8} " + "  ".join(f"{key} {value:.1f}" for key, value in found.items()))
        print(f"\npeak memory of the gateway: {gateway.peak_mb:.0f} MB")


def main() -> None:
    rounds, tokens = (int(each) for each in sys.argv[2:4]) if len(sys.argv) > 3 else (ROUNDS, TOKENS)
    asyncio.run(measure_first_bytes(rounds))
    asyncio.run(measure_streams(STREAMS, tokens))
