"""JSON read with the place of every value, so that a finding can point at it.

It takes what RFC 8259 allows and nothing else; no input makes it fail other than with ``NoJsonError``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skvm.diagnostics import Span

__all__ = ["NoJsonError", "Path", "Placed", "read_placed"]

Path = tuple[str | int, ...]
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:(?P<mark>[{}\[\]:,])|(?P<text>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|'
    r"(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(?P<word>true|false|null))"
)
_BLANK = re.compile(r"[ \t\n\r]*")
_WORDS = {"true": True, "false": False, "null": None}
_HALF = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 400
"""Of a number; longer ones mean nothing in a plan."""
_MOST_DEPTH = 100
_SHOWN = 12


class NoJsonError(Exception):
    """The text is no JSON.

    Args:
        message: Why.
        at: Where, in characters.
    """

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


@dataclass(slots=True)
class Placed:
    """A JSON value and where its parts stand.

    Args:
        value: The value; of two fields of one name the last.
        places: By path, from where to where, in characters.
        twice: Paths of fields that stand twice in an object, with the place of the second name.
    """

    value: Any
    places: Mapping[Path, Span]
    twice: tuple[tuple[Path, Span], ...] = ()

    def at(self, path: Path) -> Span:
        """The place of a value, or of what it would be in."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, Span(0, 0))


@dataclass(slots=True)
class _Open:
    """An array or object that has begun."""

    value: list[Any] | dict[str, Any]
    path: Path
    begin: int
    key: str | None = None
    wants: str = "first"
    """``first``, ``value``, ``key``, ``colon`` or ``next``."""


@dataclass(slots=True)
class _Reader:
    text: str
    places: dict[Path, Span] = field(default_factory=dict)
    twice: list[tuple[Path, Span]] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    root: Any = None
    has_root: bool = False

    def read(self) -> None:
        at = 0
        while not (self.has_root and not self.stack):
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise self._wrong(at)
            kind = str(found.lastgroup)
            self._take(kind, found[kind], found.start(kind))
            at = found.end()
        rest = _BLANK.match(self.text, at)
        if rest is not None and rest.end() < len(self.text):
            raise NoJsonError("there is something after the end", rest.end())

    def _wrong(self, at: int) -> NoJsonError:
        blank = _BLANK.match(self.text, at)
        at = blank.end() if blank else at
        if at >= len(self.text):
            return NoJsonError("it ends too early" if self.stack or at else "it is empty", at)
        if self.text[at] == '"':
            return NoJsonError("a text that does not end on its line, or has an escape there is not", at)
        shown = self.text[at : at + _SHOWN].split("\n")[0]
        return NoJsonError(f"{shown!r} begins no value", at)

    def _take(self, kind: str, piece: str, at: int) -> None:
        top = self.stack[-1] if self.stack else None
        if kind == "mark" and piece in "}]":
            return self._close(piece, at)
        if top is not None and isinstance(top.value, dict) and top.wants in {"first", "key"}:
            return self._name(top, kind, piece, at)
        if kind == "mark" and piece in ":,":
            return self._between(top, piece, at)
        if top is not None and top.wants not in {"first", "value"}:
            raise NoJsonError(f"{'a colon' if top.wants == 'colon' else 'a comma'} is missing", at)
        if kind == "mark":
            return self._begin({} if piece == "{" else [], at)
        return self._put(_scalar(kind, piece, at), self._path(), Span(at, at + len(piece)))

    def _path(self) -> Path:
        if not self.stack:
            return ()
        top = self.stack[-1]
        return (*top.path, len(top.value) if isinstance(top.value, list) else top.key or "")

    def _name(self, top: _Open, kind: str, piece: str, at: int) -> None:
        if kind != "text":
            raise NoJsonError("a name in double quotes is missing", at)
        top.key = _text(piece, at)
        if isinstance(top.value, dict) and top.key in top.value:
            self.twice.append(((*top.path, top.key), Span(at, at + len(piece))))
        top.wants = "colon"

    def _between(self, top: _Open | None, piece: str, at: int) -> None:
        if top is None or top.wants != ("colon" if piece == ":" else "next"):
            raise NoJsonError(f"{piece!r} stands where a value is wanted", at)
        top.wants = "value" if piece == ":" or isinstance(top.value, list) else "key"

    def _begin(self, value: list[Any] | dict[str, Any], at: int) -> None:
        if len(self.stack) == _MOST_DEPTH:
            raise NoJsonError(f"it nests over {_MOST_DEPTH} deep, which no plan does", at)
        self.stack.append(_Open(value, self._path(), at))

    def _close(self, piece: str, at: int) -> None:
        top = self.stack[-1] if self.stack else None
        closes = top is not None and ("}" if isinstance(top.value, dict) else "]") == piece
        if top is None or not closes or top.wants not in {"first", "next"}:
            if top is None or not closes:
                raise NoJsonError(f"{piece!r} closes nothing", at)
            has_comma = top.wants == "key" or isinstance(top.value, list)
            raise NoJsonError("a comma with nothing after it" if has_comma else "a value is missing", at)
        self.stack.pop()
        self._put(top.value, top.path, Span(top.begin, at + 1))

    def _put(self, value: Any, path: Path, span: Span) -> None:
        self.places[path] = span
        if not self.stack:
            self.root, self.has_root = value, True
            return
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            top.value[top.key or ""] = value
        top.wants = "next"


def read_placed(text: str) -> Placed:
    """Read JSON.

    Raises:
        NoJsonError: It is none, or has a number nobody means.
    """
    reader = _Reader(text)
    reader.read()
    return Placed(reader.root, reader.places, tuple(reader.twice))


def _scalar(kind: str, piece: str, at: int) -> Any:
    if kind == "word":
        return _WORDS[piece]
    if kind == "number" and len(piece) > _MOST_DIGITS:
        raise NoJsonError("a number of too many digits", at)
    value = _text(piece, at) if kind == "text" else json.loads(piece)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise NoJsonError("a number that is too large", at)
    return value


def _text(piece: str, at: int) -> str:
    value = str(json.loads(piece))
    if _HALF.search(value):
        raise NoJsonError("a text with half of a character: a surrogate without its other half", at)
    return value
