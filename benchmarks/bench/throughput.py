"""What a run costs beside the model: processor time, wall time and memory of many small runs.

``python -m benchmarks.bench.throughput [cpu|wall|memory]…``. A run is ``bare-agent`` with two model
calls: the first asks for one command, the second says that the task is done; the ``file-check`` grader looks
at the file the command made. The model is a server on loopback in a process of its own, whose time is not
counted. Journal, blobs and port are the real ones.

Every case is measured in a fresh process with a control group of its own where we may make one: the
group's processor time is that of our process and of everything it ever started, also of what nobody waited
for. Without one it is ``getrusage`` of ourselves and of the children we waited for.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio

from skvm.evaluate.run import RunSpec, open_bench
from skvm.evaluate.schedule import run_many
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.confine import probe_sandboxes
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.settings import Route, Settings, load_settings
from skvm.task.model import Criterion, Task

SPAWN = multiprocessing.get_context("spawn")
WARM_UP = 40
COMMAND = "echo 42 > result.txt"
LONG_COMMAND = f"{COMMAND}; head -c 10000000 /dev/zero | tr '\\0' x"
LONG_WORDS = "word " * 40_000
TASK = Task(
    id="throughput",
    prompt="Write 42 to result.txt.",
    eval=(Criterion(method="file-check", options={"path": "result.txt", "mode": "exact", "expected": "42"}),),
)


@dataclass(frozen=True)
class Case:
    """What is measured.

    Args:
        sandbox: Back end.
        runs: How many are counted; ``WARM_UP`` come before them.
        concurrency: Runs at once.
        delay_s: How long the model thinks.
        is_long: Whether its answers have 200 kB and its commands print 10 MB.
    """

    sandbox: str
    runs: int = 300
    concurrency: int = 1
    delay_s: float = 0.0
    is_long: bool = False


@dataclass(frozen=True)
class Found:
    """What came of it, over the counted runs.

    Args:
        cpu_ms: Processor time a run, of the whole control group if there is one.
        own_ms: The same of our own process alone.
        wall_s: All counted runs.
        rss_mb: Our resident memory after so many runs.
        peak_mb: The most there ever was.
        from_group: Whether ``cpu_ms`` is a control group's.
    """

    cpu_ms: float
    own_ms: float
    wall_s: float
    rss_mb: dict[int, float] = field(default_factory=dict)
    peak_mb: float = 0.0
    from_group: bool = True


def serve(case: Case, pipe: Connection) -> None:
    """The model: asks for the command, then is done."""
    command = LONG_COMMAND if case.is_long else COMMAND
    words = LONG_WORDS if case.is_long else "I am on it."

    def answer(body: dict[str, Any]) -> FakeAnswer:
        server.requests.clear()
        if body["messages"][-1]["role"] == "tool":
            return FakeAnswer(f"{words} The file is written.", delay_s=case.delay_s)
        call = FakeToolCall("execute_command", {"command": command})
        return FakeAnswer(words, tool_calls=[call], delay_s=case.delay_s)

    with FakeServer.running(answer) as server:
        pipe.send(server.base_url)
        pipe.recv()


@contextmanager
def model(case: Case) -> Iterator[str]:
    """The address of the model."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=serve, args=(case, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


@contextmanager
def control_group() -> Iterator[Callable[[], float] | None]:
    """Put this process into a group of its own; gives its processor seconds, ``None`` where we may not."""
    name = f"skvm-throughput-{os.getpid()}"
    for root, file, per_s in (
        (Path("/sys/fs/cgroup/cpuacct"), "cpuacct.usage", 1e9),
        (Path("/sys/fs/cgroup"), "cpu.stat", 1e6),
    ):
        group = root / name
        try:
            group.mkdir()
            (group / "cgroup.procs").write_text(str(os.getpid()))
            text = (group / file).read_text()
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        if not text:
            continue

        def seconds(group: Path = group, file: str = file, per_s: float = per_s) -> float:
            return int((group / file).read_text().replace("usage_usec", "").split()[0]) / per_s

        try:
            yield seconds
        finally:
            (root / "cgroup.procs").write_text(str(os.getpid()))
            with contextlib.suppress(OSError):
                group.rmdir()
        return
    yield None


def used_s() -> tuple[float, float]:
    """Processor seconds of ourselves, and of ourselves and the children we waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    mine = own.ru_utime + own.ru_stime
    return mine, mine + children.ru_utime + children.ru_stime


def rss_mb() -> float:
    """Our resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def specs(count: int) -> list[RunSpec]:
    return [
        RunSpec(TASK, "fake/m", repetition=number, timeout_s=300, session_id="throughput")
        for number in range(count)
    ]


async def run_case(case: Case, url: str, settings: Settings, group_s: Callable[[], float] | None) -> Found:
    route = Route("fake/*", "openai-compatible", base_url=url, api_key="none")
    settings = replace(settings, routes=(route,), auto_probe=False)
    seen: dict[int, float] = {}

    def done(_index: int, record: RunRecord) -> None:
        if record.outcome is not Outcome.SCORED or record.score != 1.0:
            raise RuntimeError(f"{record.outcome}: {record.detail} {record.criteria}")
        finished.append(record.run_id)
        if len(finished) in {100, 200, 500, 1000}:
            seen[len(finished)] = rss_mb()

    async with open_bench(settings, sandbox=case.sandbox) as bench:
        finished: list[str] = []
        await run_many(specs(WARM_UP), bench, concurrency=case.concurrency, on_done=done)
        finished.clear()
        before, began = (group_s() if group_s else 0.0, used_s()), time.perf_counter()
        await run_many(specs(case.runs), bench, concurrency=case.concurrency, on_done=done)
        wall_s = time.perf_counter() - began
        after = (group_s() if group_s else 0.0, used_s())
    own_ms, waited_ms = ((after[1][each] - before[1][each]) / case.runs * 1000 for each in (0, 1))
    return Found(
        cpu_ms=(after[0] - before[0]) / case.runs * 1000 if group_s else waited_ms,
        own_ms=own_ms,
        wall_s=wall_s,
        rss_mb=seen,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        from_group=group_s is not None,
    )


def _measure(case: Case, url: str, pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder, control_group() as group_s:
        Path(folder).chmod(0o711)  # a cell's user passes through
        settings = load_settings(cache_dir=folder, tmp_dir=f"{folder}/tmp", env={})
        pipe.send(asdict(anyio.run(run_case, case, url, settings, group_s)))


def measure(case: Case) -> Found:
    """One case, in a process of its own."""
    with model(case) as url:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=_measure, args=(case, url, theirs))
        process.start()
        theirs.close()
        try:
            return Found(**ours.recv())
        finally:
            process.join()


def cpu(sandboxes: Sequence[str]) -> None:
    """Processor time a run."""
    print(f"load of the machine: {os.getloadavg()[0]:.1f}\n")
    print("| sandbox | at once | CPU ms a run | of these our own process | wall ms a run |")
    print("|---|--:|--:|--:|--:|")
    for sandbox in sandboxes:
        for concurrency in (1, 32):
            case = Case(sandbox, concurrency=concurrency)
            # Whoever else computes can only make it look slower, so the best of three is nearest.
            found = min((measure(case) for _ in range(3)), key=lambda each: each.cpu_ms)
            figures = (found.cpu_ms, found.own_ms, found.wall_s / case.runs * 1000)
            shown = " | ".join(f"{figure:.1f}" for figure in figures)
            print(f"| {sandbox} | {concurrency} | {shown} |", flush=True)
    if not found.from_group:
        print("\nno control group can be made here: processes we did not wait for are not counted")
    print()


def wall(sandboxes: Sequence[str]) -> None:
    """1,000 runs, 32 at once, a model that thinks for a second."""
    print("| sandbox | wall s | ideal s | times ideal | RSS MB after 100 / 200 / 500 / 1000 | peak MB |")
    print("|---|--:|--:|--:|--:|--:|")
    for sandbox in sandboxes:
        case = Case(sandbox, runs=1000, concurrency=32, delay_s=1.0)
        found = measure(case)
        ideal_s = math.ceil(case.runs / case.concurrency) * 2 * case.delay_s
        memory = " / ".join(f"{found.rss_mb[count]:.0f}" for count in (100, 200, 500, 1000))
        ratio = found.wall_s / ideal_s
        shown = f"{found.wall_s:.1f} | {ideal_s:.0f} | {ratio:.3f} | {memory} | {found.peak_mb:.0f}"
        print(f"| {sandbox} | {shown} |", flush=True)
    print()


def memory(sandboxes: Sequence[str]) -> None:
    """Long answers and long outputs: what stays in memory."""
    print("| sandbox | RSS MB after 100 / 200 / 500 / 1000 | peak MB | CPU ms a run |")
    print("|---|--:|--:|--:|")
    for sandbox in sandboxes:
        found = measure(Case(sandbox, runs=1000, concurrency=32, is_long=True))
        seen = " / ".join(f"{found.rss_mb[count]:.0f}" for count in (100, 200, 500, 1000))
        print(f"| {sandbox} | {seen} | {found.peak_mb:.0f} | {found.cpu_ms:.0f} |", flush=True)
    print()


RUNS = {"cpu": cpu, "wall": wall, "memory": memory}


def main(names: Sequence[str] = ()) -> None:
    sandboxes = [report.name for report in anyio.run(probe_sandboxes) if report.works]
    sandboxes.sort(key=("none", "bubblewrap", "landlock").index)
    for name in names or RUNS:
        RUNS[name](sandboxes)


if __name__ == "__main__":
    main(sys.argv[1:])
