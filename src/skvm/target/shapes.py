"""Shapes of the plane, as words and as areas: what ``reason.spatial`` asks at its second level.

Areas are exact fractions. Every shape is far from degenerate: polygons do not cross themselves, no corner of
theirs is flat, and every part of a composed shape has room in it.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Composed", "Point", "composed", "polygon", "polygon_area"]

Point = tuple[int, int]

_REACH = 12
_CORNERS = (4, 5)
_MIN_AREA = 40


def _turn(a: Point, b: Point, c: Point) -> int:
    """Twice the signed area of a triangle; 0 on a line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def polygon_area(corners: Sequence[Point]) -> Fraction:
    """Area of a polygon that does not cross itself, in square units."""
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return Fraction(abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)), 2)


def polygon(rng: random.Random) -> list[Point]:
    """Corners of a polygon, in order around it, in whole units."""
    count = rng.choice(_CORNERS)
    while True:
        points = [(rng.randint(-_REACH, _REACH), rng.randint(-_REACH, _REACH)) for _ in range(count)]
        # In the order of their directions from the origin, corners make no edge that crosses another.
        points.sort(key=lambda p: math.atan2(p[1], p[0]))
        around = list(itertools.pairwise([*points, points[0]]))
        turns = [_turn((0, 0), a, b) for a, b in around]
        flat = any(_turn(points[i - 2], points[i - 1], points[i]) == 0 for i in range(count))
        if min(turns) > 0 and not flat and polygon_area(points) >= _MIN_AREA:
            start = rng.randrange(count)
            return points[start:] + points[:start]


@dataclass(frozen=True, slots=True)
class Composed:
    """A shape made of several parts.

    Args:
        text: What it is, lengths in metres.
        area: In square metres.
        slips: Areas somebody gets who forgets a part of it.
    """

    text: str
    area: Fraction
    slips: tuple[Fraction, ...]


def _hall(rng: random.Random) -> Composed:
    width, depth = rng.randint(12, 30), rng.randint(10, 24)
    cut, into = rng.randint(2, width // 2), rng.randint(2, depth // 2)
    leg, other = rng.randint(3, depth - 1), rng.randint(3, 11)
    text = (
        f"A floor is a rectangle of {width} m by {depth} m. A rectangle of {cut} m by {into} m is cut out of "
        f"one corner. A right triangle with legs of {leg} m and {other} m is added on the outside."
    )
    whole, triangle = width * depth - cut * into, Fraction(leg * other, 2)
    return Composed(
        text,
        whole + triangle,
        (whole + 2 * triangle, Fraction(whole), width * depth + cut * into + triangle),
    )


def _frame(rng: random.Random) -> Composed:
    width, depth, border = rng.randint(8, 30), rng.randint(6, 24), rng.randint(1, 4)
    text = (
        f"A lawn is a rectangle of {width} m by {depth} m. All around it, on the outside, runs a path "
        f"that is {border} m wide everywhere; its outer edge is a rectangle too. The shape is the path "
        "without the lawn."
    )
    area = (width + 2 * border) * (depth + 2 * border) - width * depth
    once = (width + border) * (depth + border) - width * depth
    return Composed(
        text,
        Fraction(area),
        (Fraction(once), Fraction(2 * border * (width + depth)), Fraction(area + width * depth)),
    )


def _yard(rng: random.Random) -> Composed:
    low, high, depth = rng.randint(8, 14), rng.randint(16, 30), rng.randint(6, 20)
    side, many = rng.randint(1, 2), rng.randint(2, 4)
    text = (
        f"A yard is a trapezium; its two parallel sides are {low} m and {high} m long and {depth} m apart. "
        f"{many} square holes with sides of {side} m are cut out of it; they lie inside and do not overlap."
    )
    whole, holes = Fraction((low + high) * depth, 2), many * side * side
    return Composed(text, whole - holes, (2 * whole - holes, whole, whole - side * side))


_KINDS: tuple[Callable[[random.Random], Composed], ...] = (_hall, _frame, _yard)


def composed(rng: random.Random) -> Composed:
    """A shape of one of several kinds."""
    return rng.choice(_KINDS)(rng)
