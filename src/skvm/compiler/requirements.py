"""What a skill needs, from the skill alone: no model, no disk, the same answer every time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from skvm.compiler.choices import PathChoice, PathOption, choices_of, read_ways, strongest, without_skipped
from skvm.compiler.contract import Requirement
from skvm.compiler.need import DETECTORS, Detector, Reading
from skvm.compiler.reading.names import read_names
from skvm.compiler.reading.prose import Prose
from skvm.compiler.skill_key import SkillKey, key_of
from skvm.diagnostics import Span
from skvm.skill.ir import Skill

__all__ = [
    "EVIDENCE_CHARS",
    "Analysis",
    "Purpose",
    "analyse",
    "primitives_for",
    "purpose_at",
    "read",
    "requirements_for",
    "scr_of",
]

EVIDENCE_CHARS = 240
"""The most characters of a skill quoted as evidence."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a section of a skill is for.

    Args:
        id: Made from the title, unique in the skill.
        description: The title and the section's first sentence.
        span: The section.
    """

    id: str
    description: str
    span: Span


@dataclass(frozen=True, slots=True)
class Analysis:
    """What static analysis found: purposes in order, requirements and choices of path in order of place."""

    purposes: tuple[Purpose, ...]
    requirements: tuple[Requirement, ...]
    choices: tuple[PathChoice, ...] = ()


def read(skill: Skill) -> Reading:
    """A skill as detectors, ladders and guard read it; the last few are remembered."""
    return _read(key_of(skill))


def analyse(skill: Skill) -> Analysis:
    """Find purposes and requirements; what was found for the last few skills is remembered."""
    return _analyse(key_of(skill))


def primitives_for(skill: Skill) -> tuple[str, ...]:
    """What a profile must hold to compile this skill: what it needs, and what rewrites lean on instead."""
    return tuple(sorted({found.primitive_id for found in analyse(skill).requirements} | {"tool.exec"}))


@lru_cache(maxsize=16)
def _read(key: SkillKey) -> Reading:
    prose = Prose(key.skill)
    return Reading(prose, read_names(prose))


def requirements_for(skill: Skill, primitives: Collection[str]) -> tuple[Requirement, ...]:
    """What a skill needs of some primitives, in order of place; the others are not looked for."""
    findings = _findings(key_of(skill))
    return tuple(findings.of([name for name, _ in _detectors() if name in primitives]))


class _Findings:
    """What is known of one skill so far, primitive by primitive."""

    def __init__(self, skill: Skill) -> None:
        self.reading = read(skill)
        self.purposes = _purposes(self.reading.prose)
        self.ways = read_ways(self.reading.prose)
        self._known: dict[str, list[Requirement]] = {}

    def of(self, primitives: Iterable[str]) -> list[Requirement]:
        """Requirements of some primitives, in order of place."""
        found = [needed for name in primitives for needed in self._of(name)]
        found.sort(key=lambda needed: (needed.span, needed.primitive_id))
        return found

    def _of(self, primitive_id: str) -> list[Requirement]:
        if primitive_id not in self._known:
            skill = self.reading.prose.skill
            found = [
                Requirement(
                    _purpose_at(self.purposes, need.span.start).id,
                    primitive_id,
                    need.level,
                    _evidence(skill, need.span),
                    need.span,
                    need.path,
                )
                for need in dict(_detectors())[primitive_id].find(self.reading)
            ]
            self._known[primitive_id] = without_skipped(found, self.ways)
        return self._known[primitive_id]


@lru_cache(maxsize=16)
def _findings(key: SkillKey) -> _Findings:
    return _Findings(key.skill)


@lru_cache(maxsize=16)
def _analyse(key: SkillKey) -> Analysis:
    findings = _findings(key)
    purposes, ways = findings.purposes, findings.ways
    requirements = findings.of(name for name, _ in _detectors())
    places = {choice.span.start: _purpose_at(purposes, choice.span.start).id for choice in ways.open}
    return Analysis(purposes, tuple(requirements), choices_of(ways, requirements, places))


@cache
def _detectors() -> tuple[tuple[str, Detector], ...]:
    """Every detector by primitive; looked up once, because finding plug-ins reads the disk."""
    return tuple((name, DETECTORS.get(name)) for name in DETECTORS.names())


def _evidence(skill: Skill, span: Span) -> str:
    """The words at a span, as many as are worth quoting."""
    return skill.text(span)[:EVIDENCE_CHARS]


def _purposes(prose: Prose) -> tuple[Purpose, ...]:
    """One per section of the rank that divides the skill, and one for what stands before the first."""
    skill = prose.skill
    ranks = [heading.level for heading in skill.headings]
    rank = next((level for level in sorted(set(ranks)) if ranks.count(level) > 1), None)
    whole = Purpose(_slug(skill.name) or "skill", skill.description or skill.name, skill.body)
    sections = [heading for heading in skill.headings if heading.level == rank]
    taken = {whole.id}
    made = [whole]
    for heading in sections:
        base = _slug(heading.title) or "section"
        number = 1
        purpose_id = base
        while purpose_id in taken:
            number += 1
            purpose_id = f"{base}-{number}"
        taken.add(purpose_id)
        made.append(Purpose(purpose_id, _describe(prose, heading.title, heading.section), heading.section))
    return tuple(made)


def _describe(prose: Prose, title: str, section: Span) -> str:
    heading_and_text = prose.sentences_in(Span(section.start, min(section.end, section.start + 400)))
    first = next((found.text for found in heading_and_text[1:2]), "")
    return f"{title}: {' '.join(first.split())[:200]}" if first else title


def _purpose_at(purposes: Sequence[Purpose], offset: int) -> Purpose:
    for purpose in reversed(purposes[1:]):
        if purpose.span.start <= offset < purpose.span.end:
            return purpose
    return purposes[0]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[^\w]+", "-", plain).strip("-_")[:60].strip("-")


def purpose_at(analysis: Analysis, offset: int) -> Purpose:
    """The purpose a place belongs to."""
    return _purpose_at(analysis.purposes, offset)


def scr_of(skill: Skill, analysis: Analysis) -> dict[str, Any]:
    """The compatible SCR: per purpose and path one entry a primitive, at its highest level."""
    purposes = []
    for purpose in analysis.purposes:
        needed = [found for found in analysis.requirements if found.purpose_id == purpose.id]
        choices = [choice for choice in analysis.choices if choice.purpose_id == purpose.id]
        if needed or choices:
            purposes.append(_scr_purpose(purpose, needed, choices))
    return {
        "skillName": skill.name,
        "purposes": purposes or [_scr_purpose(analysis.purposes[0], [], [])],
    }


def _scr_purpose(
    purpose: Purpose, requirements: Sequence[Requirement], choices: Sequence[PathChoice]
) -> dict[str, Any]:
    """The current path leaves out what only other paths need."""
    others = {needed for choice in choices for option in choice.options[1:] for needed in option.requirements}
    current = [needed for needed in requirements if needed not in others]
    alternatives = [
        {
            "primitives": _scr_path([*_shared(current, choice), *option.requirements]),
            "note": _scr_note(option),
        }
        for choice in choices
        for option in choice.options[1:]
    ]
    return {
        "id": purpose.id,
        "description": purpose.description,
        "currentPath": {"primitives": _scr_path(current)},
        "alternativePaths": alternatives,
    }


def _shared(current: Sequence[Requirement], choice: PathChoice) -> list[Requirement]:
    """What a purpose needs whichever path of a choice is taken."""
    return [needed for needed in current if needed not in choice.options[0].requirements]


def _scr_path(requirements: Sequence[Requirement]) -> list[dict[str, str]]:
    return [
        {"id": found.primitive_id, "minLevel": str(found.level), "evidence": found.evidence}
        for found in strongest(requirements)
    ]


def _scr_note(option: PathOption) -> str:
    parts = [option.name, *([f"when: {option.when}"] if option.when else []), *filter(None, [option.note])]
    return "; ".join(parts)
