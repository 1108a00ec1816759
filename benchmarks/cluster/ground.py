"""A model that answers after a second, tasks for it, and what the processes of the cluster have used."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from skvm.evaluate.bench import RunSpec
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.settings import Route, Settings, load_settings
from skvm.task.model import Criterion, Task

GRADE = Criterion(method="file-check", id="c", options={"path": "a", "mode": "exact", "expected": "x"})


def specs(count: int) -> list[RunSpec]:
    """The cheapest honest runs: one call of a model, one file looked at."""
    task = Task(id="t", prompt="Say done.", criteria=(GRADE,))
    return [RunSpec(task, "fake/m", repetition=number, session_id="b") for number in range(count)]


@contextmanager
def slow_model(latency_s: float) -> Iterator[str]:
    """A model server in a process of its own; its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, latency_s), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe, latency_s: float) -> None:
    async def serve() -> None:
        async with FakeServer(lambda _: FakeAnswer("done", delay_s=latency_s)) as server:
            pipe.send(server.base_url)
            await anyio.sleep_forever()

    anyio.run(serve)


def settings(folder: Path, base_url: str) -> Settings:
    """Places in a folder, and one route."""
    made = load_settings(
        cache_dir=str(folder / "cache"), tmp_dir=str(folder / "tmp"), auto_probe=False, env={}
    )
    return replace(made, routes=(Route("fake/*", "openai-compatible", base_url=base_url),))


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor used by kinds of processes."""

    driver: float = 0.0
    workers: float = 0.0
    model: float = 0.0
    ray: float = 0.0

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(*(a - b for a, b in zip(self.all, other.all, strict=True)))

    @property
    def all(self) -> tuple[float, ...]:
        return (self.driver, self.workers, self.model, self.ray)


def cpu_now() -> Cpu:
    """What this process and all below it have used so far."""
    import psutil

    used = {"driver": 0.0, "workers": 0.0, "model": 0.0, "ray": 0.0}
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        try:
            times, words = process.cpu_times(), " ".join(process.cmdline())
        except psutil.Error:
            continue
        kind = "driver" if process == this else "workers" if "ray::" in words else "ray"
        kind = "model" if "spawn_main" in words else kind
        used[kind] += times.user + times.system
    return Cpu(**used)
