"""``python -m benchmarks plan scheduling``: what the executor itself costs, with nothing to wait for.

Steps that do nothing go through graph, executor, places and journal; beside them the same steps in a bare
loop, and graphs of growing size for the cost of each node and the memory of all.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import anyio

from skvm.evidence.journal import Journal
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import CPU, CommandJob, Node, PlanStarted, StepResult, StepState
from skvm.runtime.plan.recording import PlanLog
from skvm.runtime.plan.resources import Commons

SIZES = (100, 1_000, 10_000)
DONE = StepResult(StepState.DONE)


def shaped(shape: str, count: int) -> list[Node]:
    """Nodes that write a file each: in a row, all beside each other, or in layers of eight."""
    nodes = []
    for index in range(count):
        before = {"row": index - 1, "wide": -1, "layers": index - 8}[shape]
        nodes.append(
            Node(
                f"n{index}",
                title=f"step {index}",
                after=(f"n{before}",) if before >= 0 else (),
                reads=(f"in/{index}.txt",),
                writes=(f"out/{index}.json",),
                needs=(CPU,),
                job=CommandJob(()),
            )
        )
    return nodes


async def do(node: Node) -> StepResult:
    return DONE


async def run(shape: str, count: int, root: Path) -> dict[str, float]:
    """Milliseconds a node for the graph, and for its execution with a journal on disk."""
    nodes = shaped(shape, count)
    began = perf_counter()
    graph = Graph.of(nodes)
    built = perf_counter()
    started = PlanStarted(
        plan_run=f"r{time.monotonic_ns()}",
        plan_digest="d",
        skill="shape",
        skill_digest="s",
        work_dir=str(root),
        jobs=2,
        nodes=count,
        started_at=datetime.now(UTC),
    )
    async with (
        Journal(root / f"{shape}-{count}.db") as journal,
        Commons(jobs=8, state_dir=root / "state") as commons,
    ):
        before = perf_counter()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with PlanLog.open(journal, started, after=graph.after) as log:
            report = await execute(graph, do, share=commons.share("bench"), log=log)
            log.ended(report)
        ended = perf_counter()
    assert report.is_done
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    return {
        "graph_ms": (built - began) * 1000 / count,
        "run_ms": (ended - before) * 1000 / count,
        "grown_mib": grown_kib / 1024,
    }


def alone(shape: str, count: int) -> dict[str, float]:
    """The same in a process of its own: its memory is then nobody else's."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.plan.scheduling", shape, str(count)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] in {"row", "wide", "layers"}:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(anyio.run(run, sys.argv[1], int(sys.argv[2]), Path(folder))))
        return
    print("a step that does nothing, journal on disk: milliseconds a step, MiB the run grew by")
    for shape in ("row", "wide", "layers"):
        for count in SIZES:
            found = [alone(shape, count) for _ in range(3)]
            graph_ms, run_ms, grown_mib = (
                statistics.median(each[name] for each in found)
                for name in ("graph_ms", "run_ms", "grown_mib")
            )
            print(
                f"  {shape:7} {count:6,} steps: graph {graph_ms:.3f}, run {run_ms:.3f}, +{grown_mib:.1f} MiB"
            )


if __name__ == "__main__":
    main()
