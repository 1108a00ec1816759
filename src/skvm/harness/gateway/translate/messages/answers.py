"""Anthropic's dialect: reading answers, whole and streamed, and saying whole ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.reading import plain_arguments
from skvm.harness.gateway.translate.thinking import REDACTED, opaque_text, thinking_part
from skvm.harness.gateway.translate.writing import (
    argument_object,
    error_type,
    has_calls,
    request_usage,
    restored_id,
    shown_arguments,
    total_input,
    wire_id,
)
from skvm.llm.codecs import Reading
from skvm.llm.codecs.fields import mapping
from skvm.llm.codecs.messages import MessagesCodec
from skvm.llm.unicode import mended, mended_response

if TYPE_CHECKING:
    from pydantic_ai.messages import FinishReason, ModelResponse, ModelResponsePart, ThinkingPart
    from pydantic_ai.usage import RequestUsage

__all__ = [
    "NATIVE",
    "answer_body",
    "call_block",
    "error_body",
    "read_answer",
    "read_events",
    "stop_reason",
    "thinking_block",
    "usage_body",
]

NATIVE = "anthropic"
"""The provider whose signatures this dialect carries as they are."""

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}


def error_body(status: int, message: str) -> dict[str, Any]:
    """An error, as Anthropic's endpoints send it."""
    return {"type": "error", "error": {"type": error_type(status), "message": mended(message)}}


def stop_reason(response: ModelResponse) -> str:
    """Why the answer ended; calls count more than what the endpoint says of a plain end."""
    if response.finish_reason == "length":
        return "max_tokens"
    if response.finish_reason == "content_filter":
        return "refusal"
    return "tool_use" if has_calls(response) else "end_turn"


def usage_body(usage: RequestUsage) -> dict[str, Any]:
    """Usage; cached tokens are counted beside the input."""
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    return {
        "input_tokens": total_input(usage) - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens,
    }


def call_block(id: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call."""
    return {"type": "tool_use", "id": wire_id(id, "toolu"), "name": name, "input": dict(arguments)}


def thinking_block(part: ThinkingPart) -> dict[str, Any]:
    """Thinking, or what stands for thinking nobody may read."""
    opaque = opaque_text(part, NATIVE)
    if part.id == REDACTED and part.provider_name == NATIVE:
        return {"type": "redacted_thinking", "data": opaque or ""}
    return {"type": "thinking", "thinking": part.content, "signature": opaque or ""}


def answer_body(response: ModelResponse, heading: Heading) -> dict[str, Any]:
    """A whole answer."""
    response = mended_response(response)
    return {
        "id": f"msg_{heading.id}",
        "type": "message",
        "role": "assistant",
        "model": heading.model,
        "content": [block for part in response.parts if (block := _block(part)) is not None],
        "stop_reason": stop_reason(response),
        "stop_sequence": None,
        "usage": usage_body(response.usage),
    }


def _block(part: ModelResponsePart) -> dict[str, Any] | None:
    from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content} if part.content else None
    if isinstance(part, ThinkingPart):
        return thinking_block(part)
    if isinstance(part, ToolCallPart):
        return call_block(part.tool_call_id, part.tool_name, mended(argument_object(part.args)))
    return None


def read_answer(body: Mapping[str, Any]) -> ModelResponse:
    """Read a whole answer."""
    content = body.get("content")
    blocks = [_Block(mapping(each)) for each in (content if isinstance(content, list) else ())]
    return _response(blocks, body.get("stop_reason"), body.get("id"), MessagesCodec().read(body))


def read_events(events: Iterable[Mapping[str, Any]]) -> ModelResponse:
    """Read a streamed answer."""
    blocks: dict[int, _Block] = {}
    reason: Any = None
    id: Any = None

    def tapped() -> Iterator[Mapping[str, Any]]:
        nonlocal reason, id
        for event in events:
            kind, index = event.get("type"), event.get("index")
            if kind == "message_start":
                id = mapping(event.get("message")).get("id")
            elif kind == "message_delta":
                reason = mapping(event.get("delta")).get("stop_reason") or reason
            elif kind == "content_block_start" and isinstance(index, int):
                blocks[index] = _Block(mapping(event.get("content_block")))
            elif kind == "content_block_delta" and isinstance(index, int) and index in blocks:
                blocks[index].add(mapping(event.get("delta")))
            yield event

    reading = MessagesCodec().read_events(tapped())
    return _response(blocks.values(), reason, id, reading)


@dataclass(slots=True)
class _Block:
    """A block as far as it came."""

    start: Mapping[str, Any]
    added: dict[str, str] = field(default_factory=dict)

    def add(self, delta: Mapping[str, Any]) -> None:
        for key in ("text", "thinking", "signature", "partial_json"):
            if isinstance(delta.get(key), str):
                self.added[key] = self.added.get(key, "") + delta[key]

    def whole(self, key: str) -> str:
        begun = self.start.get(key)
        return (begun if isinstance(begun, str) else "") + self.added.get(key, "")

    def part(self) -> ModelResponsePart | None:
        """``None`` for an empty text and for what only Anthropic's own clients understand."""
        from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

        kind = self.start.get("type")
        if kind == "text":
            text = self.whole("text")
            return TextPart(text) if text else None
        if kind == "thinking":
            return thinking_part(self.whole("thinking"), self.whole("signature") or None, NATIVE)
        if kind == "redacted_thinking":
            return ThinkingPart("", id=REDACTED, signature=self.whole("data"), provider_name=NATIVE)
        if kind == "tool_use":
            id = restored_id(self.whole("id"))
            return ToolCallPart(self.whole("name"), self._arguments(), id)
        return None

    def _arguments(self) -> str | dict[str, Any] | None:
        text = self.added.get("partial_json", "")
        if text:
            shown = shown_arguments(argument_object(text))
            return shown if isinstance(shown, str) else text
        given = plain_arguments(self.start.get("input"))
        return shown_arguments(given) if isinstance(given, dict) else given


def _response(blocks: Iterable[_Block], reason: Any, id: Any, reading: Reading) -> ModelResponse:
    from pydantic_ai.messages import ModelResponse

    found = _REASONS.get(reason) if isinstance(reason, str) else None
    response = ModelResponse(
        parts=[part for block in blocks if (part := block.part()) is not None],
        usage=request_usage(reading.usage),
        model_name=reading.model,
        finish_reason="error" if reading.error else found,
        provider_response_id=id if isinstance(id, str) else None,
        state="complete" if reading.complete else "interrupted",
    )
    return mended_response(response)
