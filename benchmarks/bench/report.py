"""What a report over many runs takes: ``python -m benchmarks.bench.report [TASKS×CONDITIONS×REPETITIONS]…``.

Building, then writing ``report.json``, ``report.md`` and ``report.html``; processor time, that of children
included, and wall time. Every case is a process of its own, and the time before it begins (imports) is said.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.bench.report.factories import make_plan, make_runs, share

from skvm.evidence.record import Outcome, RunRecord

CASES = ("250×4×10", "100×4×25", "500×5×4", "100×100×1", "625×16×1")


def cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def shape(task_id: str, condition: str, repetition: int) -> dict[str, object]:
    chance = share("fate", task_id, condition, repetition)
    if chance < 0.02:
        return {"outcome": Outcome.INFRA_FAILED, "score": None, "criteria": (), "detail": "HTTP 503"}
    return {"outcome": Outcome.TIMED_OUT, "detail": "120 s"} if chance < 0.05 else {}


def measure(name: str) -> None:
    tasks, conditions, repetitions = map(int, name.split("×"))
    names = ("no-skill", "original", *(f"variant-{number}" for number in range(conditions - 2)))[:conditions]
    plan = make_plan(tasks, names, repetitions=repetitions)
    runs: tuple[RunRecord, ...] = make_runs(plan, shape)
    parts: dict[str, float] = {}
    begun = time.perf_counter()

    def timed(part: str, work: Callable[[], Any]) -> Any:
        before = cpu_s()
        made = work()
        parts[part] = cpu_s() - before
        return made

    with tempfile.TemporaryDirectory() as folder:

        def imports() -> None:
            import skvm.bench.report.build
            import skvm.bench.report.write  # noqa: F401

        timed("imports", imports)
        from skvm.bench.report.build import build_report
        from skvm.bench.report.html import report_html
        from skvm.bench.report.markdown import report_markdown
        from skvm.bench.report.write import write_file

        report = timed("build", lambda: build_report(plan, runs))
        texts = {
            "json": timed("json", lambda: report.model_dump_json(by_alias=True, indent=2)),
            "md": timed("md", lambda: report_markdown(report)),
            "html": timed("html", lambda: report_html(report, runs)),
        }
        timed(
            "files", lambda: [write_file(Path(folder) / f"report.{end}", text) for end, text in texts.items()]
        )
    sizes = ", ".join(f"{end} {len(text.encode()) / 1e6:.1f} MB" for end, text in texts.items())
    wall_s = time.perf_counter() - begun
    shown = " | ".join(f"{seconds:.2f}" for seconds in parts.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {name} | {len(runs):,} | {shown} | **{sum(parts.values()):.2f}** | {wall_s:.2f} | "
        f"{peak:.0f} MB | {sizes} |",
        flush=True,
    )


def main() -> None:
    print(f"load {os.getloadavg()[0]:.1f}")
    print(
        "| tasks×conditions×repetitions | runs | imports | build | json | md | html | files "
        "| CPU s | wall s | peak | sizes |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    spawn = multiprocessing.get_context("spawn")
    for name in sys.argv[1:] or CASES:
        child = spawn.Process(target=measure, args=(name,))
        child.start()
        child.join()


if __name__ == "__main__":
    main()
