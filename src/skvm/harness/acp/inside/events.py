"""What the client writes down: one JSON object a line on standard output, each of bounded size."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["MAX_TEXT_CHARS", "say", "shortened"]

MAX_TEXT_CHARS = 64 << 10
"""Of one text in an event; whole files pass here, and nobody reads them off an event."""
_MAX_ITEMS = 2_000
_MAX_DEPTH = 24
_CUT = "…"


def say(event: str, **fields: Any) -> None:
    """Write an event."""
    line = json.dumps({"event": event, **{name: shortened(value) for name, value in fields.items()}})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def shortened(value: Any, depth: int = 0) -> Any:
    """A JSON value without what is too long, too many or too deep of it."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT_CHARS else value[:MAX_TEXT_CHARS] + _CUT
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        return _CUT
    if isinstance(value, dict):
        items = list(value.items())[:_MAX_ITEMS]
        return {str(key)[:MAX_TEXT_CHARS]: shortened(inner, depth + 1) for key, inner in items}
    if isinstance(value, list):
        return [shortened(inner, depth + 1) for inner in value[:_MAX_ITEMS]]
    return value
