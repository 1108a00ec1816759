"""Secrets in an event stream, where each event may hold a few characters of one.

A model that repeats a key does so in pieces, and a stream is kept as it came. The strings that stand at one
place of the events, one after the other, are read as one text; what is a secret there is taken out of the
events it stands in. All other events stay as they were, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["is_event_stream", "redacted_stream"]

_MAX_DEPTH = 32
_EVENT_START = re.compile(r"\A\ufeff?(?:\s*:[^\n]*\n|\s)*(?:data|event|id|retry):")

_Place = tuple[str | int, ...]


@dataclass(slots=True)
class _Line:
    """One ``data:`` line that holds JSON."""

    index: int
    value: Any
    is_changed: bool = False


@dataclass(slots=True)
class _Piece:
    """A string of one event, and where it stands."""

    line: _Line
    holder: Any
    key: str | int
    text: str


@dataclass(slots=True)
class _Run:
    """The strings at one place of the events, in order."""

    pieces: list[_Piece] = field(default_factory=list)


def is_event_stream(text: str) -> bool:
    """Whether a text is a stream of server-sent events."""
    return _EVENT_START.match(text) is not None


def redacted_stream(text: str, redact: Callable[[str], str]) -> str:
    """The stream with every secret replaced that several events hold together.

    Args:
        text: The stream.
        redact: Replaces secrets in one text.
    """
    lines = text.split("\n")
    runs: dict[_Place, _Run] = {}
    events: list[_Line] = []
    for index, line in enumerate(lines):
        if not line.startswith("data:"):
            continue
        try:
            value = json.loads(line[5:])
        except (ValueError, RecursionError):
            continue
        if not isinstance(value, dict):
            continue
        event = _Line(index, value)
        events.append(event)
        # Several answers may come interleaved: what tells them apart tells their texts apart.
        which = tuple(value[key] for key in ("index", "output_index", "item_id") if _is_plain(value.get(key)))
        for place, holder, key, said in _strings(value, (str(value.get("type")), *which), 0):
            runs.setdefault(place, _Run()).pieces.append(_Piece(event, holder, key, said))
    for run in runs.values():
        _redact_run(run, redact)
    for event in events:
        if event.is_changed:
            ending = "\r" if lines[event.index].endswith("\r") else ""
            plain = json.dumps(event.value, ensure_ascii=True, separators=(",", ":"))
            lines[event.index] = f"data: {plain}{ending}"
    return "\n".join(lines)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int)


def _strings(value: Any, place: _Place, depth: int) -> Iterator[tuple[_Place, Any, str | int, str]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        # A part of a list that says which one it is, is known by that and not by where it stands.
        number = value.get("index")
        place = (*place, f"#{number}") if isinstance(number, int) else place
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in list(inner):
        step = key if isinstance(value, dict) else ""
        if isinstance(each, str):
            yield (*place, step), value, key, each
        elif isinstance(each, dict | list):
            yield from _strings(each, (*place, step), depth + 1)


def _redact_run(run: _Run, redact: Callable[[str], str]) -> None:
    """Take what is a secret of the whole out of the pieces it is made of."""
    if len(run.pieces) < 2:
        return
    whole = "".join(piece.text for piece in run.pieces)
    clean = redact(whole)
    if clean == whole or clean == "".join(redact(piece.text) for piece in run.pieces):
        return
    for piece, text in zip(run.pieces, _dealt(run.pieces, whole, clean), strict=True):
        if text != piece.text:
            piece.holder[piece.key] = text
            piece.line.is_changed = True


def _dealt(pieces: list[_Piece], whole: str, clean: str) -> list[str]:
    """The clean text, dealt to the pieces so that those before and behind a secret keep theirs."""
    head = 0
    most = min(len(whole), len(clean))
    while head < most and whole[head] == clean[head]:
        head += 1
    tail = 0
    while tail < most - head and whole[-1 - tail] == clean[-1 - tail]:
        tail += 1
    changed_from, changed_to = head, len(whole) - tail
    middle: str | None = clean[head : len(clean) - tail]
    dealt, at = [], 0
    for piece in pieces:
        begin, end = at, at + len(piece.text)
        at = end
        if end <= changed_from or begin >= changed_to:
            if middle is not None and begin >= changed_to:
                dealt.append(middle + piece.text)
                middle = None
            else:
                dealt.append(piece.text)
            continue
        before = piece.text[: max(0, changed_from - begin)]
        behind = piece.text[changed_to - begin :] if end > changed_to else ""
        dealt.append(before + (middle or "") + behind)
        middle = None
    return dealt
