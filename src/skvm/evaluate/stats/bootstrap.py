"""The bootstrap of a mean of paired differences: tasks are drawn first, repetitions inside them."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import NormalDist

from skvm.evaluate.stats.intervals import Interval, Over, mean_of, student_quantile

__all__ = ["MIN_TASKS", "RESAMPLES", "Pair", "bootstrap_interval"]

Pair = tuple[Sequence[float], Sequence[float]]
"""The scores of one task: of the treatment, of the control."""
MIN_TASKS = 3
"""Below this, resampling tasks says nothing; the runs are resampled instead and the result says so."""
RESAMPLES = 2000
MANY_TASKS, DRAWS = 30, 50
"""Above so many tasks the repetitions of each are resampled so often, and tasks are drawn from what came."""


def bootstrap_interval(
    pairs: Sequence[Pair], level: float, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """The interval of the mean over tasks of the differences of their means.

    Bias-corrected and accelerated with ``MIN_TASKS`` tasks or more (plain percentiles where the correction is
    not defined), its tails widened for small numbers of tasks. With fewer, runs are resampled inside them.

    Returns:
        ``None`` where nothing varies that could be resampled.
    """
    deltas = [mean_of(ours) - mean_of(theirs) for ours, theirs in pairs]
    by_task = len(pairs) >= MIN_TASKS
    over: Over = "tasks" if by_task else "runs"
    if pairs and all(sorted(ours) == sorted(theirs) for ours, theirs in pairs):
        return Interval(0.0, 0.0, level, "identical", over)
    varies_inside = any(len({*ours}) > 1 or len({*theirs}) > 1 for ours, theirs in pairs)
    if not varies_inside and not (by_task and len({*deltas}) > 1):
        return None
    samples = _bootstrap(pairs, random.Random(seed), resamples, by_task=by_task)
    tail = _tail(level, len(pairs)) if by_task else (1 - level) / 2
    corrected = _bca_levels(samples, deltas, tail) if by_task else None
    low, high = corrected or (tail, 1 - tail)
    method = "bca" if corrected else "percentile"
    return Interval(_quantile(samples, low), _quantile(samples, high), level, method, over)


def _tail(level: float, count: int) -> float:
    """The nominal tail, widened: a bootstrap of few values is too narrow, as a normal is beside a t."""
    wanted = math.sqrt(count / (count - 1)) * student_quantile((1 + level) / 2, count - 1)
    return NormalDist().cdf(-wanted)


def _bootstrap(pairs: Sequence[Pair], source: random.Random, resamples: int, *, by_task: bool) -> list[float]:
    """Mean differences of resampled data, sorted: first tasks are drawn, then repetitions in each."""
    draw = source.choices

    def difference(pair: Pair) -> float:
        ours, theirs = pair
        return mean_of(draw(ours, k=len(ours))) - mean_of(draw(theirs, k=len(theirs)))

    if len(pairs) > MANY_TASKS:
        # Drawing repetitions anew for each task drawn would take most of the time and change little.
        table = [difference(pair) for pair in pairs for _ in range(DRAWS)]
        return sorted(mean_of(draw(table, k=len(pairs))) for _ in range(resamples))
    return sorted(
        mean_of([difference(pair) for pair in (draw(pairs, k=len(pairs)) if by_task else pairs)])
        for _ in range(resamples)
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of sorted values, between neighbours linearly."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _bca_levels(samples: list[float], deltas: list[float], tail: float) -> tuple[float, float] | None:
    """Which quantiles the bias-corrected and accelerated interval takes; ``None`` where undefined."""
    normal = NormalDist()
    centre = mean_of(deltas)
    # Half of the samples that equal the centre count as below it: scores are often few and coarse.
    below = (bisect_left(samples, centre) + bisect_right(samples, centre)) / 2 / len(samples)
    # The mean without one task differs from the mean by a multiple of that task's own deviation.
    squares = math.fsum((delta - centre) ** 2 for delta in deltas)
    if not 0 < below < 1 or squares <= 0:
        return None
    bias = normal.inv_cdf(below)
    acceleration = math.fsum((delta - centre) ** 3 for delta in deltas) / (6 * squares**1.5)

    def level(quantile: float) -> float:
        shifted = bias + normal.inv_cdf(quantile)
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    return level(tail), level(1 - tail)
