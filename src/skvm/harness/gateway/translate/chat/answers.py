"""Chat completions: reading answers, whole and streamed, and saying whole ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.reading import plain_arguments
from skvm.harness.gateway.translate.writing import (
    argument_text,
    error_type,
    has_calls,
    request_usage,
    texts_joined,
    total_input,
)
from skvm.llm.codecs import Reading
from skvm.llm.codecs.chat import ChatCodec
from skvm.llm.codecs.fields import mapping
from skvm.llm.unicode import mended, mended_response

if TYPE_CHECKING:
    from pydantic_ai.messages import FinishReason, ModelResponse, ModelResponsePart
    from pydantic_ai.usage import RequestUsage

__all__ = ["answer_body", "error_body", "finish_reason", "read_answer", "read_events", "usage_body"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "content_filter",
    "error": "error",
}


def error_body(status: int, message: str) -> dict[str, Any]:
    """An error, as OpenAI's endpoints send it."""
    error = {"message": mended(message), "type": error_type(status), "param": None, "code": None}
    return {"error": error}


def finish_reason(response: ModelResponse) -> str:
    """Why the answer ended; calls count more than what the endpoint says of a plain end."""
    if response.finish_reason in {"length", "content_filter"}:
        return str(response.finish_reason)
    return "tool_calls" if has_calls(response) else "stop"


def usage_body(usage: RequestUsage) -> dict[str, Any]:
    """Usage; its prompt counts cached tokens too."""
    prompt = total_input(usage)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.output_reasoning_tokens},
    }


def answer_body(response: ModelResponse, heading: Heading) -> dict[str, Any]:
    """A whole answer."""
    from pydantic_ai.messages import ThinkingPart, ToolCallPart

    response = mended_response(response)
    parts = response.parts
    message: dict[str, Any] = {"role": "assistant", "content": texts_joined(parts) or None, "refusal": None}
    thinking = "\n\n".join(part.content for part in parts if isinstance(part, ThinkingPart) and part.content)
    if thinking:
        message["reasoning_content"] = thinking
    calls = [
        {
            "id": part.tool_call_id,
            "type": "function",
            "function": {"name": part.tool_name, "arguments": argument_text(part.args)},
        }
        for part in parts
        if isinstance(part, ToolCallPart)
    ]
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(response),
    }
    return {
        "id": f"chatcmpl-{heading.id}",
        "object": "chat.completion",
        "created": heading.created_s,
        "model": heading.model,
        "choices": [choice],
        "usage": usage_body(response.usage),
    }


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str | dict[str, Any] | None = None


@dataclass(slots=True)
class _Gathered:
    """A message that comes in pieces; a whole one is a single piece."""

    thinking: str = ""
    text: str = ""
    calls: dict[object, _Call] = field(default_factory=dict)
    reason: str | None = None
    id: str | None = None

    def add(self, choice: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        self.reason = reason if isinstance(reason, str) else self.reason
        for key in ("reasoning_content", "reasoning"):
            if isinstance(message.get(key), str) and message[key]:
                self.thinking += message[key]
                break
        self.text += "".join(_content(message.get("content")))
        refusal = message.get("refusal")
        self.text += refusal if isinstance(refusal, str) else ""
        found = message.get("tool_calls")
        for place, each in enumerate(found if isinstance(found, list) else ()):
            self._add_call(place, mapping(each))

    def _add_call(self, place: int, piece: Mapping[str, Any]) -> None:
        index = piece.get("index")
        key = index if isinstance(index, int) else place
        call = self.calls.setdefault(key, _Call())
        function = mapping(piece.get("function"))
        call.id = str(piece.get("id") or call.id)
        call.name += str(function.get("name") or "")
        more = plain_arguments(function.get("arguments"))
        if isinstance(more, str) and isinstance(call.arguments, str):
            call.arguments += more
        elif more is not None:
            call.arguments = more

    def parts(self) -> Iterator[ModelResponsePart]:
        from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

        if self.thinking:
            yield ThinkingPart(self.thinking)
        if self.text:
            yield TextPart(self.text)
        for call in self.calls.values():
            yield ToolCallPart(call.name, call.arguments, call.id)


def _content(content: Any) -> Iterator[str]:
    """The texts of a message's content, whatever form an endpoint gives it."""
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        text = mapping(part).get("text")
        if isinstance(text, str):
            yield text


def read_answer(body: Mapping[str, Any]) -> ModelResponse:
    """Read a whole answer."""
    gathered = _Gathered(id=body.get("id"))
    for choice in _first_choice(body):
        gathered.add(choice, mapping(choice.get("message")))
    return _response(gathered, ChatCodec().read(body))


def read_events(events: Iterable[Mapping[str, Any]]) -> ModelResponse:
    """Read a streamed answer."""
    gathered = _Gathered()

    def tapped() -> Iterator[Mapping[str, Any]]:
        for event in events:
            gathered.id = event.get("id") or gathered.id
            for choice in _first_choice(event):
                gathered.add(choice, mapping(choice.get("delta")))
            yield event

    reading = ChatCodec().read_events(tapped())
    return _response(gathered, reading)


def _first_choice(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and choice.get("index") in (None, 0):
            yield choice


def _response(gathered: _Gathered, reading: Reading) -> ModelResponse:
    from pydantic_ai.messages import ModelResponse

    response = ModelResponse(
        parts=list(gathered.parts()),
        usage=request_usage(reading.usage),
        model_name=reading.model,
        finish_reason="error" if reading.error else _REASONS.get(gathered.reason or ""),
        provider_response_id=gathered.id if isinstance(gathered.id, str) else None,
        state="complete" if reading.complete else "interrupted",
    )
    return mended_response(response)
