"""Edits a model proposes where no ladder rule fits: small replacements of quoted text, judged like others.

A question is about one primitive in one section. What comes back is vetted here (the old text stands exactly
once and in that section, nothing unknown comes in) and by the guard afterwards. A requirement only a model
sees cannot be read again by the guard; the passage is put to the model once more, without a word of the edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from skvm.compiler.asking.forms import Form
from skvm.compiler.asking.material import MATERIAL_ONLY, enclosed, facts_of, unfit
from skvm.compiler.contract import Counsel, Gap
from skvm.compiler.findings import SKV253, SKV254
from skvm.compiler.ladder import edit_for
from skvm.compiler.placing import Places
from skvm.compiler.requirements import analyse
from skvm.diagnostics import Diagnostic, Span
from skvm.skill.edit import Edit, apply_edits
from skvm.skill.emit import rewrite_skill
from skvm.skill.ir import Skill
from skvm.target.contract import LEVELS, PRIMITIVES, Level, Primitive
from skvm.target.profile import Profile

__all__ = ["MAX_EDITS", "MAX_QUESTIONS", "RULE", "Proposals", "Proposed", "ask_edits"]

RULE = "model"
"""The rule of every such edit."""
MAX_EDITS = 3
"""Edits taken for one gap."""
MAX_QUESTIONS = 24
"""Questions one skill may cost, the worst gaps first."""
_MAX_SECTION_CHARS = 12_000
_MAX_GAPS = 8
_MAX_FAILURES = 5
_LEAST_GROWTH_CHARS = 1200


class Proposal(Form):
    """One replacement."""

    gap: int = Field(ge=1, le=_MAX_GAPS, description="The number of the demand it is for.")
    old_text: str = Field(
        min_length=1, max_length=4000, description="Copied to the letter; stands only once."
    )
    new_text: str = Field(max_length=8000, description="What stands there instead.")
    why: str = Field(min_length=4, max_length=300, description="What makes it easier, in one sentence.")


class Proposals(Form):
    """Replacements, the best first; none where nothing helps."""

    edits: tuple[Proposal, ...] = Field(default=(), max_length=MAX_EDITS * _MAX_GAPS)


class Demand(Form):
    """How much of one ability a passage demands."""

    level: Literal["L0", "L1", "L2", "L3"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """Edits that were found fit, and what was left out."""

    edits: tuple[Edit, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


SYSTEM = (
    "You make instructions easier to follow for an agent with known limits, by small changes of their "
    f"wording, and never change what is to be achieved. {MATERIAL_ONLY}"
)
_TASK = """\
An agent has to follow the instructions below, but they demand more of one ability than it has. Propose \
replacements of short pieces of text that make each numbered demand easy enough.

Rules:
- `old_text` is copied from the instructions to the letter and stands in them exactly once. Keep it short: \
the sentence or line at fault.
- `new_text` takes its place. It says the same thing more concretely, in smaller steps, with names, values \
and examples that stand in the instructions already. Every rule, condition, limit, check, command, file name \
and code block of the old text stays in it, word for word.
- Bring in no heading, no comment, no tool, program, library, file or address the instructions do not name.
- Do not change results, formats or the order of what is done; leave no check out.
- At most three replacements a demand; none where wording cannot help.
"""


async def ask_edits(skill: Skill, gaps: Sequence[Gap], profile: Profile, counsel: Counsel) -> Proposed:
    """Ask for edits that close gaps.

    Args:
        skill: The skill.
        gaps: What is still open, the worst first.
        profile: The target's.
        counsel: The model.

    Raises:
        FindingsError: No usable answer.
        InfrastructureError: The model failed.
    """
    edits: list[Edit] = []
    notes: list[Diagnostic] = []
    questions = _questions(skill, gaps, profile)
    for question in questions[:MAX_QUESTIONS]:
        said = await counsel.ask(question.prompt(), Proposals, system=SYSTEM)
        vetted, left_out = question.vetted(said)
        notes += left_out
        for gap, members in vetted:
            reached = await _reached(question, gap, members, counsel)
            if reached.rank >= gap.requirement.level.rank:
                seen = "the model, asked again," if gap.requirement.by_model else "the analysis"
                notes.append(question.note(f"{seen} still sees the demand", members[0].span))
            else:
                edits += [replace(edit, to_level=str(max(reached, gap.target_level))) for edit in members]
    if left := sum(len(question.gaps) for question in questions[MAX_QUESTIONS:]):
        notes.append(SKV254.at(f"{left} gaps were not asked about", path=_path(skill)))
    return Proposed(tuple(edits), tuple(notes))


async def _reached(question: _Question, gap: Gap, edits: Sequence[Edit], counsel: Counsel) -> Level:
    """What a gap's place still demands with some edits."""
    skill = question.skill
    if gap.requirement.by_model:
        system = f"You judge what a passage demands of an agent. {MATERIAL_ONLY}"
        said = await counsel.ask(question.demand(edits), Demand, system=system)
        return Level(said.level)
    region = Places(edits).after(gap.requirement.span)
    levels = [
        needed.level
        for needed in analyse(rewrite_skill(skill, edits)).requirements
        if needed.primitive_id == gap.requirement.primitive_id and needed.span.overlaps(region)
    ]
    return max(levels, default=Level.L0)


def _questions(skill: Skill, gaps: Sequence[Gap], profile: Profile) -> list[_Question]:
    """Gaps by primitive and section, in the order of the first gap of each."""
    grouped: dict[tuple[str, Span], list[Gap]] = {}
    for gap in gaps:
        key = (gap.requirement.primitive_id, _section(skill, gap.requirement.span))
        grouped.setdefault(key, []).append(gap)
    return [
        _Question(skill, PRIMITIVES.get(primitive_id), section, tuple(members[at : at + _MAX_GAPS]), profile)
        for (primitive_id, section), members in grouped.items()
        for at in range(0, len(members), _MAX_GAPS)
    ]


def _section(skill: Skill, span: Span) -> Span:
    """The smallest section a place lies in, or what stands around it where that is too long."""
    body = skill.body
    holding = [heading.section for heading in skill.headings if heading.section.contains(span)]
    section = min(holding, key=len, default=body)
    if len(section) <= _MAX_SECTION_CHARS:
        return section
    half = _MAX_SECTION_CHARS // 2
    start = skill.source.rfind(b"\n", 0, max(section.start, span.start - half)) + 1
    end = skill.source.find(b"\n", min(section.end, span.end + half))
    return Span(max(section.start, start), section.end if end < 0 else min(section.end, end))


@dataclass(frozen=True, slots=True)
class _Question:
    """One primitive in one section, and the gaps there."""

    skill: Skill
    primitive: Primitive
    section: Span
    gaps: tuple[Gap, ...]
    profile: Profile

    @property
    def held(self) -> Level:
        """What the target has of it."""
        return self.gaps[0].target_level

    def prompt(self) -> str:
        """The question; nothing in it depends on anything but skill, gaps and profile."""
        demands = "\n".join(
            f"{number}. {gap.requirement.level}: {' '.join(gap.requirement.evidence.split())}"
            for number, gap in enumerate(self.gaps, 1)
        )
        parts = [
            _TASK,
            f"# The ability: {self.primitive.description}\n\n{self._levels()}",
            f"The agent reaches {self.held}. {self._advice()}".strip(),
            f"# Demands\n\n{enclosed(demands)}",
            f"# Instructions\n\n{enclosed(self.skill.text(self.section))}",
        ]
        if failures := self._failures():
            parts.insert(3, f"# How the agent failed when it was tried\n\n{enclosed(failures)}")
        return "\n\n".join(parts) + "\n"

    def _levels(self) -> str:
        lines = [f"- {level}: {self.primitive.levels[level].claim}" for level in LEVELS]
        return "\n".join(["- L0: not even L1", *lines])

    def _advice(self) -> str:
        """How the ladder of the primitive lowers what is needed to what is held."""
        needed = max(gap.requirement.level.rank for gap in self.gaps)
        steps = self.primitive.degradations
        advice = [
            text
            for rank, text in ((3, steps.l3_to_l2), (2, steps.l2_to_l1))
            if text and self.held.rank < rank <= needed
        ]
        if self.held is Level.L0:
            advice.append("It cannot rely on this ability at all: have the work done without it.")
        return " ".join(advice)

    def _failures(self) -> str:
        details = [found for found in self.profile.details if found.primitive_id == self.primitive.id]
        lines = [
            f"- {result.level}: {' '.join(line.split())[:300]}"
            for found in details
            for result in found.level_results
            if result.level.rank > self.held.rank
            for line in result.failure_details
        ]
        return "\n".join(lines[:_MAX_FAILURES])

    def demand(self, edits: Sequence[Edit]) -> str:
        """The question what the place demands once it is edited; it does not say that it was."""
        start = max(self.section.start, min(edit.span.start for edit in edits) - 600)
        end = min(self.section.end, max(edit.span.end for edit in edits) + 600)
        shown = Places(edits).after(Span(start, end))
        passage = apply_edits(self.skill.source, edits)[shown.start : shown.end]
        return (
            "How much of this ability does the passage below demand of an agent that follows it?\n\n"
            f"# The ability: {self.primitive.description}\n\n{self._levels()}\n\n"
            "Choose the lowest level that is enough; L0 if the passage does not need the ability.\n\n"
            f"# Passage\n\n{enclosed(passage.decode('utf-8', 'replace'))}\n"
        )

    def note(self, what: str, span: Span | None = None) -> Diagnostic:
        """A note on a part of an answer that is left out."""
        return SKV253.at(
            f"edit for {self.primitive.id}: {what}",
            path=_path(self.skill),
            span=span,
            source=self.skill.source,
        )

    def vetted(self, said: Proposals) -> tuple[list[tuple[Gap, list[Edit]]], list[Diagnostic]]:
        """Edits that may be tried, by gap: at most ``MAX_EDITS`` each and none over another."""
        fit: dict[int, list[Edit]] = {}
        notes: list[Diagnostic] = []
        for proposal in said.edits:
            why, span = self._objection(proposal)
            mine = fit.get(proposal.gap, [])
            if span is not None and len(mine) >= MAX_EDITS:
                why = f"more than {MAX_EDITS} for one place"
            if span is not None and any(edit.span.overlaps(span) for held in fit.values() for edit in held):
                why = "it changes what another one changes"
            if why or span is None:
                notes.append(self.note(why, span))
                continue
            fit[proposal.gap] = [*mine, self._edit(self.gaps[proposal.gap - 1], span, proposal)]
        return [(self.gaps[number - 1], fit[number]) for number in sorted(fit)], notes

    def _objection(self, proposal: Proposal) -> tuple[str, Span | None]:
        """Why a proposal cannot be tried (``""`` if it can), and where its old text stands."""
        if proposal.gap > len(self.gaps):
            return f"there is no demand {proposal.gap}", None
        old = proposal.old_text.encode("utf-8", "replace")
        count, at = self.skill.source.count(old), self.skill.source.find(old)
        if count != 1:
            return f"its old text stands {count} times: {proposal.old_text[:60]!r}", None
        span = Span(at, at + len(old))
        if not self.section.contains(span) or span.start < self.skill.body.start:
            return "its old text stands in another section", span
        return self._wrong_words(proposal), span

    def _wrong_words(self, proposal: Proposal) -> str:
        """What is wrong with the new text, ``""`` if nothing is."""
        old, new = proposal.old_text, proposal.new_text
        if new.strip() == old.strip():
            return "it changes nothing"
        if len(new) > 4 * len(old) + _LEAST_GROWTH_CHARS:
            return "it is much longer than what it replaces"
        if lost := next((found for found in facts_of(old) if found not in new), None):
            return f"it loses {lost[:60]!r}"
        return unfit(new, self.skill) or ""

    def _edit(self, gap: Gap, span: Span, proposal: Proposal) -> Edit:
        return edit_for(
            [gap],
            span,
            proposal.new_text,
            rule=RULE,
            to_level=gap.target_level,
            because=f"as the compiler model proposes ({' '.join(proposal.why.split()).rstrip('.')})",
        )


def _path(skill: Skill) -> str:
    return str(skill.root / "SKILL.md") if skill.root else "SKILL.md"
