"""Intervals and means as a report holds them; the statistics themselves are ``evaluate.stats``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from skvm.bench.report.cells import has_score
from skvm.bench.report.model import IntervalReport, ViewMean
from skvm.evaluate.stats import Interval, View, exact_binomial, mean_score
from skvm.evidence.record import Outcome, RunRecord

__all__ = ["exact_share", "has_timeouts", "interval_of", "mean_in_view"]


def interval_of(interval: Interval | None) -> IntervalReport | None:
    """The same interval as a record."""
    if interval is None:
        return None
    return IntervalReport(
        low=interval.low, high=interval.high, level=interval.level, method=interval.method, over=interval.over
    )


@lru_cache(maxsize=1024)
def exact_share(successes: int, trials: int) -> IntervalReport:
    """The exact 95 % interval of a share of tasks."""
    found = exact_binomial(successes, trials)
    return IntervalReport(
        low=found.low, high=found.high, level=found.level, method=found.method, over="tasks"
    )


def has_timeouts(runs: Sequence[RunRecord]) -> bool:
    """Whether the two views can differ."""
    return any(run.outcome is Outcome.TIMED_OUT and has_score(run) for run in runs)


def mean_in_view(runs: Sequence[RunRecord], view: View, *, otherwise: ViewMean | None = None) -> ViewMean:
    """The mean score of a condition with its interval.

    Args:
        runs: Of one condition.
        view: How a time-out counts.
        otherwise: The mean in the other view, which is the same where nothing timed out.
    """
    if otherwise is not None and not has_timeouts(runs):
        return otherwise
    mean = mean_score(runs, view)
    return ViewMean(avg_score=mean.value, interval=interval_of(mean.interval))
