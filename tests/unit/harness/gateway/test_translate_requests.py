"""What clients ask: what would change its meaning if it were dropped is refused, the rest remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.settings import ToolOrOutput

from skvm.errors import UsageError
from skvm.harness.gateway.translate import translation_for
from skvm.harness.gateway.translate.contract import Asked, Heading, RefusedRequestError
from skvm.harness.gateway.translate.writing import restored_id, wire_id
from skvm.llm.codecs.events import decode_events
from tests import wire

TURN = {"role": "user", "content": "hi"}
KEYS = {"chat": "messages", "responses": "input", "messages": "messages"}
PIXEL = "iVBORw0KGgo="


def ask(dialect: str, *turns: Any, **fields: Any) -> Asked:
    body = {"model": "m", KEYS[dialect]: list(turns) or [TURN], **fields}
    return translation_for(dialect).read_request(body)


def tool(dialect: str, name: str = "read") -> dict[str, Any]:
    if dialect == "chat":
        return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    if dialect == "responses":
        return {"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False}
    return {"name": name, "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}


def test_an_unknown_dialect_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError, match="no dialect 'gopher'"):
        translation_for("gopher")


@pytest.mark.parametrize(
    ("dialect", "part"),
    [
        ("chat", {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}),
        ("chat", {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}}),
        ("chat", {"type": "file", "file": {"file_id": "f"}}),
        ("responses", {"type": "input_image", "image_url": "http://x/a.png"}),
        ("responses", {"type": "input_file", "file_id": "f"}),
        ("messages", {"type": "image", "source": {"type": "base64", "data": PIXEL}}),
        ("messages", {"type": "document", "source": {"type": "base64", "data": PIXEL}}),
    ],
)
def test_pictures_and_files_are_refused_with_their_place(dialect: str, part: dict[str, Any]) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        ask(dialect, {"role": "user", "content": [{"type": "text", "text": "see"}, part]})
    assert caught.value.status == 400
    assert f"{KEYS[dialect]}[0].content[1]: content of type '{part['type']}'" in caught.value.message
    assert caught.value.help is not None


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("chat", {"n": 2, "functions": [{}], "tool_choice": "required"}),
        ("responses", {"previous_response_id": "r", "tool_choice": {"type": "web_search"}}),
        ("messages", {"tool_choice": {"type": "tool", "name": "x"}}),
    ],
)
def test_what_goes_on_as_it_is_is_recorded_all_the_same(dialect: str, fields: dict[str, Any]) -> None:
    kind = {"chat": "image_url", "responses": "input_image", "messages": "image"}[dialect]
    content = [{"type": "text", "text": "see"}, {"type": kind, "data": PIXEL}]
    body = {KEYS[dialect]: [{"role": "user", "content": content}, {"role": "owl", "content": "hu"}], **fields}
    asked = translation_for(dialect).read_passed(body)
    assert wire.turns_in(asked.messages) == [("user", ("see", f"[{kind}]"))]
    assert f"{KEYS[dialect]}[0].content[1]: content of type '{kind}'" in " ".join(asked.foreign)
    with pytest.raises(RefusedRequestError):
        translation_for(dialect).read_request(body)
    with pytest.raises(RefusedRequestError, match="is not a"):
        translation_for(dialect).read_passed(body | {KEYS[dialect]: [3]})


PICTURES: dict[str, dict[str, Any]] = {
    "chat": {"type": "image_url", "image_url": {"url": "http://x/a.png"}},
    "responses": {"type": "input_image", "image_url": "http://x/a.png"},
    "messages": {"type": "image", "source": {"type": "base64", "data": PIXEL}},
}


def call_and_result(dialect: str, content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if dialect == "chat":
        calls = [{"id": "t", "type": "function", "function": {"name": "read", "arguments": "{}"}}]
        call = {"role": "assistant", "tool_calls": calls}
        return [call, {"role": "tool", "tool_call_id": "t", "content": content}]
    if dialect == "responses":
        call = {"type": "function_call", "call_id": "t", "name": "read", "arguments": "{}"}
        return [call, {"type": "function_call_output", "call_id": "t", "output": content}]
    used = {"type": "tool_use", "id": "t", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": content}
    return [{"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_a_picture_a_tool_gave_is_told_in_words(dialect: str) -> None:
    text = {"type": "input_text" if dialect == "responses" else "text", "text": "a.png"}
    picture = PICTURES[dialect]
    asked = ask(dialect, TURN, *call_and_result(dialect, [text, picture]))
    (told,) = asked.messages[-1].parts
    assert told.content == f"a.png\n[{picture['type']}: this model can be shown text only]"
    assert any(f"({picture['type']})" in place for place in asked.foreign)


@pytest.mark.parametrize(
    ("dialect", "fields", "words"),
    [
        ("chat", {"n": 2}, "n: one answer"),
        ("chat", {"logprobs": True}, "logprobs"),
        ("chat", {"functions": [{"name": "read"}]}, "functions: this older form"),
        ("chat", {"temperature": "hot"}, "temperature is not a number"),
        ("chat", {"max_tokens": 1.5}, "max_tokens is not a whole number"),
        ("chat", {"max_tokens": float("nan")}, "max_tokens is not a number"),
        ("chat", {"stop": [1]}, "stop is not a text or a list of texts"),
        ("chat", {"stream": "yes"}, "stream is not true or false"),
        ("chat", {"messages": []}, "messages is empty"),
        ("chat", {"messages": ["hi"]}, r"messages\[0\] is not an object"),
        ("chat", {"messages": [{"role": "owl", "content": "hu"}]}, "unknown role 'owl'"),
        ("chat", {"tool_choice": "required"}, "tool_choice wants a tool"),
        ("chat", {"tools": [{"type": "function", "function": {}}]}, r"tools\[0\].function has no name"),
        ("chat", {"response_format": {"type": "grammar"}}, "response_format"),
        ("responses", {"previous_response_id": "resp_1"}, "previous_response_id: no answers are stored"),
        ("responses", {"background": True}, "background"),
        ("responses", {"input": [{"type": "item_reference", "id": "x"}]}, "no items are stored"),
        ("responses", {"input": None}, "input is empty"),
        ("responses", {"tool_choice": {"type": "function", "name": "x"}}, "tool_choice wants x"),
        ("responses", {"tool_choice": {"type": "web_search"}}, "cannot be translated"),
        ("messages", {"messages": "hi"}, "messages is not a list"),
        ("messages", {"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice wants x"),
        ("messages", {"output_format": {"type": "yaml"}}, "output_format: only a JSON schema"),
    ],
)
def test_what_would_change_the_meaning_is_refused(dialect: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedRequestError, match=words):
        ask(dialect, **fields)


@pytest.mark.parametrize(
    ("dialect", "fields", "foreign"),
    [
        ("chat", {"user": "u", "reasoning_effort": "low", "store": None}, ("user", "reasoning_effort")),
        ("chat", {"stream_options": {"include_usage": True}}, ()),
        ("chat", {"tools": [{"type": "custom", "custom": {}}]}, ("tools[0] (custom)",)),
        (
            "responses",
            {"store": False, "tools": [{"type": "web_search"}], "text": {"verbosity": "low"}},
            ("tools[0] (web_search)", "text.verbosity", "store"),
        ),
        (
            "responses",
            {"input": [TURN, {"type": "web_search_call", "id": "w"}]},
            ("input[1] (web_search_call)",),
        ),
        (
            "messages",
            {"thinking": {"type": "adaptive"}, "tools": [{"type": "bash_20250124", "name": "bash"}]},
            ("tools[0] (bash_20250124)", "thinking"),
        ),
        (
            "messages",
            {"tools": [tool("messages") | {"defer_loading": True}], "output_config": {"effort": "low"}},
            ("tools[0].defer_loading", "output_config.effort"),
        ),
    ],
)
def test_what_nothing_is_made_of_is_remembered(
    dialect: str, fields: dict[str, Any], foreign: tuple[str, ...]
) -> None:
    assert ask(dialect, **fields).foreign == foreign


def test_a_request_nested_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(RefusedRequestError, match="nested too deeply"):
        ask("chat", metadata=deep)


def test_system_texts_before_everything_are_one() -> None:
    chat = ask("chat", {"role": "system", "content": "A"}, {"role": "developer", "content": "B"}, TURN)
    responses = ask("responses", {"role": "developer", "content": "B"}, TURN, instructions="A")
    blocks = [
        {"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "B"},
    ]
    messages = ask("messages", system=blocks)
    for asked in (chat, responses, messages):
        assert asked.system == "A\n\nB"
        assert wire.turns_in(asked.messages) == [("system", "A\n\nB"), ("user", "hi")]
        assert asked.foreign == ()
    assert ask("chat").system == ""


def test_a_system_text_on_the_way_stays_where_it_is() -> None:
    asked = ask("chat", TURN, {"role": "system", "content": "now"}, TURN)
    assert [type(part) for part in asked.messages[0].parts] == [
        UserPromptPart,
        SystemPromptPart,
        UserPromptPart,
    ]
    assert asked.system == ""


def test_results_come_right_behind_their_calls() -> None:
    """Claude Code puts its reminders beside the results, before or after them."""
    call = {"type": "tool_use", "id": "t1", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "gone", "is_error": True}
    reminder = {"type": "text", "text": "Remember."}
    turns = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [reminder, result]}]
    asked = ask("messages", TURN, *turns)
    back, said = asked.messages[2].parts
    assert isinstance(back, ToolReturnPart)
    assert (back.tool_name, back.content, back.outcome) == ("read", "gone", "failed")
    assert isinstance(said, UserPromptPart)
    assert said.content == "Remember."


def test_a_result_nobody_asked_for_has_a_name_all_the_same() -> None:
    asked = ask("chat", TURN, {"role": "tool", "tool_call_id": "x", "content": "?"})
    back = asked.messages[0].parts[1]
    assert isinstance(back, ToolReturnPart)
    assert (back.tool_name, back.tool_call_id) == ("unknown", "x")


def test_calls_without_ids_are_answered_in_order() -> None:
    calls = [{"id": "", "type": "function", "function": {"name": name}} for name in ("read", "run")]
    results = [{"role": "tool", "tool_call_id": "", "content": name} for name in ("read", "run")]
    asked = ask("chat", TURN, {"role": "assistant", "content": None, "tool_calls": calls}, *results)
    said, told = asked.messages[1:]
    ids = [call[0] for call in wire.calls_in(said.parts)]
    assert len(set(ids)) == 2
    assert [(part.tool_call_id, part.tool_name, part.content) for part in told.parts] == [
        (ids[0], "read", "read"),
        (ids[1], "run", "run"),
    ]


def test_items_of_one_answer_are_one_response() -> None:
    asked = ask(
        "responses",
        TURN,
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "x"}]},
    )
    kinds = [[part.part_kind for part in message.parts] for message in asked.messages]
    assert kinds == [["user-prompt"], ["thinking", "text", "tool-call"], ["tool-return"]]


def test_a_searched_tool_and_a_text_document_are_texts() -> None:
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}}
    found = {"type": "tool_reference", "tool_name": "WebFetch"}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [found]}
    asked = ask("messages", {"role": "user", "content": [result, document]})
    assert [part.content for part in asked.messages[0].parts] == ["WebFetch", "D"]


@pytest.mark.parametrize(
    ("dialect", "choice", "expected"),
    [
        ("chat", "auto", None),
        ("chat", "required", "required"),
        ("chat", {"type": "function", "function": {"name": "read"}}, ["read"]),
        (
            "chat",
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("chat")]}},
            ToolOrOutput(function_tools=["read"]),
        ),
        ("responses", {"type": "function", "name": "read"}, ["read"]),
        (
            "responses",
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "read"}]},
            ["read"],
        ),
        ("messages", {"type": "any"}, "required"),
        ("messages", {"type": "none"}, "none"),
        ("messages", {"type": "tool", "name": "read"}, ["read"]),
    ],
)
def test_the_choice_among_tools(dialect: str, choice: Any, expected: Any) -> None:
    asked = ask(dialect, tools=[tool(dialect)], tool_choice=choice)
    assert asked.settings.get("tool_choice") == expected
    assert asked.foreign == ()


def test_one_call_at_a_time_is_a_setting_in_every_dialect() -> None:
    chosen = {"type": "auto", "disable_parallel_tool_use": True}
    assert (
        ask("messages", tools=[tool("messages")], tool_choice=chosen).settings["parallel_tool_calls"] is False
    )
    for dialect in ("chat", "responses"):
        asked = ask(dialect, tools=[tool(dialect)], parallel_tool_calls=False)
        assert asked.settings["parallel_tool_calls"] is False
        assert ask(dialect, parallel_tool_calls=False).settings == {}


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (
            "chat",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}}},
        ),
        ("responses", {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}}}}),
        ("messages", {"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}}),
    ],
)
def test_a_form_of_output_is_passed_on(dialect: str, fields: dict[str, Any]) -> None:
    parameters = ask(dialect, **fields).parameters
    assert parameters.output_mode == "native"
    assert parameters.output_object is not None
    assert parameters.output_object.json_schema == {"a": 1}


def test_half_characters_are_mended_before_anyone_has_to_encode_them() -> None:
    for dialect in wire.DIALECTS:
        part = ask(dialect, {"role": "user", "content": "a\ud83c"}).messages[0].parts[0]
        assert part.content == "a�"


def test_a_character_cut_in_two_by_the_stream_is_whole_again() -> None:
    said = ModelResponse(parts=[TextPart("🎉")])
    events: list[Any] = [PartStartEvent(index=0, part=TextPart("\ud83c"))]
    events.append(PartDeltaEvent(index=0, delta=TextPartDelta("\udf89")))
    for dialect in wire.DIALECTS:
        renderer = translation_for(dialect).renderer(Heading("m", "1"))
        raw = renderer.start() + b"".join(map(renderer.feed, events)) + renderer.finish(said)
        assert wire.text_in(translation_for(dialect).read_events(decode_events(raw)).parts) == "🎉"


def test_what_is_said_comes_at_once() -> None:
    for dialect in wire.DIALECTS:
        renderer = translation_for(dialect).renderer(Heading("m", "1"))
        renderer.start()
        assert b"Wo" in renderer.feed(PartStartEvent(index=0, part=TextPart("Wo")))
        assert b"rd" in renderer.feed(PartDeltaEvent(index=0, delta=TextPartDelta("rd")))


@given(id=wire.texts)
def test_an_id_is_plain_on_the_wire_and_itself_again_after_it(id: str) -> None:
    on_the_wire = wire_id(id, "toolu")
    assert all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in on_the_wire)
    assert restored_id(on_the_wire) == id
    assert restored_id(wire_id(on_the_wire, "toolu")) == on_the_wire


KNOWN = st.sampled_from(
    [
        "choices",
        "max_tokens",
        "temperature",
        "stream",
        "input_schema",
        "tool_choice",
        "output_tokens",
        "input_tokens",
        "prompt_tokens",
        "message",
        "delta",
        "content",
        "text",
        "type",
        "tool_use",
        "tool_calls",
        "function",
        "arguments",
        "input",
        "output",
        "usage",
        "index",
        "finish_reason",
        "stop_reason",
        "role",
        "user",
        "assistant",
        "tool_result",
        "tools",
        "name",
        "id",
        "messages",
        "item",
        "output_index",
        "error",
        "response.output_item.added",
        "response.completed",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block",
        "partial_json",
        "function_call",
        "reasoning",
        "summary",
        "response",
        "status",
        "completed",
        "chat",
        "system",
    ]
)
rubbish = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(), KNOWN),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KNOWN, inner, max_size=4)),
    max_leaves=12,
)
bodies = st.dictionaries(KNOWN, rubbish, max_size=5)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies, events=st.lists(bodies, max_size=4))
def test_no_answer_is_too_strange_to_be_read(body: dict[str, Any], events: list[dict[str, Any]]) -> None:
    for dialect in wire.DIALECTS:
        translation = translation_for(dialect)
        assert isinstance(translation.read_answer(body), ModelResponse)
        assert isinstance(translation.read_events(events), ModelResponse)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies, turns=st.lists(bodies, max_size=3), role=KNOWN)
def test_a_strange_request_is_read_or_refused(
    body: dict[str, Any], turns: list[dict[str, Any]], role: str
) -> None:
    for dialect in wire.DIALECTS:
        request = body | {KEYS[dialect]: [turn | {"role": role} for turn in turns]}
        try:
            asked = translation_for(dialect).read_request(request)
        except RefusedRequestError as refusal:
            assert refusal.message  # noqa: PT017
        else:
            assert all(isinstance(message, ModelRequest | ModelResponse) for message in asked.messages)
