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
    at = line = ended = 0
    for found in _WORD.finditer(prompt):
        if words:
            gap = prompt[ended : found.start()]
            if _WRAPPED.fullmatch(gap):
                breaks.append(at)
                if _is_quoted(prompt, line, ended):
                    telling.append(at)
                line = found.start()
            elif gap != " " and not (
                _IN_LINE.fullmatch(gap) and _is_wide(prompt, line, ended, found.start())
            ):
                # Blanks of any other kind are typed by nobody.
                telling.append(at)
            at += 1
        words.append(found.group())
        starts.append(at)
        origins.append(found.start())
        at += len(words[-1])
        ended = found.end()
    return Folded(" ".join(words), prompt, tuple(starts), tuple(origins), tuple(breaks), tuple(telling))


def _is_wide(prompt: str, line: int, before: int, after: int) -> bool:
    """Whether the blanks between two words of a line are there for the eye."""
    is_usual = prompt[before - 1] in _BEFORE_WIDE or prompt[after] in _AFTER_WIDE
    return is_usual and not _is_quoted(prompt, line, before)


def _is_quoted(prompt: str, line: int, at: int) -> bool:
    """Whether a place is within quotes that were opened in its line."""
    so_far = prompt[line:at].replace("```", "")
    return any(so_far.count(quote) % 2 for quote in _QUOTES)
