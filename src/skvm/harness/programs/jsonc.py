"""JSON as people write it into configurations: with comments, and commas before a closing bracket."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["read_jsonc"]

_COMMENT = r"//[^\n]*|/\*.*?\*/"
_SKIPPED = re.compile(
    rf'"(?:[^"\\]|\\.)*"|{_COMMENT}|,(?=(?:\s|{_COMMENT})*[\]}}])',
    re.DOTALL,
)


def read_jsonc(text: str) -> Any:
    """The value of a text.

    Raises:
        ValueError: It is no such JSON.
    """
    plain = _SKIPPED.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    try:
        return json.loads(plain.removeprefix("\ufeff"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
