"""From what steps touch to what must wait for what, and to the groups that may go at once.

A dependency is added wherever a doubt is left, and a group only where none is: no path joins its members,
no two of them write the same thing, and none writes what another reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skvm.compiler.effects.analysis import effects_of
from skvm.compiler.effects.model import (
    NOTHING,
    Action,
    Repetition,
    SkillEffects,
    SkillStep,
    StepKind,
)
from skvm.compiler.plans.forecast import with_forecast
from skvm.compiler.plans.graph import Graph, link, unmeetable
from skvm.compiler.plans.grouping import by_level, mapped, repeated, stated
from skvm.compiler.plans.plan import (
    Dependency,
    Group,
    Plan,
    PlanAction,
    PlanProcedure,
    PlanStep,
    TextSpan,
)
from skvm.compiler.plans.safety import exclusive_of_step, is_idempotent, is_repeatable
from skvm.compiler.requirements import Analysis, analyse
from skvm.diagnostics import Diagnostic, Span
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill

__all__ = ["PlanResult", "plan_of"]

_SECTION_TITLE_CHARS = 100


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A plan and what was noticed while it was made."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()


def plan_of(skill: Skill) -> PlanResult:
    """The plan of a skill, from its text and bundle alone."""
    effects = effects_of(skill)
    graph = Graph({step.id: step for workflow in effects.workflows for step in workflow.steps})
    diagnostics: list[Diagnostic] = []
    groups: list[Group] = []
    for workflow in effects.workflows:
        link(workflow, graph)
        diagnostics += unmeetable(skill, workflow, graph)
        agreed, refused = stated(skill, workflow, graph)
        diagnostics += refused
        groups += agreed
        groups += by_level(workflow, graph, taken={step for group in agreed for step in group.steps})
    groups += repeated(effects.workflows)
    loose = [_loose(skill, found, index) for index, found in enumerate(effects.loose, 1)]
    groups += [group for _, _, group in loose]
    plan = Plan(
        skill=skill.name,
        skillDigest=skill_digest(skill),
        procedures=(*_procedures(effects), *(procedure for procedure, _, _ in loose)),
        steps=(*_records(skill, graph), *(step for _, step, _ in loose)),
        groups=tuple(group.model_copy(update={"id": f"g{index}"}) for index, group in enumerate(groups, 1)),
    )
    return PlanResult(with_forecast(plan), tuple(diagnostics))


def _span(span: Span) -> TextSpan:
    return TextSpan(start=span.start, end=span.end)


def _procedures(effects: SkillEffects) -> list[PlanProcedure]:
    found: list[PlanProcedure] = []
    for workflow in effects.workflows:
        around = [
            step
            for other in effects.workflows
            if other is not workflow
            for step in other.steps
            if step.span.contains(workflow.span)
        ]
        holder = min(around, key=lambda step: len(step.span), default=None)
        found.append(
            PlanProcedure(
                id=workflow.id,
                title=workflow.title[:_SECTION_TITLE_CHARS],
                span=_span(workflow.span),
                partOf=holder.id if holder else None,
                steps=tuple(step.id for step in workflow.steps),
            )
        )
    return found


def _records(skill: Skill, graph: Graph) -> list[PlanStep]:
    if not graph.steps:
        return []
    analysis = analyse(skill)
    return [_record(step, graph.links.get(step.id, {}), analysis) for step in graph.steps.values()]


def _record(step: SkillStep, links: Mapping[str, Dependency], analysis: Analysis) -> PlanStep:
    return PlanStep(
        id=step.id,
        description=step.title,
        span=_span(step.span),
        kind=str(step.kind),  # type: ignore[arg-type]
        primitives=_primitives(analysis, step.span),
        actions=tuple(_action(item) for item in step.statements if item.command is not None),
        executable=step.is_commands,
        text=step.text,
        idempotent=is_repeatable(step),
        exclusive=exclusive_of_step(step),
        reads=step.effects.reads,
        writes=step.effects.writes,
        hosts=step.effects.hosts,
        open=step.effects.is_open,
        conditional=step.conditional,
        confirmation=step.kind is StepKind.ASK,
        dependsOn=tuple(links[other] for other in sorted(links, key=_order)),
    )


def _order(step_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in step_id.split("."))


def _primitives(analysis: Analysis, span: Span) -> tuple[str, ...]:
    return tuple(sorted({need.primitive_id for need in analysis.requirements if span.contains(need.span)}))


def _action(action: Action) -> PlanAction:
    words = (action.command or "").split()
    script = next((word for word in words[:3] if word.endswith((".py", ".sh", ".js", ".mjs"))), None)
    effects = action.effects
    return PlanAction(
        command=action.command or "",
        script=script,
        reads=effects.reads,
        writes=effects.writes,
        hosts=effects.hosts,
        idempotent=is_idempotent(effects, action.command),
    )


def _loose(skill: Skill, repetition: Repetition, index: int) -> tuple[PlanProcedure, PlanStep, Group]:
    """A procedure of one step for a repetition that stands in no workflow."""
    number = f"0.{index}"
    heading = next(
        (found for found in reversed(skill.headings) if found.span.start <= repetition.span.start), None
    )
    title = (heading.title if heading else skill.name)[:_SECTION_TITLE_CHARS]
    span = _span(repetition.span)
    known = repetition.effects or NOTHING
    step = PlanStep(
        id=number,
        description=" ".join(f"{title}: {repetition.over}".split())[:160],
        span=span,
        kind="command",
        reads=known.reads,
        writes=known.writes,
        hosts=known.hosts,
        open=repetition.effects is None,
        text=skill.text(repetition.span),
        idempotent=repetition.effects is not None and is_idempotent(known, skill.text(repetition.span)),
        exclusive=known.exclusive,
    )
    procedure = PlanProcedure(id=f"loop-{index}", title=title, span=span, steps=(number,))
    return procedure, step, mapped(number, repetition)
