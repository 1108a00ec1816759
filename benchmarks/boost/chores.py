"""Nine chores that come again: how they are asked for, what a scripted model does, and what is right.

What is right is worked out from the data as they were meant, by code that shares nothing with the scripted
model's: a file is only one way to write them down.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = [
    "WORDS",
    "Data",
    "Family",
    "Right",
    "Values",
    "heredoc",
    "lessons_of",
    "some_name",
    "two_names",
    "written",
    "wrong_with",
]

Values = Mapping[str, str]

Data = Any

"""A table (rows of texts, the header first), lines, or a JSON value."""


@dataclass(frozen=True, slots=True)
class Right:
    """What has to stand in the one file that may change.

    Args:
        path: The file.
        form: ``json``, ``csv``, ``lines``, ``text``; ``top`` for rows of which ties may stand in any order.
        value: What it says.
    """

    path: str
    form: str
    value: Any


@dataclass(frozen=True, slots=True)
class Family:
    """A chore that comes again.

    Args:
        name: Short, for tables.
        wording: The prompt, with names of values in braces.
        lessons: Values of the runs it is learnt from.
        fresh: Other values of the same kind.
        data: What is to be worked on.
        form: How data are written down: ``csv``, ``json``, ``lines`` or ``text``.
        code: What the scripted model runs; it words it in two ways.
        right: What is right.
        others: Words of the prompt and what makes another request of it.
        foreign: The request in other languages and in another order.
        source: The value that names the file that is read.
    """

    name: str
    wording: str
    lessons: tuple[dict[str, str], ...]
    fresh: Callable[[Random], dict[str, str]]
    data: Callable[[Random, Values], Data]
    form: str
    code: Callable[[Values, int], str]
    right: Callable[[Data, Values], Right]
    others: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...]

    @property
    def changes_source(self) -> bool:
        """Whether the file that is read is the one that is written."""
        return "target" not in self.lessons[0]

    def prompt(self, values: Values) -> str:
        return self.wording.format(**values)

    def source(self, values: Values) -> str:
        return values.get("source", "template.txt")

    def written(self, data: Data) -> bytes:
        """The data as the lessons have them."""
        return written(self.form, data)


def written(form: str, data: Data, delimiter: str = ",") -> bytes:
    if form == "csv":
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(data)
        return text.getvalue().encode()
    if form == "json":
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"
    return (data if form == "text" else "".join(f"{line}\n" for line in data)).encode()


def wrong_with(right: Right, data: bytes) -> str:
    """Why bytes do not say what is right; ``""`` where they do."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "no UTF-8"
    if right.form == "json":
        try:
            value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
        except ValueError as error:
            return str(error)
        return "" if _same(value, right.value) else f"{value!r} is not {right.value!r}"
    if right.form in ("csv", "top"):
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        if right.form == "top":
            return _wrong_top(right.value, rows)
        return "" if rows == right.value else f"{rows!r} is not {right.value!r}"
    found: Any = text.rstrip("\n")
    if right.form == "lines":
        found = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    wanted = right.value.rstrip("\n") if right.form == "text" else right.value
    return "" if found == wanted else f"{found!r} is not {wanted!r}"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _wrong_top(wanted: tuple[list[list[str]], int, int], rows: list[list[str]]) -> str:
    table, place, count = wanted
    header, *body = table
    if rows[:1] != [header]:
        return f"header {rows[:1]!r}"
    points = [float(row[place]) for row in rows[1:] if len(row) == len(header)]
    expected = sorted((float(row[place]) for row in body), reverse=True)[:count]
    if points != expected or len(points) != len(rows) - 1:
        return f"points {points!r} are not {expected!r}"
    taken = Counter(map(tuple, rows[1:]))
    return "" if taken <= Counter(map(tuple, body)) else "a row that is not in the table"


WORDS = [
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty", "kayak",
    "lemon", "maple", "north", "ocean", "pearl", "quartz", "ridge", "stone", "tulip", "umber", "vapor",
    "willow", "xenon", "yarrow", "zephyr", "birch", "coral", "dune", "elm", "flint", "gable", "heath",
    "iris",
]  # fmt: skip


def some_name(draw: Random) -> str:
    return f"{draw.choice(WORDS)}{draw.randint(1, 99)}"


def heredoc(code: str) -> str:
    return f"python3 - <<'EOF'\n{code}EOF"


def two_names(first: str, second: str) -> Callable[[Random], dict[str, str]]:
    return lambda draw: {"source": f"{some_name(draw)}.{first}", "target": f"{some_name(draw)}_out.{second}"}


def lessons_of(names: str, *rows: str) -> tuple[dict[str, str], ...]:
    return tuple(dict(zip(names.split(), row.split("|"), strict=True)) for row in rows)
