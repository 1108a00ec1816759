"""Whether two ways to do a step left the same: by value where a format has one, else by bytes.

A key order, a quoting style or a trailing blank is no difference; a number that is written in another way
in a CSV is one, because whoever reads it may read something else.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

__all__ = ["Agreement", "changed_paths", "compare", "difference"]

_RELATIVE = 1e-9
_SHOWN = 20
_CLIP = 80
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether two results are the same.

    Args:
        is_same: ``None`` where neither changed anything, so that there is nothing to compare.
        differences: One line each, in order of path, at most 20.
    """

    is_same: bool | None
    differences: tuple[str, ...] = ()


def compare(
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
    before: Mapping[str, bytes],
    ignore: Collection[str] = (),
) -> Agreement:
    """Compare what two ways to do a step made of the same work directory.

    Args:
        ours: Files after the template.
        theirs: Files after the model.
        before: Files before either.
        ignore: Paths that only served one of the ways, such as a script it wrote and ran.
    """
    paths = (changed_paths(ours, before) | changed_paths(theirs, before)) - set(ignore)
    if not paths:
        return Agreement(None)
    found = ((path, _difference_at(path, ours, theirs)) for path in sorted(paths))
    differences = [f"{path}: {line}" for path, line in found if line is not None]
    return Agreement(not differences, tuple(differences[:_SHOWN]))


def changed_paths(after: Mapping[str, bytes], before: Mapping[str, bytes]) -> set[str]:
    """Paths that were made, changed or removed."""
    return {path for path in {*after, *before} if after.get(path) != before.get(path)}


def _difference_at(path: str, ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> str | None:
    if path not in ours:
        return None if path not in theirs else "is missing"
    if path not in theirs:
        return "is one too many"
    return difference(path, ours[path], theirs[path])


def difference(path: str, ours: bytes, theirs: bytes) -> str | None:
    """The first difference of two versions of a file, in one short line; ``None`` if they mean the same."""
    if ours == theirs:
        return None
    our_text, their_text = _text(ours), _text(theirs)
    if our_text is None or their_text is None:
        return f"{len(ours)} other bytes than {len(theirs)}"
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in {".jsonl", ".ndjson"}:
        return _lines_difference(our_text, their_text, by_value=True)
    if suffix in {".csv", ".tsv"}:
        return _table_difference(our_text, their_text, suffix)
    our_value, their_value = _json(our_text), _json(their_text)
    # A bare 3 in a text file is text: whoever reads it may not take 3.0 for it.
    is_json = suffix == ".json" or (our_text.lstrip()[:1] in {"{", "["})
    if is_json and our_value is not None and their_value is not None:
        try:
            return _value_difference(our_value[0], their_value[0], "")
        except RecursionError:
            # Nested deeper than we follow: then as text.
            pass
    return _lines_difference(our_text, their_text, by_value=False)


def _text(data: bytes) -> str | None:
    if b"\x00" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _json(text: str) -> tuple[Any] | None:
    """The value of a JSON text, in a tuple; ``None`` if it is none, or one that can be read in two ways."""
    try:
        return (json.loads(text, object_pairs_hook=_unique),)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _value_difference(ours: Any, theirs: Any, at: str) -> str | None:
    if _is_number(ours) and _is_number(theirs):
        return None if _same_number(ours, theirs) else _both(at, ours, theirs)
    if type(ours) is not type(theirs):
        return _both(at, ours, theirs)
    if isinstance(ours, list):
        # As objects whose keys are the indexes.
        ours, theirs = dict(enumerate(ours)), dict(enumerate(theirs))
    if isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return _both(f"{at}: keys", sorted(ours.keys() - theirs), sorted(theirs.keys() - ours))
        return _first(_value_difference(ours[key], theirs[key], f"{at}/{key}") for key in sorted(ours))
    return None if ours == theirs else _both(at, ours, theirs)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_number(ours: float, theirs: float) -> bool:
    if isinstance(ours, int) and isinstance(theirs, int):
        # Ids have more digits than a float.
        return ours == theirs
    try:
        both_nan = math.isnan(ours) and math.isnan(theirs)
        return both_nan or math.isclose(ours, theirs, rel_tol=_RELATIVE, abs_tol=0.0)
    except OverflowError:
        return False


def _table_difference(ours: str, theirs: str, suffix: str) -> str | None:
    delimiter = "\t" if suffix == ".tsv" else _delimiter(theirs)
    our_rows, their_rows = _rows(ours, delimiter), _rows(theirs, delimiter)
    if our_rows is None or their_rows is None:
        return _lines_difference(ours, theirs, by_value=False)
    if len(our_rows) != len(their_rows):
        return _both("rows", len(our_rows), len(their_rows))
    pairs = enumerate(zip(our_rows, their_rows, strict=True))
    return _first(_both(f"row {index}", a, b) for index, (a, b) in pairs if a != b)


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _rows(text: str, delimiter: str) -> list[list[str]] | None:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _lines_difference(ours: str, theirs: str, *, by_value: bool) -> str | None:
    our_lines, their_lines = _lines(ours), _lines(theirs)
    for index, (one, other) in enumerate(zip(our_lines, their_lines, strict=False), 1):
        if one != other and not (by_value and _same_json(one, other)):
            return _both(f"line {index}", one, other)
    if len(our_lines) != len(their_lines):
        return _both("lines", len(our_lines), len(their_lines))
    return None


def _same_json(one: str, other: str) -> bool:
    ours, theirs = _json(one), _json(other)
    return ours is not None and theirs is not None and _value_difference(ours[0], theirs[0], "") is None


def _lines(text: str) -> list[str]:
    lines = [line.rstrip(" \t\r") for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _first(found: Iterable[str | None]) -> str | None:
    return next((each for each in found if each is not None), None)


def _both(at: str, ours: Any, theirs: Any) -> str:
    return f"{at[-_CLIP:]}: {_clipped(ours)}, not {_clipped(theirs)}".removeprefix(": ")


def _clipped(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _CLIP else f"{text[: _CLIP - 1]}…"
