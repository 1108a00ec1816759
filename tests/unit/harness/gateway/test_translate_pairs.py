"""Whatever goes from one dialect into another says the same."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from skvm.harness.gateway.translate import translation_for
from skvm.harness.gateway.translate.contract import Heading
from skvm.llm.codecs.events import decode_events
from tests import wire

HEADING = Heading("m", "1", 7)
many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def whole(dialect: str, response: ModelResponse) -> ModelResponse:
    """An answer through one dialect."""
    translation = translation_for(dialect)
    body = translation.render_answer(response, HEADING)
    return translation.read_answer(json.loads(json.dumps(body)))


def streamed(dialect: str, response: ModelResponse, events: list) -> ModelResponse:
    """An answer through one dialect, as it comes."""
    translation = translation_for(dialect)
    renderer = translation.renderer(HEADING)
    raw = renderer.start() + b"".join(renderer.feed(event) for event in events) + renderer.finish(response)
    return translation.read_events(decode_events(raw))


def ended(response: ModelResponse) -> str:
    """How an answer ended, as a client is told."""
    if response.finish_reason in {"length", "content_filter"}:
        return str(response.finish_reason)
    return "tool_call" if wire.calls_in(response.parts) else "stop"


def assert_same(found: ModelResponse, sent: ModelResponse) -> None:
    assert wire.calls_in(found.parts) == wire.calls_in(sent.parts)
    assert wire.broken_in(found.parts) == wire.broken_in(sent.parts)
    assert wire.text_in(found.parts) == wire.text_in(sent.parts)
    assert wire.thinking_in(found.parts) == wire.thinking_in(sent.parts)
    assert found.usage == sent.usage
    assert found.finish_reason == ended(sent)
    assert found.model_name == "m"
    assert found.state == "complete"


def pairs() -> Iterator[tuple[str, str]]:
    """Every pair of dialects, one with itself included; the one at fault is told with the example."""
    for first, second in itertools.product(wire.DIALECTS, repeat=2):
        note(f"{first} -> {second}")
        yield first, second


@many
@given(response=wire.answers())
def test_whole_answers_survive(response: ModelResponse) -> None:
    for first, second in pairs():
        assert_same(whole(second, whole(first, response)), response)


@many
@given(response=wire.answers(), data=st.data())
def test_streamed_answers_survive(response: ModelResponse, data: st.DataObject) -> None:
    events = [event for part in wire.events_of(data.draw, response) for event in part]
    for first, second in pairs():
        once = streamed(first, response, events)
        assert_same(once, response)
        assert_same(streamed(second, once, list(wire.letter_by_letter(once))), response)
        assert_same(whole(second, streamed(first, response, [])), response)


@many
@given(response=wire.answers(), data=st.data())
def test_parts_that_come_at_once_are_told_one_after_the_other(
    response: ModelResponse, data: st.DataObject
) -> None:
    # An object with something behind it ends where the object does, if other parts come between.
    assume(not any("} x" in text for text in wire.broken_in(response.parts)))
    parts = wire.events_of(data.draw, response)
    starts = [part[0] for part in parts]
    rest = data.draw(st.permutations([place for place, part in enumerate(parts) for _ in part[1:]]))
    queues = [iter(part[1:]) for part in parts]
    events = starts + [next(queues[place]) for place in rest]
    for dialect in wire.DIALECTS:
        found = streamed(dialect, response, events)
        assert wire.calls_in(found.parts) == wire.calls_in(response.parts)
        letters = [sorted(wire.text_in(each.parts).replace("\n", "")) for each in (found, response)]
        assert letters[0] == letters[1]
        assert found.usage == response.usage


@many
@given(messages=wire.conversations())
def test_conversations_survive(messages: list[ModelMessage]) -> None:
    expected = wire.turns_in(messages)
    for first, second in pairs():
        once = translation_for(first).read_request(wire.request_body(first, messages))
        again = translation_for(second).read_request(wire.request_body(second, list(once.messages)))
        assert wire.turns_in(once.messages) == expected
        assert wire.turns_in(again.messages) == expected
        assert once.foreign == again.foreign == ()


schemas = st.dictionaries(wire.names, st.sampled_from([{"type": "string"}, {"anyOf": [{}, {"$ref": "#"}]}]))
tools = st.builds(
    ToolDefinition,
    name=wire.names,
    description=wire.said,
    parameters_json_schema=schemas.map(lambda found: {"type": "object", "properties": found, "x-own": [1]}),
)


@many
@given(
    offered=st.lists(tools, min_size=1, max_size=3, unique_by=lambda tool: tool.name),
    choice=st.sampled_from(["none", "required", "one", None]),
    temperature=st.floats(0, 2),
    max_tokens=st.integers(1, 10**6),
    is_stream=st.booleans(),
)
def test_tools_and_settings_survive(
    offered: list[ToolDefinition],
    choice: str | None,
    temperature: float,
    max_tokens: int,
    is_stream: bool,
) -> None:
    wanted = ModelSettings(temperature=temperature, max_tokens=max_tokens, top_p=0.5)
    if choice is not None:
        wanted["tool_choice"] = [offered[0].name] if choice == "one" else choice
    prompt = [ModelRequest([UserPromptPart("hi")])]
    for first, second in pairs():
        body = wire.request_body(first, prompt, wanted, offered, is_stream=is_stream)
        once = translation_for(first).read_request(body)
        body = wire.request_body(second, prompt, once.settings, once.parameters.function_tools)
        again = translation_for(second).read_request(body)
        for asked in (once, again):
            assert asked.parameters.function_tools == offered
            assert asked.settings == wanted
            assert asked.has_tools
        assert once.is_stream is is_stream
        assert once.model == "m"
