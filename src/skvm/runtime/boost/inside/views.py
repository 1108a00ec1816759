"""A file seen as rows, as single values and as maps: two files of different formats can be compared."""

from __future__ import annotations

import json
import re

from skvm.runtime.boost.inside import cells, shapes, tables

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = ["View", "aggregate", "key_of", "remembered", "view_of"]

ROW_LIMIT = 200_000
CACHED_VIEWS = 12
CACHED_BYTES = 64 << 20
_NUMBER = re.compile(r"(?<![\w.,])-?\d{1,15}(?:\.\d{1,15})?(?![\w,]|\.\d)", re.ASCII)
_CACHE: list[tuple[bytes, str, View]] = []


class View:
    """A file, read.

    ``rows``: of a table, or of the longest array of objects, one mapping a row, values as text; ``None``
    where there is no table. ``leaves``: single values by JSON pointer; in text, its numbers as ``#0``, ``#1``
    and on. ``maps``: objects by pointer. ``lines``: of text.
    """

    __slots__ = ("columns", "known", "leaves", "lines", "maps", "rows", "text")

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] | None = None
        self.columns: list[str] = []
        self.leaves: dict[str, Any] = {}
        self.maps: dict[str, dict[str, Any]] = {}
        self.lines: list[str] | None = None
        self.text = ""
        self.known: dict[tuple[object, ...], Any] = {}

    def column(self, name: str) -> list[str]:
        """The values of a column, top to bottom; none where there is no such column."""
        return [row[name] for row in self.rows or () if name in row]


def remembered(view: View, what: tuple[object, ...], find: Callable[[], Any]) -> Any:
    """Something that was worked out of a file before, or is now."""
    if what not in view.known:
        view.known[what] = find()
    return view.known[what]


def view_of(data: bytes, name: str = "") -> View:
    """Read a file; what cannot be read has nothing in it."""
    for known, known_name, view in _CACHE[:]:
        if known is data and known_name == name:
            return view
    view = _read(data, name)
    _CACHE.append((data, name, view))
    kept = list(_CACHE)[-CACHED_VIEWS:]  # several threads of one host look at files
    while len(kept) > 1 and sum(len(known) for known, _, _ in kept) > CACHED_BYTES:
        kept = kept[1:]
    _CACHE[:] = kept
    return view


def aggregate(op: str, values: Sequence[str]) -> float | None:
    """One number of a column: ``rows``, ``distinct``, ``sum``, ``mean``, ``median``, ``min`` or ``max``.

    Empty values are left out of the last five; a value that is no number makes them ``None``.
    """
    if op == "rows":
        return float(len(values))
    if op == "distinct":
        return float(len({key_of(value) for value in values if value.strip()}))
    numbers = [cells.number(value) for value in values if value.strip()]
    if not numbers or None in numbers:
        return None
    known = [number for number in numbers if number is not None]
    if op == "sum":
        return sum(known)
    if op == "mean":
        return sum(known) / len(known)
    known.sort()
    if op == "median":
        return (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2
    return known[0] if op == "min" else known[-1]


def key_of(value: object) -> object:
    """What two values are the same by: numbers by value, texts without spaces around them."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return float(value)
    text = str(value).strip()
    number = cells.number(text)
    return text if number is None else number


def _read(data: bytes, name: str) -> View:
    view = View()
    decoded = tables.decode(data) if len(data) <= tables.SIZE_LIMIT else None
    if decoded is None:
        return view
    view.text = decoded[0]
    shape = shapes.describe(data, name)
    if shape["kind"] == "csv":
        table = tables.parse(view.text, shape["delimiter"])
        view.columns = table.header or [f"#{index}" for index in range(table.width)]
        view.rows = [dict(zip(view.columns, row)) for row in table.rows[:ROW_LIMIT]]
    elif shape["kind"] == "json":
        _walk(json.loads(view.text), "", view, 0)
    elif shape["kind"] == "jsonl":
        _take_rows(view, [json.loads(line) for line in view.text.split("\n") if line.strip()])
    else:
        view.lines = view.text.splitlines()
        found = _NUMBER.findall(view.text[:100_000])
        view.leaves = {f"#{index}": float(each) for index, each in enumerate(found[:40])}
    return view


def _walk(value: Any, path: str, view: View, depth: int) -> None:
    if depth > 6:
        return
    if isinstance(value, dict):
        view.maps[path] = value
        for key in value:
            _walk(value[key], f"{path}/{key}", view, depth + 1)
    elif isinstance(value, list):
        view.leaves[f"{path}/#"] = float(len(value))
        if value and all(isinstance(item, dict) for item in value) and len(value) > len(view.rows or ()):
            _take_rows(view, value)
    else:
        view.leaves[path] = value


def _take_rows(view: View, values: Sequence[Mapping[str, Any]]) -> None:
    rows = [value for value in values if isinstance(value, dict)][:ROW_LIMIT]
    view.columns = list(dict.fromkeys(key for row in rows for key in row))
    view.rows = [
        {
            key: item if isinstance(item, str) else "" if item is None else json.dumps(item)
            for key, item in row.items()
        }
        for row in rows
    ]
