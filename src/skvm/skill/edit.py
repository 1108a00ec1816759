"""Edits: the only way to change a skill's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skvm.diagnostics import Span

__all__ = ["Edit", "EditConflictError", "apply_edits"]


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace a span of ``SKILL.md``.

    Args:
        span: What is replaced; empty for an insertion.
        new_text: What stands there afterwards.
        reason: Why, for a person: the gap and the evidence.
        rule: The ladder rule (or model) that proposed it.
        primitive_id: The gap it closes.
        from_level: What the text required before (``L1``–``L3``).
        to_level: What it requires after.
        releases: Texts a guard must not miss afterwards, because this edit names them as given up.
        requirement: Where the lowered requirement stands, in the same bytes as ``span``.
        answers: Further requirements it lowers as well: primitive and place.
        files: Bundle files it needs although its text does not name them.
        moved: Bundle files, each added by the same pass and named in ``new_text``, into which everything
            replaced that is not in ``new_text`` goes verbatim, as whole lines.
    """

    span: Span
    new_text: str
    reason: str
    rule: str = ""
    primitive_id: str = ""
    from_level: str = ""
    to_level: str = ""
    releases: tuple[str, ...] = ()
    requirement: Span | None = None
    answers: tuple[tuple[str, Span], ...] = ()
    files: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


class EditConflictError(ValueError):
    """Two edits claim the same bytes, or one lies outside the source."""


def apply_edits(source: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply non-overlapping edits, given in any order.

    Insertions at one place are applied in the order given.

    Raises:
        EditConflictError: Two edits overlap, or one lies outside ``source``.
    """
    ordered = sorted(enumerate(edits), key=lambda item: (item[1].span.start, item[1].span.end, item[0]))
    parts: list[bytes] = []
    position = 0
    for _, edit in ordered:
        if edit.span.start < position or edit.span.end > len(source):
            raise EditConflictError(f"edit at {edit.span.start}..{edit.span.end} overlaps or lies outside")
        parts += [source[position : edit.span.start], edit.new_text.encode()]
        position = edit.span.end
    parts.append(source[position:])
    return b"".join(parts)
