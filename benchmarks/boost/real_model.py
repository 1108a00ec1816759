"""What boost saves on a real model: the same step, the same run, by the embedded model and by a template.

``python -m benchmarks.boost.real_model`` (about 15 minutes on two idle cores). For each workflow boost
watches the model do some tasks, until a template is trusted. Then new tasks of the workflow are each done
twice: by the model alone, and with boost. Arguments name workflows, ``SKVM_BENCH_MODEL`` another model.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import anyio

from benchmarks.boost.workflows import WORKFLOWS, Workflow
from skvm.evaluate.bench import Bench, load_trajectory
from skvm.evaluate.run import RunSpec, open_bench, run_once
from skvm.evidence.record import RunRecord
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.evidence import load_events
from skvm.runtime.boost.model import Event
from skvm.runtime.boost.opening import boosted
from skvm.runtime.boost.proving.artefacts import compare
from skvm.settings import load_settings
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

MODEL = os.environ.get("SKVM_BENCH_MODEL", "local/qwen2.5-coder-1.5b")
HARNESS = "shell-agent"
SKILL = Path(__file__).parents[2] / "examples" / "boost" / "data-chores"
MEASURED = 3
"""Tasks of each workflow that are measured, the last ones of it."""


@dataclass(frozen=True, slots=True)
class Done:
    """One run of a task.

    Args:
        record: How it went.
        step_ms: From the prompt to the result of the last action.
        files: What it left.
    """

    record: RunRecord
    step_ms: float
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Pair:
    """One task, by the model and with boost."""

    task_id: str
    model: Done
    boost: Done | None
    is_same: bool | None


def step_ms(trajectory: Trajectory) -> float:
    """Time the model took for the step: its turns up to the last action, and what they did."""
    acting = [turn for turn in trajectory.turns if turn.tool_calls]
    observed = sum(seen.duration_ms for turn in acting for seen in turn.observations)
    return sum(turn.duration_ms for turn in acting) + observed


async def run(bench: Bench, skill: Skill, workflow: Workflow, index: int) -> Done:
    """Run one task of a workflow and keep what it left."""
    with tempfile.TemporaryDirectory(prefix="skvm-boost-") as folder:
        work = Path(folder) / "work"
        task = workflow.make(index)
        record = await run_once(
            RunSpec(task=task, model_id=MODEL, harness=HARNESS, skill=skill, work_dir=work), bench
        )
        files = {path.name: path.read_bytes() for path in sorted(work.iterdir()) if path.is_file()}
    trajectory = load_trajectory(bench.blobs, record)
    return Done(record, step_ms(trajectory) if trajectory else 0.0, files)


async def warm_up(plain: Bench, bench: Bench, skill: Skill, workflow: Workflow) -> list[RunRecord]:
    """Let boost watch tasks that are not measured."""
    runs = []
    for index in range(workflow.count - MEASURED):
        done = await run(bench, skill, workflow, index)
        runs.append(done.record)
        told = "answered" if await answered(plain, done.record) else "by the model"
        print(f"  {workflow.name} {index + 1}: score {done.record.score}, {told}", flush=True)
        if told == "answered":
            break
    return runs


async def answered(bench: Bench, record: RunRecord) -> tuple[float, float] | None:
    """Times to match and to do the step, where a template answered in a run and it held."""
    for event in await load_events(bench.journal, skill_id=record.skill_id):
        if event.run_id == record.run_id and event.event is Event.ANSWERED and event.is_good is not False:
            return event.match_ms or 0.0, event.step_ms or 0.0
    return None


async def measure(plain: Bench, bench: Bench, skill: Skill, workflow: Workflow) -> list[Pair]:
    """Do each measured task by the model and with boost."""
    pairs = []
    for index in range(workflow.count - MEASURED, workflow.count):
        before = {name: text.encode() for name, text in workflow.make(index).fixtures.items()}
        by_model = await run(plain, skill, workflow, index)
        by_boost: Done | None = await run(bench, skill, workflow, index)
        times = await answered(plain, by_boost.record) if by_boost else None
        by_boost = replace(by_boost, step_ms=sum(times)) if by_boost and times else None
        same = compare(by_boost.files, by_model.files, before, frozenset()).is_same if by_boost else None
        pairs.append(Pair(workflow.make(index).id, by_model, by_boost, same))
        print(f"  {line(pairs[-1])}", flush=True)
    return pairs


def line(pair: Pair) -> str:
    """A row of the table."""
    model, boost = pair.model, pair.boost
    if boost is None:
        return f"| {pair.task_id} | {model.step_ms:.0f} | not answered | | | | | |"
    used = (model.record.usage.total_tokens, boost.record.usage.total_tokens)
    times = (model.record.duration_ms, boost.record.duration_ms)
    steps = (model.step_ms, boost.step_ms)
    return (
        f"| {pair.task_id} | {steps[0]:,.0f} | {steps[1]:,.0f} | {steps[0] / steps[1]:.0f} |"
        f" {times[0]:,.0f} | {times[1]:,.0f} | {used[0]:,} → {used[1]:,} | {'yes' if pair.is_same else 'no'},"
        f" {model.record.score} → {boost.record.score} |"
    )


async def _measure_all() -> None:
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="skvm-boost-state-") as folder:
        own = replace(settings, logs_dir=Path(folder) / "log", proposals_dir=Path(folder) / "proposals")
        async with open_bench(own) as bench:
            skill, pairs = load_skill(SKILL), []
            boosting = boosted(bench, "on", shadow_every=0)
            chosen = sys.argv[1:]
            for workflow in (each for each in WORKFLOWS if not chosen or each.name in chosen):
                await warm_up(bench, boosting, skill, workflow)
                pairs += await measure(bench, boosting, skill, workflow)
    print(
        "\n| task | step by the model, ms | by boost, ms | ratio | whole run, model, ms | boost, ms"
        " | tokens | same artefact, score |\n|---|--:|--:|--:|--:|--:|--:|---|"
    )
    for pair in pairs:
        print(line(pair))
    ratios = [pair.model.step_ms / pair.boost.step_ms for pair in pairs if pair.boost]
    runs = [pair.model.record.duration_ms / pair.boost.record.duration_ms for pair in pairs if pair.boost]
    if ratios:
        print(f"\nmedian: step {median(ratios):.0f} ×, whole run {median(runs):.0f} × shorter")


def main() -> None:
    """Measure and print the table."""
    anyio.run(_measure_all)


if __name__ == "__main__":
    main()
