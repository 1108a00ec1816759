"""What a skill needs, from the skill alone: no model, no disk, the same answer every time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from skvm.compiler.contract import Requirement
from skvm.compiler.need import DETECTORS, Detector, Reading
from skvm.compiler.reading.names import read_names
from skvm.compiler.reading.prose import Prose
from skvm.diagnostics import Span
from skvm.skill.ir import Resource, Skill

__all__ = ["EVIDENCE_CHARS", "Analysis", "Purpose", "analyse", "primitives_for", "read", "scr_of"]

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
    """What static analysis found: purposes in order, requirements in order of place."""

    purposes: tuple[Purpose, ...]
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class _Key:
    """What an analysis depends on; the skill itself is only carried along."""

    id: str
    source: bytes
    resources: tuple[Resource, ...]
    skill: Skill = field(compare=False)


def read(skill: Skill) -> Reading:
    """A skill as detectors, ladders and guard read it; the last few are remembered."""
    return _read(_Key(skill.id, skill.source, skill.resources, skill))


def analyse(skill: Skill) -> Analysis:
    """Find purposes and requirements; what was found for the last few skills is remembered."""
    return _analyse(_Key(skill.id, skill.source, skill.resources, skill))


def primitives_for(skill: Skill) -> tuple[str, ...]:
    """What a profile must hold to compile this skill: what it needs, and what rewrites lean on instead."""
    return tuple(sorted({found.primitive_id for found in analyse(skill).requirements} | {"tool.exec"}))


@lru_cache(maxsize=16)
def _read(key: _Key) -> Reading:
    prose = Prose(key.skill)
    return Reading(prose, read_names(prose))


@lru_cache(maxsize=16)
def _analyse(key: _Key) -> Analysis:
    skill = key.skill
    reading = read(skill)
    purposes = _purposes(reading.prose)
    requirements: list[Requirement] = []
    for primitive_id, detector in _detectors():
        for need in detector.find(reading):
            purpose = _purpose_at(purposes, need.span.start)
            requirements.append(
                Requirement(
                    purpose.id, primitive_id, need.level, _evidence(skill, need.span), need.span, need.path
                )
            )
    requirements.sort(key=lambda found: (found.span, found.primitive_id))
    return Analysis(purposes, tuple(requirements))


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


def scr_of(skill: Skill, analysis: Analysis) -> dict[str, Any]:
    """The compatible SCR: per purpose one entry a primitive, at the highest level any place of it needs."""
    purposes = []
    for purpose in analysis.purposes:
        strongest = _strongest(found for found in analysis.requirements if found.purpose_id == purpose.id)
        if strongest:
            purposes.append(_scr_purpose(purpose, strongest))
    return {
        "skillName": skill.name,
        "purposes": purposes or [_scr_purpose(analysis.purposes[0], [])],
    }


def _scr_purpose(purpose: Purpose, requirements: Sequence[Requirement]) -> dict[str, Any]:
    primitives = [
        {"id": found.primitive_id, "minLevel": str(found.level), "evidence": found.evidence}
        for found in requirements
    ]
    return {
        "id": purpose.id,
        "description": purpose.description,
        "currentPath": {"primitives": primitives},
        "alternativePaths": [],
    }


def _strongest(requirements: Iterable[Requirement]) -> list[Requirement]:
    best: dict[str, Requirement] = {}
    for found in requirements:
        held = best.get(found.primitive_id)
        if held is None or found.level.rank > held.level.rank:
            best[found.primitive_id] = found
    return [best[primitive_id] for primitive_id in sorted(best)]
