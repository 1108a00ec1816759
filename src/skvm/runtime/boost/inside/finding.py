"""Which relations are worth a try between an output and its inputs."""

from __future__ import annotations

from skvm.runtime.boost.inside import cells, views

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from skvm.runtime.boost.inside.views import View

__all__ = ["candidates"]

COLUMN_LIMIT = 24
LEAF_LIMIT = 40
ORDERED_ROWS = 4
VARIANT_LIMIT = 8
NAMEABLE = ("by", "of", "key", "value", "column", "field")
DIGITS = (2, 1, 0)
"""Results are often rounded; none is asked to be exact, as a mean is so by chance now and then."""

_NUMBER_OPS = ("sum", "mean", "median", "min", "max")
_HINTS = {
    "sum": ("sum", "total", "amount"),
    "mean": ("mean", "avg", "average"),
    "median": ("median",),
    "min": ("min", "low", "first", "earliest"),
    "max": ("max", "high", "top", "last", "latest"),
    "rows": ("count", "rows", "number", "num", "total", "records", "entries", "items", "n"),
    "distinct": ("unique", "distinct", "count", "number", "num"),
    "any-lines": ("lines", "count", "number", "entries"),
    "lines": ("lines", "count", "number"),
    "filled-lines": ("lines", "count", "number", "entries"),
    "words": ("words", "count", "number"),
}


def candidates(made: View, inputs: Sequence[View], params: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Relations that could hold and would say something if they did; whether they do, the caller sees."""
    named = _names_of(params)
    yield from _about_params(made, params)
    for index, given in enumerate(inputs):
        for name, arguments in (
            *_of_rows(made, given, params),
            *_of_groups(made, given),
            *_of_values(made, given),
            *_of_lines(made, given),
        ):
            for told in _variants(arguments, named):
                yield {"name": name, "input": index, "arguments": told}
    yield from _orders(made, inputs, named)


def _variants(arguments: Mapping[str, Any], named: Mapping[object, list[str]]) -> list[dict[str, Any]]:
    """Arguments as they are stored: with names of parameters in place of their values, and as they are.

    One run cannot tell which of them is meant, if any; ``relations.common`` does.
    """
    found: list[dict[str, Any]] = [{}]
    for key, value in arguments.items():
        told = [_escaped(value)]
        if key in NAMEABLE and isinstance(value, (str, int, float)):
            told = [*named.get(value, ()), *told]
        found = [{**each, key: one} for each in found for one in told][:VARIANT_LIMIT]
    return found


def _escaped(value: Any) -> Any:
    return "$" + value if isinstance(value, str) and value.startswith("$") else value


def _names_of(params: Mapping[str, object]) -> dict[object, list[str]]:
    """Each ``$name`` by its value, for values that are a text or a number."""
    found: dict[object, list[str]] = {}
    for name in sorted(params):
        value = params[name]
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
            found.setdefault(value, []).append(f"${name}")
    return found


def _about_params(made: View, params: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    for name in sorted(params):
        value = params[name]
        if isinstance(value, (list, tuple, bool)):
            continue
        is_telling = len(str(value)) > 1
        for at in list(made.leaves)[:LEAF_LIMIT]:
            if is_telling and views.key_of(made.leaves[at]) == views.key_of(value):
                yield {"name": "equals", "input": None, "arguments": {"at": at, "value": f"${name}"}}
        if made.lines is not None and isinstance(value, str) and len(value) > 2:
            yield {"name": "mentions", "input": None, "arguments": {"text": f"${name}"}}


def _of_rows(made: View, given: View, params: Mapping[str, object]) -> Iterator[tuple[str, dict[str, Any]]]:
    if made.rows is None or given.rows is None or not made.rows:
        return
    for column in given.columns[:COLUMN_LIMIT]:
        if len(made.rows) > 1 and len(made.rows) != len(given.rows):
            yield "row-count", {"of": column}
    shared = [column for column in made.columns if column in given.columns]
    has_doubles = len({tuple(row.items()) for row in given.rows}) < len(given.rows)
    if has_doubles or not shared:
        yield "row-count", {}  # else it may be that doubles would have been left out
    for kind in ("same", "alike", "some") if shared else ():
        if kind != "same" or has_doubles:
            yield "rows", {"columns": shared, "is": kind}
    for column in shared[:COLUMN_LIMIT]:
        for name in sorted(params):
            value = params[name]
            is_fewer = isinstance(value, (str, int, float)) and len(made.rows) < len(given.rows)
            if is_fewer and views.key_of(made.rows[0].get(column, "")) == views.key_of(value):
                yield "filtered", {"column": column, "value": value}


def _of_groups(made: View, given: View) -> Iterator[tuple[str, dict[str, Any]]]:
    if given.rows is None:
        return
    columns = given.columns[:COLUMN_LIMIT]
    numeric = [column for column in columns if _is_numeric(given, column)]
    for at, held in list(made.maps.items())[:LEAF_LIMIT]:
        keys = {views.key_of(key) for key in held}
        for by in columns if keys else ():
            if keys != {views.key_of(value) for value in given.column(by) if value.strip()}:
                continue
            yield "keys", {"at": at, "by": by}
            for field in _fields(held):
                for op, of in _measures(numeric):
                    yield from _to_digits("groups", {"at": at, "by": by, "field": field, "op": op, "of": of})
    if made.rows and len(made.rows) < len(given.rows):
        for key in made.columns[:COLUMN_LIMIT]:
            keys = {views.key_of(value) for value in made.column(key)}
            for by in columns:
                if keys != {views.key_of(value) for value in given.column(by) if value.strip()}:
                    continue
                for value in made.columns[:COLUMN_LIMIT]:
                    for op, of in _measures(numeric) if value != key else ():
                        yield from _to_digits(
                            "group-table", {"key": key, "by": by, "value": value, "op": op, "of": of}
                        )


def _of_values(made: View, given: View) -> Iterator[tuple[str, dict[str, Any]]]:
    numbers = [
        at for at, value in made.leaves.items() if isinstance(value, (int, float)) and value is not True
    ]
    for at in numbers[:LEAF_LIMIT]:
        value = made.leaves[at]
        for op in _line_ops(given):
            if _is_telling(at, value, op):
                yield "aggregate", {"at": at, "op": op}
        if given.rows is None:
            continue
        if _is_telling(at, value, "rows"):
            yield "aggregate", {"at": at, "op": "rows"}
        for column in given.columns[:COLUMN_LIMIT]:
            if _is_telling(at, value, "distinct") and value < len(given.rows):
                yield "aggregate", {"at": at, "op": "distinct", "of": column}
            for op in _NUMBER_OPS if _is_numeric(given, column) else ():
                if _is_telling(at, value, op):
                    yield from _to_digits("aggregate", {"at": at, "op": op, "of": column})


def _of_lines(made: View, given: View) -> Iterator[tuple[str, dict[str, Any]]]:
    if made.lines and given.lines and any(line.strip() for line in made.lines):
        has_doubles = len(set(given.lines)) < len(given.lines)
        for kind in ("same", "alike", "some"):
            if kind != "same" or has_doubles:
                yield "lines", {"is": kind}


def _line_ops(given: View) -> tuple[str, ...]:
    """Where no line is blank, how blank lines are counted cannot be seen."""
    if given.lines is None:
        return ()
    is_clear = any(not line.strip() for line in given.lines)
    return ("any-lines", "lines", "filled-lines", "words") if is_clear else ("any-lines", "words")


def _orders(
    made: View, inputs: Sequence[View], named: Mapping[object, list[str]]
) -> Iterator[dict[str, Any]]:
    """Orders of four rows and more that are not just those of an input."""
    if made.rows is None or len(made.rows) < ORDERED_ROWS:
        return
    for by in made.columns[:COLUMN_LIMIT]:
        is_given = any(_is_ordered(given.column(by)) for given in inputs if by in given.columns)
        if len(set(made.column(by))) >= ORDERED_ROWS and not is_given:
            for is_descending in (False, True):
                for told in _variants({"by": by, "isDescending": is_descending}, named):
                    yield {"name": "sorted", "input": None, "arguments": told}


def _is_ordered(values: Sequence[str]) -> bool:
    keys = [(isinstance(key, str), key) for key in map(views.key_of, values)]
    rising = sorted(keys)
    return keys in (rising, sorted(keys, reverse=True))


def _measures(numeric: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    yield "rows", None
    for column in numeric:
        for op in _NUMBER_OPS:
            yield op, column


def _fields(held: Mapping[str, Any]) -> list[str | None]:
    values = list(held.values())
    if all(isinstance(value, (int, float)) for value in values):
        return [None]
    if all(isinstance(value, dict) for value in values):
        return [key for key in values[0] if all(key in value for value in values)][:COLUMN_LIMIT]
    return []


def _to_digits(name: str, arguments: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for digits in DIGITS if arguments["op"] != "rows" else (None,):
        yield name, {**arguments, "digits": digits}


def _is_numeric(view: View, column: str) -> bool:
    classes = views.remembered(view, ("classes", column), lambda: cells.classes_of(view.column(column)))
    return bool(classes) and set(classes) <= {"integer", "decimal", "decimal-or-grouped", "empty"}


def _is_telling(at: str, value: float, op: str) -> bool:
    """Whether a number is no accident: a large or broken one, or one whose name says what it is."""
    if abs(value) >= 10 or value != int(value):
        return True
    last = at.rpartition("/")[2].lower()
    return any(hint == last or (len(hint) > 1 and hint in last) for hint in _HINTS[op])
