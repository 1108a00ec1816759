"""How the fake server says one scripted answer in each wire dialect."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.llm.fake import FakeAnswer, FakeToolCall

__all__ = ["render_answer", "render_endless", "render_error_event", "render_events"]


def render_answer(path: str, request: Mapping[str, Any], answer: FakeAnswer) -> dict[str, Any]:
    """The body of a whole answer, in the dialect of the path."""
    if answer.status >= 300:
        error = {"message": answer.text or f"scripted {answer.status}", "type": "scripted_error"}
        return {"type": "error", "error": error}
    model, path = str(request.get("model") or "fake"), path.partition("?")[0]
    if path.endswith("/messages"):
        return _message(model, answer)
    if path.endswith("/responses"):
        return _response(model, answer)
    return _completion(model, answer)


def render_events(path: str, request: Mapping[str, Any], answer: FakeAnswer) -> list[bytes]:
    """The events of a streamed answer, in the dialect of the path."""
    model, path = str(request.get("model") or "fake"), path.partition("?")[0]
    if path.endswith("/messages"):
        return _message_events(model, answer)
    if path.endswith("/responses"):
        whole = _response(model, answer)
        started = {"type": "response.created", "sequence_number": 0, "response": whole | {"output": []}}
        ended = {"type": "response.completed", "sequence_number": 1, "response": whole}
        return [_event(started, "response.created"), _event(ended, "response.completed")]
    return _completion_events(model, answer)


def render_error_event(path: str, message: str) -> bytes:
    """The event by which a stream says that it failed, in the dialect of the path."""
    path = path.partition("?")[0]
    if path.endswith("/messages"):
        return _event({"type": "error", "error": {"type": "overloaded_error", "message": message}}, "error")
    if path.endswith("/responses"):
        error = {"code": "server_error", "message": message}
        failed = {"id": "resp_fake", "status": "failed", "error": error, "output": []}
        return _event({"type": "response.failed", "response": failed}, "response.failed")
    return _event({"error": {"message": message, "code": 503}})


def render_endless(path: str, request: Mapping[str, Any], *, is_stream: bool) -> tuple[bytes, bytes]:
    """How an answer without an end begins, and what is said again and again."""
    from skvm.llm.fake import FakeAnswer

    words = "and so on " * 100
    if not is_stream:
        whole = json.dumps(render_answer(path, request, FakeAnswer("and so on")))
        return whole[: whole.index("and so on")].encode(), words.encode()
    events = render_events(path, request, FakeAnswer(words))
    path = path.partition("?")[0]
    if path.endswith("/responses"):
        delta = {"type": "response.output_text.delta", "item_id": "msg_0", "delta": words}
        return events[0], _event(delta | {"output_index": 0, "content_index": 0}, delta["type"])
    if path.endswith("/messages"):
        return b"".join(events[:2]), events[2]
    return events[0], events[1]


def _arguments(call: FakeToolCall) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def _decoded(call: FakeToolCall) -> Any:
    return {"broken": call.arguments} if isinstance(call.arguments, str) else dict(call.arguments)


def _completion_usage(answer: FakeAnswer) -> dict[str, Any]:
    prompt = answer.input_tokens + answer.cache_read_tokens
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": answer.output_tokens,
        "total_tokens": prompt + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cache_read_tokens},
    }
    if answer.billed_usd is not None:
        usage["cost"] = answer.billed_usd
    return usage


def _tool_calls(answer: FakeAnswer) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id or f"call_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": _arguments(call)},
        }
        for number, call in enumerate(answer.tool_calls)
    ]


def _completion(model: str, answer: FakeAnswer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.tool_calls:
        message["tool_calls"] = _tool_calls(answer)
    reason = "tool_calls" if answer.tool_calls else "stop"
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "provider": "fake",
        "choices": [
            {"index": 0, "message": message, "finish_reason": reason, "native_finish_reason": reason}
        ],
        "usage": _completion_usage(answer),
    }


def _completion_events(model: str, answer: FakeAnswer) -> list[bytes]:
    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "native_finish_reason": reason}
        return _event(head | {"choices": [choice]})

    head = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "provider": "fake",
    }
    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": word}) for word in re.findall(r"\s*\S+|\s+$", answer.text)]
    calls = [call | {"index": number} for number, call in enumerate(_tool_calls(answer))]
    if calls:
        events.append(chunk({"tool_calls": calls}))
    events.append(chunk({}, "tool_calls" if calls else "stop"))
    events.append(_event(head | {"choices": [], "usage": _completion_usage(answer)}))
    return [*events, b"data: [DONE]\n\n"]


def _message(model: str, answer: FakeAnswer) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}] if answer.text else []
    content += [
        {"type": "tool_use", "id": call.id or f"toolu_{number}", "name": call.name, "input": _decoded(call)}
        for number, call in enumerate(answer.tool_calls)
    ]
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if answer.tool_calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "cache_read_input_tokens": answer.cache_read_tokens,
            "cache_creation_input_tokens": 0,
        },
    }


def _message_events(model: str, answer: FakeAnswer) -> list[bytes]:
    whole = _message(model, answer)
    usage = whole["usage"] | {"output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": whole | {"content": [], "stop_reason": None, "usage": usage}}
    ]
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = block | {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": answer.output_tokens}})
    events.append({"type": "message_stop"})
    return [_event(event, event["type"]) for event in events]


def _response(model: str, answer: FakeAnswer) -> dict[str, Any]:
    text = {"type": "output_text", "text": answer.text, "annotations": []}
    output: list[dict[str, Any]] = []
    if answer.text:
        output.append(
            {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": [text]}
        )
    output += [
        {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": call.id or f"call_{number}",
            "name": call.name,
            "arguments": _arguments(call),
            "status": "completed",
        }
        for number, call in enumerate(answer.tool_calls)
    ]
    total = answer.input_tokens + answer.cache_read_tokens
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": total,
            "input_tokens_details": {"cached_tokens": answer.cache_read_tokens},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": total + answer.output_tokens,
        },
    }


def _event(payload: Mapping[str, Any], name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(payload)}\n\n".encode()
