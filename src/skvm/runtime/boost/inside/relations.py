"""What ties an output to the inputs it was made from, so that a wrong result is told from a right one.

A relation is ``{"name", "input", "arguments"}``; ``input`` is an index or ``None``. A text argument ``$name``
stands for the value of a parameter, ``$$`` for a dollar. The names:

- ``aggregate``: the value ``at`` a pointer is ``op`` of column ``of`` (or of the rows, lines, words), to
  ``digits``.
- ``keys``: the keys of the object ``at`` are the distinct values of column ``by``.
- ``groups``: in the object ``at``, each key's value (or its ``field``) is ``op`` of column ``of`` in the rows
  of which column ``by`` has that key. ``group-table``: the same of a table, columns ``key`` and ``value``.
- ``row-count``: as many rows as the input has, or distinct values of column ``of``.
- ``rows``: its rows are those of the input, as far as ``columns`` go (``is``: ``same``; ``alike``, doubles
  apart; ``some`` of them).
- ``filtered``: its rows are those of the input with ``value`` in ``column``.
- ``lines``: the same of its lines. ``bytes``: it is a copy.
- ``sorted``: its rows are in order of column ``by``. ``equals``: the value ``at`` is ``value``. ``mentions``:
  it contains ``text``. ``has-column``: its table, or its list of objects, has a ``column`` of this name,
  which holds nothing but ``classes`` (see ``cells.py``) where they are given; one to ask of an input.
"""

from __future__ import annotations

import math
from collections import Counter

from skvm.runtime.boost.inside import cells, finding, views

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from skvm.runtime.boost.inside.views import View

__all__ = ["common", "discover", "violation"]

RELATION_LIMIT = 80
WEAKER = (("some", "same"), ("alike", "same"))


def discover(
    output: bytes, inputs: Sequence[bytes], params: Mapping[str, object], name: str
) -> list[dict[str, Any]]:
    """The relations that hold and say something.

    Args:
        output: An output file.
        inputs: The inputs, in the order of the template.
        params: Values by name.
        name: The output's file name.

    Returns:
        At most 80, in a fixed order. One run proves little: see ``common``.
    """
    made = views.view_of(output, name)
    found: list[dict[str, Any]] = []
    for relation in finding.candidates(made, [views.view_of(data) for data in inputs], params):
        if violation(relation, output, inputs, params, name) is None and relation not in found:
            found.append(relation)
        if len(found) >= RELATION_LIMIT:
            break
    if (
        copied := next((index for index, data in enumerate(inputs) if data == output and data), None)
    ) is not None:
        found.insert(0, {"name": "bytes", "input": copied, "arguments": {}})
    return found


def common(runs: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The relations that hold in every one of some runs, without those that say less than another one."""
    if not runs:
        return []
    kept = [dict(each) for each in runs[0] if all(each in other for other in runs[1:])]
    return [each for each in kept if not any(_says_less(each, other) for other in kept)]


def violation(
    relation: Mapping[str, Any],
    output: bytes,
    inputs: Sequence[bytes],
    params: Mapping[str, object],
    name: str = "",
) -> str | None:
    """How a relation does not hold, in one line for a person; ``None`` where it holds. Never raises.

    Args:
        relation: A relation.
        output: An output file.
        inputs: The inputs, in the order of the template.
        params: Values by name.
        name: The output's file name.
    """
    try:
        arguments = {key: _filled(value, params) for key, value in (relation.get("arguments") or {}).items()}
        index = relation.get("input")
        source = inputs[index] if index is not None else b""
        if relation["name"] == "bytes":
            return None if output == source else "it is no copy of its input"
        made = views.view_of(output, name)
        given = views.view_of(source) if index is not None else made
        why = _CHECKS[relation["name"]](made, given, arguments)
    except Exception as error:  # noqa: BLE001 - what cannot be checked does not hold
        return f"relation {relation.get('name')!r} cannot be checked: {type(error).__name__}"
    return None if why is None else " ".join(why.split())[:200]


def _filled(value: Any, params: Mapping[str, object]) -> Any:
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    return value[1:] if value.startswith("$$") else params[value[1:]]


def _says_less(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether another relation says as much and more.

    The same to more digits, of all rows instead of some, or of a parameter where this one has its only value.
    """
    if one is other or one["name"] != other["name"] or one["input"] != other["input"]:
        return False
    mine, theirs = dict(one["arguments"]), dict(other["arguments"])
    digits = (mine.pop("digits", None), theirs.pop("digits", None))
    kinds = (mine.pop("is", None), theirs.pop("is", None))
    if set(mine) != set(theirs):
        return False
    differing = [key for key in mine if mine[key] != theirs[key]]
    if any(_is_name(mine[key]) or not _is_name(theirs[key]) for key in differing):
        return False
    is_coarser = digits[0] is not None and digits[1] is not None and digits[0] < digits[1]
    is_weaker = kinds in WEAKER
    is_as_close = (is_coarser or digits[0] == digits[1]) and (is_weaker or kinds[0] == kinds[1])
    return is_as_close and (is_coarser or is_weaker or bool(differing))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.startswith("$") and not value.startswith("$$")


def _is_near(value: object, wanted: float | None, digits: int | None) -> bool:
    if wanted is None or isinstance(value, bool):
        return False
    number = views.key_of(value)
    if not isinstance(number, float) or not math.isfinite(number):
        return False
    room = 0.0 if digits is None else 0.5001 * 10.0**-digits
    return abs(number - wanted) <= max(room, abs(wanted) * 1e-9)


def _aggregate(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    value = made.leaves.get(arguments["at"])
    wanted = _measured(given, arguments["op"], arguments.get("of"))
    if _is_near(value, wanted, arguments.get("digits")):
        return None
    if arguments["op"] == "any-lines" and value in (given.text.count("\n"), _filled_lines(given)):
        return None
    return f"{arguments['at']} is {value}, not {arguments['op']} of its input, {wanted}"


def _measured(given: View, op: str, column: str | None) -> float | None:
    if op in ("lines", "any-lines"):
        return None if given.lines is None else float(len(given.lines))
    if op == "filled-lines":
        return None if given.lines is None else _filled_lines(given)
    if op == "words":
        return None if given.lines is None else float(len(given.text.split()))
    if column is None:
        return None if given.rows is None else float(len(given.rows))
    if column not in given.columns:
        return None
    found: float | None = views.remembered(
        given, (op, column), lambda: views.aggregate(op, given.column(column))
    )
    return found


def _filled_lines(given: View) -> float:
    return float(sum(1 for line in given.lines or () if line.strip()))


def _keys(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    found = {views.key_of(key) for key in made.maps[arguments["at"]]}
    wanted = {views.key_of(value) for value in given.column(arguments["by"]) if value.strip()}
    return None if found == wanted else f"its keys are not the values of {arguments['by']}"


def _grouped(given: View, by: str, column: str | None, op: str) -> dict[object, float | None]:
    def split() -> dict[object, list[str]]:
        groups: dict[object, list[str]] = {}
        for row in given.rows or ():
            if row.get(by, "").strip():
                groups.setdefault(views.key_of(row[by]), []).append(row.get(column, "") if column else "1")
        return groups

    def measure() -> dict[object, float | None]:
        groups = views.remembered(given, ("split", by, column), split)
        return {key: views.aggregate(op, values) for key, values in groups.items()}

    found: dict[object, float | None] = views.remembered(given, ("groups", by, column, op), measure)
    return found


def _groups(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    wanted = _grouped(given, arguments["by"], arguments.get("of"), arguments["op"])
    found = made.maps[arguments["at"]]
    if {views.key_of(key) for key in found} != set(wanted):
        return f"its keys are not the values of {arguments['by']}"
    for key, value in found.items():
        each = value[arguments["field"]] if arguments.get("field") is not None else value
        if not _is_near(each, wanted[views.key_of(key)], arguments.get("digits")):
            return f"{key} is not {arguments['op']} of its rows"
    return None


def _group_table(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    wanted = _grouped(given, arguments["by"], arguments.get("of"), arguments["op"])
    rows = made.rows or []
    if Counter(views.key_of(row[arguments["key"]]) for row in rows) != Counter(list(wanted)):
        return f"its rows are not one for each value of {arguments['by']}"
    for row in rows:
        key = views.key_of(row[arguments["key"]])
        if not _is_near(row[arguments["value"]], wanted[key], arguments.get("digits")):
            return f"{arguments['value']} of {key} is not {arguments['op']} of its rows"
    return None


def _row_count(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    of = arguments.get("of")
    wanted = _measured(given, "distinct" if of is not None else "rows", of)
    found = None if made.rows is None else float(len(made.rows))
    return None if found is not None and found == wanted else f"it has {found} rows, not {wanted}"


def _keyed_rows(view: View, columns: Sequence[str]) -> Counter[tuple[object, ...]]:
    return Counter(tuple(views.key_of(row.get(column, "")) for column in columns) for row in view.rows or ())


def _rows(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    columns = arguments["columns"]
    if any(column not in made.columns or column not in given.columns for column in columns):
        return "it has other columns"
    mine, theirs = _keyed_rows(made, columns), _keyed_rows(given, columns)
    return None if _holds(arguments["is"], mine, theirs) else "its rows are not those of its input"


def _filtered(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    column, wanted = arguments["column"], views.key_of(arguments["value"])
    if any(views.key_of(value) != wanted for value in made.column(column)):
        return f"it has rows with another {column}"
    count = sum(1 for value in given.column(column) if views.key_of(value) == wanted)
    return None if count == len(made.rows or ()) else f"it has not all rows with this {column}"


def _lines(made: View, given: View, arguments: Mapping[str, Any]) -> str | None:
    mine = Counter(line.strip() for line in made.lines or () if line.strip())
    theirs = Counter(line.strip() for line in given.lines or () if line.strip())
    return None if _holds(arguments["is"], mine, theirs) else "its lines are not those of its input"


def _holds(kind: str, mine: Counter[Any], theirs: Counter[Any]) -> bool:
    if kind == "alike":
        return set(mine) == set(theirs)
    return mine == theirs if kind == "same" else not mine - theirs


def _sorted(made: View, _given: View, arguments: Mapping[str, Any]) -> str | None:
    values = [views.key_of(value) for value in made.column(arguments["by"])]
    if len({type(value) for value in values}) > 1:
        return f"{arguments['by']} holds texts and numbers"
    wanted = sorted(values, reverse=bool(arguments["isDescending"]))  # type: ignore[type-var]
    holds = values == wanted
    return None if holds else f"it is not in order of {arguments['by']}"


def _equals(made: View, _given: View, arguments: Mapping[str, Any]) -> str | None:
    if arguments["at"] not in made.leaves:
        return f"there is no {arguments['at']}"
    found = made.leaves[arguments["at"]]
    return (
        None
        if views.key_of(found) == views.key_of(arguments["value"])
        else f"{arguments['at']} is another value"
    )


def _mentions(made: View, _given: View, arguments: Mapping[str, Any]) -> str | None:
    text = arguments["text"] if isinstance(arguments["text"], str) else str(arguments["text"])
    return None if text in made.text else "it does not mention what it should"


def _has_column(made: View, _given: View, arguments: Mapping[str, Any]) -> str | None:
    column, known = arguments["column"], arguments.get("classes")
    if column not in made.columns:
        return f"it has no column {column!r}"
    if not known:
        return None
    wrong = [each for each in cells.classes_of(made.column(column)) if not cells.is_covered(each, known)]
    return f"column {column!r} holds {', '.join(wrong)}, not {', '.join(known)}" if wrong else None


_CHECKS: dict[str, Callable[[View, View, Mapping[str, Any]], str | None]] = {
    "aggregate": _aggregate,
    "equals": _equals,
    "filtered": _filtered,
    "group-table": _group_table,
    "groups": _groups,
    "has-column": _has_column,
    "keys": _keys,
    "lines": _lines,
    "mentions": _mentions,
    "row-count": _row_count,
    "rows": _rows,
    "sorted": _sorted,
}
