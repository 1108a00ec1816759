"""The runs of one target, put into the cells of the plan; what stands for no cell is kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skvm.bench.history import counts
from skvm.bench.matrix import runs_condition
from skvm.bench.plan import BenchPlan, PlannedCondition, PlannedTask, Target
from skvm.evidence.record import RunRecord

__all__ = ["Gathered", "gather"]

CellKey = tuple[str, str]
"""Task and condition."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The runs of one target.

    Args:
        plan: What was asked for.
        target: The target.
        cells: The run that stands for each repetition, by task and condition; every planned cell is here.
        repeated: Attempts another one stands for.
        unplanned: Runs of a task, condition or repetition the plan does not know.
    """

    plan: BenchPlan
    target: Target
    cells: Mapping[CellKey, tuple[RunRecord, ...]]
    repeated: tuple[RunRecord, ...]
    unplanned: tuple[RunRecord, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that have a cell on this target, in the order of the plan."""
        present = {condition for _, condition in self.cells}
        return tuple(name for name in self.plan.condition_names if name in present)

    def of(self, condition: str) -> tuple[RunRecord, ...]:
        """The standing runs of a condition, by task and repetition."""
        return tuple(run for task in self.plan.tasks for run in self.cells.get((task.id, condition), ()))

    def repetitions(self, condition: str) -> int:
        """How often the plan has a condition's cells run."""
        planned = next(each for each in self.plan.conditions if each.name == condition)
        return planned.repetitions or self.plan.repetitions


def gather(plan: BenchPlan, target: Target, runs: Sequence[RunRecord]) -> Gathered:
    """Put runs into the cells of a plan; the order they come in makes no difference.

    The run that stands for a repetition is the first that counts, else the last there was, as when a
    session is resumed.

    Args:
        plan: What was asked for.
        target: Whose runs to take; others are passed over.
        runs: Of any targets of the session.
    """
    slots: dict[tuple[str, str, int], list[RunRecord]] = {}
    cells = {(task.id, condition.name): condition for task, condition in _cells(plan, target)}
    repeated, unplanned = [], []
    mine = (run for run in runs if run.model == target.model and run.harness == target.harness)
    for run in sorted(mine, key=lambda run: (run.started_at, run.run_id)):
        planned = cells.get((run.task_id, run.condition))
        if planned is None or run.repetition >= (planned.repetitions or plan.repetitions):
            unplanned.append(run)
        else:
            slots.setdefault((run.task_id, run.condition, run.repetition), []).append(run)
    found: dict[CellKey, list[RunRecord]] = {key: [] for key in cells}
    for (task_id, condition, _), attempts in sorted(slots.items()):
        standing = next((run for run in attempts if counts(run)), attempts[-1])
        found[task_id, condition].append(standing)
        repeated += [run for run in attempts if run is not standing]
    return Gathered(
        plan, target, {key: tuple(each) for key, each in found.items()}, tuple(repeated), tuple(unplanned)
    )


def _cells(plan: BenchPlan, target: Target) -> Iterator[tuple[PlannedTask, PlannedCondition]]:
    for task in plan.tasks:
        for condition in plan.conditions:
            if runs_condition(condition, task, target):
                yield task, condition
