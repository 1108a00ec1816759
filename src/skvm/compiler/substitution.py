"""Substitution: where a skill leaves a choice and the target cannot go the current path, settle on another.

Both texts stay; a sentence at the place of the choice says which one holds. What the other path needs is
then not needed any more, which the guard sees by reading the text again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.compiler.choices import PathChoice, PathOption, cheapest, needs_refused
from skvm.compiler.contract import CompileOptions, Gap
from skvm.compiler.dependencies.refusal import refused_dependencies
from skvm.compiler.reading.alternatives import settle, settle_passage
from skvm.diagnostics import Span
from skvm.harness.environment.manifest import normal_name
from skvm.skill.edit import Edit
from skvm.skill.ir import Skill
from skvm.target.contract import Level
from skvm.target.profile import Profile

__all__ = ["RULE", "Substitution", "substitute"]

RULE = "substitute"
"""The rule of every such edit."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """What substitution proposes.

    Args:
        edits: One a settled choice.
        closed: Gaps of the paths not taken.
    """

    edits: tuple[Edit, ...] = ()
    closed: tuple[Gap, ...] = ()


def substitute(
    skill: Skill,
    choices: Sequence[PathChoice],
    gaps: Sequence[Gap],
    profile: Profile,
    options: CompileOptions,
) -> Substitution:
    """Settle every choice whose current path the target cannot go and another one it can.

    Args:
        skill: The skill.
        choices: What it leaves open.
        gaps: What the target lacks of it.
        profile: The target's.
        options: Say which dependencies may not be bound.
    """
    if not choices:
        return Substitution()
    refused = _refused_words(skill, options)
    edits: list[Edit] = []
    closed: list[Gap] = []
    for choice in choices:
        taken = cheapest(choice, profile, skill, refused)
        if taken is None:
            continue
        left = [option for index, option in enumerate(choice.options) if index != taken]
        mine = [gap for gap in gaps if any(option.span.contains(gap.requirement.span) for option in left)]
        if not refused and _is_advised(choice.options[0], skill) and all(_can_be_told(gap) for gap in mine):
            continue
        edits.append(_edit(skill, choice, taken, mine, needs_refused(choice.options[0], skill, refused)))
        closed += [gap for gap in mine if gap not in closed]
    return Substitution(tuple(edits), tuple(closed))


_ADVISED = re.compile(r"\b(?:recommended|preferred)\b|推荐|首选", re.IGNORECASE)


def _is_advised(option: PathOption, skill: Skill) -> bool:
    """Whether the skill advises this path in the line that names it."""
    return _ADVISED.search(skill.text(option.span).lstrip().partition("\n")[0]) is not None


def _can_be_told(gap: Gap) -> bool:
    """Whether the target could go the path if it were told better: it is weak, or it has many steps."""
    return gap.kind == "weak" or gap.requirement.primitive_id == "follow.procedure"


def _refused_words(skill: Skill, options: CompileOptions) -> dict[str, tuple[str, ...]]:
    """What each refused dependency is called in a text: by its name, and by what it is imported or run as."""
    words = {item: {item.partition(":")[2]} for item in options.refused}
    for found in refused_dependencies(skill, options):
        for item, known in words.items():
            kind, _, name = item.partition(":")
            if found.key == f"{kind}:{normal_name(name, kind)}":
                known |= {found.name, *found.python_modules, *found.commands}
    return {item: tuple(sorted(known)) for item, known in words.items()}


def _edit(skill: Skill, choice: PathChoice, taken: int, gaps: Sequence[Gap], refused: Sequence[str]) -> Edit:
    option = choice.options[taken]
    at, text = _sentence(skill, choice, taken)
    worst = max(
        gaps,
        key=lambda gap: (gap.requirement.level.rank - gap.target_level.rank, -gap.requirement.span.start),
        default=None,
    )
    why = [f"it needs {name}, which may not be bound" for name in refused]
    if worst is not None:
        quote = " ".join(worst.requirement.evidence.split())[:120]
        why.append(
            f"it needs {worst.requirement.primitive_id} {worst.requirement.level}, the target holds "
            f'{worst.target_level} ("{quote}")'
        )
    reason = f"take {option.name} instead of {choice.options[0].name}: {'; '.join(why)}"
    if worst is None:
        return Edit(Span(at, at), text, reason, rule=RULE)
    own = (worst.requirement.primitive_id, worst.requirement.span)
    others = dict.fromkeys((gap.requirement.primitive_id, gap.requirement.span) for gap in gaps)
    return Edit(
        Span(at, at),
        text,
        reason,
        rule=RULE,
        primitive_id=worst.requirement.primitive_id,
        from_level=str(worst.requirement.level),
        to_level=str(Level.L0),
        requirement=worst.requirement.span,
        answers=tuple(key for key in others if key != own),
    )


def _sentence(skill: Skill, choice: PathChoice, taken: int) -> tuple[int, str]:
    """Where the sentence goes, and how it stands there."""
    if choice.ways is None:
        option: PathOption = choice.options[taken]
        note = option.note if option.note.endswith((".", "!", "。")) else f"{option.note}."
        return option.span.start, f"{note} {settle_passage(option.name)} "
    sentence = settle(choice.ways, taken)
    if choice.ways.is_paragraph:
        ending = b"\r\n" if b"\r\n" in skill.source[:4096] else b"\n"
        return choice.ways.at, f"{sentence}{ending.decode() * 2}"
    before = skill.source[choice.ways.at - 1 : choice.ways.at]
    return choice.ways.at, f"{sentence} " if before.isspace() or not before else f" {sentence}"
