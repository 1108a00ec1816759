"""Which steps, and which items of one step, may go at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from skvm.compiler.effects.model import Repetition, SkillStep, StepKind, Workflow
from skvm.compiler.findings import SKV231
from skvm.compiler.plans.graph import DOUBTS, Graph, finding, why_not
from skvm.compiler.plans.plan import Group, Items, TextSpan
from skvm.diagnostics import Diagnostic, Span
from skvm.skill.ir import Skill

__all__ = ["by_level", "calls_at_once", "mapped", "repeated", "stated"]


def by_level(workflow: Workflow, graph: Graph, taken: set[str]) -> list[Group]:
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
            found.append(
                calls_at_once([graph.steps[member] for member in members], "they touch different things")
            )
    return found


def stated(skill: Skill, workflow: Workflow, graph: Graph) -> tuple[list[Group], list[Diagnostic]]:
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
            if other in ids and why.kind in {"flow", "anti", "output", "stated"} and why.reason not in DOUBTS
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
            refused.append(finding(SKV231, skill, message, span))
            continue
        for step in members:
            graph.links[step.id] = {
                other: why for other, why in graph.links.get(step.id, {}).items() if other not in ids
            }
        words = " ".join(skill.text(span).split())[:120]
        groups.append(calls_at_once(members, f"the skill says so: {words}"))
    return groups, refused


def calls_at_once(members: Sequence[SkillStep], reason: str) -> Group:
    """The group of some steps; sub-agents where one of them is more than a call or two."""
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
    commands = _commands(step)
    if commands:
        return ", ".join(f"run `{' '.join(command.split())}`" for command in commands)
    effects = step.effects
    is_whole = step.gives_files and step.kind is StepKind.WRITE and not step.repetitions
    if is_whole:
        read, made = (", ".join(f"`{name}`" for name in names) for names in (effects.reads, effects.writes))
        return f"read {read}, write {made}"
    named = f"“{step.title[:60]}”"
    if any("*" in name and name != "*" for name in (*effects.reads, *effects.writes)):
        # What the name is, the text must say.
        return named
    if step.kind is StepKind.WRITE and effects.writes:
        return "write " + ", ".join(f"`{name}`" for name in effects.writes if ":" not in name)
    files = [name for name in effects.reads if ":" not in name and name != "*"]
    return f"{step.kind} " + ", ".join(f"`{name}`" for name in files) if files else named


def _commands(step: SkillStep) -> list[str]:
    """The commands of a step that fit in a line; a loop of several lines does not."""
    if not step.is_commands:
        return [action.command for action in step.actions if action.command]
    commands = [item.command for item in step.statements if item.command is not None]
    return [] if any("\n" in command for command in commands) else commands


def repeated(workflows: Iterable[Workflow]) -> list[Group]:
    """A group for each repetition in a step, at most one for the same thing gone through."""
    holders: dict[tuple[Span, str], SkillStep] = {}
    for step in (step for workflow in workflows for step in workflow.steps if step.kind is not StepKind.ASK):
        for repetition in step.repetitions:
            key = (repetition.span, repetition.over)
            # A step inside another one is the nearer place.
            if key not in holders or len(step.span) < len(holders[key].span):
                holders[key] = step
    return [
        mapped(step.id, _whole(step, repetition))
        for (span, over), step in holders.items()
        for repetition in step.repetitions
        if (repetition.span, repetition.over) == (span, over)
    ]


_MAKES_FOLDERS = re.compile(r"mkdir -p [\w./ -]+\Z")


def _whole(step: SkillStep, repetition: Repetition) -> Repetition:
    """A repetition whose command does all the step does for one item; without command where it cannot."""
    if repetition.command is None:
        return repetition
    others = [item for item in step.statements if not item.span.contains(repetition.span)]
    loops = [item for item in step.statements if item.span.contains(repetition.span)]
    before = [item.command for item in others if item.span < repetition.span]
    folders = [text for text in before if text is not None and _MAKES_FOLDERS.match(text)]
    if (
        not step.is_commands
        or len(folders) != len(others)
        or len(loops) != 1
        or loops[0].span != repetition.span
    ):
        return replace(repetition, command=None)
    return replace(repetition, command=" && ".join((*folders, repetition.command)))


def mapped(step_id: str, repetition: Repetition) -> Group:
    """The group of the items one step goes through."""
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
            output=repetition.output,
            inputs=repetition.inputs,
        ),
        mechanism=_map_words(repetition),
        reason=repetition.why,
        span=TextSpan(start=repetition.span.start, end=repetition.span.end),
    )


def _map_words(repetition: Repetition) -> str:
    over = " ".join(repetition.over.split())
    if repetition.kind == "helpers":
        return f"one turn that starts all {over}, each with its own part"
    if repetition.output is not None:
        return f"one short task for each of `{over}`, each writes its own `{repetition.output}`"
    if repetition.command is not None:
        return f"one call for each of `{over}`, up to 8 in one turn: `{' '.join(repetition.command.split())}`"
    if repetition.variable is not None:
        return f"the loop over `{over}` as a map with a pool of workers, results in the order of the items"
    if repetition.kind == "list":
        return "in one turn: " + "; ".join(f"read `{item}`" for item in repetition.items)
    return f"the calls for {over}, up to 8 in one turn"
