"""What a model sees in a skill beside the static analysis: further requirements, other paths.

It may add, never take away. Ids and levels are those of the real ladders, and whatever it does not quote from
the skill is left out with a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from skvm.compiler.asking.forms import Form, LevelNeeded, PrimitiveId
from skvm.compiler.asking.material import MATERIAL_ONLY, enclosed, find_quote, unfit
from skvm.compiler.choices import PathChoice, PathOption
from skvm.compiler.contract import Counsel, Requirement
from skvm.compiler.findings import SKV253
from skvm.compiler.reading.norms import is_normative
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.requirements import EVIDENCE_CHARS, Analysis, purpose_at, read
from skvm.diagnostics import Diagnostic, Span
from skvm.skill.ir import Skill
from skvm.target.contract import LEVELS, PRIMITIVES, Level

__all__ = ["Added", "SkillNeeds", "add_needs", "ask_needs", "needs_question"]


class NeededThere(Form):
    """A place of the skill and what it demands."""

    id: PrimitiveId
    level: LevelNeeded
    quote: str = Field(max_length=600, description="Words copied from the skill that show the demand.")


class NeededInstead(Form):
    """What another path demands."""

    id: PrimitiveId
    level: LevelNeeded


class OtherPath(Form):
    """Another way to reach what a passage is for."""

    name: str = Field(min_length=2, max_length=60, description="A few words the path is called by.")
    when: str = Field(default="", max_length=300, description="The condition it needs; empty if none.")
    note: str = Field(
        min_length=8, max_length=500, description="The instruction that stands in for the passage."
    )
    replaces: str = Field(max_length=600, description="Words copied from the passage it stands in for.")
    requirements: tuple[NeededInstead, ...] = Field(max_length=12)


class PurposeNeeds(Form):
    """What one purpose of the skill demands."""

    purpose: str = Field(description="The id of the purpose, from the list.")
    requirements: tuple[NeededThere, ...] = Field(default=(), max_length=40)
    alternatives: tuple[OtherPath, ...] = Field(default=(), max_length=4)


class SkillNeeds(Form):
    """What a skill demands of the agent that follows it."""

    purposes: tuple[PurposeNeeds, ...] = Field(max_length=60)


SYSTEM = (
    "You read instructions written for an agent and say which abilities they demand, on a given scale. "
    f"{MATERIAL_ONLY}"
)
_TASK = """\
Below are a scale of abilities, the purposes of one set of instructions, and the instructions themselves.

For every purpose say which abilities of the scale an agent needs to carry it out, and how much of each:
- `id` and `level` are taken from the scale as they stand. Choose the lowest level whose description covers \
what is demanded; leave out what every agent can do.
- `quote` is copied from the instructions, word for word, from the place that makes the demand: one sentence \
or one line, no more.
- Only what the words demand counts, not what might be useful.

Where a passage could be reached by an easier way that the same tools allow, add it under `alternatives`: \
`note` is the instruction that would stand there instead, complete and concrete; `replaces` is copied from \
the passage; `requirements` is all the other way needs; `when` names a condition only if it depends on one. \
Offer none that leaves a result, a check or a prohibition out. Most instructions have none.
"""


def needs_question(skill: Skill, analysis: Analysis) -> str:
    """The question: a function of the skill alone, so that its answer serves every target."""
    purposes = "\n".join(f"- {found.id}: {found.description[:200]}" for found in analysis.purposes)
    files = "\n".join(f"- {found.path}" for found in skill.resources[:200]) or "- none"
    return (
        f"{_TASK}\n# Scale\n\n{_scale()}\n\n# Purposes\n\n{enclosed(purposes)}\n\n"
        f"# Files beside the instructions\n\n{enclosed(files)}\n\n"
        f"# Instructions\n\n{enclosed(skill.text(skill.body))}\n"
    )


def _scale() -> str:
    """Every primitive with what its levels claim, in order of id."""
    lines = []
    for primitive in PRIMITIVES.all():
        lines.append(f"{primitive.id}: {primitive.description}")
        lines += [f"  {level}: {primitive.levels[level].claim}" for level in LEVELS]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Added:
    """An analysis with what a model added, and what of its answer was left out."""

    analysis: Analysis
    diagnostics: tuple[Diagnostic, ...] = ()


async def ask_needs(skill: Skill, analysis: Analysis, counsel: Counsel) -> Added:
    """Ask what a skill needs and add it to the static analysis.

    Raises:
        FindingsError: No usable answer.
        InfrastructureError: The model failed.
    """
    needs = await counsel.ask(needs_question(skill, analysis), SkillNeeds, system=SYSTEM)
    return add_needs(skill, analysis, needs)


def add_needs(skill: Skill, analysis: Analysis, needs: SkillNeeds) -> Added:
    """Add what an answer says to an analysis; what it cannot quote is left out."""
    adding = _Adding(skill, analysis)
    for purpose in needs.purposes:
        for needed in purpose.requirements:
            adding.requirement(needed)
    for purpose in needs.purposes:
        for path in purpose.alternatives:
            adding.path(path)
    return adding.result()


class _Adding:
    """One answer on its way into an analysis."""

    def __init__(self, skill: Skill, analysis: Analysis) -> None:
        self.skill = skill
        self.analysis = analysis
        self.prose: Prose = read(skill).prose
        self.requirements: list[Requirement] = []
        self.choices: dict[Span, list[PathOption]] = {}
        self.notes: list[Diagnostic] = []

    def result(self) -> Added:
        """Requirements and choices in order of place."""
        requirements = sorted(
            [*self.analysis.requirements, *self.requirements],
            key=lambda found: (found.span, found.primitive_id),
        )
        made = [
            PathChoice(purpose_at(self.analysis, span.start).id, (self._current(span, requirements), *others))
            for span, others in self.choices.items()
        ]
        choices = sorted([*self.analysis.choices, *made], key=lambda choice: choice.options[0].span)
        return Added(
            replace(self.analysis, requirements=tuple(requirements), choices=tuple(choices)),
            tuple(self.notes),
        )

    def _current(self, span: Span, requirements: Sequence[Requirement]) -> PathOption:
        return PathOption(
            "the passage as it stands",
            span,
            tuple(needed for needed in requirements if span.contains(needed.span)),
        )

    def _leave_out(self, what: str) -> None:
        self.notes.append(
            SKV253.at(what, path=self.skill.root / "SKILL.md" if self.skill.root else "SKILL.md")
        )

    def requirement(self, needed: NeededThere) -> None:
        """Take a requirement whose quote stands in the skill and that is not known already."""
        span = find_quote(self.skill, needed.quote)
        if span is None:
            self._leave_out(f"{needed.id} {needed.level}: {needed.quote[:80]!r} does not stand in the skill")
            return
        sentences = self.prose.sentences_in(span)
        if len(sentences) == 1 and sentences[0].span.contains(span):
            span = sentences[0].span
        level = Level(needed.level)
        is_known = any(
            found.primitive_id == needed.id and found.level.rank >= level.rank and found.span.overlaps(span)
            for found in [*self.analysis.requirements, *self.requirements]
        )
        if not is_known:
            self.requirements.append(
                Requirement(
                    purpose_at(self.analysis, span.start).id,
                    needed.id,
                    level,
                    self.skill.text(span)[:EVIDENCE_CHARS],
                    span,
                    by_model=True,
                )
            )

    def path(self, path: OtherPath) -> None:
        """Take a path that stands in for one passage without a rule in it."""
        place = find_quote(self.skill, path.replaces)
        span = None if place is None else self._passage(place)
        if span is None:
            self._leave_out(f"path {path.name!r}: what it replaces is no passage of the skill")
            return
        why = unfit(path.note, self.skill) or unfit(path.name, self.skill)
        if why is None and ("\n" in path.note or "\n" in path.name):
            why = "it is more than one line"
        if why is None and any(is_normative(found.text) for found in self.prose.sentences_in(span)):
            why = "the passage holds a rule that must be kept"
        if why is None and any(
            choice.ways and choice.ways.span.overlaps(span) for choice in self.analysis.choices
        ):
            why = "the skill offers other ways there itself"
        if why is not None:
            self._leave_out(f"path {path.name!r}: {why}")
            return
        purpose = purpose_at(self.analysis, span.start)
        requirements = tuple(
            Requirement(purpose.id, found.id, Level(found.level), path.note, span, by_model=True)
            for found in path.requirements
        )
        option = PathOption(path.name, span, requirements, path.when, path.note)
        self.choices.setdefault(span, []).append(option)

    def _passage(self, place: Span) -> Span | None:
        """The paragraph or list item a place lies in, with the code that belongs to it."""
        for index, block in enumerate(self.prose.blocks):
            end = max((fence.span.end for fence in self.prose.fences_after(index)), default=block.span.end)
            span = Span(block.span.start, end)
            if span.contains(place):
                return span if block.kind in (BlockKind.PARAGRAPH, BlockKind.ITEM) else None
        return None
