"""The contract of ladders: weaker forms of a requirement, reached by edits no model has to think about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from skvm.compiler.contract import Gap
from skvm.compiler.need import Reading
from skvm.compiler.reading.commands import insertion
from skvm.compiler.reading.prose import Block, Sentence
from skvm.diagnostics import Span
from skvm.registry import Registry
from skvm.skill.edit import Edit
from skvm.target.contract import Level
from skvm.target.profile import Profile

__all__ = ["LADDERS", "Ground", "Ladder", "Lowering", "edit_below", "edit_for", "enumerated"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a ladder stands on: the skill as read, and the target."""

    reading: Reading
    profile: Profile

    def holds(self, primitive_id: str, level: Level = Level.L1) -> bool:
        """Whether the target may be asked for this: it holds the level, or nobody has measured it."""
        measured = self.profile.level_of(primitive_id)
        return measured is None or measured.rank >= level.rank

    def sentence(self, gap: Gap) -> Sentence | None:
        """The sentence a gap's requirement is; ``None`` where the requirement is a fence or a list."""
        span = gap.requirement.span
        return next((found for found in self.reading.prose.sentences_in(span) if found.span == span), None)

    def by_block(self, gaps: Iterable[Gap]) -> dict[int, list[tuple[Gap, Sentence]]]:
        """Gaps of sentences by the block the sentence stands in."""
        grouped: dict[int, list[tuple[Gap, Sentence]]] = {}
        for gap in gaps:
            sentence = self.sentence(gap)
            if sentence is not None:
                grouped.setdefault(sentence.block, []).append((gap, sentence))
        return grouped

    def free_path(self, wanted: str, data: bytes | None = None) -> str:
        """A bundle path near the wanted one that no other file has."""
        taken = {resource.path for resource in self.reading.prose.skill.resources}
        path = PurePosixPath(wanted)
        number = 1
        candidate = wanted
        while candidate in taken:
            number += 1
            candidate = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        return candidate


@dataclass(frozen=True, slots=True)
class Lowering:
    """What a ladder proposes: edits, and bundle files they mention."""

    edits: Sequence[Edit] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ladder:
    """The ladder of one primitive.

    Args:
        moves: What it can do, one line a rule; ``explain`` prints them.
        lower: Proposes edits for all gaps of the primitive; a gap no rule fits gets none.
        by_command: Whether some of its moves hand work to a command, so that they ask ``tool.exec`` of the
            target.
    """

    moves: Sequence[str]
    lower: Callable[[Sequence[Gap], Ground], Lowering]
    by_command: bool = False


LADDERS: Registry[Ladder] = Registry("ladder", package="skvm.compiler.ladders", group="skvm.ladders")


def enumerated(words: Sequence[str], *, in_chinese: bool = False) -> str:
    """Words in a row: ``a``, ``a and b``, ``a, b and c``."""
    if in_chinese:
        return "、".join(words)
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def edit_for(
    gaps: Sequence[Gap],
    span: Span,
    new_text: str,
    *,
    rule: str,
    to_level: Level,
    because: str,
    releases: tuple[str, ...] = (),
) -> Edit:
    """An edit that lowers the requirements of one or more gaps of one primitive.

    Args:
        gaps: At least one; their requirements are what the guard looks at again.
        span: What is replaced.
        new_text: By what.
        rule: The ladder's rule.
        to_level: What is still needed afterwards; L0 where nothing is.
        because: What the edit does, for a person; the gap and the evidence are added.
        releases: Texts the edit gives up by name.
    """
    first = max(gaps, key=lambda gap: gap.requirement.level.rank)
    needed = first.requirement
    quote = " ".join(needed.evidence.split())
    start = min(gap.requirement.span.start for gap in gaps)
    end = max(gap.requirement.span.end for gap in gaps)
    return Edit(
        span=span,
        new_text=new_text,
        reason=f"{because}: the text needs {needed.primitive_id} {needed.level}, the target holds "
        f'{first.target_level} ("{quote[:120]}{"…" if len(quote) > 120 else ""}")',
        rule=rule,
        primitive_id=needed.primitive_id,
        from_level=str(needed.level),
        to_level=str(to_level),
        releases=releases,
        requirement=Span(start, end),
    )


def edit_below(
    gaps: Sequence[Gap], block: Block, lead: str, body: str, *, rule: str, to_level: Level, because: str
) -> Edit:
    """An edit that puts a lead line and a body below a block; the arguments are those of ``edit_for``."""
    place = Span(block.span.end, block.span.end)
    return edit_for(gaps, place, insertion(block, lead, body), rule=rule, to_level=to_level, because=because)
