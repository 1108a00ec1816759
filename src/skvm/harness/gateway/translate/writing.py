"""Saying things on the wire: events, arguments, ids, usage and errors, alike in every dialect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from skvm.evidence.record import Usage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ModelResponsePart
    from pydantic_ai.usage import RequestUsage

__all__ = [
    "argument_object",
    "argument_text",
    "error_type",
    "event",
    "has_calls",
    "is_argument_object",
    "is_blank",
    "past_arguments",
    "request_usage",
    "restored_id",
    "shown_arguments",
    "texts_joined",
    "total_input",
    "wire_id",
]

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HIDDEN_ID = re.compile(r"[a-z]+_skvm_((?:[0-9a-f]{2})*)")
_UNREADABLE = "INVALID_JSON"
"""Where a dialect wants an object, arguments that are none stand under this key; it is pydantic-ai's."""


def event(payload: Mapping[str, Any] | str, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    data = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    return f"{head}data: {data}\n\n".encode()


def wire_id(id: str, prefix: str) -> str:
    """A call's id in a dialect that takes only short plain ones; ``restored_id`` undoes it.

    Args:
        id: The id, any text.
        prefix: What the dialect's own ids begin with, lower-case letters.
    """
    if _PLAIN_ID.fullmatch(id) and not _HIDDEN_ID.fullmatch(id):
        return id
    return f"{prefix}_skvm_{id.encode().hex()}"


def restored_id(id: str) -> str:
    """The id that ``wire_id`` was given."""
    hidden = _HIDDEN_ID.fullmatch(id)
    if hidden is None:
        return id
    try:
        return bytes.fromhex(hidden[1]).decode()
    except UnicodeDecodeError:
        return id


def _object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is, if JSON can say all of it again."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_argument_object(text: str) -> bool:
    """Whether the text is a whole JSON object."""
    return text.rstrip().endswith("}") and _object_in(text) is not None


def is_blank(text: str) -> bool:
    """Whether there is nothing in the text, as JSON sees it."""
    return not text.strip(" \t\r\n")


def argument_text(args: str | Mapping[str, object] | None) -> str:
    """Arguments as text, word for word where they came as text; none are an empty object."""
    if isinstance(args, str):
        return "{}" if is_blank(args) else args
    return json.dumps(args or {}, ensure_ascii=False, separators=(",", ":"))


def argument_object(args: str | Mapping[str, object] | None) -> dict[str, Any]:
    """Arguments as an object; text that is none stands whole under one key, see ``shown_arguments``."""
    text = argument_text(args)
    found = _object_in(text)
    return {_UNREADABLE: text} if found is None else found


def past_arguments(text: str | None) -> str | dict[str, Any]:
    """Arguments in a client's history, in a form that every endpoint can be sent."""
    told = argument_text(text)
    return told if is_argument_object(told) else argument_object(told)


def shown_arguments(found: Mapping[str, Any]) -> str | dict[str, Any]:
    """The arguments that ``argument_object`` was given."""
    unreadable = found.get(_UNREADABLE)
    return unreadable if len(found) == 1 and isinstance(unreadable, str) else dict(found)


def texts_joined(parts: Iterable[ModelResponsePart]) -> str:
    """The text of an answer in a dialect with room for one: neighbours as they are, others a line apart."""
    from pydantic_ai.messages import TextPart

    texts, is_apart = "", False
    for part in parts:
        if not isinstance(part, TextPart):
            is_apart = True
        elif part.content:
            texts += "\n\n" + part.content if texts and is_apart else part.content
            is_apart = False
    return texts


def has_calls(response: ModelResponse) -> bool:
    """Whether the model called a tool of the client's."""
    from pydantic_ai.messages import ToolCallPart

    return any(isinstance(part, ToolCallPart) for part in response.parts)


def request_usage(usage: Usage | None) -> RequestUsage:
    """Our count as pydantic-ai's, whose input counts cached tokens too."""
    from pydantic_ai.usage import RequestUsage

    if usage is None:
        return RequestUsage()
    return RequestUsage(
        input_tokens=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )


def total_input(usage: RequestUsage) -> int:
    """Input tokens with cached ones, also where an endpoint's own numbers do not add up."""
    return max(usage.input_tokens, usage.cache_read_tokens + usage.cache_write_tokens)


_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """The word for an HTTP status; OpenAI's and Anthropic's are the same where both have one."""
    return _ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
