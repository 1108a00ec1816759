"""Prompts with holes: where values stand in a prompt, the skeleton that leaves, and how a prompt reads by it.

A value stands in a prompt where it is a word of its own: "2" does not stand in "v2" or "2%", "sales" not in
"sales.csv". All of it works on prompts whose white space is folded to single spaces.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from skvm.runtime.boost.model import Skeleton

__all__ = ["Mark", "fold", "marks_of", "readings", "skeleton_of", "skeletons_of", "stands_at"]

_BEFORE = frozenset(" \"'`“”‘’«([{<,;:=|*_")
_AFTER = frozenset(" \"'`“”‘’»)]}>,;:=|*_")
_END = frozenset(".!?")
MAX_VARIANTS = 32
_MAX_STEPS = 20_000

Accepts = Callable[[str, str], bool]
"""Whether a text may be the value of a parameter: name, text."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of a prompt where the value of a parameter stands: ``[start, end)`` of the folded prompt."""

    start: int
    end: int
    param: str


def fold(text: str) -> str:
    """The text with every run of white space as one space, and none at the ends."""
    return " ".join(text.split())


def stands_at(prompt: str, text: str, *, is_part: bool = False) -> list[int]:
    """Where a text stands in a folded prompt as a word of its own.

    Args:
        prompt: A folded prompt.
        text: What is looked for; ``""`` stands nowhere.
        is_part: Whether it may be a part of a word, set off by what is no letter or digit.
    """
    found: list[int] = []
    at = prompt.find(text) if text else -1
    while at >= 0:
        end = at + len(text)
        fits = _is_part if is_part else _is_word
        if fits(prompt, at, end):
            found.append(at)
        at = prompt.find(text, at + 1)
    return found


def _is_part(prompt: str, start: int, end: int) -> bool:
    return not (prompt[start - 1 : start].isalnum() and start) and not prompt[end : end + 1].isalnum()


def _is_word(prompt: str, start: int, end: int) -> bool:
    if start and prompt[start - 1] not in _BEFORE:
        return False
    # A mark-up character only sets a word off where it does not join it to another one.
    if start > 1 and prompt[start - 1] in "_*:=" and prompt[start - 2].isalnum() and prompt[start - 1] == "_":
        return False
    rest = prompt[end : end + 2]
    if not rest:
        return True
    if rest[0] in _END:
        return len(rest) == 1 or not rest[1].isalnum()
    if rest[0] not in _AFTER:
        return False
    return not (rest[0] == "_" and rest[1:].isalnum())


def marks_of(prompt: str, texts: Mapping[str, str], parts: frozenset[str] = frozenset()) -> tuple[Mark, ...]:
    """Every place of a prompt where a parameter's value stands; the longest first, none over another.

    Args:
        prompt: A folded prompt.
        texts: Value of each parameter, as it stands in prompts.
        parts: Parameters that may be parts of words.
    """
    found: list[Mark] = []
    for name in sorted(texts, key=lambda each: (-len(texts[each]), each)):
        for start in stands_at(prompt, texts[name], is_part=name in parts):
            end = start + len(texts[name])
            if all(end <= mark.start or start >= mark.end for mark in found):
                found.append(Mark(start, end, name))
    return tuple(sorted(found, key=lambda mark: mark.start))


def skeleton_of(prompt: str, marks: Sequence[Mark]) -> Skeleton:
    """The prompt with its marks as holes; marks are in order and do not overlap."""
    texts: list[str] = []
    at = 0
    for mark in marks:
        texts.append(prompt[at : mark.start])
        at = mark.end
    return Skeleton(texts=(*texts, prompt[at:]), params=tuple(mark.param for mark in marks))


def skeletons_of(prompt: str, marks: Sequence[Mark]) -> Iterator[Skeleton]:
    """Skeletons a prompt may have been made from, the one with most holes first.

    A value may stand in a prompt by accident ("the top 2 of 2 columns"), so that a parameter that stands at
    several places may belong to one of them only.
    """
    by_param: dict[str, list[Mark]] = {}
    for mark in marks:
        by_param.setdefault(mark.param, []).append(mark)
    choices = [
        [tuple(found), *((one,) for one in found)] if len(found) > 1 else [tuple(found)]
        for found in by_param.values()
    ]
    for choice in itertools.islice(itertools.product(*choices), MAX_VARIANTS):
        chosen = sorted(itertools.chain.from_iterable(choice), key=lambda mark: mark.start)
        yield skeleton_of(prompt, chosen)


def readings(skeleton: Skeleton, prompt: str, accepts: Accepts) -> tuple[dict[str, str], ...]:
    """How a folded prompt may be read by a skeleton: none, one, or two of many ways.

    Args:
        skeleton: The skeleton.
        prompt: A folded prompt.
        accepts: Says of a parameter's name and a text whether it may be its value.
    """
    first = skeleton.texts[0]
    if not skeleton.params:
        return ({},) if prompt == first else ()
    if not prompt.startswith(first) or not prompt.endswith(skeleton.texts[-1]):
        return ()
    found: list[dict[str, str]] = []
    steps = itertools.count()
    pending: list[tuple[int, int, dict[str, str]]] = [(0, len(first), {})]
    while pending and len(found) < 2:
        hole, start, values = pending.pop()
        if next(steps) > _MAX_STEPS:
            # Too many ways to try are too many ways to read it.
            return ({}, {})
        if hole == len(skeleton.params):
            if start == len(prompt):
                found.append(values)
            continue
        name = skeleton.params[hole]
        pending += [
            (hole + 1, end + len(skeleton.texts[hole + 1]), {**values, name: prompt[start:end]})
            for end in _ends(skeleton, hole, prompt, start)
            if values.get(name, prompt[start:end]) == prompt[start:end] and accepts(name, prompt[start:end])
        ]
    return tuple(found)


def _ends(skeleton: Skeleton, hole: int, prompt: str, start: int) -> Iterator[int]:
    """Where the value of a hole may end."""
    behind = skeleton.texts[hole + 1]
    if hole == len(skeleton.params) - 1:
        end = len(prompt) - len(behind)
        if end > start:
            yield end
        return
    if not behind:
        yield from range(start + 1, len(prompt))
        return
    end = prompt.find(behind, start + 1)
    while end >= 0:
        yield end
        end = prompt.find(behind, end + 1)
