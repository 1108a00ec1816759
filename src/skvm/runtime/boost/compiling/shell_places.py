"""Bytes of shell code that hold a constant, and how another takes their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skvm.runtime.boost.compiling.shell_words import Policy, in_heredoc, in_quotes
from skvm.runtime.boost.compiling.slots import Filling, UnfillableError, text_of

__all__ = ["HeredocWriter", "Place", "behind_expansion"]


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of the code that hold a constant, and how another takes their place."""

    start: int
    end: int
    write: Callable[[Filling], str]
    policy: Policy


@dataclass(frozen=True, slots=True)
class HeredocWriter:
    """Writes a here-document anew, from its first mark to its last.

    Args:
        rest: What stands between its first mark and its lines.
        body: The lines it had.
    """

    rest: str
    body: str

    def code(self, code: str) -> str:
        """With code that is not expanded."""
        mark = self._mark(code)
        return f"'{mark}'{self.rest}{code}{mark}"

    def text(self, filling: Filling) -> str:
        """With a text; it is expanded where it holds parameters, once."""
        plain = text_of(filling)
        body = in_heredoc(filling) if plain is None else plain
        if not body.endswith("\n"):
            raise UnfillableError("a here-document ends with a line's end")
        mark = self._mark(body)
        return f"{mark if plain is None else repr(mark)}{self.rest}{body}{mark}"

    def _mark(self, body: str) -> str:
        mark = "EOF"
        while mark in body or mark in self.rest:
            mark += "_"
        return mark


def behind_expansion(filling: Filling) -> str:
    """A part of a double-quoted text that must not lengthen the name of the variable before it."""
    text = in_quotes(filling)
    return f'""{text}' if text[:1].isalnum() or text[:1] in ("_", "[") else text
