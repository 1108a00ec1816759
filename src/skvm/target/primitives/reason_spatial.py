"""``reason.spatial``: distances in the plane, areas, distances on a sphere."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from skvm.target.answers import read_labelled, read_number
from skvm.target.contract import (
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.rounding import check_numbers, exact_text, rounded_text
from skvm.target.shapes import composed, polygon, polygon_area
from skvm.target.vocabulary import NAMES, NOUNS

_REACH = 12
_LEGS = tuple(legs for a, b in ((3, 4), (6, 8), (5, 12), (9, 12), (8, 15)) for legs in ((a, b), (b, a)))
"""Across and up, where the straight line is a whole number too: squares are asked for, not roots by hand."""
_MIN_STEP = 3
_PLACES = 1
_EARTH_KM = 6371
_RADII_KM = (1200, 9800)
_TOLERANCE_PERCENT = Fraction(1, 5)
_CLEARLY_WRONG = 0.02
_MIN_WRONG = 3


def _numbered(*values: str) -> Answer:
    return Answer("\n".join(f"{n}: {value}" for n, value in enumerate(values, start=1)))


def _tenths(*values: float | Fraction) -> Answer:
    return _numbered(*(rounded_text(value, _PLACES) for value in values))


def _secret(*values: float | Fraction) -> dict[str, list[str]]:
    return {"exact": [exact_text(value, _PLACES) for value in values]}


def _distances(rng: random.Random) -> Probe:
    names = rng.sample(NOUNS, 3)
    while True:
        places = [(rng.randint(-_REACH, _REACH), rng.randint(-_REACH, _REACH)) for _ in names]
        across, up = rng.choice(_LEGS)
        places[1] = (places[0][0] + rng.choice((-1, 1)) * across, places[0][1] + rng.choice((-1, 1)) * up)
        grid = sum(abs(places[1][i] - places[2][i]) for i in (0, 1))
        straight = math.hypot(across, up)
        apart = min(across, up, *(abs(places[1][i] - places[2][i]) for i in (0, 1))) >= _MIN_STEP
        on_map = all(abs(value) <= _REACH for value in places[1])
        if apart and on_map and abs(places[0][0]) != abs(places[1][0]):
            break
    where = "\n".join(f"{name}: ({x}, {y})" for name, (x, y) in zip(names, places, strict=True))
    a, b, c = names
    unsigned = math.hypot(*(abs(places[0][i]) - abs(places[1][i]) for i in (0, 1)))
    other = math.hypot(*(places[1][i] - places[2][i] for i in (0, 1)))
    wrong = ((across + up, grid), (straight, other), (unsigned, grid), (straight, grid + 1))
    right = _tenths(straight, grid)
    return Probe(
        prompt=(
            f"Places on a flat map, as (x, y) in metres:\n{where}\n\n"
            f"1: How long is the straight line from the {a} to the {b}, in metres?\n"
            f"2: How long is the shortest way from the {b} to the {c} if every step must be parallel to the "
            "x axis or to the y axis, in metres?\n"
            "Both are whole numbers. Answer with one line each, like `1: 12`."
        ),
        reference=right,
        secret=_secret(straight, grid),
        also=(_numbered(f"{straight:.1f} m", str(grid)), _numbered(f"≈ {straight:.4f} metres", f"{grid} m")),
        wrong=[answer for pair in wrong if (answer := _tenths(*pair)) != right],
    )


def _areas(rng: random.Random) -> Probe:
    corners, shape = polygon(rng), composed(rng)
    listed = ", ".join(f"({x}, {y})" for x, y in corners)
    area = polygon_area(corners)
    xs, ys = zip(*corners, strict=True)
    box = (max(xs) - min(xs)) * (max(ys) - min(ys))
    wrong = ((2 * area, shape.area), (Fraction(box), shape.area), *((area, slip) for slip in shape.slips))
    right = _tenths(area, shape.area)
    return Probe(
        prompt=(
            f"1: A field has these corners, in this order around it, in metres: {listed}. "
            "Its sides are straight. What is its area in square metres?\n"
            f"2: {shape.text} What is its area in square metres?\n"
            "Both areas are whole or end in .5. Answer with one line each, like `1: 12.5`."
        ),
        reference=right,
        secret=_secret(area, shape.area),
        also=(_numbered(f"{float(area):g} m²", f"{float(shape.area):g} square metres"),),
        wrong=[answer for pair in wrong if (answer := _tenths(*pair)) != right],
    )


async def _grade_numbers(probe: Probe, work: Work) -> Verdict:
    return check_numbers(work.response, probe.secret["exact"], _PLACES)


def _guess_numbers(probe: Probe, rng: random.Random) -> Answer:
    return _tenths(rng.randint(10, 800) / 2, rng.randint(10, 800) / 2)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place on a sphere, in whole degrees; north and east count up."""

    latitude: int
    longitude: int

    def __str__(self) -> str:
        north, east = "N" if self.latitude > 0 else "S", "E" if self.longitude > 0 else "W"
        return f"latitude {abs(self.latitude)}° {north}, longitude {abs(self.longitude)}° {east}"


def _angle(a: _Place, b: _Place) -> float:
    """Angle between two places at the centre, in radians."""
    phi, psi = math.radians(a.latitude), math.radians(b.latitude)
    turn = math.radians(a.longitude - b.longitude)
    cosine = math.sin(phi) * math.sin(psi) + math.cos(phi) * math.cos(psi) * math.cos(turn)
    return math.acos(max(-1.0, min(1.0, cosine)))


def _mistaken_km(a: _Place, b: _Place, radius: int) -> list[float]:
    """Distances in km by somebody who takes a wrong turn."""
    right = _angle(a, b)
    flat = math.hypot(a.latitude - b.latitude, a.longitude - b.longitude)
    unsigned = _angle(_Place(abs(a.latitude), abs(a.longitude)), _Place(abs(b.latitude), abs(b.longitude)))
    angles = (math.radians(flat), math.pi - right, unsigned, 2 * math.sin(right / 2))
    return [*(radius * angle for angle in angles), _EARTH_KM * right]


def _sphere(rng: random.Random) -> Probe:
    first, second = rng.sample(NAMES, 2)
    radius = rng.randrange(_RADII_KM[0], _RADII_KM[1], 10)
    while True:
        a, b = (_Place(rng.randint(8, 75) * rng.choice((-1, 1)), _longitude(rng)) for _ in range(2))
        distance = radius * _angle(a, b)
        mistaken = [km for km in _mistaken_km(a, b, radius) if abs(km / distance - 1) > _CLEARLY_WRONG]
        # Neither next to each other nor opposite, where the formula is touchy.
        if 0.3 < _angle(a, b) < 2.8 and len(mistaken) >= _MIN_WRONG:
            break
    return Probe(
        prompt=(
            f"A planet is a sphere with a radius of {radius} km.\n"
            f"Base {first}: {a}.\nBase {second}: {b}.\n"
            "How long is the shortest way over the surface between the two bases (great circle), in km?\n"
            "You may use cos(c) = sin(φ1)·sin(φ2) + cos(φ1)·cos(φ2)·cos(λ1 − λ2) with latitudes φ and "
            "longitudes λ (south and west negative); the way is radius · c, with c in radians.\n"
            f"An error of up to {float(_TOLERANCE_PERCENT):g}% is allowed. "
            "End with one line: Answer: <number>"
        ),
        reference=Answer(f"Answer: {distance:.0f}"),
        secret={"exact": f"{distance:.6f}"},
        also=(
            Answer(f"Answer: {distance:,.1f} km"),
            Answer(f"c = {distance / radius:.4f}\nAnswer: ≈ {distance:.2f}"),
        ),
        wrong=[Answer(f"Answer: {km:.0f}") for km in (*mistaken, distance * 1.005, distance * 0.995)],
    )


def _longitude(rng: random.Random) -> int:
    return rng.randint(5, 175) * rng.choice((-1, 1))


async def _grade_sphere(probe: Probe, work: Work) -> Verdict:
    line = read_labelled(work.response, ("Answer",)).get("Answer", work.response)
    said, exact = read_number(line), Decimal(probe.secret["exact"])
    if said is None:
        return Verdict(False, "no number in the answer")
    error = Fraction(abs(said - exact) / exact) * 100
    return Verdict(error <= _TOLERANCE_PERCENT, f"expected {exact:.0f}, said {said}")


def _guess_sphere(probe: Probe, rng: random.Random) -> Answer:
    return Answer(f"Answer: {rng.randint(_RADII_KM[0] // 3, _RADII_KM[1] * 3)}")


REASON_SPATIAL = primitive(
    Primitive(
        id="reason.spatial",
        description="Work out distances and areas from coordinates and lengths.",
        levels={
            Level.L1: LevelSpec(
                claim="Distances between points of the plane, straight and along a grid.",
                generate=_distances,
                grade=_grade_numbers,
                guess=_guess_numbers,
            ),
            Level.L2: LevelSpec(
                claim="Areas of polygons from their corners and of shapes composed of several parts.",
                generate=_areas,
                grade=_grade_numbers,
                guess=_guess_numbers,
            ),
            Level.L3: LevelSpec(
                claim="Distances on a sphere from latitudes and longitudes, with the formula at hand.",
                generate=_sphere,
                grade=_grade_sphere,
                guess=_guess_sphere,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Replace geometry on the sphere by a flat map: give coordinates in length units, or write "
                "the formula out step by step with its numbers put in."
            ),
            l2_to_l1=(
                "Ask only for distances between two given points, and give areas as numbers or as a product "
                "of two given lengths."
            ),
        ),
    )
)
