"""Files that are no longer what a template was made for, though they look it at first sight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from skvm.runtime.boost.proving.items import Items, changed_number, items_of

__all__ = ["damaged"]

_MOST = 12


def damaged(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is wrong, and the file: a template may bail out, or give what it gave before, but nothing else.

    What is no text is any bytes as far as we know, and cannot be damaged. Of many columns or keys, the first
    dozen are looked at.
    """
    if not _is_text(data):
        return
    found = [_odd_texts(data)]
    if (items := items_of(path, data)) is not None and items.items:
        makers = {"table": _damaged_tables, "json": _damaged_values, "jsonl": _damaged_values}
        if (make := makers.get(items.kind)) is not None:
            found.append(make(items))
    yield from ((what, made) for each in found for what, made in each if made != data)


def _odd_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The same text in another encoding, and what is no text."""
    yield "lines that end otherwise", data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "a byte order mark", b"\xef\xbb\xbf" + data
    yield "UTF-16", data.decode("utf-8", "replace").encode("utf-16")
    yield "bytes that are no text", b"\x7fELF\x00\xff\xfe" + bytes(range(256)) * 2


def _is_text(data: bytes) -> bool:
    try:
        return "\x00" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _damaged_tables(items: Items) -> Iterator[tuple[str, bytes]]:
    rows = [list(row) for row in items.items]
    middle = len(rows) // 2
    other = ";" if items.delimiter != ";" else ","
    whole = items.write(rows).decode()
    yield f"columns parted by {other!r}", whole.replace(items.delimiter, other).encode()
    yield "a row cut short", items.write([*rows[:middle], rows[middle][:1], *rows[middle + 1 :]])
    yield "a row with a cell too many", items.write(_with(rows, middle, ["q", *rows[middle]]))
    for column in range(min(len(rows[middle]), _MOST)):
        name = items.header[column] if column < len(items.header) else str(column)
        if items.header:
            yield f"no column {name!r}", _without_column(items, rows, column)
        cell = rows[middle][column]
        if changed_number(cell) != cell:
            for word in ("n/a", "", "1.234,5"):
                row = _with(rows[middle], column, word)
                yield f"{word!r} in column {name!r}", items.write(_with(rows, middle, row))


def _without_column(items: Items, rows: Sequence[list[str]], column: int) -> bytes:
    left = [row[:column] + row[column + 1 :] for row in (list(items.header), *rows)]
    # The header is the writer's own, so all rows are given without one.
    lines = [items.delimiter.join(row) for row in left]
    return "".join(f"{line}\n" for line in lines).encode()


def _damaged_values(items: Items) -> Iterator[tuple[str, bytes]]:
    values = list(items.items)
    middle = len(values) // 2
    whole = items.write(values)
    yield "a text cut short", whole[: len(whole) * 2 // 3]
    yield "an element that is none", items.write(_with(values, middle, None))
    if isinstance(one := values[middle], dict):
        for key, value in list(one.items())[:_MOST]:
            left = {name: each for name, each in one.items() if name != key}
            yield f"an element without {key!r}", items.write(_with(values, middle, left))
            wrong = "n/a" if not isinstance(value, str) else 5
            yield f"{wrong!r} at {key!r}", items.write(_with(values, middle, {**one, key: wrong}))


def _with(things: Sequence[Any], index: int, thing: Any) -> list[Any]:
    return [*things[:index], thing, *things[index + 1 :]]
