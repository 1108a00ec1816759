"""A prompt with its white space folded, and what stood where a blank stands now.

How a prompt is wrapped and indented does not say what it asks for. What blanks stand inside a line may: two
blanks in a quoted text are not one. Such gaps are remembered, and only a hole may hold one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

__all__ = ["Folded", "fold"]

_WORD = re.compile(r"\S+")
_WRAPPED = re.compile(r"[ \t\r\n]*\n[ \t\r\n]*")
_IN_LINE = re.compile(r"[ \t]+")
_BEFORE_WIDE = frozenset(".:;!?,)]-*+•|>#")
"""After these, people and editors leave any number of blanks: ends of sentences, marks of lists, tables."""
_AFTER_WIDE = frozenset("|#")
_QUOTES = '"`'


@dataclass(frozen=True, slots=True)
class Folded:
    """A prompt whose words are one blank apart.

    Args:
        text: The words.
        original: The prompt itself.
        starts: Where each word starts in the text.
        origins: Where it starts in the prompt.
        breaks: Blanks of the text that stand for a line break.
        telling: Blanks of the text that stand for white space that may mean something.
    """

    text: str
    original: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]
    breaks: tuple[int, ...]
    telling: tuple[int, ...]

    def value(self, start: int, end: int) -> str:
        """What stood in the prompt at ``[start, end)`` of the text; neither end is at a blank."""
        return self.original[self._origin(start) : self._origin(end - 1) + 1]

    def has_break(self, start: int, end: int) -> bool:
        """Whether there is a line break in a part of the text."""
        at = bisect_left(self.breaks, start)
        return at < len(self.breaks) and self.breaks[at] < end

    def _origin(self, at: int) -> int:
        word = bisect_right(self.starts, at) - 1
        return self.origins[word] + at - self.starts[word]


def fold(prompt: str) -> Folded:
    """Fold every run of white space into one blank, and leave none at the ends."""
    words: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    breaks: list[int] = []
    telling: list[int] = []
    at = ended = 0
    in_quotes = _Quotes()
    for found in _WORD.finditer(prompt):
        if words:
            gap = prompt[ended : found.start()]
            if _WRAPPED.fullmatch(gap):
                breaks.append(at)
                if in_quotes.is_open:
                    telling.append(at)
                in_quotes = _Quotes()
            elif gap != " " and (
                in_quotes.is_open or not _IN_LINE.fullmatch(gap) or not _is_wide(prompt, ended, found.start())
            ):
                # Blanks of any other kind are typed by nobody.
                telling.append(at)
            at += 1
        words.append(found.group())
        in_quotes.take(words[-1])
        starts.append(at)
        origins.append(found.start())
        at += len(words[-1])
        ended = found.end()
    return Folded(" ".join(words), prompt, tuple(starts), tuple(origins), tuple(breaks), tuple(telling))


def _is_wide(prompt: str, before: int, after: int) -> bool:
    """Whether the blanks between two words of a line are there for the eye."""
    return prompt[before - 1] in _BEFORE_WIDE or prompt[after] in _AFTER_WIDE


class _Quotes:
    """Whether a place is within quotes that were opened in its line; it is told the words up to there."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open = dict.fromkeys(_QUOTES, 0)

    @property
    def is_open(self) -> bool:
        return any(self._open.values())

    def take(self, word: str) -> None:
        word = word.replace("```", "")
        for quote in _QUOTES:
            self._open[quote] ^= word.count(quote) % 2
