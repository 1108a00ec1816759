"""Passages that could leave ``SKILL.md``: whole sections, and long listings or tables inside one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from skvm.compiler.elimination.keeping import staying
from skvm.compiler.elimination.pieces import Layout, Piece, PieceKind
from skvm.compiler.elimination.titles import Role, anchor_of, bare_title, role_of
from skvm.compiler.reading.norms import is_normative
from skvm.compiler.reading.procedure import Procedure, procedures
from skvm.diagnostics import Span
from skvm.skill.ir import Heading, Skill

__all__ = ["Outline", "Passage", "Stretch"]

POINTER_TOKENS = 35
"""What a pointer costs at most, about."""
LISTING_TOKENS = 85
"""Shorter listings and tables stay."""
_HEART_LISTING_TOKENS = 150
_KEPT_SHARE = 0.5
# A short section that is commands is what to do there, and no help with it.
_COMMAND_SHARE = 0.8
_COMMAND_TOKENS = 250
_SECTION_TOKENS = 2500
_BLANKS = 4
_SHELL = frozenset({"bash", "sh", "shell", "zsh", "console", "powershell"})
# What steps and rules show in these may be the very thing to do.
_MAY_BE_STEPS = _SHELL | {"", "text", "txt", "plaintext", "markdown", "md", "mermaid"}
_STEP = re.compile(r"^\W*(?:step|phase|stage)\s+\d|^第[一二三四五六七八九十\d]+步|^步骤", re.IGNORECASE)
_WORKFLOW = re.compile(
    r"\b(?:workflows?|process(?:es)?|procedures?|instructions|steps)\b|流程|步骤", re.IGNORECASE
)
_MANY = re.compile(r"\b(?:workflows|processes|procedures)\b", re.IGNORECASE)
_BLANK_TO_FILL = re.compile(
    r"\[[A-Za-z][^\]\n]*\]|\{\{?[a-z_ ]+\}?\}|<[a-z][a-z_ -]*>|^#{1,4} |_{4,}", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What of the text below one heading stays.

    Args:
        heading: The heading inside the passage; ``None`` right below the passage's own.
        pieces: What stays, in order.
    """

    heading: Heading | None
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that could leave.

    Args:
        span: The whole lines that would be replaced.
        heading: Index of the heading it stands under.
        role: What its section is for.
        pieces: What it consists of.
        kept: What of it stays in ``SKILL.md``.
        saving: Tokens fewer, the pointer paid.
        is_section: Whether it is everything below its heading, or one listing or table.
        has_procedure: Whether a list of steps is in it.
    """

    span: Span
    heading: int | None
    role: Role
    pieces: Sequence[Piece] = field(repr=False)
    kept: Sequence[Stretch] = ()
    saving: int = 0
    is_section: bool = True
    has_procedure: bool = False


class Outline:
    """The sections of one skill, what they are for, and what of them could leave.

    Args:
        layout: The skill as pieces.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.skill: Skill = layout.skill

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """The role of every heading: its own title's, else that of the section around it."""
        found: list[Role] = []
        for heading in self.skill.headings:
            own = Role.SUBJECT if heading.parent is None and heading.level == 1 else role_of(heading.title)
            around = Role.SUBJECT if heading.parent is None else found[heading.parent]
            found.append(around if own is Role.SUBJECT and around is not Role.START else own)
        return tuple(found)

    @cached_property
    def _procedures(self) -> tuple[Procedure, ...]:
        return procedures(self.layout.prose)

    @cached_property
    def workflow(self) -> tuple[Span, ...]:
        """Where the skill's first list of steps stands, and its first section that calls itself one."""
        headings = self.skill.headings
        found: list[Span] = []
        if self._procedures:
            inside = self.layout.prose.heading_of(self._procedures[0].span.start)
            found.append(self._procedures[0].span if inside is None else self._direct(inside))
        called = next(
            (at for at, found in enumerate(headings) if found.level > 1 and _WORKFLOW.search(found.title)),
            None,
        )
        if called is not None:
            found.append(
                self._first_of(called) if _MANY.search(headings[called].title) else headings[called].section
            )
        stepped = [heading for heading in headings if _STEP.search(heading.title)]
        if stepped:
            found += [heading.section for heading in stepped if heading.parent == stepped[0].parent]
        return tuple(found)

    def _first_of(self, index: int) -> Span:
        """The first of several procedures: a section up to the end of its first part."""
        heading = self.skill.headings[index]
        inside = self._inside(index)
        return (
            Span(heading.span.start, self.skill.headings[inside[0]].section.end)
            if inside
            else heading.section
        )

    @cached_property
    def _steps_text(self) -> str:
        return " ".join(self.skill.text(span) for span in self.workflow).lower()

    def _direct(self, index: int) -> Span:
        """What stands below a heading up to the next one of any rank."""
        heading = self.skill.headings[index]
        following = self.skill.headings[index + 1] if index + 1 < len(self.skill.headings) else None
        return Span(heading.span.start, following.span.start if following else heading.section.end)

    def _in_workflow(self, span: Span) -> bool:
        return any(found.overlaps(span) for found in self.workflow)

    def passages(self) -> Iterator[Passage]:
        """Every passage that could leave, in order of place; they may lie inside each other."""
        for index in range(len(self.skill.headings)):
            section = self._section(index)
            if section is not None:
                yield section
            yield from self._listings(index)

    def _section(self, index: int) -> Passage | None:
        heading = self.skill.headings[index]
        role = self.roles[index]
        body = self._body(heading)
        cost = self.layout.tokens.of(body)
        if (
            role >= Role.START
            or cost < LISTING_TOKENS
            or cost > min(_SECTION_TOKENS, self.layout.tokens.total // 2)
        ):
            return None
        inside = self._inside(index)
        if self._in_workflow(heading.section) and not self._is_help_for_steps(heading):
            return None
        if self._is_named(heading, [self.skill.headings[at] for at in inside]):
            return None
        pieces = self.layout.within(body)
        kept = self._kept(index, inside)
        stays = sum(self.layout.tokens.of(piece.span) for stretch in kept for piece in stretch.pieces)
        saving = cost - stays - POINTER_TOKENS
        is_commands = self._commands(pieces) > _COMMAND_SHARE * cost
        if stays > _KEPT_SHARE * cost or (is_commands and cost < _COMMAND_TOKENS and role is not Role.HELP):
            return None
        has_procedure = any(found.span.overlaps(body) for found in self._procedures)
        return Passage(body, index, role, pieces, kept, saving, True, has_procedure)

    def _commands(self, pieces: Sequence[Piece]) -> int:
        """Tokens of commands among some pieces."""
        fenced = (piece for piece in pieces if piece.fence is not None and piece.fence.language in _SHELL)
        return sum(self.layout.tokens.of(piece.span) for piece in fenced)

    def _is_help_for_steps(self, heading: Heading) -> bool:
        """Whether a section among the steps is itself none, but help by its own title."""
        begins = any(
            found.start >= heading.section.start for found in self._spans_of_workflow(heading.section)
        )
        steps = self._procedures and self._procedures[0].span.overlaps(heading.section)
        return (
            role_of(heading.title) is Role.HELP
            and not steps
            and not begins
            and not _STEP.search(heading.title)
        )

    def _spans_of_workflow(self, span: Span) -> list[Span]:
        return [found for found in self.workflow if found.overlaps(span)]

    def _body(self, heading: Heading) -> Span:
        """The lines below a heading, without blank lines and rules between it and the next."""
        source = self.skill.source
        start = self.layout.tokens.lines(heading.span).end
        end = max(start, heading.section.end)
        while end > start:
            line = max(start, source.rfind(b"\n", start, end - 1) + 1)
            text = source[line:end].strip()
            if text and (len(text) < 3 or text.strip(b"-*_ \t")):
                break
            end = line
        return Span(start, end)

    def _inside(self, index: int) -> list[int]:
        end = self.skill.headings[index].section.end
        found = []
        for at in range(index + 1, len(self.skill.headings)):
            if self.skill.headings[at].span.start >= end:
                break
            found.append(at)
        return found

    def _is_named(self, heading: Heading, inside: Sequence[Heading]) -> bool:
        """Whether the steps name the section as the thing to do, or a link leads into it."""
        if any(anchor_of(child.title) in self.layout.anchors for child in inside):
            return True
        title = bare_title(heading.title).lower()
        # Among the steps its own heading is one mention.
        own = sum(found.contains(heading.span) for found in self.workflow)
        return " " in title and self._steps_text.count(title) > own

    def _kept(self, index: int, inside: Sequence[int]) -> tuple[Stretch, ...]:
        found = []
        for at in (index, *inside):
            pieces = self.layout.within(self._direct(at))
            title = self.skill.headings[at].title
            is_rule = self.roles[at] >= Role.START or (at != index and is_normative(title))
            pieces = pieces if is_rule else staying(pieces)
            if pieces:
                found.append(Stretch(None if at == index else self.skill.headings[at], pieces))
        return tuple(found)

    def _listings(self, index: int) -> Iterator[Passage]:
        """Long code and tables right below a heading."""
        here = self._direct(index)
        role = self.roles[index]
        is_heart = role >= Role.START or self._in_workflow(here)
        least = _HEART_LISTING_TOKENS if is_heart else LISTING_TOKENS
        pieces = self.layout.within(here)
        for at, piece in enumerate(pieces):
            if piece.kind not in (PieceKind.CODE, PieceKind.TABLE) or piece.is_bound or piece.is_norm:
                continue
            cost = self.layout.tokens.of(piece.span)
            if piece.fence is not None and piece.fence.language in _MAY_BE_STEPS:
                cost = cost if cost >= _HEART_LISTING_TOKENS else 0
            is_ordered = at > 0 and pieces[at - 1].is_norm and pieces[at - 1].leads
            if (
                cost < least
                or is_ordered
                or (is_heart and not _is_just_shown(self.skill.text(piece.span), piece))
            ):
                continue
            if piece.kind is PieceKind.CODE and (piece.fence is None or piece.fence.language in _SHELL):
                continue  # commands are what to do, and leave only with all of their section
            yield Passage(piece.span, index, role, (piece,), (), cost - POINTER_TOKENS, False)


def _is_just_shown(text: str, piece: Piece) -> bool:
    """Whether a piece shows code, data or a form to fill in, and not steps, commands or rules."""
    if piece.fence is None:
        return False
    if piece.fence.language not in _MAY_BE_STEPS:
        return True
    if piece.fence.language in _SHELL or is_normative(text):
        return False
    return len(_BLANK_TO_FILL.findall(text)) >= _BLANKS
