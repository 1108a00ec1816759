"""A skill as pieces of whole lines: paragraphs, list items, tables and code, and which of them must stay."""

from __future__ import annotations

import bisect
import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from skvm.compiler.elimination.tokens import TokenMap
from skvm.compiler.reading.norms import is_normative
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence, Skill, Table

__all__ = ["Layout", "Piece", "PieceKind", "is_table_of_rules"]

_LABEL = re.compile(r"(?:\*\*|__)[^*_\n]+(?:\*\*|__)")
_BOLD = re.compile(r"(?:\*\*|__)[^*_]+(?:\*\*|__)[:：]?$")
_BOX = re.compile(rb"[ \t]*(?:[-*+]|\d+[.)])[ \t]+\[[ xX]\][ \t]")
_ANCHOR = b"](#"
_DEFINITION = re.compile(rb"^ {0,3}\[([^\]\n]+)\]:[ \t]*\S", re.MULTILINE)
_COMMANDS = re.compile(
    r"\b(?:must(?:n['’]t)?|never|always|shall|do not|don['’]t|cannot|can['’]t|may not|mandatory|forbidden|"
    r"prohibited|not allowed|disallowed|make sure|refuse)\b"
    r"|必须|务必|不得|不要|禁止|严禁|不可|不能|切勿|一律",
    re.IGNORECASE,
)
_CASE = re.compile(
    r"\b(?:triggers?|when|if|conditions?|signals?|route to|scenario)\b|条件|场景", re.IGNORECASE
)
_FILE = re.compile(
    rb"\b(?:references?|scripts|assets|templates|resources|docs|examples)/[\w./-]*\w\.\w+"
    rb"|`[\w.-]+\.(?:md|txt|pdf|py|sh|js|ts)`"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def is_table_of_rules(table: Table, text: str) -> bool:
    """Whether a table commands, forbids, or says what to do in which case; other tables are data."""
    cases = any(_CASE.search(column) for column in table.columns)
    return cases or _COMMANDS.search(text) is not None


class PieceKind(enum.StrEnum):
    """What a piece is."""

    PARAGRAPH = "paragraph"
    ITEM = "item"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines that belong together.

    Args:
        span: Its lines, the last line end included.
        kind: What it is.
        indent: Columns before its text.
        text: Its words; empty for code and tables.
        leads: Whether it announces what follows (it ends in a colon, or is all bold).
        is_numbered: Whether it is an item of a numbered list.
        is_norm: Whether something in it commands, forbids, limits or sets a condition; of a table, which is
            read as data, whether it commands, forbids, or says what to do in which case.
        is_bound: Whether it must stay where it is: it links to places that only resolve from there.
        fence: The code block it is.
    """

    span: Span
    kind: PieceKind
    indent: int = 0
    text: str = ""
    leads: bool = False
    is_numbered: bool = False
    is_norm: bool = False
    is_bound: bool = False
    fence: CodeFence | None = None


class Layout:
    """The pieces of one skill in order, and what any of its lines cost.

    Args:
        prose: The skill, read.
        gone: Places that leave altogether; what links from there need not be kept.
    """

    def __init__(self, prose: Prose, gone: Sequence[Span] = ()) -> None:
        self.prose = prose
        self.skill: Skill = prose.skill
        self.tokens = TokenMap(self.skill.source)
        self.gone = tuple(gone)

    @cached_property
    def is_misnested(self) -> bool:
        """Whether code opens inside code by the same fence: its author and a parser read it apart."""
        for fence in self.skill.fences:
            inside = self.skill.source[fence.content.start : fence.content.end]
            if fence.marker.encode() in inside:
                sign, length = re.escape(fence.marker[0].encode()), len(fence.marker)
                if re.search(rb"^[ \t]*%b{%d,}[^\s`~]" % (sign, length), inside, re.MULTILINE):
                    return True
        return False

    @cached_property
    def is_chinese(self) -> bool:
        """Whether what is put into the text has to be Chinese."""
        if "的" not in (text := self.skill.text(self.skill.body)) and "：" not in text:
            return False
        return is_chinese(" ".join(piece.text for piece in self.pieces if piece.text))

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece of the body; headings are none."""
        found = [*self._written(), *self._code(), *self._tables()]
        return tuple(sorted(found, key=lambda piece: (piece.span.start, piece.span.end)))

    @cached_property
    def _starts(self) -> list[int]:
        return [piece.span.start for piece in self.pieces]

    def within(self, span: Span) -> Sequence[Piece]:
        """The pieces that begin in a span."""
        first = bisect.bisect_left(self._starts, span.start)
        return self.pieces[first : bisect.bisect_left(self._starts, span.end)]

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Anchors the skill links to, without the sign before them."""
        if _ANCHOR not in self.skill.source:
            return frozenset()
        return frozenset(
            found[1].decode("utf-8", "replace")
            for found in _TARGET.finditer(self.skill.source)
            if not any(span.start <= found.start() < span.end for span in self.gone)
        )

    @cached_property
    def _bound_places(self) -> list[int]:
        """Where links stand that resolve from ``SKILL.md`` only, and names of bundle files."""
        found = [
            ref.span.start
            for ref in self.skill.references
            if (ref.kind != "mention" and not _SCHEME.match(ref.target)) or ref.resource is not None
        ]
        names = {resource.path.rpartition("/")[2] for resource in self.skill.resources}
        known = [
            name.encode() for name in sorted(names) if "." in name and name.encode() in self.skill.source
        ]
        if known:
            pattern = re.compile(b"|".join(map(re.escape, known)))
            found += [match.start() for match in pattern.finditer(self.skill.source)]
        return sorted(found)

    @cached_property
    def _labels(self) -> frozenset[bytes]:
        """Labels of links that are defined elsewhere in the text."""
        if b"]:" not in self.skill.source:
            return frozenset()
        return frozenset(b"[" + label + b"]" for label in _DEFINITION.findall(self.skill.source))

    def _is_bound(self, span: Span) -> bool:
        at = bisect.bisect_left(self._bound_places, span.start)
        if at < len(self._bound_places) and self._bound_places[at] < span.end:
            return True
        chunk = self.skill.source[span.start : span.end]
        return _ANCHOR in chunk or any(label in chunk for label in self._labels)

    def _written(self) -> list[Piece]:
        source, found = self.skill.source, []
        tables = [table.span for table in self.skill.tables]
        table = 0
        titles = {heading.span.start for heading in self.skill.headings}
        for block in self.prose.blocks:
            if block.kind is BlockKind.HEADING:
                continue
            while table < len(tables) and tables[table].end <= block.span.start:
                table += 1
            if table < len(tables) and tables[table].start <= block.span.start:
                continue
            lines = self.tokens.lines(block.span)
            if lines.start in titles:
                continue  # a heading underlined with signs
            text = self.prose.text(block.span)
            head = source[lines.start : lines.end]
            found.append(
                Piece(
                    lines,
                    PieceKind.ITEM if block.kind is BlockKind.ITEM else PieceKind.PARAGRAPH,
                    len(head) - len(head.lstrip(b" \t")),
                    text,
                    text.rstrip(" \t\r\n*_)").endswith((":", "：")) or _BOLD.fullmatch(text) is not None,
                    block.ordinal is not None,
                    is_normative(text) or _BOX.match(head) is not None,
                    self._is_bound(lines),
                )
            )
        return found

    def _code(self) -> list[Piece]:
        source = self.skill.source
        found = []
        for fence in self.skill.fences:
            lines = self.tokens.lines(fence.span)
            head = source[lines.start : lines.end]
            indent = len(head) - len(head.lstrip(b" \t"))
            # A quoted fence, or one that is never closed, is not ours to cut.
            bound = not fence.is_closed or head.lstrip()[:1] not in (b"`", b"~")
            found.append(Piece(lines, PieceKind.CODE, indent, is_bound=bound, fence=fence))
        found += [Piece(self.tokens.lines(span), PieceKind.CODE, 4) for span in self.skill.indented]
        return found

    def _tables(self) -> list[Piece]:
        source, found = self.skill.source, []
        for table in self.skill.tables:
            lines = self.tokens.lines(table.span)
            norm = is_table_of_rules(table, self.skill.text(table.span))
            # A table of files says when to read which: in another file it would be read too late.
            is_index = 2 * len(_FILE.findall(source, lines.start, lines.end)) >= table.row_count
            bound = is_index or self._is_bound(lines)
            found.append(Piece(lines, PieceKind.TABLE, is_norm=norm, is_bound=bound))
        return found


_TARGET = re.compile(rb"\]\(#([^)\s]+)\)")
