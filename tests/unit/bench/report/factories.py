"""Plans and runs made up by a rule, the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from skvm.bench.plan import BenchPlan, PlannedCondition, PlannedSkill, PlannedTask, Target
from skvm.evidence.record import Checkpoint, CriterionResult, Outcome, RunRecord, Usage

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TARGET = Target(model="fake/small", harness="bare-agent")
CONDITIONS = ("no-skill", "original", "aot-compiled")
Shape = Callable[[str, str, int], dict[str, Any]]
"""What is different about a run, by task, condition and repetition."""


def share(*words: object) -> float:
    """A number in [0, 1) that depends on words alone."""
    digest = hashlib.sha256("\0".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def make_plan(
    count: int = 6,
    conditions: Sequence[str] = CONDITIONS,
    *,
    repetitions: int = 2,
    targets: Sequence[Target] = (TARGET,),
    **fields: Any,
) -> BenchPlan:
    planned = tuple(
        PlannedTask(
            id=f"task-{number:03}",
            name=f"Task {number}",
            category=("text", "tables", "code")[number % 3],
            path=f"/data/tasks/task-{number:03}",
            digest=f"sha256:{number:064}",
            skills=(PlannedSkill(id="csv", path="/data/skills/csv", digest="sha256:" + "5" * 64),),
        )
        for number in range(count)
    )
    values: dict[str, Any] = {
        "session_id": "20260301-120000-bench-small-0a0b",
        "created_at": START.isoformat(),
        "tasks": planned,
        "targets": tuple(targets),
        "conditions": tuple(PlannedCondition(name=name) for name in conditions),
        "repetitions": repetitions,
    }
    return BenchPlan(**{**values, **fields})


def make_run(
    task_id: str, condition: str, repetition: int = 0, *, target: Target = TARGET, **changes: Any
) -> RunRecord:
    words = (task_id, condition, repetition, target.model, target.harness)
    score = round(share("score", *words), 2)
    started = START + timedelta(seconds=round(1000 * share("start", *words)))
    seconds = 2 + 20 * share("time", *words)
    values: dict[str, Any] = {
        "run_id": hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()[:20],
        "session_id": "20260301-120000-bench-small-0a0b",
        "task_id": task_id,
        "condition": condition,
        "repetition": repetition,
        "model": target.model,
        "harness": target.harness,
        "skill_id": None if condition == "no-skill" else "csv",
        "skill_digest": None if condition == "no-skill" else "sha256:" + "5" * 64,
        "task_digest": "sha256:" + "7" * 64,
        "outcome": Outcome.SCORED,
        "score": score,
        "criteria": (
            CriterionResult(id="exists", method="file-check", score=1.0, details="out.csv is there"),
            CriterionResult(
                id="rows",
                method="script",
                score=score,
                details=f"{score:.0%} of the rows are right; row {int(1e6 * share('row', *words))} is not",
                checkpoints=(Checkpoint(name="header", score=1.0), Checkpoint(name="rows", score=score)),
            ),
        ),
        "usage": Usage(
            input_tokens=int(1000 + 3000 * share("in", *words)),
            output_tokens=int(100 + 500 * share("out", *words)),
            calls=4,
            cost_usd=round(0.01 * share("cost", *words), 6),
        ),
        "duration_ms": 1000 * seconds,
        "llm_duration_ms": 800 * seconds,
        "turns": 4,
        "sandbox": "none",
        "trajectory_digest": "sha256:" + hashlib.sha256(repr(words).encode()).hexdigest(),
        "started_at": started,
        "finished_at": started + timedelta(seconds=seconds),
    }
    return RunRecord(**{**values, **changes})


def make_runs(plan: BenchPlan, shape: Shape | None = None) -> tuple[RunRecord, ...]:
    """A run for every cell of a plan, shaped as said."""
    return tuple(
        make_run(
            task.id,
            condition.name,
            repetition,
            target=target,
            **(shape(task.id, condition.name, repetition) if shape else {}),
        )
        for target in plan.targets
        for task in plan.tasks
        for condition in plan.conditions
        for repetition in range(plan.repetitions)
    )


def failed(outcome: Outcome, detail: str = "the provider answered 503") -> dict[str, Any]:
    """A run that has no score."""
    return {"outcome": outcome, "score": None, "criteria": (), "detail": detail}
