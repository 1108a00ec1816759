"""JavaScript patterns on RE2: translated so that they match the same texts, or refused.

RE2 takes time linear in the text, whatever the pattern. What it cannot do (look around, refer back) is
refused, never approximated. Two differences stay: JavaScript counts a character beyond U+FFFF as two, RE2 as
one; and RE2 sometimes takes the Kelvin sign for a k and the long s for an s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skvm.runtime.boost.foreign.translation import PatternRefusedError, translate

__all__ = ["MAX_TEXT", "Pattern", "compile_pattern"]

MAX_TEXT = 200_000
"""Characters of a text; what is beyond is not looked at."""
_MAX_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that runs on RE2.

    Args:
        source: As it was written.
        groups: How many groups it captures.
    """

    source: str
    groups: int
    _compiled: Any

    def find(self, text: str) -> tuple[int, int] | None:
        """Where its first group first matches, or all of it where it has none; ``None`` where nothing does.

        A first group that took no part in the match, or holds nothing, is no match. Only ``MAX_TEXT``
        characters are read.
        """
        # Lone surrogates cannot be put into UTF-8; a stand-in of the same length keeps the places right.
        readable = text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
        found = self._compiled.search(readable)
        if found is None:
            return None
        start, end = found.span(1 if self.groups else 0)
        return None if start < 0 or (self.groups and start == end) else (start, end)


def compile_pattern(source: str) -> Pattern:
    """Translate and compile a pattern, as if it stood before the flag ``i``.

    Raises:
        PatternRefusedError: It is no JavaScript pattern, RE2 cannot do it, or it is too large.
    """
    import re2

    text, groups = translate(source)
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(text, options)
    except re2.error as error:
        said = error.args[0] if error.args else "refused"
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise PatternRefusedError(f"RE2 refuses it: {said}", 0) from error
    return Pattern(source, groups, compiled)
