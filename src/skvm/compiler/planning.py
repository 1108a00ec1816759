"""From what steps touch to what must wait for what, and to the groups that may go at once.

A dependency is added wherever a doubt is left, and a group only where none is: no path joins its members,
no two of them write the same thing, and none writes what another reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skvm.compiler.effects.analysis import effects_of
from skvm.compiler.effects.model import (
    ENVIRONMENT,
    Action,
    Effects,
    Repetition,
    SkillEffects,
    SkillStep,
    StepKind,
    Workflow,
)
from skvm.compiler.effects.resources import clash
from skvm.compiler.findings import SKV230, SKV231
from skvm.compiler.plan import (
    Dependency,
    Group,
    Items,
    Plan,
    PlanAction,
    PlanProcedure,
    PlanStep,
    TextSpan,
)
from skvm.compiler.reading.wording import words_of
from skvm.compiler.requirements import Analysis, analyse
from skvm.diagnostics import Diagnostic, Span
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill

__all__ = ["Graph", "PlanResult", "joined", "plan_of", "why_not"]

Links = dict[str, dict[str, Dependency]]
"""For each step what it depends on, by id."""
_SECTION_TITLE_CHARS = 100


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A plan and what was noticed while it was made."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class Graph:
    """The steps of a skill and what each depends on, while they are put together.

    Args:
        steps: By id, in order of the text.
        links: By id, what each depends on.
    """

    steps: dict[str, SkillStep]
    links: Links = field(default_factory=dict)

    def add(self, step: str, dependency: Dependency) -> None:
        """Let a step depend on another one, if it does not already."""
        self.links.setdefault(step, {}).setdefault(dependency.step, dependency)

    def before(self, step: str) -> set[str]:
        """Everything a step depends on, directly or not."""
        found: set[str] = set()
        pending = list(self.links.get(step, ()))
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending += self.links.get(one, ())
        return found


def plan_of(skill: Skill) -> PlanResult:
    """The plan of a skill, from its text and bundle alone."""
    effects = effects_of(skill)
    graph = Graph({step.id: step for workflow in effects.workflows for step in workflow.steps})
    diagnostics: list[Diagnostic] = []
    groups: list[Group] = []
    for workflow in effects.workflows:
        _link(workflow, graph)
        diagnostics += _backwards(skill, workflow, graph)
        stated, refused = _stated(skill, workflow, graph)
        diagnostics += refused
        groups += stated
        groups += _levels(workflow, graph, taken={step for group in stated for step in group.steps})
    groups += _repeated(effects.workflows)
    loose = [_loose(skill, found, index) for index, found in enumerate(effects.loose, 1)]
    groups += [group for _, _, group in loose]
    plan = Plan(
        skill=skill.name,
        skillDigest=skill_digest(skill),
        procedures=(*_procedures(effects), *(procedure for procedure, _, _ in loose)),
        steps=(*_records(skill, graph), *(step for _, step, _ in loose)),
        groups=tuple(group.model_copy(update={"id": f"g{index}"}) for index, group in enumerate(groups, 1)),
    )
    return PlanResult(plan, tuple(diagnostics))


# --- dependencies


def _link(workflow: Workflow, graph: Graph) -> None:
    by_ordinal = {step.ordinal: step for step in workflow.steps}
    for index, step in enumerate(workflow.steps):
        for earlier in workflow.steps[:index]:
            found = _dependency(earlier, step)
            if found is not None:
                graph.add(step.id, found)
        for number in step.refers_to:
            other = by_ordinal.get(number)
            if other is not None and other.span < step.span:
                graph.add(step.id, Dependency(step=other.id, kind="stated", reason=f"it names step {number}"))


def _dependency(earlier: SkillStep, step: SkillStep) -> Dependency | None:
    """Why a step must come after an earlier one, the strongest reason first; ``None`` if it need not."""
    if earlier.kind is StepKind.ASK:
        return Dependency(step=earlier.id, kind="confirmation", reason="a person answers first")
    if step.kind is StepKind.ASK:
        return Dependency(
            step=earlier.id, kind="control", reason="a person is asked about what was done so far"
        )
    touched = _touching(earlier.effects, step.effects)
    if touched is not None:
        kind, name = touched
        return Dependency(step=earlier.id, kind=kind, reason=f"{_KINDS[kind]} {_shown(name)}")
    for one in (earlier, step):
        if one.effects.is_open:
            return Dependency(
                step=earlier.id, kind="control", reason=f"what step {one.id} touches is not known"
            )
    if earlier.informs and (step.uses_context or step.effects.writes):
        return Dependency(step=earlier.id, kind="flow", reason="it may use what was found")
    if step.uses_context and _subject(earlier.title) & _subject(step.title):
        return Dependency(step=earlier.id, kind="flow", reason="both speak of the same thing")
    return None


_LABEL_OR_PATH = re.compile(r"^[^:→]{1,30}:\s|\S*[/.]\S+")


def _subject(title: str) -> frozenset[str]:
    """The words of a title that say what it is about: no label, no file names."""
    return words_of(_LABEL_OR_PATH.sub(" ", title))


_KINDS = {"flow": "it reads", "anti": "it writes what was read:", "output": "both write"}


def _touching(earlier: Effects, later: Effects) -> tuple[str, str] | None:
    """How two steps touch the same thing, and which."""
    if (name := clash(earlier.writes, later.reads)) is not None:
        return "flow", name
    if (name := clash(earlier.writes, later.writes)) is not None:
        return "output", name
    if (name := clash(earlier.reads, later.writes)) is not None:
        return "anti", name
    return None


def _shown(name: str) -> str:
    if name == "*":
        return "files nobody can name"
    return {ENVIRONMENT: "installed software", "program:": "the program's variables"}.get(name, name)


def _backwards(skill: Skill, workflow: Workflow, graph: Graph) -> list[Diagnostic]:
    """Findings about steps that need a later one."""
    by_ordinal = {step.ordinal: step for step in workflow.steps}
    found: list[Diagnostic] = []
    for step in workflow.steps:
        for number in step.refers_to:
            later = by_ordinal.get(number)
            if later is not None and later.span > step.span and step.id in graph.before(later.id):
                message = f"step {step.ordinal} needs step {number}, which comes after it"
                found.append(_at(SKV230, skill, message, step.span))
    return found


def _at(rule: object, skill: Skill, message: str, span: Span) -> Diagnostic:
    path = skill.root / "SKILL.md" if skill.root else "SKILL.md"
    return rule.at(message, path=path, span=Span(span.start, span.start), source=skill.source)  # type: ignore[attr-defined,no-any-return]


# --- groups


def joined(graph: Graph, members: Sequence[str]) -> tuple[str, str] | None:
    """Two members one of which must come after the other; ``None`` if there are none."""
    for member in members:
        before = graph.before(member)
        for other in members:
            if other in before:
                return other, member
    return None


def why_not(graph: Graph, members: Sequence[str]) -> str | None:
    """Why steps may not go at once; ``None`` if they may."""
    if (pair := joined(graph, members)) is not None:
        return f"step {pair[1]} must come after step {pair[0]}"
    for index, member in enumerate(members):
        one = graph.steps[member]
        if one.effects.is_open or one.kind is StepKind.ASK:
            return f"what step {member} touches is not known"
        for other in members[:index]:
            touched = _touching(graph.steps[other].effects, one.effects)
            if touched is not None:
                return f"steps {other} and {member} both touch {_shown(touched[1])}"
    return None


def _levels(workflow: Workflow, graph: Graph, taken: set[str]) -> list[Group]:
    """Steps as far from the start as each other: no path joins them."""
    depth: dict[str, int] = {}
    for step in workflow.steps:
        before = graph.links.get(step.id, {})
        depth[step.id] = 1 + max((depth.get(other, 0) for other in before), default=-1)
    found: list[Group] = []
    for level in sorted(set(depth.values())):
        members = [step.id for step in workflow.steps if depth[step.id] == level and step.id not in taken]
        members = [
            member for member in members if graph.steps[member].kind not in {StepKind.OPEN, StepKind.ASK}
        ]
        if len(members) > 1 and why_not(graph, members) is None:
            found.append(_group([graph.steps[member] for member in members], "they touch different things"))
    return found


def _stated(skill: Skill, workflow: Workflow, graph: Graph) -> tuple[list[Group], list[Diagnostic]]:
    """Groups the text names: what is only doubt gives way to them, what is known does not."""
    groups: list[Group] = []
    refused: list[Diagnostic] = []
    for places, span in workflow.stated:
        members = [workflow.steps[place] for place in sorted(places)]
        ids = {step.id for step in members}
        hard = [
            (step, other)
            for step in members
            for other, why in graph.links.get(step.id, {}).items()
            if other in ids
            and why.kind in {"flow", "anti", "output", "stated"}
            and why.reason != "it may use what was found"
        ]
        between = [
            other
            for step in members
            for other in graph.links.get(step.id, {})
            if other not in ids and ids & graph.before(other)
        ]
        asks = any(step.kind is StepKind.ASK for step in members)
        if hard or between or asks:
            names = " and ".join(str(step.ordinal) for step in members)
            message = f"the skill lets steps {names} go at once, but "
            message += (
                graph.links[hard[0][0].id][hard[0][1]].reason if hard else "one of them must wait for another"
            )
            refused.append(_at(SKV231, skill, message, span))
            continue
        for step in members:
            graph.links[step.id] = {
                other: why for other, why in graph.links.get(step.id, {}).items() if other not in ids
            }
        words = " ".join(skill.text(span).split())[:120]
        groups.append(_group(members, f"the skill says so: {words}"))
    return groups, refused


def _group(members: Sequence[SkillStep], reason: str) -> Group:
    is_large = any(len([action for action in step.actions if action.effects.calls]) > 2 for step in members)
    is_large |= any(step.effects.is_open for step in members)
    kind = "tlp" if is_large else "ilp"
    return Group(
        id="",
        type=kind,  # type: ignore[arg-type]
        steps=tuple(step.id for step in members),
        mechanism=_mechanism(members, is_large=is_large),
        reason=reason,
        span=TextSpan(start=members[0].span.start, end=members[-1].span.end),
    )


def _mechanism(members: Sequence[SkillStep], *, is_large: bool) -> str:
    """What to do at once, call by call."""
    if is_large:
        named = "; ".join(f"“{step.title[:60]}”" for step in members)
        return f"one sub-agent for each of: {named}"
    return "in one turn: " + "; ".join(_call(step) for step in members)


def _call(step: SkillStep) -> str:
    commands = [action.command for action in step.actions if action.command]
    if commands:
        return ", ".join(f"run `{' '.join(command.split())}`" for command in commands)
    effects = step.effects
    if step.kind is StepKind.WRITE and effects.writes:
        return "write " + ", ".join(f"`{name}`" for name in effects.writes if ":" not in name)
    files = [name for name in effects.reads if ":" not in name and name != "*"]
    if files:
        return f"{step.kind} " + ", ".join(f"`{name}`" for name in files)
    return f"“{step.title[:60]}”"


def _repeated(workflows: Iterable[Workflow]) -> list[Group]:
    """A group for each repetition in a step, at most one for the same thing gone through."""
    holders: dict[tuple[Span, str], SkillStep] = {}
    for step in (step for workflow in workflows for step in workflow.steps if step.kind is not StepKind.ASK):
        for repetition in step.repetitions:
            key = (repetition.span, repetition.over)
            # A step inside another one is the nearer place.
            if key not in holders or len(step.span) < len(holders[key].span):
                holders[key] = step
    return [
        _mapped(step.id, repetition)
        for (span, over), step in holders.items()
        for repetition in step.repetitions
        if (repetition.span, repetition.over) == (span, over)
    ]


def _mapped(step_id: str, repetition: Repetition) -> Group:
    by_helpers = repetition.kind == "helpers"
    return Group(
        id="",
        type="tlp" if by_helpers else "dlp",
        steps=(step_id,),
        items=Items(
            kind=repetition.kind,  # type: ignore[arg-type]
            over=repetition.over,
            values=repetition.items,
            variable=repetition.variable,
            command=repetition.command,
        ),
        mechanism=_map_words(repetition),
        reason=repetition.why,
        span=TextSpan(start=repetition.span.start, end=repetition.span.end),
    )


def _map_words(repetition: Repetition) -> str:
    over = " ".join(repetition.over.split())
    if repetition.kind == "helpers":
        return f"one turn that starts all {over}, each with its own part"
    if repetition.command is not None:
        return f"one call for each of `{over}`, up to 8 in one turn: `{' '.join(repetition.command.split())}`"
    if repetition.variable is not None:
        return f"the loop over `{over}` as a map with a pool of workers, results in the order of the items"
    if repetition.kind == "list":
        return "in one turn: " + "; ".join(f"read `{item}`" for item in repetition.items)
    return f"the calls for {over}, up to 8 in one turn"


# --- records


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
    exact = [action for action in step.actions if action.command is not None]
    commands = [action for action in step.actions if action.effects.calls or action.effects.is_open]
    return PlanStep(
        id=step.id,
        description=step.title,
        span=_span(step.span),
        kind=str(step.kind),  # type: ignore[arg-type]
        primitives=_primitives(analysis, step.span),
        actions=tuple(_action(action) for action in exact),
        executable=bool(exact) and len(exact) == len(commands) == len(step.actions) and not step.uses_context,
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
        idempotent=not effects.is_open and not effects.writes,
    )


def _loose(skill: Skill, repetition: Repetition, index: int) -> tuple[PlanProcedure, PlanStep, Group]:
    """A procedure of one step for a repetition that stands in no workflow."""
    number = f"0.{index}"
    heading = next(
        (found for found in reversed(skill.headings) if found.span.start <= repetition.span.start), None
    )
    title = (heading.title if heading else skill.name)[:_SECTION_TITLE_CHARS]
    span = _span(repetition.span)
    step = PlanStep(
        id=number,
        description=" ".join(f"{title}: {repetition.over}".split())[:160],
        span=span,
        kind="command",
        open=repetition.command is None,
    )
    procedure = PlanProcedure(id=f"loop-{index}", title=title, span=span, steps=(number,))
    return procedure, step, _mapped(number, replace(repetition))
