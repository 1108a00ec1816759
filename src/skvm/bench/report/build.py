"""A report from a plan and its runs: no clock, no disk, the same value for the same input."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from skvm.bench.plan import BenchPlan, PlannedTask, Preparation, Target
from skvm.bench.report.cells import cell_of
from skvm.bench.report.comparisons import comparisons_of
from skvm.bench.report.exclusions import exclusions_of
from skvm.bench.report.gathering import Gathered, gather
from skvm.bench.report.model import (
    JudgeReport,
    PreparationReport,
    Report,
    SessionSettings,
    Skipped,
    Spend,
    Stopped,
    TaskReport,
    Trigger,
)
from skvm.bench.report.summary import summary_of
from skvm.evidence.record import RunRecord, Usage
from skvm.harness.contract import output_bound

__all__ = ["build_report"]


@contextmanager
def _without_collections() -> Iterator[None]:
    """No search for cycles: a report has none, and each search would walk all runs again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_collections()
def build_report(
    plan: BenchPlan,
    runs: Sequence[RunRecord],
    *,
    target: Target | None = None,
    preparations: Sequence[Preparation] = (),
    triggers: Sequence[Trigger] = (),
    stopped: Stopped | None = None,
    session_id: str | None = None,
) -> Report:
    """Report what a session found on one target.

    Args:
        plan: What was asked for.
        runs: Every finished attempt, judgements applied; of other targets too.
        target: Which target; may be left out where the plan has one.
        preparations: What making the conditions ready took, of any target.
        triggers: What was measured of loading skills, of any target.
        stopped: That the session ended early, if it did.
        session_id: The report's own id, where it is one of several of a session.

    Raises:
        ValueError: No target is named and the plan has several.
    """
    if target is None:
        if len(plan.targets) != 1:
            raise ValueError(f"which of the {len(plan.targets)} targets of {plan.session_id}?")
        target = plan.targets[0]
    gathered = gather(plan, target, runs)
    tasks = tuple(_task(gathered, task) for task in plan.tasks)
    attempts = [run for run in runs if (run.model, run.harness) == (target.model, target.harness)]
    own_preparations = tuple(each for each in preparations if _is_of(each, target))
    return Report(
        session_id=session_id or plan.session_id,
        parent_session_id=plan.session_id if session_id not in (None, plan.session_id) else None,
        model=target.model,
        adapter=target.harness,
        timestamp=plan.created_at,
        completed_at=max(run.finished_at for run in attempts).isoformat() if attempts else None,
        runs_per_task=plan.repetitions if plan.repetitions > 1 else None,
        tasks=tasks,
        summary=summary_of(gathered, tasks),
        conditions=gathered.conditions,
        baseline=_baseline(gathered),
        comparisons=comparisons_of(gathered, _baseline(gathered)),
        exclusions=exclusions_of(gathered, own_preparations),
        skipped=tuple(Skipped(task_id=each.task_id, reason=each.reason) for each in plan.skipped),
        preparations=tuple(map(_preparation, own_preparations)),
        judge=_judge(plan, gathered, attempts),
        spend=_spend((run.usage for run in attempts), math.fsum(run.duration_ms for run in attempts)),
        stopped=stopped,
        triggers=tuple(each for each in triggers if _is_of_trigger(each, target)),
        settings=_settings(plan, target),
        simulated=True if any(run.simulated for run in attempts) else None,
    )


def _task(gathered: Gathered, task: PlannedTask) -> TaskReport:
    """A task with the cells that have a run; what has none is an exclusion."""
    found = ((name, gathered.cells.get((task.id, name), ())) for name in gathered.conditions)
    return TaskReport(
        task_id=task.id,
        task_name=task.name,
        category=task.category,
        grading_type=task.grading_type,
        conditions=tuple(cell_of(task, name, runs) for name, runs in found if runs),
    )


def _baseline(gathered: Gathered) -> str | None:
    """The plan's, where it ran here; else the next best that did."""
    names = gathered.conditions
    wanted = (gathered.plan.baseline, "original", "no-skill", *names)
    return next((name for name in wanted if name in names), None)


def _preparation(made: Preparation) -> PreparationReport:
    return PreparationReport(
        condition=made.condition,
        skill_id=made.skill_id,
        what=made.what,
        is_reused=made.is_reused,
        calls=made.usage.calls,
        tokens=made.usage.total_tokens,
        cost=made.usage.cost_usd,
        duration_ms=made.duration_ms,
        problem=made.problem,
        help=made.help,
    )


def _judge(plan: BenchPlan, gathered: Gathered, attempts: Sequence[RunRecord]) -> JudgeReport:
    standing = (run for runs in gathered.cells.values() for run in runs)
    return JudgeReport(
        model=plan.judge_model,
        is_deferred=plan.is_judge_deferred,
        spend=_spend(run.judge_usage for run in attempts),
        pending=sum(each.is_pending for run in standing for each in run.criteria),
    )


def _spend(usages: Iterable[Usage], duration_ms: float = 0.0) -> Spend:
    found = list(usages)
    costs = [usage.cost_usd for usage in found]
    return Spend(
        calls=sum(usage.calls for usage in found),
        tokens=sum(usage.total_tokens for usage in found),
        cost=None if None in costs else math.fsum(cost for cost in costs if cost is not None),
        duration_ms=duration_ms,
    )


def _settings(plan: BenchPlan, target: Target) -> SessionSettings:
    return SessionSettings(
        skill_mode=plan.skill_mode,
        temperature=plan.temperature,
        max_output_tokens=output_bound(target.harness, plan.max_output_tokens),
        seed=plan.seed,
        sandbox=plan.sandbox,
        timeout_s=plan.timeout_s,
        max_steps=plan.max_steps,
        compiler_model=plan.compiler_model,
    )


def _is_of(made: Preparation, target: Target) -> bool:
    return (made.model, made.harness) == (target.model, target.harness)


def _is_of_trigger(trigger: Trigger, target: Target) -> bool:
    return (trigger.model, trigger.adapter) == (target.model, target.harness)
