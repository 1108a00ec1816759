"""Whether a text holds one of some words, asked so often that it has to cost next to nothing.

Most texts hold none of the words a rule is about. Looking for them one by one, or with an expression that
has as many branches, costs a hundred times more than the one pass over the text that is made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic_core import CoreConfig, SchemaValidator, core_schema

__all__ = ["EDGE", "AnyWord"]

EDGE = "\b"
"""Before or after a word to look for: it begins or ends there, and is no part of a longer one."""
_SIGNS = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
_PLAIN = re.compile(r"\w", re.ASCII)


class AnyWord:
    """Some words, to be looked for in texts all at once.

    Args:
        words: At least one word, or part of a word, none of them empty.
        ignore_case: Whether ``Word`` is ``word``.
    """

    __slots__ = ("is_in_utf8",)

    def __init__(self, words: Iterable[str], *, ignore_case: bool = False) -> None:
        branches = "|".join(_branch(word) for word in dict.fromkeys(words))
        # The expressions that check fields are run by an engine that looks for many words in one pass;
        # the one of ``re`` tries word after word at every character.
        schema = core_schema.str_schema(pattern=f"(?i:{branches})" if ignore_case else branches, strict=True)
        self.is_in_utf8 = SchemaValidator(schema, CoreConfig(regex_engine="rust-regex")).isinstance_python
        """Whether one of the words stands in a text that holds no halves of characters, at half the price."""

    def is_in(self, text: str) -> bool:
        """Whether one of the words stands in a text, as a part of another word too."""
        return self.is_in_utf8(text) or (not text.isascii() and self._is_in_odd(text))

    def _is_in_odd(self, text: str) -> bool:
        """The same for a text with halves of characters, which the engine refuses."""
        try:
            text.encode()
        except UnicodeEncodeError:
            return self.is_in_utf8(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
        return False


def _branch(word: str) -> str:
    bare = word.replace(EDGE, "")
    if not bare:
        raise ValueError("a word to look for is empty")
    # Next to a letter that is not Latin an edge is left open: what is looked for may only be found too often.
    begins = r"(?-u:\b)" if word.startswith(EDGE) and _PLAIN.match(bare[0]) else ""
    ends = r"(?-u:\b)" if word.endswith(EDGE) and _PLAIN.match(bare[-1]) else ""
    return begins + _SIGNS.sub(r"\\\g<0>", bare) + ends
