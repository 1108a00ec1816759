"""What measuring costs beside the model: whole fixed profiles against a model that answers at once.

``python -m benchmarks.profiler.throughput``: every primitive, three levels, three probes, eight runs at
once; sandbox, port and journal are the real ones. Twice: a model that talks, and one that runs a command too.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import anyio

from skvm.evaluate.run import open_bench
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.profiler.ladder import FixedDesign
from skvm.profiler.measure import measure
from skvm.profiler.plan import Request
from skvm.settings import Route, load_settings
from skvm.target.contract import PRIMITIVES
from skvm.target.store import ProfileStore

CONCURRENCY = 8
COMMAND = {"command": "echo 42 > result.txt"}


def _talking(body: dict[str, object]) -> FakeAnswer:
    return FakeAnswer("42")


def _acting(body: dict[str, object]) -> FakeAnswer:
    messages = body["messages"]
    assert isinstance(messages, list)
    if messages[-1]["role"] == "tool":
        return FakeAnswer("42")
    return FakeAnswer(tool_calls=[FakeToolCall("execute_command", COMMAND)])


def _serve(acts: bool, pipe: Connection) -> None:
    with FakeServer.running(_acting if acts else _talking) as server:
        pipe.send(server.base_url)
        pipe.recv()


@contextmanager
def model(*, acts: bool) -> Iterator[str]:
    """The address of a model in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(acts, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


async def profile(url: str) -> tuple[int, int, float]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(cache_dir=folder, tmp_dir=f"{folder}/tmp", env={})
        route = Route(match="zero/*", kind="openai-compatible", base_url=url, api_key="none")
        settings = replace(settings, routes=(route,))
        request = Request(
            "zero/model", "bare-agent", PRIMITIVES.all(), design=FixedDesign(3), concurrency=CONCURRENCY
        )
        async with open_bench(settings) as bench:
            began = time.perf_counter()
            found = await measure(request, bench, ProfileStore(Path(folder, "profiles")))
            return found.runs, len(found.profile.capabilities), time.perf_counter() - began


def main() -> None:
    print("| model | primitives | runs | s | runs/s |")
    print("|---|--:|--:|--:|--:|")
    for name, acts in (("talks", False), ("runs one command", True)):
        with model(acts=acts) as url:
            runs, primitives, seconds = anyio.run(profile, url)
        print(f"| {name} | {primitives} | {runs} | {seconds:.1f} | {runs / seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
