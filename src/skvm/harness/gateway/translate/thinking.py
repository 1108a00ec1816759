"""Thinking that has to come back to its provider through a client of another dialect.

A client sends thinking back with the opaque text it came with: a signature, encrypted content. Where the
thinking is of another provider, that text holds what the provider wants to see again.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.messages import ThinkingPart

__all__ = ["REDACTED", "opaque_text", "thinking_part"]

REDACTED = "redacted_thinking"
"""The id of thinking that only its provider can read."""

_MARK = "skvm1."


def opaque_text(part: ThinkingPart, native: str) -> str | None:
    """What to send beside the thinking's text, ``None`` for nothing.

    Args:
        part: The thinking.
        native: The provider whose own signatures the dialect carries.
    """
    if part.provider_name in {None, native}:
        return part.signature
    kept = [part.provider_name, part.id, part.signature]
    return _MARK + base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()


def thinking_part(content: str, opaque: str | None, native: str, id: str | None = None) -> ThinkingPart:
    """The thinking that came back.

    Args:
        content: Its text.
        opaque: What came beside it.
        native: The provider whose own signatures the dialect carries.
        id: The dialect's own id of it; good for nothing without the opaque text.
    """
    from pydantic_ai.messages import ThinkingPart

    part = ThinkingPart(content)
    if opaque and opaque.startswith(_MARK):
        try:
            kept = json.loads(base64.urlsafe_b64decode(opaque[len(_MARK) :]))
        except (ValueError, RecursionError):
            return part
        if not isinstance(kept, list) or [each for each in kept if not isinstance(each, str | None)]:
            return part
        if len(kept) != 3:
            return part
        provider, own_id, signature = kept
        return replace(part, provider_name=provider, id=own_id, signature=signature)
    if opaque:
        return replace(part, provider_name=native, id=id, signature=opaque)
    return part
