"""What a file looks like: its format, not its content.

A shape is a JSON object. ``{}`` is satisfied by everything; a key that is absent is not looked at.

- ``{"kind": "csv", "delimiter", "encoding": […], "newlines": […], "finalNewline", "quoting": 0…3, "isRagged",
  "rows": "some"|"none"|"any", "header": [names]|null, "columns": [{"name", "classes"}], "isExact"}``: with
  ``isExact`` false, columns are looked for by name, in any order, and others may stand beside them.
- ``{"kind": "json", "encoding", "tree"}`` and ``{"kind": "jsonl", …}``: see ``trees``; with ``isExact`` false
  there may be more keys.
- ``{"kind": "lines", "fields": [[classes] …], …}``: lines that begin alike, such as a log.
- ``{"kind": "text", …}``, ``{"kind": "binary", "magic"}``, ``{"kind": "empty"}``, ``{"kind": "large"}``, and
  ``{"kind": "any", "of": [shapes]}``.
"""

from __future__ import annotations

import json

from skvm.runtime.boost.inside import cells, tables, trees

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["describe", "loosened", "merge", "opened", "summary", "violations"]

FIELDS = 6
MESSAGES = 10
SUMMARY_LIMIT = 1 << 20
_TABLES = ("csv", "tsv", "tab", "psv")
_MAYBE_TABLES = ("", "txt", "dat", "out")
_HINTS = {"csv": "x.csv", "json": "x.json", "jsonl": "x.jsonl", "lines": "x.md", "text": "x.md"}
_MAGIC = (
    (b"\x89PNG", "png"), (b"%PDF", "pdf"), (b"PK\x03\x04", "zip"), (b"\x1f\x8b", "gzip"), (b"\x7fELF", "elf"),
    (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"SQLite format 3", "sqlite"), (b"PAR1", "parquet"),
    (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\xd0\xcf\x11\xe0", "ole"),
)  # fmt: skip


def describe(data: bytes, name: str) -> dict[str, Any]:
    """The shape of a file.

    Args:
        data: Its bytes.
        name: Its name: the extension says how it is to be read where it could be read in several ways.
    """
    if not data:
        return {"kind": "empty"}
    if len(data) > tables.SIZE_LIMIT:
        return {"kind": "large"}
    decoded = tables.decode(data)
    if decoded is None:
        magic = next((each for mark, each in _MAGIC if data.startswith(mark)), data[:4].hex())
        return {"kind": "binary", "magic": magic}
    text, encoding = decoded
    base = {
        "encoding": [encoding],
        "newlines": [tables.line_ends(text)],
        "finalNewline": text.endswith(("\n", "\r")),
    }
    if not text.strip():
        return {"kind": "text", **base, "isBlank": True}
    extension = name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name.rpartition("/")[2] else ""
    found = _json_shape(text, extension, encoding)
    if found is None and extension in (*_TABLES, *_MAYBE_TABLES):
        delimiter = tables.sniff(text, is_table=extension in _TABLES)
        found = None if delimiter is None else {"kind": "csv", **base, **_table_shape(text, delimiter)}
    return found or {**_lines_shape(text), **base, "isBlank": False}


def merge(shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tightest shape that all of some satisfy; ``{}`` of none."""
    flat: list[dict[str, Any]] = []
    for shape in shapes:
        if not shape:
            return {}
        flat += [dict(each) for each in shape["of"]] if shape.get("kind") == "any" else [dict(shape)]
    groups: list[dict[str, Any]] = []
    for shape in flat:
        for index, group in enumerate(groups):
            if (joined := _joined(group, shape)) is not None:
                groups[index] = joined
                break
        else:
            groups.append(shape)
    if len(groups) == 1:
        return groups[0]
    return (
        {"kind": "any", "of": sorted(groups, key=lambda each: json.dumps(each, sort_keys=True))}
        if groups
        else {}
    )


def violations(shape: Mapping[str, Any], data: bytes) -> list[str]:
    """What of a file is not as a shape says, in lines for a person; nothing where it holds.

    It never raises: a shape that makes no sense holds of nothing. More than 16 MB hold no shape but ``{}``.
    """
    try:
        if not shape:
            return []
        found = _violations(shape, data)
    except Exception as error:  # noqa: BLE001 - the answer to anything odd is no
        return [f"cannot be looked at: {type(error).__name__}"]
    return [" ".join(each.split())[:200] for each in found[:MESSAGES]]


def opened(shape: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A shape in which the JSON object at a place is a map of any keys, for where another check knows them.

    Args:
        shape: A shape; of another kind than ``json`` it stays as it is.
        path: ``""`` for the whole, else ``/key/*/key``; ``*`` leads into every item.
    """
    if shape.get("kind") == "any":
        return {**shape, "of": [opened(each, path) for each in shape["of"]]}
    if shape.get("kind") not in ("json", "jsonl"):
        return dict(shape)
    return {**shape, "tree": trees.opened(shape["tree"], path.split("/")[1:])}


def loosened(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of an output from that of a few: whole numbers may be broken, large ones grouped.

    How a number is written is no news of what one program wrote; of what others wrote, it is.
    """
    found = dict(shape)
    if "of" in shape:
        found["of"] = [loosened(each) for each in shape["of"]]
    if "tree" in shape:
        found["tree"] = trees.loosened(shape["tree"])
    if "fields" in shape:
        found["fields"] = [cells.loosened(classes) for classes in shape["fields"]]
    if "columns" in shape:
        columns = shape["columns"]
        found["columns"] = [{**column, "classes": cells.loosened(column["classes"])} for column in columns]
        found["quoting"] = 3  # what is in quotes is up to the values
    return found


def summary(data: bytes, name: str) -> str:
    """How much there is in a file, for a person: ``12 rows``, ``3 keys``, ``5 lines``, ``20 bytes``."""
    decoded = tables.decode(data) if len(data) <= SUMMARY_LIMIT else None
    if decoded is None:
        return f"{len(data)} bytes"
    shape = describe(data, name)
    text = decoded[0]
    if shape["kind"] == "json":
        value = json.loads(text)
        if isinstance(value, (dict, list)):
            return f"{len(value)} {'keys' if isinstance(value, dict) else 'items'}"
    if shape["kind"] == "csv":
        return f"{len(tables.parse(text, shape['delimiter']).rows)} rows"
    return f"{text.count(chr(10)) + (not text.endswith(chr(10)) and bool(text))} lines"


def _violations(shape: Mapping[str, Any], data: bytes) -> list[str]:
    kind = shape.get("kind")
    if kind == "any":
        closest: list[str] = ["is of no known format"]
        for each in shape["of"]:
            found = _violations(each, data)
            if not found:
                return []
            if each.get("kind") == describe(data, _HINTS.get(each.get("kind", ""), ""))["kind"]:
                closest = found
        return closest
    seen = describe(data, _HINTS.get(str(kind), ""))
    if kind == "text" and seen["kind"] == "lines":
        seen = {**seen, "kind": "text"}
    if kind == "csv" and seen["kind"] == "text" and seen.get("isBlank"):
        return ["is blank"]
    if seen["kind"] != kind:
        return [f"is {seen['kind']}, not {kind}"]
    found = _frame_misfits(shape, seen)
    if kind == "csv":
        found += _table_misfits(shape, seen)
    elif kind in ("json", "jsonl") and "tree" in shape:
        tree = {**shape["tree"], "isExact": False} if shape.get("isExact") is False else shape["tree"]
        found += trees.misfits(tree, seen["tree"])
    elif kind == "lines" and "fields" in shape:
        found += _field_misfits(shape["fields"], seen["fields"])
    elif kind == "large":
        found.append("is larger than 16 MB")
    return found


def _frame_misfits(shape: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for key, what in (("encoding", "is encoded as"), ("newlines", "has line ends")):
        new = [each for each in seen.get(key, ()) if key in shape and each not in (*shape[key], "none")]
        found += [f"{what} {each}, not {' or '.join(shape[key])}" for each in new]
    if "finalNewline" in shape and shape["finalNewline"] != seen["finalNewline"]:
        found.append("has a last line end" if seen["finalNewline"] else "has no last line end")
    if "isBlank" in shape and shape["isBlank"] != seen["isBlank"]:
        found.append("is blank" if seen["isBlank"] else "is not blank")
    if "magic" in shape and shape["magic"] != seen["magic"]:
        found.append(f"is {seen['magic']}, not {shape['magic']}")
    return found


def _json_shape(text: str, extension: str, encoding: str) -> dict[str, Any] | None:
    base = {"encoding": [encoding]}
    start = text.lstrip()[:1]
    if extension == "json" or (start in ("{", "[") and extension in _MAYBE_TABLES):
        try:
            return {"kind": "json", **base, "tree": trees.describe([_value_of(text)])}
        except (ValueError, RecursionError):
            if extension == "json":
                return None
    if extension in ("jsonl", "ndjson") or (start == "{" and extension in _MAYBE_TABLES):
        try:
            values = [_value_of(line) for line in text.split("\n") if line.strip()]
            return {"kind": "jsonl", **base, "tree": trees.describe(values)}
        except (ValueError, RecursionError):
            return None
    return None


def _value_of(text: str) -> Any:
    """A JSON value.

    Raises:
        ValueError: It is none, or an object of it has a key twice: who reads it would drop one unseen.
    """
    return json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _table_shape(text: str, delimiter: str) -> dict[str, Any]:
    table = tables.parse(text, delimiter)
    names: list[str | None] = [*table.header] if table.header is not None else [None] * table.width
    columns = [
        {"name": name, "classes": cells.classes_of(values)} for name, values in zip(names, table.columns())
    ]
    return {
        "delimiter": delimiter,
        "quoting": table.quoting,
        "isRagged": table.is_ragged,
        "rows": "some" if table.rows else "none",
        "header": table.header,
        "columns": columns,
        "isExact": True,
    }


def _lines_shape(text: str) -> dict[str, Any]:
    """Lines of which each begins with a date, a number or the like within its first words; or just text."""
    rows = [line.split(None, FIELDS)[:FIELDS] for line in text.splitlines() if line.strip()]
    width = min(map(len, rows))
    fields = [cells.classes_of([row[index].strip("[](),;") for row in rows]) for index in range(width)]
    if any(not {"text", "empty"} & set(classes) for classes in fields[:3]):
        return {"kind": "lines", "fields": fields}
    return {"kind": "text"}


def _table_misfits(shape: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    if "delimiter" in shape and shape["delimiter"] != seen["delimiter"]:
        return [f"has its columns divided by {seen['delimiter']!r}, not {shape['delimiter']!r}"]
    found: list[str] = []
    if "columns" in shape and shape.get("header") is None:
        seen = _headless(seen)
    if seen["quoting"] > shape.get("quoting", 3):
        found.append("is quoted in another way")
    if seen["isRagged"] and not shape.get("isRagged", True):
        found.append("has rows of different lengths")
    if shape.get("rows", "any") not in ("any", seen["rows"]):
        found.append("has no rows" if seen["rows"] == "none" else "has rows")
    if "columns" not in shape:
        return found
    return found + (_positional if shape.get("header") is None else _named)(shape, seen)


def _named(shape: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    header = seen["header"]
    if header is None:
        return ["has no header"]
    if shape.get("isExact", True) and header != shape["header"]:
        missing = [name for name in shape["header"] if name not in header]
        extra = [name for name in header if name not in shape["header"]]
        if missing:
            return [f"has no column {missing[0]!r}" + (f", but {extra[0]!r}" if extra else "")]
        return [f"has another column: {extra[0]!r}" if extra else "has its columns in another order"]
    by_name = {column["name"]: column["classes"] for column in reversed(seen["columns"])}
    found: list[str] = []
    for column in shape["columns"]:
        if column["name"] not in by_name:
            found.append(f"has no column {column['name']!r}")
        else:
            found += _class_misfits(column["name"], column.get("classes"), by_name[column["name"]])
    return found


def _positional(shape: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    columns = seen["columns"]
    if len(columns) != len(shape["columns"]):
        return [f"has {len(columns)} columns, not {len(shape['columns'])}"]
    found: list[str] = []
    for index, (mine, theirs) in enumerate(zip(shape["columns"], columns)):
        found += _class_misfits(f"number {index + 1}", mine.get("classes"), theirs["classes"])
    return found


def _class_misfits(name: str, known: Sequence[str] | None, classes: Sequence[str]) -> list[str]:
    if known is None:
        return []
    wrong = [each for each in classes if not cells.is_covered(each, known)]
    return [f"column {name!r} holds {', '.join(wrong)}, not {', '.join(known)}"] if wrong else []


def _field_misfits(fields: Sequence[Sequence[str]], seen: Sequence[Sequence[str]]) -> list[str]:
    if len(seen) < len(fields):
        return ["has shorter lines"]
    return [
        f"word {index + 1} of its lines is {each}, not {', '.join(known)}"
        for index, (known, classes) in enumerate(zip(fields, seen))
        for each in classes
        if not cells.is_covered(each, known)
    ]


def _headless(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the header taken as a row."""
    if shape["header"] is None:
        return dict(shape)
    columns = [
        {"name": None, "classes": sorted({*column["classes"], "text", *cells.classes_of([column["name"]])})}
        for column in shape["columns"]
    ]
    return {**shape, "header": None, "rows": "some", "columns": columns}


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    """The tightest shape of two of one kind; ``None`` where each had better stand alone."""
    kinds = {one["kind"], other["kind"]}
    if kinds == {"lines", "text"}:
        one, other = (
            {**{k: v for k, v in each.items() if k != "fields"}, "kind": "text"} for each in (one, other)
        )
    elif len(kinds) > 1:
        return None
    kind = one["kind"]
    if kind == "csv":
        return _joined_tables(one, other)
    if any(one.get(key) != other.get(key) for key in ("magic", "isBlank")):
        return None
    joined = _joined_frame(one, other)
    if kind in ("json", "jsonl"):
        joined["tree"] = trees.join(one["tree"], other["tree"])
    elif kind == "lines":
        joined["fields"] = [sorted({*a, *b}) for a, b in zip(one["fields"], other["fields"])]
    return joined


def _joined_frame(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    joined = {key: value for key, value in one.items() if key in other and value == other[key]}
    for key in ("encoding", "newlines"):
        if key in one and key in other:
            joined[key] = sorted({*one[key], *other[key]})
    if one.get("isExact") is False or other.get("isExact") is False:
        joined["isExact"] = False
    return joined


def _joined_tables(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    if one["delimiter"] != other["delimiter"]:
        return None
    joined = _joined_frame(one, other)
    joined["quoting"] = max(one["quoting"], other["quoting"])
    joined["isRagged"] = one["isRagged"] or other["isRagged"]
    joined["rows"] = one["rows"] if one["rows"] == other["rows"] else "any"
    first, second = one["header"], other["header"]
    if first is not None and second is not None and set(first) & set(second):
        by_name = {column["name"]: column["classes"] for column in other["columns"]}
        joined["isExact"] = first == second and one["isExact"] and other["isExact"]
        joined["header"] = [name for name in first if name in by_name]
        joined["columns"] = [
            {"name": column["name"], "classes": sorted({*column["classes"], *by_name[column["name"]]})}
            for column in one["columns"]
            if column["name"] in by_name
        ]
        return joined
    mine, theirs = _headless(one), _headless(other)
    is_partial = not (one["isExact"] and other["isExact"])  # then their columns cannot be told by position
    if is_partial or len(mine["columns"]) != len(theirs["columns"]):
        return None
    columns = [
        {"name": None, "classes": sorted({*a["classes"], *b["classes"]})}
        for a, b in zip(mine["columns"], theirs["columns"])
    ]
    return {**joined, "header": None, "rows": "some", "isExact": True, "columns": columns}
