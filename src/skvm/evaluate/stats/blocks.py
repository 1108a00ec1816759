"""Blocks: what one (task, repetition) says of two conditions, and all that could not be paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.evaluate.stats.scores import Repetitions, View, repetitions_of
from skvm.evidence.record import CriterionResult, Outcome, RunRecord

__all__ = ["Block", "Exclusions", "blocks_in_order", "exclusions", "paired_runs"]


@dataclass(frozen=True, slots=True)
class Block:
    """A repetition of a task that both conditions have a score for."""

    task_id: str
    repetition: int
    treatment: float
    control: float

    @property
    def difference(self) -> float:
        """Treatment minus control, in [−1, 1]."""
        return self.treatment - self.control


@dataclass(frozen=True, slots=True)
class Exclusions:
    """All that a comparison does not stand on, counted by reason.

    Args:
        treatment: Runs of the treatment without a score, by outcome.
        control: Those of the control.
        tasks: Tasks that are not compared, each with the reason.
        criteria: Criteria without a score inside runs that have one, by reason; counted once a run.
        unpaired: Repetitions of common tasks that only one side has a score for.
        zeroed: Runs that timed out and count as 0 in this view.
    """

    treatment: Mapping[str, int]
    control: Mapping[str, int]
    tasks: Mapping[str, str]
    criteria: Mapping[str, int]
    unpaired: int
    zeroed: int

    @property
    def lines(self) -> tuple[str, ...]:
        """One sentence a reason, for a report; none where nothing was left out."""
        said = [
            f"{count} runs of the {side} have no score: {outcome}"
            for side, counts in (("treatment", self.treatment), ("control", self.control))
            for outcome, count in counts.items()
        ]
        said += [f"task {task} is not compared: {reason}" for task, reason in self.tasks.items()]
        said += [f"{count} criteria have no score: {reason}" for reason, count in self.criteria.items()]
        if self.unpaired:
            said.append(f"{self.unpaired} repetitions have a score on one side only")
        if self.zeroed:
            said.append(f"{self.zeroed} runs timed out and count as 0")
        return tuple(said)


def paired_runs(treatment: Mapping[int, float], control: Mapping[int, float]) -> list[tuple[float, float]]:
    """The repetitions of one task in pairs: first those with the same number, then the others in order."""
    same = [each for each in sorted(treatment) if each in control]
    ours = [score for each, score in sorted(treatment.items()) if each not in control]
    theirs = [score for each, score in sorted(control.items()) if each not in treatment]
    return [(treatment[each], control[each]) for each in same] + list(zip(ours, theirs, strict=False))


def blocks_in_order(
    treatment: Sequence[RunRecord], control: Sequence[RunRecord], view: View = "as-completed"
) -> list[Block]:
    """The blocks both conditions have a score for, in the order of a bench: by repetition, then by task.

    A watched session is shown its blocks in this order, and no time enters it: read again from the journal
    the same blocks give the same test.
    """
    ours, theirs = repetitions_of(treatment, view), repetitions_of(control, view)
    common = [
        (repetition, task)
        for task in ours.keys() & theirs.keys()
        for repetition in ours[task].keys() & theirs[task].keys()
    ]
    return [
        Block(task, repetition, ours[task][repetition], theirs[task][repetition])
        for repetition, task in sorted(common)
    ]


def exclusions(
    treatment: Sequence[RunRecord], control: Sequence[RunRecord], view: View = "as-completed"
) -> Exclusions:
    """What a comparison of two conditions leaves out, and why."""
    ours, theirs = repetitions_of(treatment, view), repetitions_of(control, view)
    ran = [{run.task_id for run in runs} for runs in (treatment, control)]
    tasks = {}
    for task in sorted(ran[0] | ran[1]):
        lacking = [
            f"the {side} has no {'scored run' if task in started else 'run'}"
            for side, scores, started in (("treatment", ours, ran[0]), ("control", theirs, ran[1]))
            if task not in scores
        ]
        if lacking:
            tasks[task] = ", ".join(lacking)
    every = [*treatment, *control]
    return Exclusions(
        treatment=_unscored(treatment),
        control=_unscored(control),
        tasks=tasks,
        criteria=_unscored_criteria(every),
        unpaired=_unpaired(ours, theirs),
        zeroed=sum(run.outcome is Outcome.TIMED_OUT and run.score is not None for run in every)
        if view == "intention-to-treat"
        else 0,
    )


def _unscored(runs: Sequence[RunRecord]) -> dict[str, int]:
    counts = Counter(run.outcome.value for run in runs if not run.outcome.is_graded)
    counts.update("nothing could be graded" for run in runs if run.outcome.is_graded and run.score is None)
    return dict(sorted(counts.items()))


def _unscored_criteria(runs: Sequence[RunRecord]) -> dict[str, int]:
    counts = Counter(
        f"{each.method}: {_why_unscored(each)}"
        for run in runs
        if run.outcome.is_graded and run.score is not None
        for each in run.criteria
        if each.score is None
    )
    return dict(sorted(counts.items()))


def _why_unscored(criterion: CriterionResult) -> str:
    if criterion.is_pending:
        return "a judge is still to be asked"
    return criterion.infra_error or "nothing here grades it"


def _unpaired(ours: Repetitions, theirs: Repetitions) -> int:
    return sum(len(ours[task].keys() ^ theirs[task].keys()) for task in ours.keys() & theirs.keys())
