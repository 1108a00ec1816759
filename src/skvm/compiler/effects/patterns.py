"""Patterns of paths: whether two of them can name one path, and what a template gives for their matches.

Only what every shell agrees on counts: ``*`` and ``?`` stay within a component, and both sides are plain
relative paths.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["ITEM", "NAME", "filled", "is_glob", "may_meet", "names_differ", "over_all", "parts_of"]

ITEM, NAME = "{item}", "{name}"
"""What stands in a template for an item, and for its file name without the last suffix."""
_GLOB = re.compile(r"[\w.@+*?=/-]*[*?][\w.@+*?=/-]*\Z")


def is_glob(text: str) -> bool:
    """Whether a text is one plain pattern of files below the work directory."""
    outside = text.startswith("/") or ".." in text.split("/")
    return bool(_GLOB.match(text)) and "**" not in text and not outside and not text.endswith("/")


def parts_of(glob: str) -> tuple[str, str] | None:
    """The fixed directory (``""`` or with a slash) and the fixed suffix of a pattern's matches.

    ``None`` where one of them is not fixed: then file names without suffix are not known to differ.
    """
    folder, slash, last = glob.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not dot or not stem or any(char in folder + suffix for char in "*?["):
        return None
    return folder + slash, f".{suffix}"


def names_differ(over: str, items: Sequence[str] = ()) -> bool:
    """Whether no two matches of a pattern, or no two items of a list, share a name without suffix.

    Args:
        over: The pattern.
        items: The items, where they are listed; then ``over`` is not looked at.
    """
    if items:
        return len({_name(item) for item in items}) == len(set(items)) == len(items)
    return parts_of(over) is not None


def _name(item: str) -> str:
    return posixpath.splitext(posixpath.basename(item.rstrip("/")))[0]


def filled(template: str, item: str) -> str:
    """A template for one item."""
    return template.replace(ITEM, item).replace(NAME, _name(item))


def over_all(template: str, over: str, items: Sequence[str] = ()) -> tuple[str, ...]:
    """What a template gives for all items: the names, or one pattern that fits them all.

    Args:
        template: A path with ``{item}`` or ``{name}`` in it, or without.
        over: The pattern the items match.
        items: The items, where they are listed.
    """
    if items:
        return tuple(sorted({filled(template, item) for item in items}))
    return (re.sub(r"\*+", "*", template.replace(ITEM, over).replace(NAME, "*")),)


@lru_cache(maxsize=4096)
def may_meet(one: str, other: str) -> bool:
    """Whether two patterns can name the same path.

    Args:
        one: A path or a pattern.
        other: Another one.
    """
    ones, others = (posixpath.normpath(text).split("/") for text in (one, other))
    return len(ones) == len(others) and all(map(_meet, ones, others))


def _meet(one: str, other: str) -> bool:
    """Whether two patterns of one component have a text in common."""
    reached = {(0, 0)}
    for _ in range(len(one) + len(other) + 1):
        if (len(one), len(other)) in reached:
            return True
        further = set(reached)
        for at, to in reached:
            left = one[at] if at < len(one) else ""
            right = other[to] if to < len(other) else ""
            if left == "*":
                further.add((at + 1, to))
                further |= {(at, to + 1)} if right else set()
            if right == "*":
                further.add((at, to + 1))
                further |= {(at + 1, to)} if left else set()
            if left and right and "*" not in left + right and (left == right or "?" in left + right):
                further.add((at + 1, to + 1))
        if further == reached:
            return False
        reached = further
    return (len(one), len(other)) in reached
