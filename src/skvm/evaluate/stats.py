"""Statistics of paired runs: differences per task, and how sure one can be of them.

A comparison is over tasks, with repetitions nested in them: repetitions of one task say nothing about
other tasks, so an interval resamples tasks first and then the repetitions inside each. Runs without a
score (infrastructure, grader) are left out and counted; a task that one side has no score for is left out of
both. Every comparison exists in two views:

- ``as completed``: every graded run has the score of what it left behind;
- ``intention to treat``: a run that timed out counts as 0, so that a condition cannot win by not finishing.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from skvm.evidence.record import Outcome, RunRecord

__all__ = [
    "Comparison",
    "Interval",
    "Mean",
    "View",
    "anytime_binomial",
    "compare",
    "compare_scores",
    "exact_binomial",
    "mean_score",
    "scores_of",
    "sign_test",
]

View = Literal["as-completed", "intention-to-treat"]
Scores = Mapping[str, Sequence[float]]
"""Scores of the repetitions of each task, by task id."""
Pair = tuple[list[float], list[float]]

MIN_TASKS = 3
"""Below this, resampling tasks says nothing; the runs are resampled instead and the result says so."""
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Args:
        low: Lower end.
        high: Upper end.
        level: Nominal coverage, in (0, 1).
        method: ``exact``, ``anytime``, ``bca``, ``percentile``, or ``identical`` where both sides
            have the same scores.
        over: What was resampled or counted. An interval over ``runs`` speaks of these tasks only.
    """

    low: float
    high: float
    level: float
    method: str
    over: Literal["tasks", "runs"]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean score and what it stands on.

    Args:
        value: Mean over tasks of the means over repetitions; ``None`` without a scored run.
        runs: Scored runs.
        tasks: Tasks with a scored run.
        excluded: Runs without a score, by outcome.
    """

    value: float | None
    runs: int
    tasks: int
    excluded: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two conditions on the tasks both have scores for.

    Args:
        difference: Mean over tasks of (treatment − control); ``None`` without a common task.
        interval: Around ``difference``; ``None`` where nothing varies that could be resampled (one run a
            side, or the same difference throughout), which is not the same as being sure.
        per_task: The difference of each task.
        sign_p: Two-sided exact sign test, ties left out; 1 where all tie.
        sign_over: What it counts: ``tasks``, or with fewer than ``MIN_TASKS`` of them ``runs``, the
            repetitions of both sides paired in order.
        wins: Tasks (runs) where the treatment is better.
        losses: Where it is worse.
        ties: Where both are equal.
        dropped: Tasks that only one side has a score for.
        view: How a time-out counted.
    """

    difference: float | None
    interval: Interval | None
    per_task: Mapping[str, float]
    sign_p: float
    sign_over: Literal["tasks", "runs"]
    wins: int
    losses: int
    ties: int
    dropped: tuple[str, ...]
    view: View


def scores_of(runs: Sequence[RunRecord], view: View = "as-completed") -> dict[str, list[float]]:
    """The scores of runs of one condition, by task, in order of repetition."""
    found: dict[str, list[float]] = {}
    for run in sorted(runs, key=lambda run: (run.task_id, run.repetition, run.run_id)):
        if run.outcome.is_graded and run.score is not None:
            is_zero = view == "intention-to-treat" and run.outcome is Outcome.TIMED_OUT
            found.setdefault(run.task_id, []).append(0.0 if is_zero else run.score)
    return found


def mean_score(runs: Sequence[RunRecord], view: View = "as-completed") -> Mean:
    """The mean score of one condition, each task weighing the same."""
    scores = scores_of(runs, view)
    excluded: dict[str, int] = {}
    for run in runs:
        if not run.outcome.is_graded or run.score is None:
            excluded[run.outcome.value] = excluded.get(run.outcome.value, 0) + 1
    means = [_mean(values) for values in scores.values()]
    return Mean(
        value=_mean(means) if means else None,
        runs=sum(map(len, scores.values())),
        tasks=len(scores),
        excluded=excluded,
    )


def compare(
    treatment: Sequence[RunRecord],
    control: Sequence[RunRecord],
    *,
    view: View = "as-completed",
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two conditions by task; see ``compare_scores``."""
    return compare_scores(
        scores_of(treatment, view), scores_of(control, view), view=view, level=level, seed=seed
    )


def compare_scores(
    treatment: Scores,
    control: Scores,
    *,
    view: View = "as-completed",
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare scores by task.

    With ``MIN_TASKS`` tasks or more the interval is a bias-corrected and accelerated bootstrap over tasks,
    repetitions resampled inside them (plain percentiles where the correction is not defined), its tails
    widened for small numbers of tasks. With fewer, runs are resampled inside the tasks, and
    ``interval.over`` says so.

    Args:
        treatment: Scores of one side, by task.
        control: Scores of the other.
        view: Only noted in the result.
        level: Nominal coverage, in (0, 1).
        seed: Of the resampling; the same seed gives the same interval.
        resamples: Bootstrap samples.
    """
    common = sorted(task for task in treatment if treatment[task] and control.get(task))
    pairs = [(list(treatment[task]), list(control[task])) for task in common]
    deltas = [_mean(ours) - _mean(theirs) for ours, theirs in pairs]
    by_task = len(pairs) >= MIN_TASKS
    compared = deltas if by_task else [a - b for pair in pairs for a, b in zip(*pair, strict=False)]
    wins, losses = sum(delta > 0 for delta in compared), sum(delta < 0 for delta in compared)
    return Comparison(
        difference=_mean(deltas) if deltas else None,
        interval=_interval(pairs, deltas, level, seed, resamples),
        per_task=dict(zip(common, deltas, strict=True)),
        sign_p=sign_test(wins, losses),
        sign_over="tasks" if by_task else "runs",
        wins=wins,
        losses=losses,
        ties=len(compared) - wins - losses,
        dropped=tuple(sorted({*treatment, *control} - set(common))),
        view=view,
    )


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
    low = 0.0 if successes == 0 else _solve(lambda p: 1 - _cdf(successes - 1, trials, p) - tail)
    high = 1.0 if successes == trials else _solve(lambda p: tail - _cdf(successes, trials, p))
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

    low = 0.0 if successes == 0 else _solve(lambda p: likelihood(min(p, rate) or 1e-300) - bound)
    high = 1.0 if failures == 0 else 1 - _solve(lambda q: likelihood(1 - min(q, 1 - rate) or 1e-300) - bound)
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


def _solve(rising: Callable[[float], float]) -> float:
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


def _interval(
    pairs: list[Pair],
    deltas: list[float],
    level: float,
    seed: int,
    resamples: int,
) -> Interval | None:
    by_task = len(pairs) >= MIN_TASKS
    over: Literal["tasks", "runs"] = "tasks" if by_task else "runs"
    if pairs and all(sorted(ours) == sorted(theirs) for ours, theirs in pairs):
        return Interval(0.0, 0.0, level, "identical", over)
    varies_inside = any(len({*ours}) > 1 or len({*theirs}) > 1 for ours, theirs in pairs)
    if not varies_inside and not (by_task and len({*deltas}) > 1):
        return None
    samples = _bootstrap(pairs, random.Random(seed), resamples, by_task=by_task)
    tail = _tail(level, len(pairs)) if by_task else (1 - level) / 2
    corrected = _bca_levels(samples, deltas, tail) if by_task else None
    low, high = corrected or (tail, 1 - tail)
    method = "bca" if corrected else "percentile"
    return Interval(_quantile(samples, low), _quantile(samples, high), level, method, over)


def _tail(level: float, count: int) -> float:
    """The nominal tail, widened: a bootstrap of few values is too narrow, as a normal is beside a t."""
    student = _solve(lambda share: _student_cdf(share, count - 1) - (1 + level) / 2)
    wanted = math.sqrt(count / (count - 1)) * student / (1 - student)
    return NormalDist().cdf(-wanted)


def _student_cdf(share: float, freedom: int) -> float:
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


def _bootstrap(pairs: list[Pair], source: random.Random, resamples: int, *, by_task: bool) -> list[float]:
    """Mean differences of resampled data, sorted: first tasks are drawn, then repetitions in each."""
    draw = source.choices

    def resampled() -> float:
        drawn = draw(pairs, k=len(pairs)) if by_task else pairs
        return _mean(
            [_mean(draw(ours, k=len(ours))) - _mean(draw(theirs, k=len(theirs))) for ours, theirs in drawn]
        )

    return sorted(resampled() for _ in range(resamples))


def _quantile(ordered: list[float], share: float) -> float:
    """A quantile of sorted values, between neighbours linearly."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _bca_levels(samples: list[float], deltas: list[float], tail: float) -> tuple[float, float] | None:
    """Which quantiles the bias-corrected and accelerated interval takes; ``None`` where undefined."""
    normal = NormalDist()
    centre = _mean(deltas)
    # Half of the samples that equal the centre count as below it: scores are often few and coarse.
    below = (bisect_left(samples, centre) + bisect_right(samples, centre)) / 2 / len(samples)
    # The mean without one task differs from the mean by a multiple of that task's own deviation.
    squares = math.fsum((delta - centre) ** 2 for delta in deltas)
    if not 0 < below < 1 or squares <= 0:
        return None
    bias = normal.inv_cdf(below)
    acceleration = math.fsum((delta - centre) ** 3 for delta in deltas) / (6 * squares**1.5)

    def level(quantile: float) -> float:
        shifted = bias + normal.inv_cdf(quantile)
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    return level(tail), level(1 - tail)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
