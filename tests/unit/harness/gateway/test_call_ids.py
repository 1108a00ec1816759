"""An id is good for one call of a conversation, whatever the endpoint gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, PartStartEvent, TextPart, ToolCallPart

from skvm.harness.gateway.call_ids import CallIds
from skvm.harness.gateway.translate import translation_for
from skvm.llm.codecs.events import decode_events
from skvm.llm.fake import FakeAnswer, FakeToolCall
from tests.unit.harness.gateway.conftest import Open

BEFORE: list[ModelMessage] = [ModelResponse([ToolCallPart("read", {}, "call_0")])]


def ids_of(response: ModelResponse) -> list[str]:
    return [call.tool_call_id for call in response.tool_calls]


def test_an_id_of_its_own_stays() -> None:
    response = ModelResponse([TextPart("I read."), ToolCallPart("read", {}, "call_1")])
    assert CallIds(BEFORE).response(response) == response


def test_an_id_of_an_earlier_call_becomes_another() -> None:
    calls = [ToolCallPart("read", {"path": path}, "call_0") for path in "ab"]
    fresh = CallIds(BEFORE).response(ModelResponse(calls))
    assert ids_of(fresh) == ["call_0_2", "call_0_3"]
    assert [call.args for call in fresh.tool_calls] == [{"path": "a"}, {"path": "b"}]
    assert [call.tool_call_id for call in calls] == ["call_0", "call_0"]


def test_events_and_the_whole_answer_agree() -> None:
    parts = [ToolCallPart("read", {}, id) for id in ("call_0", "call_1", "call_0")]
    ids = CallIds(BEFORE)
    events = [ids.event(PartStartEvent(index=index, part=part)) for index, part in enumerate(parts)]
    told = [event.part.tool_call_id for event in events if isinstance(event, PartStartEvent)]  # type: ignore[union-attr]
    assert told == ids_of(ids.response(ModelResponse(parts)))
    assert len({*told, "call_0"}) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_client_is_never_given_an_id_twice(gate: Open, *, is_stream: bool) -> None:
    call = FakeToolCall("read", {"path": "a.txt"}, id="call_0")
    used: dict[str, Any] = {"type": "tool_use", "id": "call_0", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "call_0", "content": "text"}
    body = {
        "model": "m",
        "max_tokens": 100,
        "stream": is_stream,
        "tools": [{"name": "read", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [
            {"role": "user", "content": "Read it."},
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result]},
        ],
    }
    async with gate([FakeAnswer(tool_calls=[call])], "chat/m") as at:
        answer = await at.ask("messages", body)
        translation = translation_for("messages")
        if is_stream:
            said = translation.read_events(decode_events(answer.content))
        else:
            said = translation.read_answer(json.loads(answer.content))
        (exchange,) = (await at.recorded()).exchanges
    assert ids_of(said) == ["call_0_2"]
    assert exchange.response is not None
    assert ids_of(exchange.response) == ["call_0_2"]
