"""Before the first run: every condition is made ready for every skill and target it will meet.

What cannot be made ready is told with the way out and its cells are left out; the rest goes on. Each account
is recorded at once, so that what a compile cost is not lost with the process that paid for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skvm.bench.contract import Loadout, Situation, Unavailable, planned_condition
from skvm.bench.history import PREPARED
from skvm.bench.matrix import LoadoutKey, runs_condition, skill_key
from skvm.bench.plan import BenchPlan, PlannedCondition, PlannedTask, Preparation, Target
from skvm.evaluate.bench import Bench
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

__all__ = ["Prepared", "prepare", "wanted"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What there is to run with.

    Args:
        loadouts: What is delivered, for each condition, target and set of skills.
        accounts: What making it took, or why it could not be made.
    """

    loadouts: Mapping[LoadoutKey, Loadout] = field(default_factory=dict)
    accounts: tuple[Preparation, ...] = ()


def wanted(plan: BenchPlan) -> tuple[tuple[PlannedCondition, Target, PlannedTask], ...]:
    """Every distinct thing to prepare, with one task it is for; in the order of the plan."""
    found: dict[LoadoutKey, tuple[PlannedCondition, Target, PlannedTask]] = {}
    for planned in plan.conditions:
        needs_skill = planned_condition(planned).needs_skill
        for target in plan.targets:
            for task in plan.tasks:
                if runs_condition(planned, task, target) and (task.skills or not needs_skill):
                    found.setdefault((planned.name, target, skill_key(task)), (planned, target, task))
    return tuple(found.values())


async def prepare(
    plan: BenchPlan,
    bench: Bench,
    record: int | None,
    on_done: Callable[[Preparation], None] = lambda _: None,
) -> Prepared:
    """Make every condition ready.

    Args:
        plan: What was asked for.
        bench: What runs share.
        record: The plan's record in the journal; ``None`` records nothing.
        on_done: Told of each account.

    Raises:
        SkvmError: What a condition passes on: the whole bench cannot go on.
    """
    loadouts: dict[LoadoutKey, Loadout] = {}
    accounts = []
    skills: dict[str, Skill] = {}
    for planned, target, task in wanted(plan):
        for named in task.skills:
            if named.path not in skills:
                skills[named.path] = load_skill(Path(named.path))
        own = tuple(skills[named.path] for named in task.skills)
        made = await planned_condition(planned).prepare(Situation(own, target, plan, bench))
        account = _account(planned.name, target, own, made)
        if isinstance(made, Loadout):
            loadouts[planned.name, target, skill_key(task)] = made
        accounts.append(account)
        if record is not None:
            await bench.journal.append(PREPARED, account, record)
        on_done(account)
    return Prepared(loadouts, tuple(accounts))


def _account(
    condition: str, target: Target, skills: tuple[Skill, ...], made: Loadout | Unavailable
) -> Preparation:
    skill_id = "+".join(skill.id for skill in skills) or None
    if isinstance(made, Unavailable):
        return Preparation(
            condition=condition,
            model=target.model,
            harness=target.harness,
            skill_id=skill_id,
            problem=made.reason,
            help=made.help,
            is_reused=not made.usage.calls,
            usage=made.usage,
            duration_ms=made.duration_ms,
        )
    return Preparation(
        condition=condition,
        model=target.model,
        harness=target.harness,
        skill_id=skill_id,
        what=made.what,
        is_reused=made.is_reused,
        usage=made.usage,
        duration_ms=made.duration_ms,
        provenance=dict(made.provenance),
    )
