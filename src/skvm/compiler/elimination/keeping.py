"""What of a passage stays in ``SKILL.md`` when the passage moves: no rule leaves, none is orphaned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from skvm.compiler.elimination.pieces import Piece, PieceKind

__all__ = ["staying"]

_STEP = re.compile(r"\W*(?:step|phase|stage)\s+\d|第[一二三四五六七八九十\d]+步", re.IGNORECASE)


@dataclass(slots=True)
class _List:
    """Items of one rank that follow each other.

    Args:
        indent: Columns before their text.
        is_numbered: Whether they are numbered.
        members: Indices of the items.
        lead: Index of the line that announces them.
        end: Index after the last piece that belongs to them.
    """

    indent: int
    is_numbered: bool
    lead: int | None = None
    members: list[int] = field(default_factory=list)
    end: int = 0


def staying(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces that must stay, in order.

    That is every piece that is normative or bound to its place; what such a piece announces; the items a
    staying item hangs under, and the line that announces its list; the rest of a list with normative items,
    because half of it would say something else.

    Args:
        pieces: What stands between two headings, in order.
    """
    waiting = [index for index, piece in enumerate(pieces) if piece.is_norm or piece.is_bound]
    if not waiting:
        return []
    if sum(_STEP.match(piece.text) is not None for piece in pieces) > 1:
        return list(pieces)  # steps are a list, whatever marks them
    lists, announcers = _hierarchy(pieces)
    for found in lists:
        if any(pieces[index].is_norm for index in found.members):
            waiting += range(found.members[0], found.end)
    kept: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index in kept:
            continue
        kept.add(index)
        if index in announcers:
            waiting.append(announcers[index])
        if pieces[index].leads:
            waiting += _announced(pieces, index)
    return [pieces[index] for index in sorted(kept)]


def _hierarchy(pieces: Sequence[Piece]) -> tuple[list[_List], dict[int, int]]:
    """The lists, and for each piece the item above it or the line that announces it, if there is one."""
    lists: list[_List] = []
    announcers: dict[int, int] = {}
    open_lists: list[_List] = []
    for index, piece in enumerate(pieces):
        while open_lists and _is_closed(open_lists[-1], piece):
            open_lists.pop()
        before = index - 1 if index and pieces[index - 1].leads else None
        around = next((found for found in reversed(open_lists) if found.indent < piece.indent), None)
        above = around.members[-1] if around else None
        if piece.kind is PieceKind.ITEM:
            if not open_lists or open_lists[-1].indent < piece.indent:
                open_lists.append(_List(piece.indent, piece.is_numbered, before))
                lists.append(open_lists[-1])
            open_lists[-1].members.append(index)
            open_lists[-1].end = index + 1
            above = open_lists[-1].lead if above is None else above
        elif piece.kind is not PieceKind.PARAGRAPH and above is None:
            above = before
        if above is not None:
            announcers[index] = above
        for found in open_lists:
            if piece.indent > found.indent:
                found.end = index + 1
    return lists, announcers


def _is_closed(current: _List, piece: Piece) -> bool:
    """Whether a list cannot go on after a piece; code at the same rank does not end it."""
    if current.indent != piece.indent:
        return current.indent > piece.indent
    if piece.kind is PieceKind.ITEM:
        return piece.is_numbered != current.is_numbered
    return piece.kind is PieceKind.PARAGRAPH


def _announced(pieces: Sequence[Piece], index: int) -> list[int]:
    """The list, code or table after a piece that ends in a colon; for an item all that hangs under it."""
    piece = pieces[index]
    found: list[int] = []
    for at in range(index + 1, len(pieces)):
        other = pieces[at]
        nested = other.indent > piece.indent
        if piece.kind is PieceKind.ITEM:
            if not nested and not (other.kind is PieceKind.CODE and at == index + 1):
                break
        elif not nested and (_ends_list(other) or (found and other.kind is not PieceKind.ITEM)):
            break
        found.append(at)
    return found


def _ends_list(piece: Piece) -> bool:
    return piece.kind is PieceKind.PARAGRAPH
