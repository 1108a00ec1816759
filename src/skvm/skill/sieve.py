"""Expressions that are not tried on a text that cannot match.

An expression such as ``(?:find|locate) (?:all|the) bugs?`` begins with no fixed character, so that it is
tried at every place of every text. Every match holds ``bug``, though: whether a text does is known after one
quick look, and mostly it does not. The words are read off the expression, so that they cannot go stale.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from skvm.skill.any_word import EDGE, AnyWord

__all__ = ["Sieved", "needed_words", "sieved"]

_MOST_WORDS = 160
"""With more words than that the look itself gets dear."""
_MOST_WAYS = 24
"""A part of an expression with more spellings than that is not spelled out."""
_SHORTEST, _RARE = 2, 7
"""Letters: what is shorter stands in nearly every text, what is longer is no rarer."""
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_WIDTHLESS = ("AT", "ASSERT", "ASSERT_NOT")


class Sieved:
    """A compiled expression that looks for the words of its matches before it is tried.

    Args:
        compiled: The expression.
    """

    def __init__(self, compiled: re.Pattern[str]) -> None:
        self.compiled = compiled

    @cached_property
    def _ways(self) -> tuple[tuple[AnyWord, ...], ...]:
        """For each way to match, what has to stand in a text all at once."""
        ignore_case = bool(self.compiled.flags & re.IGNORECASE)
        return tuple(
            tuple(AnyWord(sorted(words), ignore_case=ignore_case) for words in way)
            for way in needed_words(self.compiled)
        )

    def may_match(self, text: str) -> bool:
        """Whether the words of a match stand in a text; never false where there is a match."""
        for way in self._ways:
            for words in way:
                if not words.is_in(text):
                    break
            else:
                return True
        return not self._ways

    def match(self, text: str) -> re.Match[str] | None:
        """A match at the beginning of a text."""
        return self.compiled.match(text) if self.may_match(text) else None

    def search(self, text: str) -> re.Match[str] | None:
        """The first match in a text."""
        return self.compiled.search(text) if self.may_match(text) else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Every match in a text, in order."""
        return self.compiled.finditer(text) if self.may_match(text) else iter(())


def sieved(pattern: str, flags: int = 0) -> Sieved:
    """Compile an expression that most texts do not match."""
    return Sieved(re.compile(pattern, flags))


def needed_words(pattern: re.Pattern[str]) -> tuple[tuple[frozenset[str], ...], ...]:
    """What every match of an expression holds.

    Returns:
        For each way to match sets of words, the rarest first: a match holds a word of every one of them.
        Nothing at all where the expression can match a text without such words.
    """
    try:
        # Not public, but what is not understood only means that there is no quick look.
        tree = importlib.import_module("re._parser").parse(pattern.pattern, pattern.flags)
    except (ImportError, AttributeError):
        return ()
    branches = tree[0][1][1] if len(tree) == 1 and str(tree[0][0]) == "BRANCH" else [tree]
    ways = [_needed(branch, pattern.flags) for branch in branches]
    if not all(ways):
        return ()
    plain = frozenset(itertools.chain(*(way[0] for way in ways if len(way) == 1)))
    return (*([(plain,)] if plain else []), *(tuple(way) for way in ways if len(way) > 1))


_Words = frozenset[str]
_NOTHING: _Words = frozenset({""})


def _needed(items: Iterable[Any], flags: int) -> list[_Words]:
    """Sets of words; every match of a sequence holds a word of each of them."""
    found: list[_Words] = []
    run = _NOTHING
    for item in items:
        spelled = _spelled(item, flags)
        longer = _joined(run, spelled)
        if longer is not None:
            run = longer
            continue
        found.append(run)
        if spelled is None:
            found += _needed_of(item, flags)
        run = _NOTHING if spelled is None else spelled
    found.append(run)
    good = [words for words in found if _worth(words) >= _SHORTEST and len(words) <= _MOST_WORDS]
    return sorted(good, key=lambda words: (-_worth(words), len(words)))


def _needed_of(item: Any, flags: int) -> list[_Words]:
    """The same for one item that is not spelled out."""
    name, value = str(item[0]), item[1]
    if name == "BRANCH":
        branches = [_needed(branch, flags) for branch in value[1]]
        return [frozenset(itertools.chain(*(way[0] for way in branches)))] if all(branches) else []
    if name == "SUBPATTERN" and not (value[1] | value[2]) & re.IGNORECASE:
        return _needed(value[3], flags)
    if name == "ATOMIC_GROUP":
        return _needed(value, flags)
    if name in _REPEATS and value[0] > 0:
        return _needed(value[2], flags)
    return []


def _spelled(item: Any, flags: int) -> _Words | None:
    """Every spelling of an item; ``None`` where there are too many."""
    name, value = str(item[0]), item[1]
    spelled: _Words | None = None
    if name == "LITERAL":
        spelled = frozenset({chr(value)})
    elif name in _WIDTHLESS:
        spelled = frozenset({EDGE}) if str(value) == "AT_BOUNDARY" else _NOTHING
    elif name == "IN":
        spelled = _one_of(value)
    elif name == "BRANCH":
        spelled = _any_of([_spelled_all(branch, flags) for branch in value[1]])
    elif name == "SUBPATTERN" and not (value[1] | value[2]) & re.IGNORECASE:
        spelled = _spelled_all(value[3], flags)
    elif name in _REPEATS and (value[0], value[1]) in {(0, 1), (1, 1)}:
        inside = _spelled_all(value[2], flags)
        spelled = _any_of([inside, _NOTHING]) if value[0] == 0 else inside
    return spelled


def _spelled_all(items: Iterable[Any], flags: int) -> _Words | None:
    words: _Words | None = _NOTHING
    for item in items:
        words = _joined(words, _spelled(item, flags))
        if words is None:
            return None
    return words


def _one_of(members: Sequence[Any]) -> _Words | None:
    if any(str(member[0]) != "LITERAL" for member in members) or len(members) > _MOST_WAYS:
        return None
    return frozenset(chr(member[1]) for member in members)


def _any_of(ways: Sequence[_Words | None]) -> _Words | None:
    if None in ways:
        return None
    words = frozenset(itertools.chain(*filter(None, ways)))
    return words if len(words) <= _MOST_WORDS else None


def _joined(first: _Words | None, second: _Words | None) -> _Words | None:
    """Every word of one followed by every one of the other, where they are few enough."""
    if first is None or second is None:
        return None
    if min(len(first), len(second)) > 1 and len(first) * len(second) > _MOST_WAYS:
        return None
    return frozenset(head + tail for head in first for tail in second)


def _worth(words: _Words) -> int:
    """How much the commonest word says, in letters: a sign is worth two, what is not Latin three."""
    return min(_RARE, *(sum(map(_weight, word.replace(EDGE, ""))) for word in words))


def _weight(char: str) -> int:
    if not char.isascii():
        return 3
    return 1 if char.isalnum() or char.isspace() else 2
