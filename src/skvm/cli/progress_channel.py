"""The channel on which a program follows us: lines of JSON on standard error, if ``SKVM_PROGRESS=json``.

Each stands alone on standard error, which also takes notes in words:
``{"progress": {"done": 3, "total": 12, "text": "t1 · original #0"}}``; a total that is not known is ``null``.
A bench first says ``{"session": "…"}``, which is what ``--resume`` takes. Nothing heavy is imported here:
``skvm plan run`` in a cell begins in a moment.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

__all__ = ["VARIABLE", "is_told", "tell", "tell_session"]

VARIABLE = "SKVM_PROGRESS"
_MOST_CHARS = 300


def is_told() -> bool:
    """Whether a program follows us."""
    return os.environ.get(VARIABLE) == "json"


def tell(done: float, total: float | None, text: str) -> None:
    """Write one line; a reader that has left is no reason to stop."""
    line = " ".join(text.split())[:_MOST_CHARS]
    _write({"progress": {"done": round(done, 3), "total": total, "text": line}})


def tell_session(session_id: str) -> None:
    """Say which session this is, to a program that follows us: with its id it can be gone on with."""
    if is_told():
        _write({"session": session_id})


def _write(event: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):
        # One write: lines of several threads must not run into each other.
        sys.stderr.write(json.dumps(event) + "\n")
        sys.stderr.flush()
