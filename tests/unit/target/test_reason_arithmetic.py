"""``reason.arithmetic``: what is nearly right is wrong, however small the relative error."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from skvm.target.contract import PRIMITIVES, Answer, Level
from skvm.target.rounding import is_rounded
from tests.unit.target import works

ARITHMETIC = PRIMITIVES.get("reason.arithmetic")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_product_one_off_fails() -> None:
    for seed in range(50):
        probe = ARITHMETIC.probe(Level.L1, seed)
        answer = Answer(f"Answer: {int(probe.secret['expected']) + 1}")
        assert not (await works.graded(ARITHMETIC, Level.L1, probe, answer)).passed


@pytest.mark.parametrize("level", [Level.L2, Level.L3])
async def test_an_amount_one_cent_off_fails(level: Level) -> None:
    for seed in range(50):
        probe = ARITHMETIC.probe(level, seed)
        first = re.search(r"\d+\.\d\d", probe.reference.response)
        assert first
        off = probe.reference.response.replace(first[0], str(Decimal(first[0]) + Decimal("0.01")), 1)
        assert not (await works.graded(ARITHMETIC, level, probe, Answer(off))).passed


@pytest.mark.parametrize(
    ("said", "is_right"),
    [
        ("2.35", True),
        ("2.350", True),
        ("2.3456", True),
        ("2.346", True),
        ("2.34", False),
        ("2.3", False),
        ("2.352", False),
    ],
)
def test_a_number_is_rounded_or_was_worked_out(said: str, is_right: bool) -> None:
    assert is_rounded(Decimal(said), "2.34560000", 2) is is_right
