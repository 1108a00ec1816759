"""Intervals of proportions, the sign test, and Student's t, without a dependency."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = [
    "Interval",
    "Over",
    "anytime_binomial",
    "exact_binomial",
    "mean_of",
    "root_of",
    "sign_test",
    "student_cdf",
    "student_quantile",
]

Over = Literal["tasks", "runs"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Args:
        low: Lower end.
        high: Upper end.
        level: Nominal coverage, in (0, 1).
        method: ``exact`` (a proportion), ``sign-flip``, ``anytime``, ``student``, ``bca``, ``percentile``, or
            ``identical`` where both sides have the same scores.
        over: What was resampled or counted. An interval over ``runs`` speaks of these tasks only.
    """

    low: float
    high: float
    level: float
    method: str
    over: Over


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact p-value that wins and losses are equally likely; 1 without any."""
    trials = wins + losses
    tail = sum(math.comb(trials, count) for count in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / (1 << trials))


def exact_binomial(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The Clopper–Pearson interval of a proportion; [0, 1] without a trial.

    Raises:
        ValueError: Not 0 ≤ successes ≤ trials, or the level is not in (0, 1).
    """
    if not 0 <= successes <= trials or not 0 < level < 1:
        raise ValueError(f"no proportion: {successes} of {trials} at level {level}")
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else root_of(lambda p: 1 - _cdf(successes - 1, trials, p) - tail)
    high = 1.0 if successes == trials else root_of(lambda p: tail - _cdf(successes, trials, p))
    return Interval(low, high, level, "exact", "runs")


def anytime_binomial(successes: int, trials: int, level: float = 0.95) -> Interval:
    """An interval of a proportion that holds whenever one stops, also because of what was seen.

    All p are kept against which a uniform mixture of alternatives has not won 1 / (1 − level) to one; by
    Ville's inequality the truth is lost with probability ≤ 1 − level over the whole sequence. Wider than
    the exact interval, which only holds if the number of trials was fixed beforehand.

    Raises:
        ValueError: Not 0 ≤ successes ≤ trials, or the level is not in (0, 1).

    Source: H. Robbins, Statistical Methods Related to the Law of the Iterated Logarithm (1970).
    """
    if not 0 <= successes <= trials or not 0 < level < 1:
        raise ValueError(f"no proportion: {successes} of {trials} at level {level}")
    failures = trials - successes
    mixture = math.lgamma(successes + 1) + math.lgamma(failures + 1) - math.lgamma(trials + 2)
    bound, rate = mixture + math.log(1 - level), successes / trials if trials else 0.5

    def likelihood(p: float) -> float:
        gained = successes * math.log(p) if successes else 0.0
        return gained + (failures * math.log1p(-p) if failures else 0.0)

    low = 0.0 if successes == 0 else root_of(lambda p: likelihood(min(p, rate) or 1e-300) - bound)
    high = 1.0 if failures == 0 else 1 - root_of(lambda q: likelihood(1 - min(q, 1 - rate) or 1e-300) - bound)
    return Interval(low, high, level, "anytime", "runs")


def _cdf(count: int, trials: int, p: float) -> float:
    """P(X ≤ count) of a binomial, 0 < p < 1; in logarithms, so that large trials do not underflow."""
    log_p, log_q = math.log(p), math.log1p(-p)
    constant = math.lgamma(trials + 1)
    terms = (
        constant - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q
        for k in range(count + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def root_of(rising: Callable[[float], float]) -> float:
    """The zero in (0, 1) of a function that rises."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
        if high - low < 1e-15:
            break
    return (low + high) / 2


@lru_cache(maxsize=1024)
def student_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t with ``freedom`` ≥ 1 degrees of freedom; ``probability`` in [0.5, 1)."""
    share = root_of(lambda share: student_cdf(share, freedom) - probability)
    return share / (1 - share)


def student_cdf(share: float, freedom: int) -> float:
    """P(T ≤ share / (1 - share)) of Student's t, by Simpson's rule; ``share`` in [0, 1)."""
    upper = share / (1 - share) if share < 1 else math.inf
    if math.isinf(upper):
        return 1.0
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    # The angle makes the range finite and the integrand smooth: t = sqrt(freedom) tan(angle).
    angle, steps = math.atan(upper / math.sqrt(freedom)), 200
    width = angle / steps
    weights = ((1 if step in (0, steps) else 4 if step % 2 else 2) for step in range(steps + 1))
    total = math.fsum(weight * math.cos(step * width) ** (freedom - 1) for step, weight in enumerate(weights))
    return 0.5 + scale * math.sqrt(freedom) * total * width / 3


def mean_of(values: Sequence[float]) -> float:
    """The mean of at least one value, rounded once."""
    return math.fsum(values) / len(values)
