"""``--stop-when sure``: end once every condition is told from the baseline, or is known to be near it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.bench.matrix import Block, Cell
from skvm.bench.plan import BenchPlan
from skvm.evaluate.stats import StopRule
from skvm.evidence.record import RunRecord

__all__ = ["SureStop"]


@dataclass(frozen=True, slots=True)
class SureStop:
    """Shows finished blocks to the anytime-valid test.

    Args:
        baseline: What every condition is compared with.
        rule: Watches each (target, condition).
    """

    baseline: str
    rule: StopRule

    @classmethod
    def of(cls, plan: BenchPlan, cells: Sequence[Cell]) -> SureStop:
        """The rule a plan asks for, over what really runs: what could not be made ready is not waited for.

        Args:
            plan: What was asked for.
            cells: The session's.
        """
        here = dict.fromkeys((cell.block.target, cell.spec.condition) for cell in cells)
        pairs = [
            (target.label, name)
            for target, name in here
            if name in plan.condition_names and name != plan.baseline and (target, plan.baseline) in here
        ]
        return cls(plan.baseline, StopRule(pairs, margin=plan.margin))

    @property
    def sentence(self) -> str:
        """What is known, in words."""
        return self.rule.sentence

    def see(self, block: Block, runs: Mapping[str, RunRecord]) -> bool:
        """Take in a block; what has no score says nothing."""
        base = _score(runs.get(self.baseline))
        for name, run in sorted(runs.items()):
            pair, score = (block.target.label, name), _score(run)
            if pair in self.rule.watched and base is not None and score is not None:
                self.rule.add(pair, score - base)
        return self.rule.is_sure


def _score(run: RunRecord | None) -> float | None:
    return run.score if run is not None and run.outcome.is_graded else None
