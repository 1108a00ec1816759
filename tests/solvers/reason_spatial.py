"""``reason.spatial`` from its words: lattice points are counted, and arrows are drawn in space."""

from __future__ import annotations

import itertools
import math
import re
from fractions import Fraction

from skvm.target.contract import Answer, Level, Probe

Point = tuple[int, int]


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _map, Level.L2: _areas, Level.L3: _planet}[level](probe.prompt)


def _map(prompt: str) -> list[Answer]:
    listed = re.findall(r"^(\w+): \((-?\d+), (-?\d+)\)", prompt, re.MULTILINE)
    places = {name: complex(int(x), int(y)) for name, x, y in listed}
    straight = re.search(r"straight line from the (\w+) to the (\w+)", prompt)
    grid = re.search(r"way from the (\w+) to the (\w+) if every step must be parallel", prompt)
    assert straight
    assert grid
    squared = Fraction(
        abs(int((d := places[straight[1]] - places[straight[2]]).real)) ** 2 + int(d.imag) ** 2
    )
    # The tenth whose square is nearest from below and above: no square root is asked of floats.
    tenths = math.isqrt(int(squared * 100))
    nearest = tenths if squared * 400 < (2 * tenths + 1) ** 2 else tenths + 1
    away = places[grid[1]] - places[grid[2]]
    steps = len(range(int(abs(away.real)))) + len(range(int(abs(away.imag))))
    return [Answer(f"1: {nearest // 10}.{nearest % 10}\n2: {steps}")]


def _side(a: Point, b: Point, c: Point) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0


def _is_simple(corners: list[Point]) -> bool:
    edges = list(itertools.pairwise([*corners, corners[0]]))
    apart = [(e, f) for i, e in enumerate(edges) for f in edges[i + 2 :] if (e[0] != f[1])]
    flat = any(_side(a[0], a[1], b[1]) == 0 for a, b in itertools.pairwise([*edges, edges[0]]))
    return not flat and not any(_crosses(*e, *f) for e, f in apart)


def _by_slices(corners: list[Point]) -> Fraction:
    """Area as a sum of slices between neighbouring heights, each as wide as it is in its middle."""
    total = Fraction(0)
    edges = list(itertools.pairwise([*corners, corners[0]]))
    for low, high in itertools.pairwise(sorted({y for _, y in corners})):
        middle = Fraction(low + high, 2)
        cuts = sorted(
            a[0] + Fraction(b[0] - a[0]) * (middle - a[1]) / (b[1] - a[1])
            for a, b in edges
            if min(a[1], b[1]) < middle < max(a[1], b[1])
        )
        total += sum((cuts[i + 1] - cuts[i] for i in range(0, len(cuts), 2)), Fraction(0)) * (high - low)
    return total


def _shape(text: str) -> Fraction | None:
    lengths = [int(n) for n in re.findall(r"(\d+) m\b", text)]
    if "cut out of one corner" in text:
        width, depth, cut, into, leg, other = lengths
        if cut >= width or into >= depth:
            return None
        strips = sum(width - cut if row < into else width for row in range(depth))
        return strips + sum((Fraction(other * (2 * i + 1), 2 * leg) for i in range(leg)), Fraction(0))
    if "path" in text:
        width, depth, border = lengths
        rows = range(depth + 2 * border)
        return Fraction(sum(2 * border + (0 if border <= row < depth + border else width) for row in rows))
    assert "trapezium" in text
    low, high, depth, side = lengths
    many = re.search(r"(\d+) square holes", text)
    assert many
    holes = sum(side**2 for _ in range(int(many[1])))
    # Two triangles on its two parallel sides.
    area = Fraction(low * depth, 2) + Fraction(high * depth, 2) - holes
    return area if holes < low * depth / 2 else None


def _areas(prompt: str) -> list[Answer]:
    field, shape = prompt.split("\n")[:2]
    corners = [(int(x), int(y)) for x, y in re.findall(r"\((-?\d+), (-?\d+)\)", field)]
    area, other = _by_slices(corners), _shape(shape)
    if not _is_simple(corners) or other is None or any(each * 2 % 1 for each in (area, other)):
        return []
    return [Answer(f"1: {float(area)}\n2: {float(other)}")]


def _planet(prompt: str) -> list[Answer]:
    radius = re.search(r"radius of (\d+) km", prompt)
    assert radius
    words = r"latitude (\d+)° ([NS]), longitude (\d+)° ([EW])"
    arrows = []
    for latitude, north, longitude, east in re.findall(words, prompt):
        phi = math.radians(int(latitude)) * (1 if north == "N" else -1)
        turn = math.radians(int(longitude)) * (1 if east == "E" else -1)
        arrows.append((math.cos(phi) * math.cos(turn), math.cos(phi) * math.sin(turn), math.sin(phi)))
    # Half the angle is the arc whose sine is half the straight way through the ball.
    return [Answer(f"Answer: {2 * int(radius[1]) * math.asin(math.dist(*arrows) / 2):.1f}")]
