"""What no mean stands on, and why: runs without a score, cells without a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skvm.bench.plan import PlannedTask, Preparation
from skvm.bench.report.cells import has_score
from skvm.bench.report.gathering import Gathered
from skvm.bench.report.model import Excluded, Exclusion
from skvm.evidence.record import RunRecord

__all__ = ["exclusions_of"]

_EXPLANATIONS = {
    "scored": "the work was done, but nothing could score it",
    "timed_out": "ran out of time, and nothing could score what was left",
    "step_limit": "reached the step limit, and nothing could score what was left",
    "harness_failed": "the harness failed; that is nobody's score",
    "grader_failed": "a grader failed on this run; resuming the session repeats it",
    "infra_failed": "infrastructure failed; resuming the session repeats it",
    "cancelled": "cancelled; resuming the session repeats it",
    "unavailable": "the condition could not be prepared for these cells",
    "no-skill-to-use": "the task has no skill, so there is nothing to vary",
    "not-run": "the session ended before these runs",
    "repeated": "an attempt that another attempt of the same run stands for",
    "unplanned": "the plan of the session knows no such run",
}
_Found = dict[tuple[str, str], list[Excluded]]


def exclusions_of(gathered: Gathered, preparations: Sequence[Preparation]) -> tuple[Exclusion, ...]:
    """Every exclusion, by condition in the order of the plan and then by reason."""
    found: _Found = {}
    for condition, reason, entry in _entries(gathered, preparations):
        found.setdefault((condition, reason), []).append(entry)
    order = {name: place for place, name in enumerate(gathered.plan.condition_names)}
    reasons = list(_EXPLANATIONS)
    keys = sorted(found, key=lambda key: (order.get(key[0], len(order)), key[0], reasons.index(key[1])))
    return tuple(
        Exclusion(
            condition=condition,
            reason=reason,
            explanation=_EXPLANATIONS[reason],
            entries=tuple(found[condition, reason]),
        )
        for condition, reason in keys
    )


def _entries(gathered: Gathered, preparations: Sequence[Preparation]) -> Iterator[tuple[str, str, Excluded]]:
    problems = _problems(gathered, preparations)
    tasks = {task.id: task for task in gathered.plan.tasks}
    for (task_id, condition), runs in gathered.cells.items():
        for run in runs:
            if not has_score(run):
                yield condition, run.outcome.value, _of(run)
        missing = gathered.repetitions(condition) - len(runs)
        if missing > 0:
            reason, detail = _why_missing(tasks[task_id], condition, missing, problems, is_empty=not runs)
            yield condition, reason, Excluded(task_id=task_id, detail=detail)
    for run in gathered.repeated:
        yield run.condition, "repeated", _of(run)
    for run in gathered.unplanned:
        yield run.condition, "unplanned", _of(run)


def _why_missing(
    task: PlannedTask,
    condition: str,
    missing: int,
    problems: Mapping[tuple[str, str | None], str],
    *,
    is_empty: bool,
) -> tuple[str, str | None]:
    skill_id = "+".join(skill.id for skill in task.skills) or None
    # A condition may be prepared for all skills of a task as one, or for each.
    names = (skill_id, *(skill.id for skill in task.skills))
    problem = next((problems[condition, name] for name in names if (condition, name) in problems), None)
    if is_empty and problem is not None:
        return "unavailable", problem
    if is_empty and skill_id is None and condition != "no-skill":
        return "no-skill-to-use", None
    return "not-run", f"{missing} run{'' if missing == 1 else 's'}"


def _problems(gathered: Gathered, preparations: Sequence[Preparation]) -> dict[tuple[str, str | None], str]:
    return {
        (each.condition, each.skill_id): each.problem
        for each in preparations
        if each.problem is not None
        and each.model == gathered.target.model
        and each.harness == gathered.target.harness
    }


def _of(run: RunRecord) -> Excluded:
    said = [result.infra_error for result in run.criteria if result.infra_error]
    return Excluded(
        task_id=run.task_id,
        repetition=run.repetition,
        run_id=run.run_id,
        detail=run.detail or (said[0] if said else None),
    )
