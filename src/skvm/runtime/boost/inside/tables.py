"""Text and tables read from bytes: encoding, line ends, delimiter, header, rows."""

from __future__ import annotations

import codecs
import io
from _csv import Error, field_size_limit, reader

from skvm.runtime.boost.inside import cells

__all__ = ["DELIMITERS", "SIZE_LIMIT", "Table", "decode", "line_ends", "parse", "sniff"]

SIZE_LIMIT = 16 << 20
DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 50
SAMPLE_LENGTH = 1 << 16

_BOMS = ((codecs.BOM_UTF8, "utf-8-bom", "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16", "utf-16"))  # fmt: skip


class Table:
    """Rows of texts; ``header`` is the first row where that one names the columns, else ``None``."""

    __slots__ = ("header", "is_ragged", "quoting", "rows")

    def __init__(
        self, header: list[str] | None, rows: list[list[str]], quoting: int, *, is_ragged: bool
    ) -> None:
        self.header = header
        self.rows = rows
        self.quoting = quoting
        self.is_ragged = is_ragged

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.header) if self.header is not None else max(map(len, self.rows), default=0)

    def columns(self) -> list[list[str]]:
        """The values of every column; rows that are too short have none in the last ones.

        Takes as long as there are cells, however uneven the rows are.
        """
        found: list[list[str]] = [[] for _ in range(self.width)]
        for row in self.rows:
            for values, cell in zip(found, row):
                values.append(cell)
        return found


def decode(data: bytes) -> tuple[str, str] | None:
    """A text and its encoding (``utf-8``, ``utf-8-bom``, ``utf-16``, ``other``); ``None``: not text."""
    for mark, name, codec in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(codec), name
            except UnicodeDecodeError:
                return None
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        odd = sum(1 for char in text if char < " " and char not in "\t\n\r\f\x1b")
        return None if odd * 50 > len(text) else (text, "other")


def line_ends(text: str) -> str:
    """``lf``, ``crlf``, ``cr``, ``mixed`` or ``none``."""
    pairs = text.count("\r\n")
    feeds, returns = text.count("\n") - pairs, text.count("\r") - pairs
    found = [name for name, count in (("crlf", pairs), ("lf", feeds), ("cr", returns)) if count]
    return found[0] if len(found) == 1 else "mixed" if found else "none"


def sniff(text: str, *, is_table: bool) -> str | None:
    """What separates the columns of a text: ``""`` where there is one column, ``None`` where it is no table.

    Args:
        text: All of it.
        is_table: Whether its name says that it is one; else it must look like one without doubt.
    """
    best: tuple[int, str] | None = None
    sample = text[:SAMPLE_LENGTH]
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter, SAMPLE_ROWS)
        if rows and len(text) > SAMPLE_LENGTH:
            rows.pop()  # it may be cut
        widths = [len(row) for row in rows]
        if not widths or widths[0] < 2:
            continue
        is_even = len(set(widths)) == 1
        if is_table and (is_even or widths.count(widths[0]) * 2 > len(widths)):
            best = max(
                best or (0, ""), ((1000 if is_even else 0) + widths[0], delimiter), key=lambda each: each[0]
            )
        elif is_even and len(rows) > 1 and _is_plain(rows):
            best = max(best or (0, ""), (widths[0], delimiter), key=lambda each: each[0])
    if best is None:
        return "" if is_table else None
    return best[1]


def parse(text: str, delimiter: str) -> Table:
    """Read a table; an empty ``delimiter`` says that it has one column."""
    rows = _rows(text, delimiter or "\0", None)
    if not rows:
        return Table(None, [], 0, is_ragged=False)
    header = rows[0] if _is_header(rows) else None
    body = rows[1:] if header is not None else rows
    width = len(rows[0])
    quoting = 0
    if '"' in text:
        quoting = 1
        for row in rows:
            for cell in row:
                if "\n" in cell or "\r" in cell:
                    quoting = 3
                elif delimiter and delimiter in cell:
                    quoting = max(quoting, 2)
    return Table(header, body, quoting, is_ragged=any(len(row) != width for row in body))


def _rows(text: str, delimiter: str, limit: int | None) -> list[list[str]]:
    """Rows that are not blank."""
    field_size_limit(SIZE_LIMIT)
    found: list[list[str]] = []
    try:
        if delimiter == "\0":
            return [[line] for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
        for row in reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                found.append(row)
                if limit is not None and len(found) >= limit:
                    break
    except Error:
        return [] if limit is not None else found
    return found


def _is_plain(rows: list[list[str]]) -> bool:
    return all(len(cell) <= 60 and cell == cell.strip() for row in rows[:2] for cell in row)


def _is_header(rows: list[list[str]]) -> bool:
    names = rows[0]
    if len(set(names)) != len(names) or any(not name.strip() or len(name) > 100 for name in names):
        return False
    return all(cells.classes_of([name]) in (["text"], ["padded", "text"]) for name in names)
