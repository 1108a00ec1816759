"""Scores of runs by task, and the mean of a condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skvm.evaluate.stats.intervals import Interval, exact_binomial, mean_of, student_quantile
from skvm.evidence.record import Outcome, RunRecord

__all__ = [
    "Mean",
    "Repetitions",
    "Scores",
    "View",
    "mean_interval",
    "mean_score",
    "repetitions_of",
    "scores_of",
]

View = Literal["as-completed", "intention-to-treat"]
Scores = Mapping[str, Sequence[float]]
"""Scores of the repetitions of each task, by task id."""
Repetitions = Mapping[str, Mapping[int, float]]
"""The score of each repetition of each task, by task id and repetition."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean score and what it stands on.

    Args:
        value: Mean over tasks of the means over repetitions; ``None`` without a scored run.
        runs: Scored runs.
        tasks: Tasks with a scored run.
        excluded: Runs without a score, by outcome.
        interval: Around ``value``, within [0, 1]; ``None`` where nothing says how much it varies.
    """

    value: float | None
    runs: int
    tasks: int
    excluded: Mapping[str, int]
    interval: Interval | None = None


def scores_of(runs: Sequence[RunRecord], view: View = "as-completed") -> dict[str, list[float]]:
    """The scores of runs of one condition, by task, in order of repetition."""
    found: dict[str, list[float]] = {}
    for run in sorted(runs, key=lambda run: (run.task_id, run.repetition, run.run_id)):
        score = _score(run, view)
        if score is not None:
            found.setdefault(run.task_id, []).append(score)
    return found


def repetitions_of(runs: Sequence[RunRecord], view: View = "as-completed") -> dict[str, dict[int, float]]:
    """The scores of runs of one condition, by task and repetition; of two attempts the later one counts."""
    found: dict[str, dict[int, float]] = {}
    for run in sorted(runs, key=lambda run: (run.task_id, run.repetition, run.run_id)):
        score = _score(run, view)
        if score is not None:
            found.setdefault(run.task_id, {})[run.repetition] = score
    return found


def _score(run: RunRecord, view: View) -> float | None:
    if run.score is None or not run.outcome.is_graded:
        return None
    return 0.0 if view == "intention-to-treat" and run.outcome is Outcome.TIMED_OUT else run.score


def mean_score(runs: Sequence[RunRecord], view: View = "as-completed", *, level: float = 0.95) -> Mean:
    """The mean score of one condition, each task weighing the same.

    Args:
        runs: Runs of one condition on one target.
        view: How a time-out counts.
        level: Nominal coverage of the interval, in (0, 1).
    """
    scores = scores_of(runs, view)
    excluded: dict[str, int] = {}
    for run in runs:
        if not run.outcome.is_graded or run.score is None:
            excluded[run.outcome.value] = excluded.get(run.outcome.value, 0) + 1
    means = [mean_of(values) for values in scores.values()]
    return Mean(
        value=mean_of(means) if means else None,
        runs=sum(map(len, scores.values())),
        tasks=len(scores),
        excluded=excluded,
        interval=mean_interval(scores, level),
    )


def mean_interval(scores: Scores, level: float = 0.95) -> Interval | None:
    """The interval of a mean score over tasks, each weighing the same, within [0, 1].

    Of tasks that were run once and passed or failed: that of a proportion. Else, with three tasks or more,
    Student's over the means of the tasks, which holds the spread of the repetitions. With fewer, the spread
    of the repetitions alone (``over`` is then ``runs``).

    Returns:
        ``None`` without two values that could differ, or where none of them does.
    """
    held = [list(values) for values in scores.values() if values]
    means = [mean_of(values) for values in held]
    if len(held) > 1 and all(len(values) == 1 and values[0] in (0.0, 1.0) for values in held):
        found = exact_binomial(sum(map(int, means)), len(means), level)
        return Interval(found.low, found.high, level, "exact", "tasks")
    by_task = len(held) >= 3
    if by_task:
        squared, freedom = _variance(means) / len(means), len(means) - 1
    else:
        freedom = sum(len(values) - 1 for values in held)
        spreads = [_variance(values) / len(values) for values in held if len(values) > 1]
        # A task with a single run has no spread of its own: it is taken to have that of the others.
        squared = mean_of(spreads) / len(held) if spreads else 0.0
    if squared <= 0:
        return None
    half = student_quantile((1 + level) / 2, freedom) * math.sqrt(squared)
    middle = mean_of(means)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(low, high, level, "student", "tasks" if by_task else "runs")


def _variance(values: Sequence[float]) -> float:
    centre = mean_of(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)
