"""Calls that a model wrote as text, made the calls they are meant as.

Small models know their tools, and write a call as JSON into their answer all the same. A program takes that
for the last words of its agent and ends. Servers of such models read calls out of what they write, each in
its own way; the embedded one does for some of the ways only, so the gateway reads the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from skvm.harness.dialects import find_calls
from skvm.harness.history import response_text

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ModelResponsePart

__all__ = ["with_written_calls"]

_CALL_BEGINS = re.compile(r"```|<tool_call>|[{\[]")


def with_written_calls(response: ModelResponse, tools: Collection[str], *, at: int) -> ModelResponse:
    """An answer with calls in the place of those its text holds.

    Args:
        response: The answer; it is given back as it is if it makes calls, or its text holds none that can be
            made.
        tools: Names of the tools the model was offered.
        at: Messages before it; it makes the ids of calls unique within a conversation, and the same again
            when the conversation is replayed.
    """
    from pydantic_ai.messages import TextPart, ToolCallPart

    if response.tool_calls:
        return response
    text = response_text(response)
    written = [call for call in find_calls(text, tools) if call.name in tools and call.raw is None]
    if not written:
        return response
    parts: list[ModelResponsePart] = [part for part in response.parts if not isinstance(part, TextPart)]
    if said := _CALL_BEGINS.split(text, maxsplit=1)[0].strip():
        parts.append(TextPart(said))
    parts += [
        ToolCallPart(call.name, call.arguments, tool_call_id=f"call_{at}_{number}")
        for number, call in enumerate(written)
    ]
    return replace(response, parts=parts, finish_reason="tool_call")
