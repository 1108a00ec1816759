"""The lower end of what a success rate may be, after so many good and bad runs."""

from __future__ import annotations

import math

__all__ = ["lower_bound"]

_STEPS = 60
_TERMS = 300
_TINY = 1e-300


def lower_bound(good: float, bad: float, confidence: float) -> float:
    """The rate that is exceeded with the given confidence.

    The prior is uniform, so the posterior is Beta(1 + good, 1 + bad).

    Args:
        good: Weight of good runs, ≥ 0; need not be whole.
        bad: Weight of bad runs, ≥ 0.
        confidence: In (0, 1).

    Returns:
        A rate in [0, 1], to within 1e-12.
    """
    tail = 1.0 - confidence
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _below(middle, 1.0 + good, 1.0 + bad) < tail:
            low = middle
        else:
            high = middle
    return low


def _below(rate: float, a: float, b: float) -> float:
    """The regularized incomplete beta function: how likely Beta(a, b) is at most ``rate``."""
    if rate <= 0.0 or rate >= 1.0:
        return 0.0 if rate <= 0.0 else 1.0
    # The continued fraction converges fast on this side of the mean only.
    if rate > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _below(1.0 - rate, b, a)
    log_front = (
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * math.log(rate)
        + b * math.log1p(-rate)
        - math.log(a)
    )
    return math.exp(log_front) / _fraction(rate, a, b)


def _fraction(rate: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + …)), by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, _TERMS):
        m = term // 2
        if term % 2:
            step = -(a + m) * (a + b + m) * rate / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            step = m * (b - m) * rate / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _not_zero(1.0 + step * d)
        c = _not_zero(1.0 + step / c)
        value *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
