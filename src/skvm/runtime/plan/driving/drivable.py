"""The plan a run of a skill can follow, or why there is none."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from pydantic import ValidationError

from skvm.compiler.builds.variant import is_complete
from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of
from skvm.errors import UsageError
from skvm.runtime.plan.instancing import graph_of, main_procedure
from skvm.runtime.plan.model import LeftJob, Target
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill

__all__ = ["Drivable", "drivable_plan"]

PLAN_NAME = "plan.json"
_ANY = Target("any/model", "any")


@dataclass(frozen=True, slots=True)
class Drivable:
    """What was found.

    Args:
        plan: The plan; ``None`` where the plain agent has to do.
        reason: Why, in that case.
    """

    plan: Plan | None
    reason: str = ""


def drivable_plan(skill: Skill) -> Drivable:
    """The plan of a skill, where following it is doing the skill.

    That is so where the skill has one procedure, a group in it, and no step a person must answer. The plan
    of a compiled skill is the compiler's; that of any other is its own file where that fits its text, else
    made on the spot. Blocks.
    """
    plan = _written(skill) or plan_of(skill).plan
    reason = _why_not(plan)
    return Drivable(None, reason) if reason else Drivable(plan)


def _written(skill: Skill) -> Plan | None:
    """The ``plan.json`` beside a skill, if it is the plan of this text."""
    if skill.root is None:
        return None
    try:
        plan = Plan.model_validate(json.loads((skill.root / PLAN_NAME).read_bytes()))
    except (OSError, ValueError, ValidationError, RecursionError):
        return None
    # What the compiler wrote after it made the plan is a hint at the end: no step of it.
    is_ours = is_complete(skill.root) and plan.skill == skill.name
    return plan if is_ours or plan.skill_digest == _digest_without_plan(skill) else None


def _digest_without_plan(skill: Skill) -> str:
    """The digest of a skill as it was when its plan was made: before there was one beside it."""
    kept = tuple(resource for resource in skill.resources if resource.path != PLAN_NAME)
    return skill_digest(replace(skill, resources=kept))


def _why_not(plan: Plan) -> str:
    procedure = main_procedure(plan)
    if procedure is None:
        return "the skill has no procedure, or several"
    inside = set(procedure.steps)
    if not any(inside & set(group.steps) for group in plan.groups):
        return "nothing in it may go at once"
    if any(step.confirmation for step in plan.steps if step.id in inside):
        return "a person has to answer in the middle of it"
    try:
        graph = graph_of(plan, target=_ANY)
    except UsageError as error:
        return error.message
    left = next((node for node in graph.nodes.values() if isinstance(node.job, LeftJob)), None)
    return f"step {left.id} is left to somebody" if left is not None else ""
