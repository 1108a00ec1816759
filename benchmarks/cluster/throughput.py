"""Runs of a second on local workers: how many a second, beside what is ideal, and what a run costs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.cluster.ground import cpu_now, settings, slow_model, specs
from skvm.cluster.opening import Executor, on_cluster
from skvm.evaluate.bench import open_bench
from skvm.evaluate.schedule import run_many


async def measure(counts: list[int], workers: int, slots: int, latency_s: float) -> None:
    """Print a row for each number of runs; the workers are up, and warm, before the first."""
    with tempfile.TemporaryDirectory() as folder, slow_model(latency_s) as base_url:
        async with (
            open_bench(settings(Path(folder), base_url), sandbox="none") as here,
            on_cluster(here, Executor("ray", workers=workers, slots=slots), print) as bench,
        ):
            await run_many(specs(workers * slots), bench, concurrency=workers * slots)
            for count in counts:
                began, before = time.perf_counter(), cpu_now()
                records = await run_many(specs(count), bench, concurrency=workers * slots)
                took, used = time.perf_counter() - began, cpu_now() - before
                assert len({record.run_id for record in records}) == count
                assert all(record.outcome.is_graded for record in records)
                ideal_s = count * latency_s / (workers * slots)
                each = " | ".join(f"{1000 * part / count:.1f}" for part in used.all)
                print(
                    f"| {workers} × {slots} | {count:,} | {took:.1f} | {ideal_s:.1f} | {ideal_s / took:.2f} "
                    f"| {count / took:.0f} | {each} |",
                    flush=True,
                )


HEAD = """| workers × slots | runs | s | ideal | share | runs/s | CPU ms/run: driver | worker | model | Ray |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""
