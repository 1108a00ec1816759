"""What a compiler model adds to a plan: dependencies nobody could read, groups that pass the same check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from skvm.compiler.contract import Counsel
from skvm.compiler.effects.resources import clash
from skvm.compiler.findings import SKV232
from skvm.compiler.plans.forecast import with_forecast
from skvm.compiler.plans.plan import Dependency, Group, Items, Plan, PlanStep, TextSpan
from skvm.diagnostics import Diagnostic, Span
from skvm.skill.ir import Skill

__all__ = ["PlanProposal", "ask_for_plan", "with_proposal"]

_MAX_STEPS = 60
_SYSTEM = (
    "You plan the work a skill describes. You are careful: two steps are independent only if neither needs, "
    "overwrites or waits for anything of the other."
)


class ProposedDependency(BaseModel):
    """That one step must come after another."""

    model_config = ConfigDict(extra="ignore")
    step: str = Field(description="id of the step that waits")
    depends_on: str = Field(description="id of the step it waits for")
    reason: str = Field(description="what it needs of it, in a few words")


class ProposedGroup(BaseModel):
    """Steps, or the items of one step, that may go at once."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["dlp", "ilp", "tlp"]
    steps: list[str]
    over: str = Field(default="", description="dlp only: what the step goes through")
    reason: str = Field(description="why nothing joins them, in a few words")


class PlanProposal(BaseModel):
    """The answer that is asked for."""

    model_config = ConfigDict(extra="ignore")
    dependencies: list[ProposedDependency] = []
    groups: list[ProposedGroup] = []


async def ask_for_plan(skill: Skill, plan: Plan, counsel: Counsel) -> PlanProposal | None:
    """Ask a model about the steps of a plan; ``None`` where there are none, or too many to ask about.

    Raises:
        FindingsError: It gave no usable answer, or none is recorded in a frozen compile.
        InfrastructureError: It cannot be reached.
    """
    if not plan.steps or len(plan.steps) > _MAX_STEPS:
        return None
    lines = [_line(skill, step) for step in plan.steps]
    prompt = "\n".join(
        [
            f"The skill {skill.name!r} has these steps. Say which of them must wait for which, beyond "
            f"what is",
            "listed, and which may go at once: dlp (one step over independent items), ilp (independent calls",
            "that fit in one turn), tlp (independent tasks of several turns). Use only these ids.",
            "",
            *lines,
        ]
    )
    return await counsel.ask(prompt, PlanProposal, system=_SYSTEM)


def _line(skill: Skill, step: PlanStep) -> str:
    waits = ", ".join(found.step for found in step.depends_on) or "nothing"
    reads, writes = ", ".join(step.reads) or "-", ", ".join(step.writes) or "-"
    words = " ".join(skill.text(Span(step.span.start, step.span.end)).split())[:400]
    return f"{step.id} ({step.kind}) {words} | reads {reads} | writes {writes} | waits for {waits}"


def with_proposal(plan: Plan, proposal: PlanProposal) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """A plan with what a model proposed, as far as it stands the check; groups it contradicts go.

    Args:
        plan: The static plan.
        proposal: The model's answer.
    """
    refused: list[str] = []
    steps = {step.id: step for step in plan.steps}
    procedure_of = {step: found.id for found in plan.procedures for step in found.steps}
    for wanted in proposal.dependencies:
        why = _why_no_edge(steps, procedure_of, wanted)
        if why is not None:
            refused.append(f"{wanted.step} after {wanted.depends_on}: {why}")
            continue
        step = steps[wanted.step]
        if all(found.step != wanted.depends_on for found in step.depends_on):
            added = Dependency(step=wanted.depends_on, kind="flow", reason=_short(wanted.reason))
            steps[step.id] = step.model_copy(update={"depends_on": (*step.depends_on, added)})
    groups = [
        group for group in plan.groups if _why_no_group(steps, group.steps) is None or len(group.steps) == 1
    ]
    known = {(group.type, group.steps) for group in groups}
    for proposed in proposal.groups:
        made, why = _group(steps, procedure_of, proposed)
        if made is None:
            refused.append(f"{proposed.type} of {', '.join(proposed.steps) or 'nothing'}: {why}")
        elif (made.type, made.steps) not in known:
            known.add((made.type, made.steps))
            groups.append(made)
    numbered = tuple(group.model_copy(update={"id": f"g{index}"}) for index, group in enumerate(groups, 1))
    result = plan.model_copy(update={"steps": tuple(steps.values()), "groups": numbered})
    return with_forecast(result), tuple(SKV232.at(message) for message in refused)


def _short(text: str) -> str:
    return " ".join(text.split())[:160]


def _before(steps: dict[str, PlanStep], step_id: str) -> set[str]:
    found: set[str] = set()
    pending = [step_id]
    while pending:
        for dependency in steps[pending.pop()].depends_on:
            if dependency.step not in found:
                found.add(dependency.step)
                pending.append(dependency.step)
    return found


def _why_no_edge(
    steps: dict[str, PlanStep], procedure_of: dict[str, str], wanted: ProposedDependency
) -> str | None:
    ids = (wanted.step, wanted.depends_on)
    if missing := [step_id for step_id in ids if step_id not in steps]:
        return f"there is no step {missing[0]}"
    if wanted.step == wanted.depends_on or wanted.step in _before(steps, wanted.depends_on):
        return "it would make a circle"
    if procedure_of.get(wanted.step) != procedure_of.get(wanted.depends_on):
        return "they belong to different procedures"
    return None


def _why_no_group(steps: dict[str, PlanStep], members: Sequence[str]) -> str | None:
    for member in members:
        one = steps[member]
        if one.open or one.confirmation:
            return f"what step {member} touches is not known"
        if found := _before(steps, member) & set(members):
            return f"step {member} must come after step {min(found)}"
    for index, member in enumerate(members):
        for other in members[:index]:
            first, second = steps[other], steps[member]
            shared = clash(first.writes, (*second.reads, *second.writes)) or clash(first.reads, second.writes)
            if shared is not None:
                return f"steps {other} and {member} both touch {shared}"
    return None


def _group(  # noqa: PLR0911 - one return a refusal
    steps: dict[str, PlanStep], procedure_of: dict[str, str], proposed: ProposedGroup
) -> tuple[Group | None, str]:
    members = tuple(dict.fromkeys(proposed.steps))
    if missing := [step_id for step_id in members if step_id not in steps]:
        return None, f"there is no step {missing[0]}"
    is_map = proposed.type == "dlp"
    if not members or (is_map and (len(members) > 1 or not proposed.over.strip())):
        return None, "it names no step, or not what the step goes through"
    if not is_map and len(members) < 2:
        return None, "it has fewer than two steps"
    if len({procedure_of.get(member) for member in members}) > 1:
        return None, "they belong to different procedures"
    if (why := _why_no_group(steps, members)) is not None:
        return None, why
    if is_map and any(":" not in name and "*" not in name for name in steps[members[0]].writes):
        return None, "every item would write the same file"
    over = _short(proposed.over)
    titles = "; ".join(f"“{steps[member].description[:60]}”" for member in members)
    mechanism = {
        "dlp": f"the calls for {over}, up to 8 in one turn",
        "ilp": f"in one turn: {titles}",
        "tlp": f"one sub-agent for each of: {titles}",
    }[proposed.type]
    spans = [steps[member].span for member in members]
    made = Group(
        id="",
        type=proposed.type,
        steps=members,
        items=Items(kind="named", over=over) if is_map else None,
        mechanism=mechanism,
        reason=_short(proposed.reason),
        span=TextSpan(start=min(span.start for span in spans), end=max(span.end for span in spans)),
        source="model",
    )
    return made, ""
