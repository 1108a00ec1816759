"""What a run took for each group of its plan, read off the ends of its nodes."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence

from skvm.compiler.plans.plan import Group, Plan
from skvm.runtime.plan.model import GroupMeasured, PlanStarted, StepFinished, StepState
from skvm.runtime.plan.recording import steps_of

__all__ = ["measured_groups", "unit_seconds"]


def measured_groups(
    plan: Plan,
    started: PlanStarted,
    ended: Iterable[StepFinished],
    *,
    fused: Container[str] = (),
    counts: Mapping[str, int] | None = None,
) -> tuple[GroupMeasured, ...]:
    """How long each group took; only those of which every member got done at the first try.

    Args:
        plan: The plan that ran.
        started: The run.
        ended: The ends of its nodes and items, in this process.
        fused: Ids of the groups that ran one after the other.
        counts: Items of a map that one agent did in one go, by step.
    """
    rows = [row for row in ended if row.started_s is not None]
    by_node = {row.node: row for row in rows if row.parent is None}
    items: dict[str, list[StepFinished]] = {}
    for row in rows:
        if row.parent is not None:
            items.setdefault(row.parent, []).append(row)
    found = []
    for group in plan.groups:
        units = _units(group, by_node, items)
        count = len(units) if group.items is not None else len(group.steps)
        if not units and group.items is not None:
            count = (counts or {}).get(group.steps[0], 0)
            whole = by_node.get(group.steps[0])
            units = [whole] if count > 1 and whole is not None and _is_clean(whole) else ()
        if not units:
            continue
        found.append(
            GroupMeasured(
                plan_run=started.plan_run,
                skill_digest=started.skill_digest,
                model=started.model,
                harness=started.harness,
                group=group.id,
                arm="serial" if group.id in fused else "parallel",
                units=count,
                wall_s=_covered_s(units),
                work_s=math.fsum(_lasted_s(row) for row in units),
            )
        )
    return tuple(found)


def unit_seconds(ended: Iterable[StepFinished]) -> dict[str, float]:
    """Mean seconds of one unit (a node, or an item of a map), by step id, over what got done."""
    sums: dict[str, list[float]] = {}
    rows = list(ended)
    maps = {row.parent for row in rows if row.parent is not None}
    for row in rows:
        if row.state is not StepState.DONE or row.started_s is None or row.node in maps:
            continue
        sums.setdefault(row.parent or row.node, []).append(_lasted_s(row))
    return {step: math.fsum(values) / len(values) for step, values in sums.items()}


def _units(
    group: Group, by_node: dict[str, StepFinished], items: dict[str, list[StepFinished]]
) -> Sequence[StepFinished]:
    """What did the members or items of a group; nothing where one is missing or did not go well."""
    if group.items is not None:
        step = by_node.get(group.steps[0])
        rows: Sequence[StepFinished] = items.get(group.steps[0], ())
        whole = step is not None and _is_clean(step) and all(_is_clean(row) for row in rows)
        return rows if whole and len(rows) > 1 else ()
    # Agents that follow each other are one node: it tells of the group if it stands for nothing else.
    wanted = set(group.steps)
    members = [row for row in by_node.values() if wanted.intersection(steps_of(row.node))]
    covered = {name for row in members for name in steps_of(row.node)}
    return members if len(wanted) > 1 and covered == wanted and all(map(_is_clean, members)) else ()


def _is_clean(row: StepFinished) -> bool:
    return row.state is StepState.DONE and row.attempt == 1


def _lasted_s(row: StepFinished) -> float:
    return max(0.0, row.ended_s - (row.started_s or 0.0))


def _covered_s(rows: Iterable[StepFinished]) -> float:
    """Seconds in which at least one of them was under way."""
    total, until = 0.0, -math.inf
    for start, end in sorted((row.started_s or 0.0, row.ended_s) for row in rows):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
