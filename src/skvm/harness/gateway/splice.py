"""Changing a few members of a JSON object in its text, every other byte left as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["JsonObject", "read_object"]

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object with the places of its members.

    Args:
        text: The whole text.
        members: Names and values; of a name that stands twice the last.
        places: Where the value of each member stands in ``text``, in order.
        first: Where a member may be put in.
    """

    text: str
    members: Mapping[str, Any]
    places: tuple[tuple[str, int, int], ...]
    first: int

    def spliced(self, values: Mapping[str, Any]) -> bytes:
        """The bytes with some members given another value, or added at the front where they are missing."""
        pieces, at = [], 0
        missing = {name: value for name, value in values.items() if name not in self.members}
        if missing:
            added = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in missing.items())
            pieces += [self.text[: self.first], added, "," if self.places else ""]
            at = self.first
        for name, start, end in self.places:
            if name in values:
                pieces += [self.text[at:start], json.dumps(values[name])]
                at = end
        return "".join([*pieces, self.text[at:]]).encode()


def read_object(body: bytes) -> JsonObject:
    """Read a JSON object and the places of its members.

    Raises:
        ValueError: It is not one, not UTF-8, or nested too deeply.
    """
    text = body.decode()
    try:
        return _read(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _read(text: str) -> JsonObject:
    members: dict[str, Any] = {}
    places: list[tuple[str, int, int]] = []
    first = _after(text, 0, "{")
    at = _past_blanks(text, first)
    while text[at : at + 1] != "}":
        if places:
            at = _past_blanks(text, _after(text, at, ","))
        if text[at : at + 1] != '"':
            raise ValueError(f"no JSON object: a name expected at character {at}")
        name, at = _DECODER.raw_decode(text, at)
        start = _past_blanks(text, _after(text, at, ":"))
        members[name], at = _DECODER.raw_decode(text, start)
        places.append((name, start, at))
        at = _past_blanks(text, at)
    if _past_blanks(text, at + 1) != len(text):
        raise ValueError("something follows the JSON object")
    return JsonObject(text, members, tuple(places), first)


def _past_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _after(text: str, at: int, sign: str) -> int:
    at = _past_blanks(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"no JSON object: {sign!r} expected at character {at}")
    return at + 1
