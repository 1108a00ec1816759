"""What the groups of a plan are expected to gain: seconds in a row against seconds at once.

Where nothing is measured, usual durations stand in; they only decide whether a group is worth trying, and the
order in which nodes that are ready begin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from skvm.compiler.plans.plan import Group, GroupForecast, Items, Plan, PlanStep
from skvm.compiler.plans.work import Work, work_of

__all__ = ["ASSUMED_ITEMS", "ASSUMED_S", "PLACES", "with_forecast"]

ASSUMED_S: Mapping[Work, float] = {"command": 0.5, "ask": 3.0, "agent": 20.0, "none": 0.0}
"""How long one unit of work usually takes."""
ASSUMED_ITEMS = 8
"""How many items a map usually has, where they are not listed."""
PLACES: Mapping[Work, int] = {"command": 2, "ask": 8, "agent": 4, "none": 8}
"""How many units usually go at once."""
_COST_S: Mapping[Work, float] = {"command": 0.002, "ask": 0.002, "agent": 0.2, "none": 0.0}
"""What it costs to run a unit beside others: bookkeeping, or a directory of its own and its merge."""


def with_forecast(
    plan: Plan,
    *,
    measured_s: Mapping[str, float] | None = None,
    counts: Mapping[str, int] | None = None,
    places: Mapping[Work, int] = PLACES,
) -> Plan:
    """A plan whose groups carry their forecast.

    Args:
        plan: The plan; forecasts it has are made anew.
        measured_s: Seconds of one unit (a step, or an item of its map), by step, where runs have shown them.
        counts: Items of a map, by step, where they are known.
        places: Units of each kind that go at once.
    """
    measured_s, counts = measured_s or {}, counts or {}
    steps = {step.id: step for step in plan.steps}
    groups = [
        group.model_copy(update={"forecast": _forecast(group, steps, measured_s, counts, places)})
        for group in plan.groups
    ]
    return plan.model_copy(update={"groups": tuple(groups)})


def _units(items: Items | None, count: int | None) -> int:
    if items is None:
        return 1
    return count if count is not None else len(items.values) or ASSUMED_ITEMS


def _forecast(
    group: Group,
    steps: Mapping[str, PlanStep],
    measured_s: Mapping[str, float],
    counts: Mapping[str, int],
    places: Mapping[Work, int],
) -> GroupForecast | None:
    members = [steps[name] for name in group.steps if name in steps]
    if not members:
        return None
    units: list[tuple[Work, float]] = []
    for step in members:
        work = work_of(step, group.items, steps)
        each_s = measured_s.get(step.id, ASSUMED_S[work])
        units += [(work, each_s)] * _units(group.items, counts.get(step.id))
    serial_s = math.fsum(each_s for _, each_s in units)
    # No faster than the slowest unit, nor than all of them on the places there are.
    by_work: dict[Work, float] = {}
    for work, each_s in units:
        by_work[work] = by_work.get(work, 0.0) + each_s
    spread_s = max((total / places[work] for work, total in by_work.items()), default=0.0)
    slowest_s = max((each_s for _, each_s in units), default=0.0)
    cost_s = math.fsum(_COST_S[work] for work, _ in units)
    return GroupForecast(
        serialS=round(serial_s, 3),
        parallelS=round(max(spread_s, slowest_s) + cost_s, 3),
        basis="measured" if all(step.id in measured_s for step in members) else "assumed",
    )
