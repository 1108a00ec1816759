"""What may stand in a hole of a prompt: as little beyond what was seen there as can be.

A step answers a look-alike only where its values say the same kind of thing, so that what a hole takes is
drawn from the values of the runs it was made from:

- a ``path`` has one of the extensions that were seen, lies in a folder only if one did, and holds a blank
  only in quotes;
- a ``string`` in quotes reaches to the next quote; without quotes it has no more words than were seen, begins
  with a capital where all that were seen do, and holds no word that steers a sentence ("and", "except");
- neither holds a mark (beyond ``-``, ``_`` and the full stop of a name), a sentence's end or a line break
  that was never seen in it;
- an ``integer`` or ``number`` is written plainly, without separators, and below one only if that was seen.

What does not fit is left to the model; the run it then makes widens the hole, if the value was a good one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from skvm.runtime.boost.inside.values import path_refusal
from skvm.runtime.boost.model import Param, ParamType

__all__ = ["CLOSING", "Hole", "hole_for", "list_items"]

CLOSING = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}
"""Quotes that open, and what closes them."""

_TEXT_CHARS = 2_000
_PATH_CHARS = 300
_NUMBER_CHARS = 24
_ITEMS = 50
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_PATH = re.compile(r"[\w./+@%=-]+(?: [\w./+@%=-]+)*")
_PLAIN_MARKS = frozenset("_- ")
_ENDS = ".,;:!?"
_BETWEEN = re.compile(r", and |, | and ")
_STEERING_WORDS = """
a about above after again all also an and any are as at be before below besides between both but by case
contain contains differ different does each either else empty equal equals every everything except excluding
false first following for from greater had has have her highest his if ignore ignoring in including instead
into invalid is it its largest last least less lowest maximum minimum missing more most neither never no
none nor not nothing null of on once one only or other others otherwise out over per same skip smallest so
some such than that the their them then there these they this those to too true two under unique unknown
unless until up upon use using valid was were when where whether which while who whole whose with within
without yes
"""
_STEERING = frozenset(_STEERING_WORDS.split())
"""Words that make another request of a request; no value without quotes holds one that was not seen in it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the values that were seen have in common.

    Args:
        texts: The values.
        marks: Characters in them beyond letters, digits and plain marks.
        words: Words of the longest one.
        is_capital: Whether all of them begin with a capital.
        steering: Words in them that steer sentences elsewhere.
    """

    marks: frozenset[str] = frozenset()
    words: int = 1
    is_capital: bool = False
    steering: frozenset[str] = frozenset()

    @classmethod
    def of(cls, values: Iterable[Any]) -> _Seen:
        texts = [value for value in values if isinstance(value, str) and value]
        if not texts:
            return cls()
        return cls(
            marks=frozenset(mark for text in texts for mark in text if _is_mark(mark)),
            words=max(1, *(len(text.split()) for text in texts)),
            is_capital=all(text[0].isupper() for text in texts),
            steering=frozenset(word.casefold() for text in texts for word in text.split()) & _STEERING,
        )

    def takes_marks(self, text: str) -> bool:
        """Whether a text has no mark that was never seen."""
        return all(mark in self.marks for mark in text if _is_mark(mark))

    def takes(self, text: str) -> bool:
        """Whether a text without quotes may be one of them."""
        words = text.split()
        return (
            0 < len(words) <= self.words
            and (not self.is_capital or text[0].isupper())
            and text[-1] not in _ENDS
            and self.takes_marks(text)
            and not any(
                word.casefold() in _STEERING and word.casefold() not in self.steering for word in words
            )
        )


@dataclass(frozen=True, slots=True)
class Hole:
    """One hole of a skeleton.

    Args:
        param: The parameter that stands there.
        quote: What closes the quotes it stands in; ``""`` where it stands in none.
        seen: What values had in common.
        suffixes: Of paths that were seen.
        least: The smallest number that was seen.
    """

    param: Param
    quote: str
    seen: _Seen
    suffixes: frozenset[str]
    least: float

    def limit(self, text: str, start: int) -> int:
        """Where a value that begins at ``start`` of a folded prompt ends at the latest."""
        kind = self.param.type
        if self.quote:
            end = text.find(self.quote, start, start + _TEXT_CHARS + 1)
            return max(end, start)
        if kind is ParamType.ENUM:
            return start + max((len(value) for value in self.param.values), default=0)
        if kind in {ParamType.INTEGER, ParamType.NUMBER}:
            return start + _NUMBER_CHARS
        if kind is ParamType.PATH:
            return _end_of_words(text, start, 1, _PATH_CHARS)
        words = self.seen.words * (_ITEMS + 1) if kind is ParamType.LIST else self.seen.words
        return _end_of_words(text, start, words, _TEXT_CHARS)

    def takes(self, text: str, *, has_break: bool) -> bool:
        """Whether a text of a prompt may be a value; ``has_break``: a line ends in it."""
        if not text or text != text.strip() or (has_break and "\n" not in self.seen.marks):
            return False
        kind = self.param.type
        if kind is ParamType.ENUM:
            return text in self.param.values
        if kind in {ParamType.INTEGER, ParamType.NUMBER}:
            form = _INTEGER if kind is ParamType.INTEGER else _NUMBER
            return form.fullmatch(text) is not None and (float(text) >= 1 or float(text) >= self.least)
        if kind is ParamType.PATH:
            return self._takes_path(text)
        if kind is ParamType.LIST:
            items = list_items(text)
            return bool(items) and len(items) <= _ITEMS and all(self.seen.takes(item) for item in items)
        return self.seen.takes_marks(text) if self.quote else self.seen.takes(text)

    def _takes_path(self, text: str) -> bool:
        return (
            _PATH.fullmatch(text) is not None
            and text[-1] not in _ENDS
            and path_refusal(text) is None
            and self.seen.takes_marks(text.replace(".", ""))
            and (PurePosixPath(text).suffix in self.suffixes)
        )


def hole_for(param: Param, before: str, after: str) -> Hole:
    """The hole of a parameter between two fixed texts."""
    opening, outer = before[-1:], before[-2:-1]
    closing = CLOSING.get(opening, "")
    is_quoted = bool(closing) and after.startswith(closing) and not outer.isalnum()
    values = [
        each for value in param.seen for each in (value if isinstance(value, list | tuple) else [value])
    ]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    texts = [value for value in values if isinstance(value, str)]
    return Hole(
        param=param,
        quote=closing if is_quoted and param.type is not ParamType.LIST else "",
        seen=_Seen.of(values),
        suffixes=frozenset(PurePosixPath(text).suffix for text in texts),
        least=min(numbers, default=1.0),
    )


def list_items(text: str) -> tuple[str, ...]:
    """The items of a list in words ("id, name and `city`"), without the quotes all of them stand in.

    Empty where it is no list: an empty item, quotes around some of them only.
    """
    items = [item.strip() for item in _BETWEEN.split(text)]
    if not all(items):
        return ()
    quotes = {item[0] if item[0] in CLOSING else "" for item in items}
    if len(quotes) != 1:
        return ()
    opening = quotes.pop()
    if not opening:
        return tuple(items)
    closing = CLOSING[opening]
    bare = [item[1:-1] for item in items if len(item) > 2 and item.endswith(closing)]
    is_whole = len(bare) == len(items) and not any(opening in item or closing in item for item in bare)
    return tuple(bare) if is_whole else ()


def _is_mark(character: str) -> bool:
    return not character.isalnum() and character not in _PLAIN_MARKS


def _end_of_words(text: str, start: int, words: int, chars: int) -> int:
    """Where so many words end that begin at a place, and not more characters."""
    last = min(len(text), start + chars)
    at = start
    for _ in range(words):
        at = text.find(" ", at, last)
        if at < 0:
            return last
        at += 1
    return at - 1
