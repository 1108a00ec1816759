"""Differences between two conditions, task by task, of what is no score: tokens, time, steps, dollars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from skvm.bench.report.cells import average, has_usage
from skvm.evidence.record import RunRecord

__all__ = ["METRICS", "by_task", "paired_difference"]

Values = Mapping[str, Sequence[float]]
"""The values of the runs of each task, by task id."""

METRICS: Mapping[str, Callable[[RunRecord], float | None]] = {
    "tokens": lambda run: run.usage.total_tokens if has_usage(run) else None,
    "duration_ms": lambda run: run.duration_ms,
    "steps": lambda run: run.turns,
    "cost": lambda run: run.usage.cost_usd if has_usage(run) else None,
}
"""What is compared beside the score; ``None`` where a run does not tell."""


def by_task(runs: Sequence[RunRecord], metric: Callable[[RunRecord], float | None]) -> dict[str, list[float]]:
    """The values of runs that have a score, by task; a task with an unknown one is left out."""
    found: dict[str, list[float]] = {}
    unknown = set()
    for run in runs:
        value = metric(run)
        if value is None:
            unknown.add(run.task_id)
        else:
            found.setdefault(run.task_id, []).append(value)
    return {task: values for task, values in found.items() if task not in unknown}


def paired_difference(treatment: Values, control: Values) -> float | None:
    """Mean over the common tasks of the difference of their means; ``None`` without a common task."""
    return average(
        (average(treatment[task]) or 0.0) - (average(control[task]) or 0.0)
        for task in sorted({*treatment} & {*control})
    )
