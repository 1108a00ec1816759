"""Paths: what each of several ways to do the same thing needs, and which of them a target can go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skvm.compiler.contract import Requirement
from skvm.compiler.reading.alternatives import WayChoice, read_choices, skipped
from skvm.compiler.reading.prose import Prose
from skvm.diagnostics import Span
from skvm.skill.ir import Skill
from skvm.target.gap import shortfall
from skvm.target.profile import Profile

__all__ = [
    "PathChoice",
    "PathOption",
    "Ways",
    "cheapest",
    "choices_of",
    "needs_refused",
    "read_ways",
    "strongest",
    "without_skipped",
]


@dataclass(frozen=True, slots=True)
class PathOption:
    """One path of a choice.

    Args:
        name: What the skill calls it.
        span: Its own text; for a path only a model sees, the passage it would stand in for.
        requirements: What it alone needs.
        when: The condition the skill puts on it, ``""`` without one.
        note: What to do instead, where only a model says so; ``""`` for a path of the text.
        without: What is missing where it is taken, although its text names it.
    """

    name: str
    span: Span
    requirements: tuple[Requirement, ...]
    when: str = ""
    note: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True)
class PathChoice:
    """A choice a skill leaves.

    Args:
        purpose_id: Which purpose leaves it.
        options: At least two; the first is the current path.
        ways: The choice as it stands in the text; ``None`` where only a model sees it.
    """

    purpose_id: str
    options: tuple[PathOption, ...]
    ways: WayChoice | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """The choices of a text, and the spans of it that it says to skip."""

    open: tuple[WayChoice, ...] = ()
    skipped: tuple[Span, ...] = ()


def read_ways(prose: Prose) -> Ways:
    """Find what a skill leaves open and what it has settled."""
    found = read_choices(prose)
    gone = skipped(prose, found)
    unsettled = tuple(choice for choice in found if not any(span in gone for span in _spans(choice)))
    return Ways(unsettled, gone)


def _spans(choice: WayChoice) -> list[Span]:
    return [way.span for way in choice.ways]


def without_skipped(requirements: Iterable[Requirement], ways: Ways) -> list[Requirement]:
    """The requirements that do not lie in a passage the text says to skip."""
    if not ways.skipped:
        return list(requirements)
    return [needed for needed in requirements if not any(span.contains(needed.span) for span in ways.skipped)]


def choices_of(
    ways: Ways, requirements: Sequence[Requirement], purpose_ids: Mapping[int, str]
) -> tuple[PathChoice, ...]:
    """The open choices with what each path needs.

    Args:
        ways: What was read.
        requirements: Of the whole skill, by place.
        purpose_ids: The purpose of each open choice, by the offset it starts at.
    """
    return tuple(
        PathChoice(
            purpose_ids[choice.span.start],
            tuple(
                PathOption(
                    way.name,
                    way.span,
                    tuple(needed for needed in requirements if way.span.contains(needed.span)),
                    way.when,
                    without=way.without,
                )
                for way in choice.ways
            ),
            choice,
        )
        for choice in ways.open
    )


def strongest(requirements: Iterable[Requirement]) -> list[Requirement]:
    """One requirement a primitive, at the highest level any place needs, in order of id."""
    best: dict[str, Requirement] = {}
    for found in requirements:
        held = best.get(found.primitive_id)
        if held is None or found.level.rank > held.level.rank:
            best[found.primitive_id] = found
    return [best[primitive_id] for primitive_id in sorted(best)]


def cheapest(
    choice: PathChoice, profile: Profile, skill: Skill, refused: Mapping[str, Sequence[str]]
) -> int | None:
    """The path to settle on; ``None`` where the current one will do or none of the others does.

    A path is feasible if the target holds all it needs, it names no refused dependency and the skill puts no
    condition on it. Of these the one with the lowest sum of levels is taken, then the shortest, then the
    first.
    """

    def is_feasible(option: PathOption) -> bool:
        lacks = any(
            shortfall(profile, needed.primitive_id, needed.level) is not None
            for needed in option.requirements
        )
        return not lacks and not needs_refused(option, skill, refused)

    if is_feasible(choice.options[0]):
        return None
    found = [
        (sum(needed.level.rank for needed in strongest(option.requirements)), _size(option), index)
        for index, option in enumerate(choice.options)
        if index and not option.when and is_feasible(option)
    ]
    return min(found)[2] if found else None


def needs_refused(option: PathOption, skill: Skill, refused: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The refused dependencies a path names.

    Args:
        option: The path.
        skill: The skill.
        refused: What each refused dependency (``type:name``) is called in a text.
    """
    text = f"{option.name}\n{option.note or skill.text(option.span)}"
    absent = option.without.lower()
    return tuple(
        item
        for item in sorted(refused)
        if any(word.lower() != absent and _names(text, word) for word in refused[item])
    )


def _names(text: str, name: str) -> bool:
    return (
        bool(name) and re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None
    )


def _size(option: PathOption) -> int:
    """Bytes of its text, which order paths as their tokens would."""
    return len(option.note.encode()) or len(option.span)
