"""The smallest difference a design would probably have found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from skvm.evaluate.stats.intervals import mean_of, student_quantile

__all__ = ["POWER", "smallest_detectable"]

POWER = 0.8


def smallest_detectable(
    differences: Mapping[str, Sequence[float]], *, by_task: bool, alpha: float = 0.05, power: float = POWER
) -> float | None:
    """The difference that this design would find at level ``alpha`` with probability ``power``.

    It is (t(1 − alpha/2) + t(power)) standard errors, of as many tasks and repetitions with the variance
    seen. That is the power of a t-test; the sign-flip test has nearly the same from about eight blocks on
    and less with six or seven.

    Args:
        differences: Paired differences by task: one of each (``by_task``), or one a repetition.
        by_task: Whether the variance between tasks counts, or only that between repetitions.
        alpha: Error level, in (0, 1).
        power: Wanted probability, in [0.5, 1).

    Returns:
        The difference, > 0 and not capped at 1; ``None`` where the variance is unknown: too few values, or
        none of them differs from the others.
    """
    groups = [list(values) for values in differences.values() if values]
    if by_task:
        values = [value for group in groups for value in group]
        freedom = len(values) - 1
        squared = _squares(values) / freedom / len(values) if freedom > 0 else 0.0
    else:
        freedom = sum(len(group) - 1 for group in groups)
        if freedom < 1:
            return None
        pooled = math.fsum(map(_squares, groups)) / freedom
        squared = pooled * math.fsum(1 / len(group) for group in groups) / len(groups) ** 2
    if freedom < 1 or squared < 1e-18:
        return None
    return (student_quantile(1 - alpha / 2, freedom) + student_quantile(power, freedom)) * math.sqrt(squared)


def _squares(values: Sequence[float]) -> float:
    centre = mean_of(values)
    return math.fsum((value - centre) ** 2 for value in values)
