"""``python -m benchmarks plan latency``: plans of questions to a model that takes a fixed time to answer.

Each shape runs through everything a real plan run has (graph, executor, places, journal, workbench, sandboxed
files, model port, HTTP) and, in turns with it, the same nodes one after the other by a bare loop.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import anyio

from benchmarks.plan.shapes import SHAPES
from skvm.evidence.journal import Journal
from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.confine import choose_sandbox
from skvm.harness.contract import RunContext
from skvm.harness.sandbox import Policy
from skvm.llm.contract import CallScope
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.llm.port import ModelPort
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.instancing import graph_of
from skvm.runtime.plan.model import PlanStarted, Target
from skvm.runtime.plan.recording import PlanLog
from skvm.runtime.plan.resources import Commons
from skvm.runtime.plan.working.agents import Helper
from skvm.runtime.plan.working.workbench import Workbench
from skvm.settings import Route, load_settings

MODEL = "loop/one"
TARGET = Target(MODEL, "bare-agent")
LATENCY_S = 0.5
ROUNDS = 5


@asynccontextmanager
async def workbench(
    root: Path, server: FakeServer, commons: Commons
) -> AsyncIterator[tuple[Workbench, Journal]]:
    """A workbench on a fresh folder with eight inputs."""
    work = Path(tempfile.mkdtemp(dir=root))
    (work / "in").mkdir()
    for index in range(8):
        (work / "in" / f"{index}.txt").write_text(f"note {index}\n")
    route = Route("loop/*", "openai-compatible", api_key="none", base_url=server.base_url)
    settings = replace(load_settings(env={}), cache_dir=root / "cache", routes=(route,), auto_probe=False)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(ModelPort(settings))
        session = await stack.enter_async_context(port.session(CallScope("plan")))
        sandbox = choose_sandbox()
        cell = await stack.enter_async_context(sandbox.open(Policy(work)))
        journal = await stack.enter_async_context(Journal(work.with_suffix(".db")))
        context = RunContext(
            prompt="Do the work.", model_id=MODEL, session=session, cell=cell, work_dir=work, timeout_s=600
        )
        # Libraries are loaded once, whatever is measured.
        await session.model(MODEL)
        share = commons.share("bench")
        log = _Nowhere()
        yield Workbench(cell, work, share, log, agent=Helper(BareAgent(), context)), journal


class _Nowhere:
    """A log that keeps nothing."""

    async def started(self, node: object) -> None:
        """See ``Log``."""

    async def finished(self, node: object, result: object, queued_s: float) -> None:
        """See ``Log``."""


async def one_by_one(bench: Workbench, graph: Graph) -> float:
    """Seconds of the nodes, and items, in a row, by a bare loop."""
    began = perf_counter()
    for node in graph.nodes.values():
        assert (await bench.do(node)).is_done
    return perf_counter() - began


async def executed(bench: Workbench, journal: Journal, graph: Graph) -> float:
    """Seconds of the same by the executor, written down as a plan run is."""
    began = perf_counter()
    started = PlanStarted(
        plan_run=f"r{time.monotonic_ns()}",
        plan_digest="d",
        skill="shape",
        skill_digest="s",
        work_dir=str(bench.work_dir),
        jobs=2,
        nodes=len(graph.nodes),
        started_at=datetime.now(UTC),
    )
    async with PlanLog.open(journal, started, after=graph.after) as log:
        bench.log = log
        report = await execute(graph, bench.do, share=bench.share, log=log)
        log.ended(report)
    assert report.is_done, report
    return perf_counter() - began


async def measure(latency_s: float, rounds: int = ROUNDS) -> dict[str, tuple[float, float, float]]:
    """By shape: median seconds in a row, at once, and the median of their ratios."""
    found: dict[str, tuple[float, float, float]] = {}

    def answer(_: dict[str, object]) -> FakeAnswer:
        return FakeAnswer("done", delay_s=latency_s)

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        async with FakeServer(answer) as server, Commons(jobs=2, state_dir=root / "state") as commons:
            for name, (make, _, _) in SHAPES.items():
                at_once, in_a_row = (
                    graph_of(make(), target=TARGET),
                    graph_of(make(), target=TARGET, fused={"g1"}),
                )
                pairs = []
                for _ in range(rounds + 1):
                    async with workbench(root, server, commons) as (bench, journal):
                        serial_s = await one_by_one(bench, in_a_row)
                        parallel_s = await executed(bench, journal, at_once)
                        pairs.append((serial_s, parallel_s))
                # The first round loads what is loaded once.
                kept = pairs[1:]
                found[name] = (
                    statistics.median(serial_s for serial_s, _ in kept),
                    statistics.median(parallel_s for _, parallel_s in kept),
                    statistics.median(serial_s / parallel_s for serial_s, parallel_s in kept),
                )
    return found


def main() -> None:
    for latency_s in (0.25, LATENCY_S, 1.0):
        print(f"latency {latency_s:g} s")
        for name, (serial_s, parallel_s, ratio) in anyio.run(measure, latency_s).items():
            ideal = SHAPES[name][2]
            print(
                f"  {name:18} {serial_s:6.2f} s in a row {parallel_s:6.2f} s at once"
                f" {ratio:5.2f}x (ideal {ideal:.2f})"
            )


if __name__ == "__main__":
    main()
