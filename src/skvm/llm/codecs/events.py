"""Server-sent events: bytes in, decoded ``data`` payloads out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["decode_events"]

_LINE_END = re.compile(r"\r\n|\n|\r")


def decode_events(raw: bytes) -> Iterator[Mapping[str, Any]]:
    """The JSON objects of a stream, in order; comments, blanks and unreadable payloads are passed over.

    The ``[DONE]`` line of chat completions comes out as ``{"done": True}``.
    """
    data: list[str] = []
    # Not ``splitlines``: payloads may hold U+2028 and its like as they are.
    for line in [*_LINE_END.split(raw.decode("utf-8", "replace")), ""]:
        if line.startswith("data:"):
            data.append(line[5:].strip())
        elif not line and data:
            payload, data = "\n".join(data), []
            if payload == "[DONE]":
                yield {"done": True}
                continue
            try:
                decoded = json.loads(payload)
            except (ValueError, RecursionError):
                continue
            if isinstance(decoded, Mapping):
                yield decoded
