"""``python -m benchmarks plan driven``: whole runs that follow a plan, against a model of fixed latency.

The skill is an example: a map of questions, then a command; a closing question answers the task. Everything a
run of ``skvm run --plan`` does is in the figure but grading: work directory, cells, journal, records.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import anyio

from skvm.evaluate.bench import Bench, RunSpec, open_bench
from skvm.evaluate.run import run_once
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.runtime.plan.driving.opening import following
from skvm.runtime.plan.driving.planned import Arm
from skvm.settings import Route, load_settings
from skvm.skill.frontend import load_skill
from skvm.task.loader import load_task

EXAMPLES = Path(__file__).parents[2] / "examples" / "plans"
TASK, SKILL = "ticket-labels-monday", "ticket-labels"
ARMS: tuple[Arm, ...] = ("serial", "parallel")
LATENCY_S = 0.5
ROUNDS = 5


def answer(body: dict[str, object]) -> FakeAnswer:
    """A label for a ticket, and the last words for everything else."""
    is_item = "Do it for this one: " in str(body["messages"])
    text = '{"ticket": "T-1", "label": "other"}' if is_item else "All tickets are labelled."
    return FakeAnswer(text, delay_s=LATENCY_S)


async def one(bench: Bench, arm: Arm) -> tuple[float, int]:
    """Seconds of one run, and the model calls it took."""
    skill = load_skill(EXAMPLES / "skills" / SKILL)
    task = load_task(EXAMPLES / "tasks" / TASK).model_copy(update={"criteria": ()})
    async with following(bench, arm) as whole:
        began = perf_counter()
        record = await run_once(RunSpec(task, "loop/one", skill=skill), whole)
        return perf_counter() - began, record.usage.calls


async def measure() -> dict[Arm, tuple[list[float], int]]:
    """By arm: seconds of each run, and model calls of the last."""
    found: dict[Arm, tuple[list[float], int]] = {arm: ([], 0) for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        async with FakeServer(answer) as server:
            route = Route("loop/*", "openai-compatible", api_key="none", base_url=server.base_url)
            settings = load_settings(cache_dir=folder, tmp_dir=f"{folder}/tmp", env={})
            settings = replace(settings, routes=(route,), auto_probe=False)
            async with open_bench(settings) as bench:
                for number in range(ROUNDS + 1):
                    for arm in ARMS:
                        took_s, calls = await one(bench, arm)
                        # The first round loads what is loaded once.
                        found[arm] = ([*found[arm][0], *([took_s] if number else [])], calls)
    return found


def main() -> None:
    found = anyio.run(measure)
    median_s = {arm: statistics.median(found[arm][0]) for arm in ARMS}
    calls = found["parallel"][1]
    for arm in ARMS:
        print(f"  {arm:9} {median_s[arm]:6.2f} s, {found[arm][1]} calls of {LATENCY_S:g} s")
    ratio, ideal = median_s["serial"] / median_s["parallel"], calls / 2
    print(f"  whole run {ratio:.2f}x (ideal {ideal:.2f}: the closing question stands alone)")


if __name__ == "__main__":
    main()
