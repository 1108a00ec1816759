"""``reason.planning``: prose does not spoil an answer, graphs differ, and a failed step is not skipped."""

from __future__ import annotations

import re

import pytest

from skvm.target.contract import PRIMITIVES, Answer, Level
from tests.unit.target import works

PLANNING = PRIMITIVES.get("reason.planning")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_an_order_may_stand_among_prose() -> None:
    probe = PLANNING.probe(Level.L1, 1)
    said = (
        f"In Both Jobs I Look For What Needs Nothing.\n\n{probe.reference.response}\n\nEvery Step Is There."
    )
    assert (await works.graded(PLANNING, Level.L1, probe, Answer(said))).passed


def test_graphs_differ_in_shape_and_not_only_in_names() -> None:
    shapes = {tuple(map(len, PLANNING.probe(Level.L2, seed).secret["hours"])) for seed in range(200)}
    assert len(shapes) >= 15


async def test_a_step_that_failed_is_not_skipped() -> None:
    for seed in range(30):
        probe = PLANNING.probe(Level.L3, seed)
        today = re.search(r"Today (\w+) and (\w+) fail;", probe.prompt)
        assert today
        assert not {*today.groups()} & {*probe.secret["skipped"]}
        started = sorted({*probe.secret["names"]} - {*probe.secret["skipped"], *today.groups()})
        skipped = sorted({*probe.secret["skipped"], *today.groups()})
        said = Answer(f"Started: {', '.join(started)}\nSkipped: {', '.join(skipped)}")
        assert not (await works.graded(PLANNING, Level.L3, probe, said)).passed


async def test_a_remark_in_brackets_is_no_step() -> None:
    probe = PLANNING.probe(Level.L3, 2)
    first = probe.secret["skipped"][0]
    other = next(name for name in probe.secret["names"] if name not in probe.secret["skipped"])
    started, skipped = probe.reference.response.split("\n")
    said = Answer(f"{started}\n{skipped.replace(first, f'{first} (because of {other})')}")
    assert (await works.graded(PLANNING, Level.L3, probe, said)).passed
