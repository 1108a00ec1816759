"""The responses dialect: reading answers, whole and streamed, and saying whole ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.reading import plain_arguments
from skvm.harness.gateway.translate.thinking import opaque_text, thinking_part
from skvm.harness.gateway.translate.writing import (
    argument_text,
    error_type,
    has_calls,
    request_usage,
    restored_id,
    total_input,
    wire_id,
)
from skvm.llm.codecs import Reading
from skvm.llm.codecs.fields import mapping
from skvm.llm.codecs.responses import ResponsesCodec
from skvm.llm.unicode import mended, mended_response

if TYPE_CHECKING:
    from pydantic_ai.messages import FinishReason, ModelResponse, ModelResponsePart, ThinkingPart
    from pydantic_ai.usage import RequestUsage

__all__ = [
    "NATIVE",
    "answer_body",
    "call_item",
    "ending",
    "error_body",
    "message_item",
    "read_answer",
    "read_events",
    "thinking_item",
    "usage_body",
]

NATIVE = "openai"
"""The provider whose encrypted reasoning this dialect carries as it is."""

_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


def error_body(status: int, message: str) -> dict[str, Any]:
    """An error, as OpenAI's endpoints send it."""
    error = {"message": mended(message), "type": error_type(status), "param": None, "code": None}
    return {"error": error}


def ending(response: ModelResponse) -> dict[str, Any]:
    """How the answer ended, in the fields of a response."""
    reason = _CUT.get(response.finish_reason or "")
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def usage_body(usage: RequestUsage) -> dict[str, Any]:
    """Usage; its input counts cached tokens too."""
    total = total_input(usage)
    return {
        "input_tokens": total,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.output_reasoning_tokens},
        "total_tokens": total + usage.output_tokens,
    }


def message_item(id: str, text: str | None) -> dict[str, Any]:
    """A text of the model's; one that begins if there is none yet."""
    item: dict[str, Any] = {"type": "message", "id": id, "role": "assistant", "status": "completed"}
    if text is None:
        return item | {"status": "in_progress", "content": []}
    return item | {"content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]}


def call_item(id: str, call_id: str, name: str, arguments: str | None) -> dict[str, Any]:
    """A call; one that begins if it has no arguments yet."""
    return {
        "type": "function_call",
        "id": id,
        "call_id": wire_id(call_id, "call"),
        "name": name,
        "arguments": arguments or "",
        "status": "in_progress" if arguments is None else "completed",
    }


def thinking_item(id: str, part: ThinkingPart, text: str) -> dict[str, Any]:
    """Thinking; its text is the summary of it."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    own_id = part.id if part.provider_name == NATIVE else None
    opaque = opaque_text(part, NATIVE)
    return {"type": "reasoning", "id": own_id or id, "summary": summary, "encrypted_content": opaque}


def answer_body(
    response: ModelResponse, heading: Heading, output: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """A whole answer.

    Args:
        response: What the model said.
        heading: What the answer says of itself.
        output: Its items where they were told already.
    """
    items = list(_items(mended_response(response), heading.id)) if output is None else output
    return {
        "id": f"resp_{heading.id}",
        "object": "response",
        "created_at": heading.created_s,
        **ending(response),
        "error": None,
        "instructions": None,
        "metadata": {},
        "model": heading.model,
        "output": items,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": usage_body(response.usage),
    }


def _items(response: ModelResponse, id: str) -> Iterator[dict[str, Any]]:
    from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

    for index, part in enumerate(response.parts):
        if isinstance(part, TextPart) and part.content:
            yield message_item(f"msg_{id}_{index}", part.content)
        elif isinstance(part, ThinkingPart):
            yield thinking_item(f"rs_{id}_{index}", part, part.content)
        elif isinstance(part, ToolCallPart):
            arguments = argument_text(part.args)
            yield call_item(f"fc_{id}_{index}", part.tool_call_id, part.tool_name, arguments)


def read_answer(body: Mapping[str, Any]) -> ModelResponse:
    """Read a whole answer."""
    output = body.get("output")
    return _response(output if isinstance(output, list) else [], body, ResponsesCodec().read(body))


def read_events(events: Iterable[Mapping[str, Any]]) -> ModelResponse:
    """Read a streamed answer: its last event has all of it, and a cut one what came."""
    items: dict[int, dict[str, Any]] = {}
    last: Mapping[str, Any] = {}

    def tapped() -> Iterator[Mapping[str, Any]]:
        nonlocal last
        for event in events:
            if isinstance(event.get("response"), Mapping):
                last = event["response"]
            elif isinstance(event.get("output_index"), int):
                _take(items, event)
            yield event

    reading = ResponsesCodec().read_events(tapped())
    output = last.get("output")
    whole = output if isinstance(output, list) and output else [items[index] for index in sorted(items)]
    return _response(whole, last, reading)


def _take(items: dict[int, dict[str, Any]], event: Mapping[str, Any]) -> None:
    """Put what an event adds to its item."""
    kind, index, delta = event.get("type"), event["output_index"], event.get("delta")
    if kind in ("response.output_item.added", "response.output_item.done"):
        items[index] = dict(mapping(event.get("item")))
        return
    item = items.get(index)
    if item is None or not isinstance(delta, str):
        return
    if kind == "response.function_call_arguments.delta":
        item["arguments"] = str(item.get("arguments") or "") + delta
    elif kind in ("response.output_text.delta", "response.refusal.delta"):
        _append(item, "content", "output_text", delta)
    elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
        _append(item, "summary", "summary_text", delta)


def _append(item: dict[str, Any], key: str, kind: str, delta: str) -> None:
    found = item.get(key)
    before = "".join(_texts(found if isinstance(found, list) else []))
    item[key] = [{"type": kind, "text": before + delta}]


def _texts(parts: Iterable[Any]) -> Iterator[str]:
    for part in parts:
        text = mapping(part).get("text", mapping(part).get("refusal"))
        if isinstance(text, str) and text:
            yield text


def _parts(item: Mapping[str, Any]) -> Iterator[ModelResponsePart]:
    from pydantic_ai.messages import TextPart, ToolCallPart

    kind = item.get("type")
    lists = {key: item[key] for key in ("content", "summary") if isinstance(item.get(key), list)}
    if kind == "message":
        yield from (TextPart(text) for text in _texts(lists.get("content", [])))
    elif kind == "function_call":
        call_id = restored_id(str(item.get("call_id") or ""))
        yield ToolCallPart(str(item.get("name") or ""), plain_arguments(item.get("arguments")), call_id)
    elif kind == "reasoning":
        text = "\n\n".join(_texts([*lists.get("summary", []), *lists.get("content", [])]))
        opaque, id = item.get("encrypted_content"), item.get("id")
        yield thinking_part(
            text,
            opaque if isinstance(opaque, str) else None,
            NATIVE,
            id if isinstance(id, str) else None,
        )


def _response(output: Iterable[Any], body: Mapping[str, Any], reading: Reading) -> ModelResponse:
    from pydantic_ai.messages import ModelResponse

    id = body.get("id")
    response = ModelResponse(
        parts=[part for item in output for part in _parts(mapping(item))],
        usage=request_usage(reading.usage),
        model_name=reading.model,
        provider_response_id=id if isinstance(id, str) else None,
        state="complete" if reading.complete else "interrupted",
    )
    response.finish_reason = "error" if reading.error else _reason(body, response)
    return mended_response(response)


def _reason(body: Mapping[str, Any], response: ModelResponse) -> FinishReason | None:
    status = body.get("status")
    if status == "incomplete":
        is_filtered = mapping(body.get("incomplete_details")).get("reason") == "content_filter"
        return "content_filter" if is_filtered else "length"
    if status != "completed":
        return None
    return "tool_call" if has_calls(response) else "stop"
