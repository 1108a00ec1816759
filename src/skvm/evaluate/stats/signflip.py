"""The sign-flip test: what a sum would be if every difference had either sign with the same chance.

All 2^n signs are counted (n ≤ ``MANY``), not sampled: the number of ways to reach each sum is a coefficient
of a polynomial, the product over the differences of (1 + x^size), and one long integer holds all
coefficients side by side, so that a factor costs one shift and one addition. Differences stand on a grid:
the finest one all of them lie on (multiples of 1/6, say), where there is one, else a fine even one.
Rounding treats both signs of a difference alike, so the test stays exact on either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import NormalDist

__all__ = ["EQUAL", "flip_interval", "flip_p"]

EQUAL = 1e-9
"""Differences smaller than this come from rounding; they count as none."""
FINE_STEPS, COARSE_STEPS = 6000, 1200
"""Steps from nothing to the largest sum on the even grid: for a p-value, and for an interval's end."""
MANY = 256
MAX_SHARE = 0.02
"""Above ``MANY`` differences, none of them with a larger share of the variance, the sum is taken as normal:
flipped sums have no skewness, so the p-value is then off by about a thousandth."""
MAX_STEPS = 20_000
MAX_DENOMINATOR = 2520
TOLERANCE = 0.004
"""How exactly an end of an interval is found, in standard errors."""


def flip_p(differences: Sequence[float]) -> float:
    """The two-sided p-value of the sum of differences under random signs; 1 where all are 0.

    It is exact for the null hypothesis that every difference is as likely as its negative: in particular
    that the labels of the two sides could be exchanged within each block.
    """
    return _p_of(differences, FINE_STEPS)


def _p_of(differences: Sequence[float], steps: int) -> float:
    moved = [value for value in differences if abs(value) > EQUAL]
    if len(moved) > MANY:
        squares = [value * value for value in moved]
        variance = math.fsum(squares)
        if max(squares) <= MAX_SHARE * variance:
            return math.erfc(abs(math.fsum(moved)) / math.sqrt(2 * variance))
    grid = _on_common_grid(moved) if steps == FINE_STEPS else None
    return _count(grid or _on_even_grid(moved, steps))


def _count(sizes: Sequence[int]) -> float:
    signed = [size for size in sizes if size]
    observed, total = abs(sum(signed)), sum(map(abs, signed))
    if observed == 0:
        return 1.0
    width = len(signed) + 1
    ways = 1
    for size in map(abs, signed):
        ways += ways << (size * width)
    # With s the sum of those that come out positive, the sum of all is 2 s − total.
    tail = ways >> ((total + observed) // 2 * width)
    # Digits of a number in base B add up to it modulo B − 1, and no count reaches B − 1.
    return min(1.0, 2 * Fraction(tail % ((1 << width) - 1), 1 << len(signed)).__float__())


def _on_common_grid(values: Sequence[float]) -> list[int] | None:
    fractions = []
    for value in values:
        near = Fraction(value).limit_denominator(MAX_DENOMINATOR)
        if abs(value - float(near)) > EQUAL:
            return None
        fractions.append(near)
    unit = math.lcm(*(near.denominator for near in fractions))
    sizes = [int(near * unit) for near in fractions]
    return sizes if sum(map(abs, sizes)) <= MAX_STEPS else None


def _on_even_grid(values: Sequence[float], steps: int) -> list[int]:
    unit = math.fsum(map(abs, values)) / steps
    return [round(value / unit) for value in values] if unit > 0 else []


def flip_interval(
    blocks: Sequence[tuple[float, float]], level: float, *, reach: float = 1.0, p_of_zero: float | None = None
) -> tuple[float, float]:
    """The differences that the test does not reject, if every block were shifted by them.

    Args:
        blocks: A difference and its weight; the weights add up to 1.
        level: Nominal coverage, in (0, 1).
        reach: No end lies beyond ±``reach``; there it also lies where no shift can be rejected.
        p_of_zero: The p-value of ``flip_p``, if it is known; the interval holds 0 exactly if it is above
            1 − ``level``.
    """
    alpha = 1 - level
    centre = math.fsum(value * weight for value, weight in blocks)
    if 2.0 ** (1 - len(blocks)) > alpha:
        return -reach, reach

    def holds(shift: float) -> bool:
        if shift == 0 and p_of_zero is not None:
            return p_of_zero > alpha
        return _p_of([(value - shift) * weight for value, weight in blocks], COARSE_STEPS) > alpha

    error = math.sqrt(math.fsum((weight * (value - centre)) ** 2 for value, weight in blocks))
    offsets = _normal_offsets(blocks, centre, error, NormalDist().inv_cdf(1 - alpha / 2))
    low, high = (
        _end(holds, centre, side * reach, centre + side * offset, error)
        for side, offset in zip((-1, 1), offsets, strict=True)
    )
    return low, high


def _normal_offsets(
    blocks: Sequence[tuple[float, float]], centre: float, error: float, quantile: float
) -> tuple[float, float]:
    """How far below and above its centre the interval would end if the flipped sum were normal."""
    # (c - θ)² = z² Σ w² (v - θ)², with u = θ - c and the weighted values about the centre.
    skew = math.fsum(weight * weight * (value - centre) for value, weight in blocks)
    open_share = 1 - quantile**2 * math.fsum(weight * weight for _, weight in blocks)
    if open_share <= 0:
        return math.inf, math.inf
    middle = -(quantile**2) * skew / open_share
    half = math.sqrt(middle**2 + (quantile * error) ** 2 / open_share)
    return half - middle, half + middle


def _end(holds: Callable[[float], bool], centre: float, limit: float, guess: float, error: float) -> float:
    """Where, between the centre and the limit, the interval ends; ``guess`` only saves time."""
    near, far, side = centre, limit, math.copysign(error, limit - centre)
    # 0 comes first, so that it is inside exactly if it is not rejected.
    for point in (0.0, guess - 0.05 * side, guess + 0.05 * side, guess + 0.5 * side):
        if min(near, far) < point < max(near, far):
            near, far = (point, far) if holds(point) else (near, point)
    if far == limit and holds(far):
        return far
    while abs(far - near) > TOLERANCE * error + EQUAL:
        middle = (far + near) / 2
        if holds(middle):
            near = middle
        else:
            far = middle
    return (far + near) / 2
