"""The standard-library statistics against scipy's."""

from __future__ import annotations

import pytest
from scipy import stats as reference

from skvm.evaluate import stats


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 20, 150])
def test_exact_binomial_is_clopper_pearson(trials: int) -> None:
    for successes in {0, 1, trials // 3, trials // 2, trials}:
        ours = stats.exact_binomial(successes, trials)
        theirs = reference.binomtest(successes, trials).proportion_ci(0.95, method="exact")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 0), (4, 4), (9, 2), (30, 12)])
def test_sign_test_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    expected = reference.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert stats.sign_test(wins, losses) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 5, 30, 200])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.96, 12.7])
def test_student_distribution(freedom: int, value: float) -> None:
    expected = reference.t.cdf(value, freedom)
    assert stats.intervals.student_cdf(value / (1 + value), freedom) == pytest.approx(expected, abs=1e-6)
