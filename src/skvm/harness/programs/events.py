"""Reading what programs print as JSON, one event a line, within a bound however much there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["MAX_LINE_BYTES", "as_count", "as_mapping", "as_text", "read_events"]

MAX_LINE_BYTES = 16 << 20
"""A longer line is passed over; it holds a file or a picture, nothing a program says of itself."""


def read_events(path: Path, *, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line, as they are read; everything else is passed over.

    Args:
        path: The file; nothing is yielded if it cannot be opened.
        max_line_bytes: What of the file is in memory at most.
    """
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        is_rest = False
        while line := file.readline(max_line_bytes):
            is_whole = line.endswith(b"\n") or len(line) < max_line_bytes
            if not is_rest and is_whole and (event := _object(line)) is not None:
                yield event
            is_rest = not is_whole


def _object(line: bytes) -> dict[str, Any] | None:
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def as_count(value: Any) -> int:
    """A number of tokens or calls as a program tells it; 0 for what is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 1e15 else 0


def as_mapping(value: Any) -> Mapping[str, Any]:
    """An object of an event; empty for what is none."""
    return value if isinstance(value, Mapping) else {}


def as_text(value: Any) -> str:
    """A text of an event; empty for what is none."""
    return value if isinstance(value, str) else ""
