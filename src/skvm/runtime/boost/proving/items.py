"""A file as a sequence of like things: rows of a table, elements of an array, lines; and other such files.

What is done here to data keeps its meaning plain: reordered, it is the same data; with one number changed, it
is other data; damaged, it is data that no program may take for good.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

__all__ = ["Items", "changed_number", "items_of"]

_DELIMITERS = ",;\t|"
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,14})")
_DECIMAL = re.compile(r"-?\d{1,12}\.\d{1,6}")
_WORD = re.compile(r"(?<!\S)[^\W\d_]{2,}(?!\S)")
_NUMBER_WORD = re.compile(r"(?<![\w.,:/-])(\d{1,9}(?:\.\d{1,6})?)(?![\w.,:/-])")


@dataclass(frozen=True, slots=True)
class Items:
    """The data of one file.

    Args:
        kind: What the items are.
        items: The items: lists of cells, JSON values, or texts.
        write: Makes a file of items.
        header: Of a table that has one.
        delimiter: Of a table.
    """

    kind: Literal["table", "json", "jsonl", "lines"]
    items: tuple[Any, ...]
    write: Callable[[Sequence[Any]], bytes]
    header: tuple[str, ...] = ()
    delimiter: str = ""

    def reordered(self, draw: random.Random, rounds: int) -> list[bytes]:
        """The same items in other orders: turned round, the first one last, and as many shuffles."""
        items = list(self.items)
        orders = [items[::-1], items[1:] + items[:1]]
        orders += [draw.sample(items, len(items)) for _ in range(rounds)]
        return list(dict.fromkeys(self.write(order) for order in orders if order != items))

    def other(self, draw: random.Random, rounds: int) -> list[bytes]:
        """Other data of the same form: fewer items, more of the same, other numbers, cells mixed anew."""
        items = list(self.items)
        if not items:
            return []
        made = [items[: (len(items) + 1) // 2], [*items, *items[:1] * 3], [self._changed(x) for x in items]]
        made += [[*items, *(self._mixed(draw) for _ in range(3))] for _ in range(rounds)]
        return list(dict.fromkeys(self.write(each) for each in made if each != items))

    def with_numbers_changed(self) -> bytes:
        """The same items with other numbers; where there are none, with other words."""
        return self.write([self._changed(item) for item in self.items])

    def novel(self, index: int) -> Any:
        """An item like one of ours with texts that are not in the file."""
        item = self.items[index]
        if self.kind == "table":
            return [cell if changed_number(cell) != cell or not cell else f"{cell}zq" for cell in item]
        return _novel_line(item) if self.kind == "lines" else _novel_value(item)

    def _mixed(self, draw: random.Random) -> Any:
        """An item whose parts come from several."""
        one = draw.choice(self.items)
        if self.kind == "table":
            rows = [row for row in self.items if len(row) == len(one)]
            return [draw.choice(rows)[index] for index in range(len(one))]
        if isinstance(one, dict):
            like = [each for each in self.items if isinstance(each, dict) and each.keys() == one.keys()]
            return {key: draw.choice(like)[key] for key in one}
        return one

    def _changed(self, item: Any) -> Any:
        if self.kind == "table":
            return [changed_number(cell) for cell in item]
        if self.kind == "lines":
            changed = _NUMBER_WORD.sub(lambda found: changed_number(found[0]), item)
            return changed if changed != item or not item else f"{item}q"
        return _changed_value(item)


def changed_number(text: str) -> str:
    """Another number written alike; any other text as it is."""
    if _INTEGER.fullmatch(text):
        return str(int(text) + 7)
    if _DECIMAL.fullmatch(text):
        return f"{float(text) + 7:.{len(text.partition('.')[2])}f}"
    return text


def _changed_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _changed_value(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_changed_value(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value + 7 if is_number else value


def _novel_line(line: str) -> str:
    """A line whose last plain word is another one: numbers and dates may be what the line is known by."""
    words = list(_WORD.finditer(line))
    end = words[-1].end() if words else len(line)
    return f"{line[:end]}zq{line[end:]}"


def _novel_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _novel_value(each) for key, each in value.items()}
    return f"{value}zq" if isinstance(value, str) else value


def items_of(path: str, data: bytes) -> Items | None:
    """The items of a file; ``None`` where it has none that we know, or is empty."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not text.strip() or "\x00" in text:
        return None
    suffix = PurePosixPath(path).suffix.lower()
    readers: dict[str, Callable[[str], Items | None]] = {
        ".csv": _table,
        ".tsv": _table,
        ".json": _json,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
    }
    return readers.get(suffix, _lines)(text)


def _table(text: str) -> Items | None:
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    quoting: Literal[0, 1] = csv.QUOTE_ALL if text.startswith('"') else csv.QUOTE_MINIMAL
    has_header = len(rows) > 1 and not any(changed_number(cell) != cell for cell in rows[0])
    header = tuple(rows[0]) if has_header else ()

    def write(items: Sequence[Any]) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting)
        writer.writerows([header, *items] if header else items)
        return out.getvalue().encode()

    items = tuple(row for row in rows[1 if has_header else 0 :] if row)
    return Items("table", items, write, header, delimiter)


def _json(text: str) -> Items | None:
    try:
        root = json.loads(text)
    except (ValueError, RecursionError):
        return None
    indent = 2 if "\n" in text.strip() else None

    def written(value: Any) -> bytes:
        return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode()

    if isinstance(root, list):
        return Items("json", tuple(root), lambda items: written(list(items)))
    if not isinstance(root, dict):
        return None
    lists = [key for key, value in root.items() if isinstance(value, list)]
    if not lists:
        # One thing: nothing to reorder, but its numbers can change.
        return Items("json", (root,), lambda items: written(items[0] if items else {}))
    key = max(lists, key=lambda name: len(root[name]))
    return Items("json", tuple(root[key]), lambda items: written({**root, key: list(items)}))


def _json_lines(text: str) -> Items | None:
    try:
        items = tuple(json.loads(line) for line in text.splitlines() if line.strip())
    except (ValueError, RecursionError):
        return None
    return Items("jsonl", items, lambda lines: b"".join(f"{json.dumps(x)}\n".encode() for x in lines))


def _lines(text: str) -> Items | None:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    if not lines[-1]:
        lines.pop()
    return Items("lines", tuple(lines), lambda items: "".join(f"{line}{newline}" for line in items).encode())
