"""The driver alone: orders written, results taken and journalled, with workers that answer at once."""

from __future__ import annotations

import json
import os
import platform
import resource
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio

import skvm
from benchmarks.cluster.ground import settings, specs
from skvm.cluster.driver import RayRunner
from skvm.cluster.fleet import open_fleet
from skvm.cluster.order import Hello, Row, RunOrder, RunResult
from skvm.cluster.shipping import pack_result
from skvm.cluster.worker import code_digest
from skvm.evaluate.bench import open_bench
from skvm.evaluate.schedule import run_many
from skvm.evidence.record import Outcome, RunRecord


class EmptyLane:
    """A worker that has nothing to do: what is left is what the driver does for a run."""

    def __init__(self) -> None:
        self.order_bytes = 0
        self.result_bytes = 0

    def submit(self, method, *given):
        async def answer():
            if method == "throttled":
                await anyio.sleep_forever()
            if method == "hello":
                hello = Hello(
                    node="n",
                    pid=os.getpid(),
                    version=skvm.__version__,
                    code=code_digest(),
                    python=platform.python_version(),
                )
                return hello.model_dump_json()
            if method != "run":
                return json.dumps([])
            self.order_bytes += len(given[0])
            result = _empty(RunOrder.model_validate_json(given[0]))
            self.result_bytes += len(result)
            return result

        return answer

    def end(self) -> None:
        """Nothing is open."""


def _empty(order: RunOrder) -> bytes:
    now = datetime.now(UTC)
    record = RunRecord(
        run_id=order.run_id,
        session_id=order.session_id,
        task_id="t",
        task_digest=order.task.digest,
        condition="no-skill",
        repetition=order.repetition,
        model=order.model_id,
        harness=order.harness,
        outcome=Outcome.SCORED,
        score=0.0,
        started_at=now,
        finished_at=now,
    )
    row = Row(kind="run_finished", body=record.model_dump(mode="json", by_alias=True))
    return pack_result(RunResult(attempt=order.attempt, node="n", rows=(row,), record=record), {})


async def measure(counts: list[int], places: int) -> None:
    """Print a row for each number of runs."""
    lane = EmptyLane()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_bench(settings(Path(folder), "http://127.0.0.1:9/v1"), sandbox="none") as here,
            open_fleet(lambda: lane, 1, places) as fleet,
        ):
            bench = replace(here, runner=RayRunner(fleet))
            done = 0
            for count in counts:
                before = lane.order_bytes, lane.result_bytes
                began, used = time.perf_counter(), time.process_time()
                await run_many(specs(count), bench, concurrency=places)
                took, used = time.perf_counter() - began, time.process_time() - used
                done += count
                size, rss_mb = _sizes(Path(folder))
                sent, got = (lane.order_bytes - before[0]) / count, (lane.result_bytes - before[1]) / count
                print(
                    f"| {count:,} | {took:.1f} | {1000 * used / count:.2f} | {sent:,.0f} | {got:,.0f} "
                    f"| {size / done:,.0f} | {rss_mb:.0f} |",
                    flush=True,
                )


def _sizes(folder: Path) -> tuple[int, float]:
    """Bytes of the journal, megabytes of this process."""
    size = sum(path.stat().st_size for path in folder.rglob("journal.sqlite*"))
    return size, int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


HEAD = """| runs | took s | driver CPU ms/run | order bytes | result bytes | journal bytes/run | driver MB |
|--:|--:|--:|--:|--:|--:|--:|"""
