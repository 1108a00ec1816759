"""How clients of the three dialects write their requests, and conversations to write."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from skvm.harness.gateway.translate.writing import (
    argument_object,
    argument_text,
    is_argument_object,
    is_blank,
    wire_id,
)

DIALECTS = ("chat", "responses", "messages")


# ---------------------------------------------------------------- requests as clients write them


def request_body(
    dialect: str,
    messages: list[ModelMessage],
    settings: ModelSettings | None = None,
    tools: list[ToolDefinition] = (),
    *,
    is_stream: bool = False,
) -> dict[str, Any]:
    """A request of a client, as it comes out of JSON."""
    write = {"chat": _chat_body, "responses": _responses_body, "messages": _messages_body}[dialect]
    body = write(messages, dict(settings or {}), list(tools))
    return json.loads(json.dumps(body | {"model": "m", "stream": is_stream}))


def _content(part: UserPromptPart, kind: str) -> Any:
    if isinstance(part.content, str):
        return part.content
    return [{"type": kind, "text": text} for text in part.content]


def _chat_body(messages: list[ModelMessage], settings: dict, tools: list[ToolDefinition]) -> dict:
    said = []
    for message in messages:
        if isinstance(message, ModelResponse):
            said.append(_chat_answer(message))
            continue
        for part in message.parts:
            if isinstance(part, SystemPromptPart):
                said.append({"role": "system", "content": part.content})
            elif isinstance(part, UserPromptPart):
                said.append({"role": "user", "content": _content(part, "text")})
            else:
                said.append({"role": "tool", "tool_call_id": part.tool_call_id, "content": part.content})
    body: dict[str, Any] = {"messages": said}
    names = {"max_tokens": "max_completion_tokens", "stop_sequences": "stop"}
    body |= {names.get(key, key): value for key, value in settings.items() if key != "tool_choice"}
    if "tool_choice" in settings:
        choice = settings["tool_choice"]
        named = isinstance(choice, list)
        body["tool_choice"] = {"type": "function", "function": {"name": choice[0]}} if named else choice
    if tools:
        body["tools"] = [{"type": "function", "function": _function(tool)} for tool in tools]
    return body


def _function(tool: ToolDefinition) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters_json_schema,
    }


def _chat_answer(message: ModelResponse) -> dict[str, Any]:
    texts = [{"type": "text", "text": part.content} for part in message.parts if isinstance(part, TextPart)]
    thinking = "".join(part.content for part in message.parts if isinstance(part, ThinkingPart))
    calls = [
        {
            "id": part.tool_call_id,
            "type": "function",
            "function": {"name": part.tool_name, "arguments": argument_text(part.args)},
        }
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    answer: dict[str, Any] = {"role": "assistant", "content": texts or None}
    return answer | ({"tool_calls": calls} if calls else {}) | ({"reasoning": thinking} if thinking else {})


def _responses_body(messages: list[ModelMessage], settings: dict, tools: list[ToolDefinition]) -> dict:
    items: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, ModelResponse):
            items += _answer_items(message)
            continue
        for part in message.parts:
            if isinstance(part, SystemPromptPart):
                items.append({"type": "message", "role": "developer", "content": part.content})
            elif isinstance(part, UserPromptPart):
                items.append({"role": "user", "content": _content(part, "input_text")})
            else:
                id = wire_id(part.tool_call_id, "call")
                items.append({"type": "function_call_output", "call_id": id, "output": part.content})
    body: dict[str, Any] = {"input": items}
    names = {"max_tokens": "max_output_tokens"}
    known = ("max_tokens", "temperature", "top_p", "parallel_tool_calls")
    body |= {names.get(key, key): settings[key] for key in known if key in settings}
    if "tool_choice" in settings:
        choice = settings["tool_choice"]
        body["tool_choice"] = {"type": "function", "name": choice[0]} if isinstance(choice, list) else choice
    if tools:
        body["tools"] = [{"type": "function", **_function(tool)} for tool in tools]
    return body


def _answer_items(message: ModelResponse) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            content = [{"type": "output_text", "text": part.content}]
            items.append({"type": "message", "role": "assistant", "content": content})
        elif isinstance(part, ThinkingPart):
            summary = [{"type": "summary_text", "text": part.content}]
            items.append({"type": "reasoning", "id": "rs_1", "summary": summary})
        elif isinstance(part, ToolCallPart):
            id = wire_id(part.tool_call_id, "call")
            call = {"type": "function_call", "call_id": id, "name": part.tool_name}
            items.append(call | {"arguments": argument_text(part.args)})
    return items or [{"type": "message", "role": "assistant", "content": []}]


def _messages_body(messages: list[ModelMessage], settings: dict, tools: list[ToolDefinition]) -> dict:
    said: list[dict[str, Any]] = []
    system: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, ModelResponse):
            said.append({"role": "assistant", "content": _blocks(message)})
            continue
        for part in message.parts:
            if isinstance(part, SystemPromptPart) and not said:
                system.append({"type": "text", "text": part.content, "cache_control": {"type": "ephemeral"}})
            elif isinstance(part, SystemPromptPart):
                said.append({"role": "system", "content": part.content})
            elif isinstance(part, UserPromptPart):
                said.append({"role": "user", "content": _content(part, "text")})
            else:
                said.append({"role": "user", "content": [_result_block(part)]})
    body: dict[str, Any] = {"messages": said, "max_tokens": settings.get("max_tokens", 100)}
    known = ("temperature", "top_p", "stop_sequences")
    body |= {key: settings[key] for key in known if key in settings}
    if system:
        body["system"] = system
    if "tool_choice" in settings:
        choice = settings["tool_choice"]
        kinds = {"auto": "auto", "none": "none", "required": "any"}
        named = {"type": "tool", "name": choice[0]} if isinstance(choice, list) else {"type": kinds[choice]}
        body["tool_choice"] = named
    if tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters_json_schema}
            for tool in tools
        ]
    return body


def _result_block(part: ToolReturnPart) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": wire_id(part.tool_call_id, "toolu")}
    return block | {"content": part.content, "is_error": part.outcome == "failed"}


def _blocks(message: ModelResponse) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            blocks.append({"type": "text", "text": part.content})
        elif isinstance(part, ThinkingPart):
            blocks.append({"type": "thinking", "thinking": part.content, "signature": ""})
        elif isinstance(part, ToolCallPart):
            id = wire_id(part.tool_call_id, "toolu")
            given = argument_object(part.args)
            blocks.append({"type": "tool_use", "id": id, "name": part.tool_name, "input": given})
    return blocks


# ---------------------------------------------------------------- what there is to say

texts = st.text(
    alphabet=st.one_of(st.sampled_from('aé漢🎉\0\u2028\x85\n "\\{}<>'), st.characters(exclude_categories=())),
    max_size=12,
).map(lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
"""Texts as they are once half characters were replaced; those are tested by themselves."""
said = texts.filter(bool)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,15}", fullmatch=True)
ids = st.one_of(st.from_regex(r"(call|toolu)_[A-Za-z0-9]{1,12}", fullmatch=True), said)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        texts,
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)),
    max_leaves=4,
)
objects = st.dictionaries(texts.filter(lambda key: key != "INVALID_JSON"), values, max_size=3)
arguments = st.one_of(
    objects,
    objects.map(json.dumps),
    st.sampled_from(
        ["", "{}", None, '{"path": "a', "[1, 2]", "null", '{"a": NaN}', "{'a': 1}", '{"a": 1} x', "\x85", " "]
    ),
    texts,
)


@st.composite
def answers(draw: st.DrawFn) -> ModelResponse:
    """What a model might say."""
    call_ids = draw(st.lists(ids, max_size=3, unique=True))
    parts: list[Any] = [ToolCallPart(draw(names), draw(arguments), id) for id in call_ids]
    for _ in range(draw(st.integers(0, 3))):
        other = draw(st.one_of(texts.map(TextPart), texts.map(ThinkingPart)))
        parts.insert(draw(st.integers(0, len(parts))), other)
    read, written, fresh, out = (draw(st.integers(0, 10**6)) for _ in range(4))
    usage = RequestUsage(
        input_tokens=read + written + fresh,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=out,
    )
    reason = draw(st.sampled_from(["stop", "length", "tool_call", "content_filter", None]))
    return ModelResponse(parts=parts, usage=usage, finish_reason=reason)


@st.composite
def conversations(draw: st.DrawFn) -> list[ModelMessage]:
    """A conversation a client might send, its last message whoever's."""
    messages: list[ModelMessage] = []
    first: list[Any] = [SystemPromptPart(draw(said))] if draw(st.booleans()) else []
    if draw(st.booleans()):
        first.append(draw(_prompts))
    if first:
        messages.append(ModelRequest(first))
    for _ in range(draw(st.integers(0 if len(first) == 2 else 1, 3))):
        answer = draw(answers())
        messages.append(ModelResponse(parts=answer.parts))
        calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
        results: list[Any] = [_result(draw, call) for call in calls]
        if draw(st.booleans()):
            results.append(ToolReturnPart("unknown", draw(texts), "nobody-asked"))
        extra = draw(st.lists(st.one_of(_prompts, said.map(SystemPromptPart)), max_size=2))
        if results or extra:
            messages.append(ModelRequest([*results, *extra]))
    return messages


_prompts = st.one_of(texts, st.lists(texts, min_size=2, max_size=3)).map(UserPromptPart)


def _result(draw: st.DrawFn, call: ToolCallPart) -> ToolReturnPart:
    outcome = draw(st.sampled_from(["success", "failed"]))
    return ToolReturnPart(call.tool_name, draw(texts), call.tool_call_id, outcome=outcome)


# ---------------------------------------------------------------- what is left of it


def canonical(args: Any) -> str:
    """Arguments whatever form they have; text that is no object as it is."""
    given = argument_object(args)
    return json.dumps(given, sort_keys=True)


def calls_in(parts: Any) -> list[tuple[str, str, str]]:
    """Ids, names and arguments of the calls."""
    found = [part for part in parts if isinstance(part, ToolCallPart)]
    return [(call.tool_call_id, call.tool_name, canonical(call.args)) for call in found]


def broken_in(parts: Any) -> list[str]:
    """Arguments that are no object, word for word."""
    told = [part.args for part in parts if isinstance(part, ToolCallPart)]
    return [
        text for text in told if isinstance(text, str) and not is_blank(text) and not is_argument_object(text)
    ]


def text_in(parts: Any) -> str:
    """The text, texts with something between them a line apart."""
    told = [part for part in parts if not isinstance(part, TextPart) or part.content]
    groups = itertools.groupby(told, lambda part: isinstance(part, TextPart))
    return "\n\n".join("".join(part.content for part in group) for is_text, group in groups if is_text)


def thinking_in(parts: Any) -> str:
    """The thinking."""
    return "".join(part.content for part in parts if isinstance(part, ThinkingPart)).replace("\n", "")


def turns_in(messages: Any) -> list[tuple[Any, ...]]:
    """Who said what; answers in a row are one."""
    turns: list[tuple[Any, ...]] = []
    for message in messages:
        if isinstance(message, ModelRequest):
            turns += [_told(part) for part in message.parts]
            continue
        text = "".join(part.content for part in message.parts if isinstance(part, TextPart))
        answer = ("answer", text, thinking_in(message.parts), calls_in(message.parts))
        if turns and turns[-1][0] == "answer":
            before = turns.pop()
            answer = ("answer", *(old + new for old, new in zip(before[1:], answer[1:], strict=True)))
        turns.append(answer)
    return turns


def _told(part: Any) -> tuple[Any, ...]:
    if isinstance(part, ToolReturnPart):
        return ("result", part.tool_call_id, part.content)
    content = part.content
    kind = "system" if isinstance(part, SystemPromptPart) else "user"
    return (kind, content if isinstance(content, str) else tuple(content))


def letter_by_letter(response: ModelResponse) -> Iterator[Any]:
    """The events of an endpoint that streams single letters."""
    for index, part in enumerate(response.parts):
        yield from _part_events(list, index, part)


def events_of(draw: st.DrawFn, response: ModelResponse) -> list[list[Any]]:
    """The events an endpoint might stream, by part."""
    return [_part_events(lambda text: _cut(draw, text), i, part) for i, part in enumerate(response.parts)]


def _part_events(cut: Callable[[str], list[str]], index: int, part: Any) -> list[Any]:
    deltas: list[Any]
    if isinstance(part, ToolCallPart):
        if not isinstance(part.args, str):
            return [PartStartEvent(index=index, part=part)]
        begun: Any = ToolCallPart(part.tool_name, None, part.tool_call_id)
        deltas = [ToolCallPartDelta(args_delta=piece) for piece in cut(part.args)]
    elif isinstance(part, TextPart):
        begun, deltas = TextPart(""), [TextPartDelta(piece) for piece in cut(part.content)]
    else:
        # Thinking is signed when it is over; what nobody may read is nothing but its signature.
        begun = replace(part, content="", signature=None if part.content else part.signature)
        deltas = [ThinkingPartDelta(content_delta=piece) for piece in cut(part.content)]
        deltas += [ThinkingPartDelta(signature_delta=part.signature)] if part.signature else []
    start = PartStartEvent(index=index, part=begun)
    return [start, *(PartDeltaEvent(index=index, delta=delta) for delta in deltas)]


def _cut(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
