"""What the journal knows of a skill's groups on a target: the decisions are a query over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skvm.compiler.plans.forecast import with_forecast
from skvm.compiler.plans.plan import Plan
from skvm.evidence.journal import Journal
from skvm.runtime.plan.deciding.decision import Decision, decide
from skvm.runtime.plan.model import MEASURED_KIND, GroupMeasured, Target

__all__ = ["GroupHistory", "history_of"]


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """Runs of a skill's groups on one target.

    Args:
        runs: By group, oldest first.
    """

    runs: Mapping[str, tuple[GroupMeasured, ...]] = field(default_factory=dict)

    def decisions(self, plan: Plan) -> Mapping[str, Decision]:
        """How each group of a plan runs next, by its id."""
        plan = self.forecast(plan)
        return {
            group.id: decide(group.id, group.forecast, self.runs.get(group.id, ())) for group in plan.groups
        }

    def forecast(self, plan: Plan) -> Plan:
        """The plan with forecasts that use what one unit took so far, one after the other."""
        measured_s: dict[str, float] = {}
        counts: dict[str, int] = {}
        for group in plan.groups:
            serial = [run for run in self.runs.get(group.id, ()) if run.arm == "serial"]
            known = serial or self.runs.get(group.id, ())
            if not known:
                continue
            each_s = sum(run.work_s for run in known) / sum(run.units for run in known)
            measured_s.update((step, each_s) for step in group.steps)
            if group.items is not None:
                counts[group.steps[0]] = known[-1].units
        return with_forecast(plan, measured_s=measured_s, counts=counts)


async def history_of(journal: Journal, skill_digest: str, target: Target) -> GroupHistory:
    """What the journal has of a skill's groups on a target."""
    found: dict[str, list[GroupMeasured]] = {}
    for entry in await journal.query(MEASURED_KIND, newest_first=True, limit=5_000):
        run = GroupMeasured.model_validate(entry.body)
        if (run.skill_digest, run.model, run.harness) == (skill_digest, target.model, target.harness):
            found.setdefault(run.group, []).append(run)
    return GroupHistory({group: tuple(reversed(runs)) for group, runs in found.items()})
