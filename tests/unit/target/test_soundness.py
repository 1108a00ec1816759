from __future__ import annotations

import pytest
from scipy.stats import binom

from skvm.target.contract import PRIMITIVES, Level
from skvm.target.soundness import MAX_GUESS_RATE, lucky_guesses, pool_digest


@pytest.mark.parametrize("asked", [1, 5, 20, 100, 400, 1_000, 20_000, 200_000])
def test_so_many_guesses_pass_by_luck(asked: int) -> None:
    assert lucky_guesses(asked) == binom.ppf(0.99, asked, MAX_GUESS_RATE)


def test_a_pool_has_one_digest() -> None:
    logic = PRIMITIVES.get("reason.logic")
    assert pool_digest(logic, Level.L1) == pool_digest(logic, Level.L1)
    assert pool_digest(logic, Level.L1) != pool_digest(logic, Level.L2)
