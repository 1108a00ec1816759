"""``reason.spatial``: no shape is degenerate, and no distance can be known by heart."""

from __future__ import annotations

import random
import re

import pytest

from skvm.target.contract import PRIMITIVES, Answer, Level
from skvm.target.shapes import composed, polygon, polygon_area
from tests.unit.target import works

SPATIAL = PRIMITIVES.get("reason.spatial")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_no_polygon_has_a_flat_corner_or_hardly_an_area() -> None:
    for seed in range(300):
        corners = polygon(random.Random(seed))
        assert len(set(corners)) == len(corners) >= 4
        assert polygon_area(corners) >= 40
        for i in range(len(corners)):
            (ax, ay), (bx, by), (cx, cy) = corners[i - 2], corners[i - 1], corners[i]
            assert (bx - ax) * (cy - ay) != (by - ay) * (cx - ax)


def test_every_part_of_a_composed_shape_counts() -> None:
    for seed in range(300):
        shape = composed(random.Random(seed))
        assert shape.area > 0
        assert shape.area not in shape.slips
        assert shape.area * 2 % 1 == 0


async def test_the_radius_is_the_one_of_the_question() -> None:
    radii = set()
    for seed in range(50):
        probe = SPATIAL.probe(Level.L3, seed)
        radius = re.search(r"radius of (\d+) km", probe.prompt)
        assert radius
        radii.add(radius[1])
        on_earth = float(probe.secret["exact"]) * 6371 / int(radius[1])
        verdict = await works.graded(SPATIAL, Level.L3, probe, Answer(f"Answer: {on_earth:.0f}"))
        assert not verdict.passed or abs(int(radius[1]) - 6371) < 15
    assert len(radii) > 40


@pytest.mark.parametrize(
    ("factor", "is_right"), [(1.0, True), (1.0015, True), (1.003, False), (0.997, False)]
)
async def test_a_distance_on_a_sphere_is_right_within_what_the_question_says(
    factor: float, is_right: bool
) -> None:
    probe = SPATIAL.probe(Level.L3, 0)
    said = Answer(f"Answer: {float(probe.secret['exact']) * factor:.1f} km")
    assert (await works.graded(SPATIAL, Level.L3, probe, said)).passed is is_right
