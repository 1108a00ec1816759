"""Calls that a model wrote as text."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel

from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.relay import put_in
from skvm.harness.gateway.written import with_written_calls
from skvm.llm.model import PortModel
from skvm.llm.route import Endpoint
from tests.unit.harness.gateway.conftest import at_the_gate, body_of

TOOLS = ("write", "read")
CALL = '{"name": "write", "arguments": {"path": "a.txt", "content": "hello"}}'


def said(text: str) -> ModelResponse:
    return ModelResponse([TextPart(text)], finish_reason="stop")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (CALL, None),
        (f"```json\n{CALL}\n```", None),
        (f"I write it.\n\n```json\n{CALL}\n```\nDone.", "I write it."),
        (f"<tool_call>\n{CALL}\n</tool_call>", None),
        (f"Now: {CALL}", "Now:"),
    ],
)
def test_a_written_call_becomes_one(text: str, before: str | None) -> None:
    made = with_written_calls(said(text), TOOLS, at=3)
    assert made.finish_reason == "tool_call"
    [call] = made.tool_calls
    assert call.tool_name == "write"
    assert call.args == {"path": "a.txt", "content": "hello"}
    assert [part.content for part in made.parts if isinstance(part, TextPart)] == ([before] if before else [])


@pytest.mark.parametrize(
    "text",
    [
        "The file is written.",
        "",
        '{"name": "Ada", "arguments": {"age": 36}}',
        '{"name": "write"}',
        '{"name": "write", "arguments": "not an object"}',
        '```json\n{"path": "a.txt"}\n```',
    ],
)
def test_what_is_no_call_of_an_offered_tool_stays_text(text: str) -> None:
    answer = said(text)
    assert with_written_calls(answer, TOOLS, at=3) is answer


def test_an_answer_that_makes_calls_is_left_alone() -> None:
    answer = ModelResponse([TextPart(f"As in {CALL}"), ToolCallPart("read", {"path": "a.txt"})])
    assert with_written_calls(answer, TOOLS, at=3) is answer


def test_ids_differ_within_a_conversation_and_are_the_same_again() -> None:
    two = said(f"{CALL}\n{CALL.replace('a.txt', 'b.txt')}")
    first, later = with_written_calls(two, TOOLS, at=3), with_written_calls(two, TOOLS, at=5)
    ids = [call.tool_call_id for call in (*first.tool_calls, *later.tool_calls)]
    assert len(set(ids)) == 4
    assert with_written_calls(two, TOOLS, at=3) == first


def test_thoughts_are_kept() -> None:
    answer = ModelResponse([ThinkingPart("so be it"), TextPart(CALL)])
    assert isinstance(with_written_calls(answer, TOOLS, at=1).parts[0], ThinkingPart)


class Embedded(PortModel):
    """An embedded model with scripted answers."""

    def __init__(self, *answers: str) -> None:
        WrapperModel.__init__(self, TestModel())
        self.endpoint = Endpoint("local/small", "small", "local", "http://embedded")
        self.limit_field = None
        self.answers, self.asked = list(answers), list[Any]()

    def noting(self, on_call: Any) -> Embedded:
        return self

    async def request(self, messages: Any, settings: Any, parameters: Any) -> ModelResponse:
        self.asked.append(settings)
        return said(self.answers.pop(0))


class Session:
    """A session whose only model is the embedded one."""

    def __init__(self, model: Embedded) -> None:
        self.only = model

    async def model(self, model_id: str) -> Embedded:
        return self.only


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [True, False])
async def test_calls_of_the_embedded_model_are_read(stream: bool) -> None:
    model = Embedded('```json\n{"name": "read", "arguments": {"path": "a.txt"}}\n```')
    async with at_the_gate(cast("Any", Session(model)), "local/small", Held()) as gate:
        answer = await gate.ask("chat", body_of("chat", stream=stream, max_tokens=16_384))
        [exchange] = (await gate.recorded()).exchanges
    assert '"finish_reason":"tool_calls"' in answer.text.replace(": ", ":")
    assert exchange.response is not None
    assert [call.tool_name for call in exchange.response.tool_calls] == ["read"]
    # A small model that repeats itself does so to the bound.
    assert model.asked[0]["max_tokens"] == 2048


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("allowed", "asked", "sent"), [(None, 16_384, 2048), (None, None, 2048), (9, 900, 9)]
)
async def test_the_embedded_model_is_bounded_whatever_a_run_allows(
    allowed: int | None, asked: int | None, sent: int
) -> None:
    model, held = Embedded("Done."), Held(max_output_tokens=allowed)
    async with at_the_gate(cast("Any", Session(model)), "local/small", held) as gate:
        assert (await gate.ask("chat", body_of("chat", max_tokens=asked))).status_code == 200
    assert model.asked[0]["max_tokens"] == sent
    # The bytes of a stream that offers no tools pass as they are.
    payload = {} if asked is None else {"max_tokens": asked}
    assert put_in({"model": "small", **payload}, model, held) == {"max_tokens": sent}
