"""A task's own tools, as ``bare-agent`` offers them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart

from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.contract import RunContext, TaskTool
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.task_tools import task_definition
from skvm.harness.trajectory import Dialect, ToolKind, Trajectory

pytestmark = pytest.mark.anyio

BOOK = TaskTool(
    "book",
    "Book seats.",
    {
        "type": "object",
        "properties": {
            "seats": {"type": "integer", "minimum": 1},
            "guest": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "required": ["seats", "guest"],
        "additionalProperties": False,
    },
    answer="booked",
)
RIGHT = {"seats": 2, "guest": {"name": "Ann"}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def run(tmp_path: Path, *answers: Any, tools: tuple[TaskTool, ...] = (BOOK,)) -> tuple[Trajectory, Any]:
    session = ScriptedSession(answers)
    context = RunContext("Book it.", "local/m", session, FakeCell(tmp_path), tmp_path, tools=tools)
    return await BareAgent().run(context), session


def call(arguments: Any, name: str = "book") -> ModelResponse:
    return ModelResponse([ToolCallPart(name, arguments, f"id-{name}")], finish_reason="tool_call")


async def test_it_is_declared_called_and_answered(tmp_path: Path) -> None:
    trajectory, session = await run(tmp_path, call(RIGHT), "Done.")
    assert session.tools[0][-1] == "book"
    made = trajectory.tool_calls[0]
    assert (made.name, made.kind, made.arguments) == ("book", ToolKind.OTHER, RIGHT)
    observation = trajectory.turns[0].observations[0]
    assert (observation.text, observation.is_error) == ("booked", False)
    assert trajectory.turns[0].dialect is Dialect.NATIVE


async def test_it_is_declared_with_its_own_schema() -> None:
    shown = task_definition(BOOK)
    assert (shown.name, shown.description) == ("book", "Book seats.")
    assert shown.parameters_json_schema == BOOK.parameters


async def test_it_can_be_called_in_text(tmp_path: Path) -> None:
    written = '```json\n{"name": "book", "arguments": {"seats": 2, "guest": {"name": "Ann"}}}\n```'
    trajectory, _ = await run(tmp_path, written, "Done.")
    assert trajectory.tool_calls[0].arguments == RIGHT
    assert trajectory.turns[0].dialect is Dialect.JSON_FENCE
    assert trajectory.turns[0].observations[0].text == "booked"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seats": "2", "guest": {"name": "Ann"}}, "seats: "),
        ({"seats": 0, "guest": {"name": "Ann"}}, "minimum"),
        ({"seats": 2}, '"guest" is a required property'),
        ({"seats": 2, "guest": {"name": "Ann", "age": 4}}, "guest: "),
        ({"seats": 2, "guest": {"name": 7}}, "guest.name: "),
        ({}, "required"),
        ('{"seats": ', "not a valid JSON object. Send one with: seats, guest."),
        ("[]", "not a valid JSON object"),
    ],
)
async def test_arguments_that_do_not_fit_go_back_as_an_error(
    tmp_path: Path, arguments: Any, said: str
) -> None:
    trajectory, session = await run(tmp_path, call(arguments), call(RIGHT), "Done.")
    first, second = (turn.observations[0] for turn in trajectory.turns[:2])
    assert first.is_error
    assert said in first.text
    assert (second.text, second.is_error) == ("booked", False)
    assert said in session.requests[1][-1].parts[0].content


async def test_a_tool_of_the_task_stands_before_one_of_the_same_name(tmp_path: Path) -> None:
    own = TaskTool("read_file", "Read.", {"type": "object", "properties": {}}, answer="mine")
    trajectory, session = await run(tmp_path, call({}, "read_file"), "Done.", tools=(own,))
    assert trajectory.turns[0].observations[0].text == "mine"
    assert session.tools[0].count("read_file") == 1
    assert trajectory.tool_calls[0].kind is ToolKind.OTHER


async def test_an_unknown_tool_is_told_of_it(tmp_path: Path) -> None:
    trajectory, _ = await run(tmp_path, call({}, "fly"), "Done.")
    assert trajectory.turns[0].observations[0].text.endswith("web_fetch, book.")


async def test_several_in_one_turn_are_all_recorded(tmp_path: Path) -> None:
    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        return ModelResponse(
            [ToolCallPart("book", {**RIGHT, "seats": n}, f"id-{n}") for n in (1, 2, 3)],
            finish_reason="tool_call",
        )

    trajectory, _ = await run(tmp_path, answer, "Done.")
    assert [made.arguments["seats"] for made in trajectory.turns[0].tool_calls] == [1, 2, 3]
    assert {seen.text for seen in trajectory.turns[0].observations} == {"booked"}
