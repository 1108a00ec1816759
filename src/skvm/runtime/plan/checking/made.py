"""Whether a plan makes a file itself: looked up by name, so that ten thousand steps are no trouble."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from skvm.compiler.effects.resources import touches_same

__all__ = ["Made"]


@dataclass(slots=True)
class Made:
    """Names of what the steps of a plan write; made by ``Made.of``."""

    names: list[str] = field(default_factory=list)
    exact: set[str] = field(default_factory=set)
    around: set[str] = field(default_factory=set)
    bases: dict[str, list[str]] = field(default_factory=dict)
    patterns: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Index names."""
        made = cls()
        for name in dict.fromkeys(names):
            made.names.append(name)
            if _is_pattern(name):
                made.patterns.append(name)
                continue
            plain = name.rstrip("/")
            made.exact.add(plain)
            made.around.update(_above(plain))
            made.bases.setdefault(posixpath.basename(plain), []).append(name)
        return made

    def has(self, name: str) -> bool:
        """Whether a name may mean something of these."""
        if _is_pattern(name):
            return any(touches_same(name, other) for other in self.names)
        plain = name.rstrip("/")
        if plain in self.exact or plain in self.around or any(each in self.exact for each in _above(plain)):
            return True
        others = (*self.bases.get(posixpath.basename(plain), ()), *self.patterns)
        return any(touches_same(name, other) for other in others)


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _above(name: str) -> list[str]:
    """The directories around a name."""
    found = []
    path = posixpath.dirname(name)
    while path and path != "/":
        found.append(path)
        path = posixpath.dirname(path)
    return found
