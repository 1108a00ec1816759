"""What is said twice: a table of contents repeats the headings, a second copy repeats the first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skvm.compiler.elimination.pieces import Layout, Piece, PieceKind
from skvm.compiler.elimination.titles import anchor_of, bare_title
from skvm.compiler.elimination.tokens import estimate_tokens
from skvm.compiler.reading.norms import plain
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import Heading

__all__ = ["Repetition", "contents_tables", "second_copies"]

RULE = "drop repetition"
_ENTRY = re.compile(r"\[(?P<text>[^\]\n]+)\]\(#(?P<anchor>[^)\s]+)\)")
_LEAST_TOKENS = 40
_COPY_TOKENS = 60
_COPY_CHARS = 200


@dataclass(frozen=True, slots=True)
class Repetition:
    """Something said elsewhere as well.

    Args:
        edit: What stands in its place.
        saved_tokens: Tokens fewer, estimated.
        title: What it is, for a person.
    """

    edit: Edit
    saved_tokens: int
    title: str

    def record(self) -> dict[str, Any]:
        """The repetition as the artifact holds it."""
        span = self.edit.span
        return {"title": self.title, "span": [span.start, span.end], "tokensSaved": self.saved_tokens}


def contents_tables(layout: Layout) -> list[Repetition]:
    """Sections that only list the headings of the same text, every one of which stands below."""
    if b"](#" not in layout.skill.source:
        return []
    headings = layout.skill.headings
    known = {anchor_of(heading.title): heading for heading in headings}
    found = []
    for heading in headings:
        span = Span(layout.tokens.lines(heading.span).start, heading.section.end)
        pieces = layout.within(span)
        if heading.level == 1 or not pieces or not all(_is_entry(piece, known) for piece in pieces):
            continue
        if any(other.parent is not None and headings[other.parent] is heading for other in headings):
            continue
        saved = layout.tokens.of(span)
        if saved < _LEAST_TOKENS:
            continue
        edit = Edit(
            span=span,
            new_text="",
            reason=f"it only repeats the headings that stand below: {saved} tokens fewer (estimate)",
            rule=RULE,
            releases=(heading.title, plain(layout.skill.text(span))),
        )
        found.append(Repetition(edit, saved, heading.title))
    return found


def _is_entry(piece: Piece, known: dict[str, Heading]) -> bool:
    """Whether a list item is nothing but a link to a heading it repeats."""
    found = _ENTRY.fullmatch(piece.text.strip())
    if piece.kind is not PieceKind.ITEM or found is None:
        return False
    heading = known.get(found["anchor"])
    return heading is not None and _words(found["text"]) == _words(heading.title)


def _words(title: str) -> str:
    return " ".join(re.findall(r"\w+", bare_title(title).lower()))


def second_copies(layout: Layout, taken: Sequence[Span]) -> list[Repetition]:
    """Long listings, tables and paragraphs that stand, word for word, further above as well.

    A listing or table leaves a line that says where it stands; a paragraph leaves nothing.

    Args:
        layout: The skill as pieces.
        taken: Places others claim; neither copy may lie there.
    """
    seen: dict[tuple[PieceKind, str, str], Piece] = {}
    found = []
    for piece in layout.pieces:
        cost = layout.tokens.of(piece.span)
        if cost < _COPY_TOKENS or piece.is_bound or piece.kind is PieceKind.ITEM:
            continue
        if any(span.overlaps(piece.span) for span in taken):
            continue
        info = piece.fence.info.strip() if piece.fence else ""
        text = layout.skill.text(piece.span)
        key = (piece.kind, info, text.strip() if piece.kind is PieceKind.CODE else plain(text))
        first = seen.setdefault(key, piece)
        above = layout.prose.heading_of(first.span.start)
        if first is piece or above is None or above == layout.prose.heading_of(piece.span.start):
            continue
        made = _copy(layout, piece, layout.skill.headings[above], cost)
        found += [] if made is None else [made]
    return found


def _is_alone(layout: Layout, piece: Piece) -> bool:
    """Whether nothing else stands right below its heading."""
    at = layout.pieces.index(piece)
    here = layout.prose.heading_of(piece.span.start)
    near = layout.pieces[max(0, at - 1) : at] + layout.pieces[at + 1 : at + 2]
    return not any(layout.prose.heading_of(other.span.start) == here for other in near)


def _copy(layout: Layout, piece: Piece, above: Heading, cost: int) -> Repetition | None:
    text = layout.skill.text(piece.span)
    title = bare_title(above.title)
    new_text = ""
    if piece.kind is PieceKind.PARAGRAPH:
        if piece.leads or len(text) < _COPY_CHARS or _is_alone(layout, piece):
            return None
    else:
        place = _place(layout, above, layout.prose.heading_of(piece.span.start))
        if layout.is_chinese:
            what = "表格" if piece.kind is PieceKind.TABLE else "代码"
            new_text = f"{' ' * piece.indent}与上文“{place}”中的{what}相同。\n"
        else:
            what = "table" if piece.kind is PieceKind.TABLE else "listing"
            new_text = f"{' ' * piece.indent}The same {what} as under “{place}” above.\n"
    code = layout.skill.text(piece.fence.content) if piece.fence else text
    edit = Edit(
        span=piece.span,
        new_text=new_text,
        reason=f"it stands word for word under “{title}”: {cost} tokens fewer (estimate)",
        rule=RULE,
        releases=(plain(text), plain(code)),
    )
    return Repetition(edit, cost - estimate_tokens(new_text.encode()), title)


def _place(layout: Layout, above: Heading, here: int | None) -> str:
    """A heading by its title, with the one around it where both places have the same title."""
    headings, title = layout.skill.headings, bare_title(above.title)
    is_same = here is not None and bare_title(headings[here].title) == title
    return (
        f"{bare_title(headings[above.parent].title)}: {title}"
        if is_same and above.parent is not None
        else title
    )
