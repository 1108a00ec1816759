"""What of a passage stays in ``SKILL.md`` when the passage moves: no rule leaves, none is orphaned."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.elimination.pieces import Piece, PieceKind

__all__ = ["staying"]


def staying(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces that must stay, in order.

    That is every piece that is normative or bound to its place; what such a piece announces; the items a
    staying item hangs under, and the line that announces its list; all of a numbered list one item of which
    stays.

    Args:
        pieces: What stands between two headings, in order.
    """
    kept: set[int] = set()
    waiting = [index for index, piece in enumerate(pieces) if piece.is_norm or piece.is_bound]
    while waiting:
        index = waiting.pop()
        if index not in kept:
            kept.add(index)
            waiting += _needs(pieces, index)
    return [pieces[index] for index in sorted(kept)]


def _needs(pieces: Sequence[Piece], index: int) -> set[int]:
    """What a staying piece cannot do without."""
    piece = pieces[index]
    found = _announced(pieces, index) if piece.leads else set()
    announcer = _announcer(pieces, index)
    if announcer is not None:
        found.add(announcer)
    if piece.is_numbered:
        found |= _numbered_run(pieces, index)
    return found


def _announced(pieces: Sequence[Piece], index: int) -> set[int]:
    """The list, code or table after a piece that ends in a colon; for an item all that hangs under it."""
    piece = pieces[index]
    found: set[int] = set()
    for at in range(index + 1, len(pieces)):
        other = pieces[at]
        nested = other.indent > piece.indent
        if piece.kind is PieceKind.ITEM:
            if not nested and not (other.kind is PieceKind.CODE and at == index + 1):
                break
        elif not nested and (
            other.kind is PieceKind.PARAGRAPH or (found and other.kind is not PieceKind.ITEM)
        ):
            break
        found.add(at)
    return found


def _announcer(pieces: Sequence[Piece], index: int) -> int | None:
    """The item above a nested piece, or the line that announces a list, a table or code."""
    piece = pieces[index]
    if piece.kind is PieceKind.PARAGRAPH and not piece.indent:
        return None
    for at in range(index - 1, -1, -1):
        other = pieces[at]
        if other.kind is PieceKind.ITEM and other.indent < piece.indent:
            return at
        if other.kind is PieceKind.PARAGRAPH and other.indent <= piece.indent:
            return at if other.leads and piece.kind is not PieceKind.PARAGRAPH else None
        if piece.kind is not PieceKind.ITEM:
            return at if other.leads else None
    return None


def _numbered_run(pieces: Sequence[Piece], index: int) -> set[int]:
    """All of the numbered list an item belongs to, with what hangs under its items."""
    found: set[int] = set()
    indent = pieces[index].indent
    for step in (-1, 1):
        at = index + step
        while 0 <= at < len(pieces):
            other = pieces[at]
            is_member = other.is_numbered and other.indent == indent
            if not is_member and other.indent <= indent and other.kind is not PieceKind.CODE:
                break
            found.add(at)
            at += step
    return found
