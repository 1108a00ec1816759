"""Where bytes lie before and after edits."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

from skvm.diagnostics import Span
from skvm.skill.edit import Edit

__all__ = ["Places", "touching"]


def touching(edits: Mapping[int, Edit], span: Span) -> frozenset[int]:
    """The edits that replace a byte of a span, or put something into it."""
    return frozenset(
        index
        for index, edit in edits.items()
        if edit.span.overlaps(span) or (not len(edit.span) and span.start < edit.span.start < span.end)
    )


class Places:
    """Where bytes lie after edits have been applied."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        ordered = sorted(edits, key=lambda edit: edit.span)
        self._starts = [edit.span.start for edit in ordered]
        self._ends = [edit.span.end for edit in ordered]
        self._shifts = [0]
        for edit in ordered:
            grown = len(edit.new_text.encode()) - len(edit.span)
            self._shifts.append(self._shifts[-1] + grown)

    def after(self, span: Span) -> Span:
        """The span with everything that was put into it or at its end."""
        start = span.start + self._shifts[bisect.bisect_left(self._starts, span.start)]
        end = span.end + self._shifts[bisect.bisect_right(self._starts, span.end)]
        return Span(min(start, end), max(start, end))

    def is_near(self, span: Span) -> bool:
        """Whether an edit touches a span or stands at its edge."""
        first = bisect.bisect_left(self._ends, span.start)
        return first < len(self._starts) and self._starts[first] <= span.end

    def shifted(self, span: Span) -> Span:
        """Where a span lies that no edit is near."""
        by = self._shifts[bisect.bisect_left(self._ends, span.start)]
        return Span(span.start + by, span.end + by)
