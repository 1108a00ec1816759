"""Two conditions compared by task: the difference, its bootstrap interval, and the sign test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.evaluate.stats.bootstrap import MIN_TASKS, RESAMPLES, bootstrap_interval
from skvm.evaluate.stats.intervals import Interval, Over, mean_of, sign_test
from skvm.evaluate.stats.scores import Scores, View, scores_of
from skvm.evidence.record import RunRecord

__all__ = ["Comparison", "compare", "compare_scores"]


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
    sign_over: Over
    wins: int
    losses: int
    ties: int
    dropped: tuple[str, ...]
    view: View


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
    """Compare scores by task, with the bootstrap's interval; it decides nothing (see ``decide``).

    The bootstrap knows only differences it has seen: of a few tasks run once its interval is too narrow (of
    five graded ones it leaves out a true 0 one time in eight).

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
    deltas = [mean_of(ours) - mean_of(theirs) for ours, theirs in pairs]
    by_task = len(pairs) >= MIN_TASKS
    compared = deltas if by_task else [a - b for pair in pairs for a, b in zip(*pair, strict=False)]
    wins, losses = sum(delta > 0 for delta in compared), sum(delta < 0 for delta in compared)
    return Comparison(
        difference=mean_of(deltas) if deltas else None,
        interval=bootstrap_interval(pairs, level, seed=seed, resamples=resamples),
        per_task=dict(zip(common, deltas, strict=True)),
        sign_p=sign_test(wins, losses),
        sign_over="tasks" if by_task else "runs",
        wins=wins,
        losses=losses,
        ties=len(compared) - wins - losses,
        dropped=tuple(sorted({*treatment, *control} - set(common))),
        view=view,
    )
