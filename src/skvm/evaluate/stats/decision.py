"""One decision for each comparison: better, worse, or no difference found.

With ``MIN_BLOCKS`` common tasks or more, the differences of the tasks are what is flipped, and the claim is
about tasks like these. With fewer, the differences of the repetitions are, and the claim is about these
tasks only; ``over`` and the sentence say so. The interval is the set of shifts the same test does not
reject, so that the two never contradict each other. Of several comparisons each is corrected for the
others by Holm's method, and the verdict follows the corrected p-value.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from skvm.evaluate.stats.blocks import blocks_in_order, paired_runs
from skvm.evaluate.stats.detectable import smallest_detectable
from skvm.evaluate.stats.intervals import Interval, Over, mean_of, sign_test
from skvm.evaluate.stats.scores import Repetitions, View, repetitions_of
from skvm.evaluate.stats.sequential import Sequential
from skvm.evaluate.stats.signflip import EQUAL, flip_interval, flip_p
from skvm.evidence.record import RunRecord

__all__ = [
    "MIN_BLOCKS",
    "Decision",
    "Verdict",
    "corrected",
    "decide",
    "decide_early",
    "decide_scores",
    "holm",
]

MIN_BLOCKS = 6
"""Of fewer, the sign-flip test cannot reject anything at the 5 % level: 2 of 2^5 is more than that."""
Key = TypeVar("Key", bound=Hashable)


class Verdict(enum.StrEnum):
    """What a comparison came to."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference found"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Decision:
    """Two conditions, and what can be said of them.

    Args:
        difference: Mean of treatment − control over the tasks, each weighing the same; of a watched session
            over its blocks. ``None`` without a common task.
        interval: The differences the test does not reject, each as a shift of every block alike.
        p: Two-sided p-value of the test, before any correction; ``None`` without a common task.
        holm_p: After Holm's correction over ``family`` comparisons.
        test: ``sign-flip`` (exact, for a fixed number of runs) or ``anytime`` (holds for a session that was
            ended because of what was seen).
        over: What the test stands on. Over ``runs`` it speaks of these tasks only.
        per_task: The difference of each common task.
        sign_p: Two-sided exact sign test over the same blocks.
        wins: Blocks where the treatment is better.
        losses: Where it is worse.
        ties: Where both are equal.
        mcnemar_p: Exact McNemar test over all paired runs; ``None`` unless each passed (1) or failed (0).
        smallest_detectable: Difference a bench like this would have found with 80 % power; ``None`` where
            the variance is unknown or there are too few blocks to find any.
        dropped: Tasks only one side has a score for.
        runs: Scored runs of the common tasks: of the treatment, of the control.
        family: Comparisons that ``holm_p`` is corrected for.
        level: Nominal coverage; one minus the error level.
        view: How a time-out counts.
        blocks: The differences that are flipped, each with its weight.
    """

    difference: float | None
    interval: Interval | None
    p: float | None
    holm_p: float | None
    test: Literal["sign-flip", "anytime"]
    over: Over
    per_task: Mapping[str, float]
    sign_p: float
    wins: int
    losses: int
    ties: int
    mcnemar_p: float | None
    smallest_detectable: float | None
    dropped: tuple[str, ...]
    runs: tuple[int, int]
    family: int = 1
    level: float = 0.95
    view: View = "as-completed"
    blocks: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    @property
    def verdict(self) -> Verdict:
        """What it comes to, after the correction."""
        if self.difference is None or self.holm_p is None:
            return Verdict.UNDECIDED
        if self.holm_p > 1 - self.level:
            return Verdict.NO_DIFFERENCE
        return Verdict.BETTER if self.difference > 0 else Verdict.WORSE

    @property
    def is_too_small(self) -> bool:
        """Whether no outcome of so few blocks could have been significant, not even all of them alike."""
        if self.test == "anytime":
            return Sequential.of([1.0] * min(len(self.blocks), 2 * MIN_BLOCKS)).p > 1 - self.level
        return 2.0 ** (1 - len(self.blocks)) > 1 - self.level

    @property
    def sentence(self) -> str:
        """The verdict in words, with what it stands on."""
        if self.difference is None or self.holm_p is None:
            return "undecided: no common task"
        many = f"{len(self.per_task)} common task{'s' * (len(self.per_task) != 1)}"
        if self.over == "runs":
            pairs = f"{len(self.blocks)} pair{'s' * (len(self.blocks) != 1)} of runs"
            many = f"{pairs} on {many}; it speaks of these tasks only"
        said = f"{self.verdict}: {self.difference:+.3f} ({_p(self.holm_p)}) over {many}"
        if self.is_too_small:
            return f"{said}; so few could not show a difference, however large"
        if self.family > 1:
            said += f"; corrected for {self.family} comparisons"
        return said + ("; the session was watched and ended early" if self.test == "anytime" else "")

    def p_of(self, difference: float) -> float:
        """The two-sided p-value of a true difference of ``difference``, before any correction.

        Raises:
            ValueError: There is no common task.
        """
        if self.p is None:
            raise ValueError("conditions without a common task have no p-value")
        if abs(difference) < EQUAL:
            return self.p
        if self.test == "anytime":
            return Sequential.of([value - difference for value, _ in self.blocks]).p
        return flip_p([(value - difference) * weight for value, weight in self.blocks])


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def decide(
    treatment: Sequence[RunRecord],
    control: Sequence[RunRecord],
    *,
    view: View = "as-completed",
    level: float = 0.95,
) -> Decision:
    """Decide between two conditions on one target; see ``decide_scores``."""
    return decide_scores(
        repetitions_of(treatment, view), repetitions_of(control, view), view=view, level=level
    )


def decide_scores(
    treatment: Repetitions, control: Repetitions, *, view: View = "as-completed", level: float = 0.95
) -> Decision:
    """Decide between two conditions by the sign-flip test on their common tasks.

    Args:
        treatment: Scores of one side, by task and repetition.
        control: Scores of the other.
        view: Only noted in the result.
        level: One minus the error level, in (0, 1).
    """
    common = sorted(task for task in treatment if treatment[task] and control.get(task))
    by_task = len(common) >= MIN_BLOCKS
    pairs = {task: paired_runs(treatment[task], control[task]) for task in common}
    if all(sorted(treatment[task].values()) == sorted(control[task].values()) for task in common):
        # The same scores in another order are the same behaviour, whatever the order pairs them with.
        differences = {task: [0.0] * (1 if by_task else len(pairs[task])) for task in common}
    elif by_task:
        differences = {task: [_apart(treatment[task], control[task])] for task in common}
    else:
        differences = {task: [_snapped(ours - theirs) for ours, theirs in pairs[task]] for task in common}
    dropped = tuple(sorted({*treatment, *control} - set(common)))
    runs = (sum(len(treatment[task]) for task in common), sum(len(control[task]) for task in common))
    found = _fixed(differences, by_task=by_task, level=level)
    return replace(found, mcnemar_p=_mcnemar(pairs), dropped=dropped, runs=runs, view=view)


def _apart(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float:
    return _snapped(mean_of([*ours.values()]) - mean_of([*theirs.values()]))


def _snapped(value: float) -> float:
    return 0.0 if abs(value) < EQUAL else value


def _fixed(differences: Mapping[str, Sequence[float]], *, by_task: bool, level: float) -> Decision:
    over: Over = "tasks" if by_task else "runs"
    blocks = [(value, 1 / len(group)) for group in differences.values() for value in group]
    blocks = [(value, weight / len(differences)) for value, weight in blocks]
    values = [value for value, _ in blocks]
    difference = _snapped(math.fsum(value * weight for value, weight in blocks)) if blocks else None
    # Tasks weigh the same, so their differences can stand on their own grid instead of an n-th of it.
    p = flip_p(values if by_task else [value * weight for value, weight in blocks]) if blocks else None
    if not any(values):
        interval = Interval(0.0, 0.0, level, "identical", over) if blocks else None
    else:
        interval = Interval(*flip_interval(blocks, level, p_of_zero=p), level, "sign-flip", over)
    wins, losses = sum(value > 0 for value in values), sum(value < 0 for value in values)
    enough = len(blocks) >= MIN_BLOCKS
    return Decision(
        difference=difference,
        interval=interval,
        p=p,
        holm_p=p,
        test="sign-flip",
        over=over,
        per_task={task: mean_of(group) for task, group in differences.items()},
        sign_p=sign_test(wins, losses),
        wins=wins,
        losses=losses,
        ties=len(values) - wins - losses,
        mcnemar_p=None,
        smallest_detectable=smallest_detectable(differences, by_task=by_task, alpha=1 - level)
        if enough
        else None,
        dropped=(),
        runs=(0, 0),
        level=level,
        blocks=tuple(blocks),
    )


def _mcnemar(pairs: Mapping[str, Sequence[tuple[float, float]]]) -> float | None:
    every = [pair for group in pairs.values() for pair in group]
    if not every or any(score not in (0.0, 1.0) for pair in every for score in pair):
        return None
    return sign_test(sum(a > b for a, b in every), sum(a < b for a, b in every))


def decide_early(
    treatment: Sequence[RunRecord],
    control: Sequence[RunRecord],
    watched: Sequential | None = None,
    *,
    view: View = "as-completed",
) -> Decision:
    """Decide between two conditions of a session that was watched (``--stop-when sure``).

    Its verdict stands on the anytime-valid test whether or not the session ended early: a test for a fixed
    number of runs would be a second chance.

    Args:
        treatment: Runs of one side.
        control: Runs of the other.
        watched: What was fed with their blocks; ``None`` feeds one with ``blocks_in_order``.
        view: The view those blocks were taken in.
    """
    watched = watched or Sequential.of(
        block.difference for block in blocks_in_order(treatment, control, view)
    )
    level = watched.level
    found = decide(treatment, control, view=view, level=level)
    if not watched.differences:
        return replace(found, difference=None, interval=None, p=None, holm_p=None, test="anytime", blocks=())
    values = watched.differences
    wins, losses = sum(value > EQUAL for value in values), sum(value < -EQUAL for value in values)
    return replace(
        found,
        difference=_snapped(mean_of(values)),
        interval=watched.interval,
        p=watched.p,
        holm_p=watched.p,
        test="anytime",
        over="runs",
        sign_p=sign_test(wins, losses),
        wins=wins,
        losses=losses,
        ties=len(values) - wins - losses,
        smallest_detectable=None,
        blocks=tuple((value, 1 / len(values)) for value in values),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: at most alpha with every family of true nulls."""
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def corrected(family: Mapping[Key, Decision]) -> dict[Key, Decision]:
    """The decisions of one session and one view, each corrected for the others.

    Comparisons without a common task test nothing and do not count.
    """
    tested = [(key, each.p) for key, each in family.items() if each.p is not None]
    adjusted = dict(zip((key for key, _ in tested), holm([p for _, p in tested]), strict=True))
    return {
        key: replace(each, holm_p=adjusted[key], family=len(tested)) if key in adjusted else each
        for key, each in family.items()
    }
