"""What must wait for what: the steps of a skill as a graph, with a dependency wherever a doubt is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from skvm.compiler.effects.model import ENVIRONMENT, PROGRAM, Effects, SkillStep, StepKind, Workflow
from skvm.compiler.effects.resources import clash
from skvm.compiler.findings import SKV230
from skvm.compiler.plans.plan import Dependency
from skvm.compiler.reading.wording import words_of
from skvm.diagnostics import Diagnostic, Rule, Span
from skvm.skill.ir import Skill

__all__ = ["DOUBTS", "Graph", "finding", "joined", "link", "shown", "unmeetable", "why_not"]

Links = dict[str, dict[str, Dependency]]
"""For each step what it depends on, by id."""
MAY_USE = "it may use what was found"
SAME_SUBJECT = "both speak of the same thing"
DOUBTS = frozenset({MAY_USE, SAME_SUBJECT})
"""Reasons of dependencies that are only doubts."""


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


def link(workflow: Workflow, graph: Graph) -> None:
    """Add what each step of a workflow depends on."""
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


def _dependency(  # noqa: PLR0911 - one return a reason
    earlier: SkillStep, step: SkillStep
) -> Dependency | None:
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
        return Dependency(step=earlier.id, kind=kind, reason=f"{_KINDS[kind]} {shown(name)}")
    for one in (earlier, step):
        if one.effects.is_open:
            return Dependency(
                step=earlier.id, kind="control", reason=f"what step {one.id} touches is not known"
            )
    needs_files_only = earlier.gives_files and not step.uses_context
    if earlier.informs and not needs_files_only and (step.uses_context or step.effects.writes):
        return Dependency(step=earlier.id, kind="flow", reason=MAY_USE)
    if step.uses_context and _subject(earlier.title) & _subject(step.title):
        return Dependency(step=earlier.id, kind="flow", reason=SAME_SUBJECT)
    return None


_LABEL_OR_PATH = re.compile(r"^[^:→]{1,30}:\s|\S*[/.]\S+")


def _subject(title: str) -> frozenset[str]:
    """The words of a title that say what it is about: no label, no file names."""
    return words_of(_LABEL_OR_PATH.sub(" ", title))


_KINDS = {"flow": "it reads", "anti": "it writes what was read:", "output": "both write"}


def _touching(earlier: Effects, later: Effects) -> tuple[Literal["flow", "anti", "output"], str] | None:
    """How two steps touch the same thing, and which."""
    if (name := clash(earlier.writes, later.reads)) is not None:
        return "flow", name
    if (name := clash(earlier.writes, later.writes)) is not None:
        return "output", name
    if (name := clash(earlier.reads, later.writes)) is not None:
        return "anti", name
    return None


def shown(name: str) -> str:
    """The name of a touched thing, for a person."""
    if name == "*":
        return "files nobody can name"
    return {ENVIRONMENT: "installed software", PROGRAM: "the program's variables"}.get(name, name)


def unmeetable(skill: Skill, workflow: Workflow, graph: Graph) -> list[Diagnostic]:
    """Findings about steps that need a later one."""
    by_ordinal = {step.ordinal: step for step in workflow.steps}
    found: list[Diagnostic] = []
    for step in workflow.steps:
        for number in step.refers_to:
            later = by_ordinal.get(number)
            if later is not None and later.span > step.span and step.id in graph.before(later.id):
                message = f"step {step.ordinal} needs step {number}, which comes after it"
                found.append(finding(SKV230, skill, message, step.span))
    return found


def finding(rule: Rule, skill: Skill, message: str, span: Span) -> Diagnostic:
    """A finding at the beginning of a span of ``SKILL.md``."""
    path = skill.root / "SKILL.md" if skill.root else "SKILL.md"
    return rule.at(message, path=path, span=Span(span.start, span.start), source=skill.source)


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
                return f"steps {other} and {member} both touch {shown(touched[1])}"
    return None
