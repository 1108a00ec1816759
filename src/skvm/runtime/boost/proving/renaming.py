"""One value consistently replaced by another: in the data, in the parameters, and back in what came out.

A step that has a value written into its code gives something else for other names of the same things.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skvm.runtime.boost.proving.items import Items, items_of

__all__ = ["canonical", "renamed_data", "same_bag", "same_but_for", "stands_in"]

_SHORTEST = 4
_CASES = (str, str.upper, str.lower, str.title, str.capitalize)
_BARE = re.compile(r"[^\W_]|(?<=\d)[.,](?=\d)|(?<![^\W_])-(?=\d)")
_FLOAT = re.compile(r"-?\d+\.\d+")


def renamed_data(path: str, data: bytes, old: str, new: str) -> bytes:
    """A file in which every cell, key, JSON text or whole word that is ``old`` is ``new``."""
    items = items_of(path, data)
    if items is None:
        return data
    if items.kind == "table":
        header = [_swapped(cell, old, new) for cell in items.header]
        rows = [[_swapped(cell, old, new) for cell in row] for row in items.items]
        # What writes a table writes its own header, so the new one goes in as the first row of a bare one.
        body = items.write(rows)
        return body if header == list(items.header) else _with_header(items, header, rows)
    if items.kind in {"json", "jsonl"}:
        return _renamed_json(data, old, new, one_a_line=items.kind == "jsonl")
    return _renamed_words(data.decode(), old, new).encode()


def stands_in(path: str, data: bytes, text: str) -> bool:
    """Whether a file holds a cell, key, JSON text or word that is this."""
    return renamed_data(path, data, text, f"{text}zq") != renamed_data(path, data, text, text)


def _swapped(cell: str, old: str, new: str) -> str:
    return new if cell == old else cell


def _with_header(items: Items, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    lines = items.write([[*header], *rows]).split(b"\n", 1)
    return lines[1]


def _renamed_json(data: bytes, old: str, new: str, *, one_a_line: bool) -> bytes:
    text = data.decode()
    if one_a_line:
        lines = (json.dumps(_renamed_value(json.loads(line), old, new)) for line in text.splitlines() if line)
        return "".join(f"{line}\n" for line in lines).encode()
    indent = 2 if "\n" in text.strip() else None
    value = _renamed_value(json.loads(text), old, new)
    return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode()


def _renamed_value(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {_swapped(key, old, new): _renamed_value(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed_value(each, old, new) for each in value]
    return _swapped(value, old, new) if isinstance(value, str) else value


def _renamed_words(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text)


def same_but_for(path: str, found: bytes, expected: bytes, names: Mapping[str, str]) -> bool:
    """Whether two outputs are the same in any order once new names are old ones again.

    Args:
        path: Of the output.
        found: What came out with new names.
        expected: What came out with the old ones.
        names: Old names by new ones.
    """
    if same_bag(path, found, expected):
        return True
    text = found.decode("utf-8", "replace")
    for new_form, old_form in _forms(names):
        text = text.replace(new_form, old_form)
    return same_bag(path, text.encode(), expected) or bool(names and _same_bare(found, expected, names))


def _same_bare(found: bytes, expected: bytes, names: Mapping[str, str]) -> bool:
    """Whether letters and numbers are the same: a title may have become a heading, or part of a file name."""
    text = _bare(found.decode("utf-8", "replace"))
    for new, old in names.items():
        text = text.replace(_bare(new), _bare(old)) if _bare(old) else text
    return text == _bare(expected.decode("utf-8", "replace"))


def _bare(text: str) -> str:
    return "".join(_BARE.findall(text.casefold()))


def _forms(names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """How new names may be written in an output, each with the old one; whole names before parts of them."""
    whole = sorted(names.items(), key=lambda pair: (-len(pair[0]), pair))
    bases = [(posixpath.basename(new), posixpath.basename(old)) for new, old in whole]
    stems = [(posixpath.splitext(new)[0], posixpath.splitext(old)[0]) for new, old in bases]
    for new, old in dict.fromkeys((*whole, *bases, *stems)):
        # One of few letters may stand anywhere.
        for case in _CASES if len(new) >= _SHORTEST and old else ():
            one, other = case(new), case(old)
            yield one, other
            yield json.dumps(one)[1:-1], json.dumps(other)[1:-1]
            yield one.replace('"', '""'), other.replace('"', '""')


def same_bag(path: str, one: bytes, other: bytes) -> bool:
    """Whether two files hold the same things in whatever order; long fractions are rounded."""
    return one == other or canonical(path, one) == canonical(path, other)


def canonical(path: str, data: bytes) -> Any:
    """What a file holds, without its order."""
    items = items_of(path, data)
    if items is None:
        return data.strip()
    if items.kind == "table":
        return (items.header, sorted([_plain_text(cell) for cell in row] for row in items.items))
    if items.kind == "jsonl":
        return _without_order(list(items.items))
    try:
        return _without_order(_json_of(items, data))
    except (ValueError, RecursionError):
        return sorted(_plain_text(line.rstrip()) for line in data.decode().strip().split("\n"))


def _json_of(items: Items, data: bytes) -> Any:
    """The value of a JSON text, whatever its name.

    Raises:
        ValueError: It is none, or a bare text or number that may as well be a line.
    """
    if items.kind == "lines" and data.lstrip()[:1] not in {b"{", b"["}:
        raise ValueError("lines")
    return json.loads(data)


def _without_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_order(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted(
            (_without_order(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True)
        )
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float) -> float:
    return float(f"{value:.9g}") if math.isfinite(value) else value


def _plain_text(text: str) -> str:
    """A text whose long fractions are rounded."""
    return _FLOAT.sub(lambda found: repr(_rounded(float(found[0]))) if len(found[0]) > 9 else found[0], text)
