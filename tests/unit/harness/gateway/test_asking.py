"""In which conversations of a program a hook may act, and with which of its tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart

from skvm.harness.acp.tools import COMMON_TOOLS
from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.trajectory import turns_of
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.programs.contract import ToolTable
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer
from tests.unit.harness.gateway.conftest import Gate, Open

pytestmark = pytest.mark.anyio

TABLE = ToolTable({"Read": ToolKind.READ, "Bash": ToolKind.RUN})
TASK = "Sum the column `total`\nof sales.csv."


class Runs(Hook):
    """Runs a command at the first turn it can, then says the last words."""

    def __init__(self) -> None:
        self.contexts: list[HookContext] = []
        self.has_run = False

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        self.contexts.append(context)
        if "[done]" in str(context.messages[-1:]):
            return ModelResponse([TextPart("Summed.")], finish_reason="stop")
        if context.command_turn is None or self.has_run:
            return None
        self.has_run = True
        return context.command_turn('python3 -I run.py \'{"a": "é"}\'')


def tool(name: str, *arguments: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in arguments}}
    return {"type": "function", "function": {"name": name, "parameters": {**schema, "required": arguments}}}


TOOLS = [tool("Read", "path"), tool("Bash", "command")]


def body(*words: str, system: str = "S", tools: Any = TOOLS, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": each} for each in words]
    return {"model": "m", "messages": [{"role": "system", "content": system}, *said], "tools": tools, **more}


def held(hook: Hook, prompt: str = TASK, **more: Any) -> Held:
    return Held(**{"hooks": Hooks((hook,)), "prompt": prompt, "work_dir": Path("/w"), "tools": TABLE, **more})


async def ask(at: Gate, asked: dict[str, Any]) -> dict[str, Any]:
    answer = await at.ask("chat", asked)
    assert answer.status_code == 200
    return dict(answer.json()["choices"][0]["message"])


async def test_a_step_is_a_call_of_the_programs_own_tool(gate: Open) -> None:
    hook = Runs()
    asked = body(f"<system>Be brief.</system>\nTask: {TASK}")
    async with gate([FakeAnswer("From the model.")], held=held(hook)) as at:
        step = await ask(at, asked)
        (call,) = step["tool_calls"]
        assert call["function"] == {
            "name": "Bash",
            "arguments": '{"command":"python3 -I run.py \'{\\"a\\": \\"é\\"}\'"}',
        }
        result = {"role": "tool", "tool_call_id": call["id"], "content": "wrote it\n[done]"}
        last = await ask(at, {**asked, "messages": [*asked["messages"], step, result]})
        recorded = await at.recorded()
        assert at.upstream is not None
        assert at.upstream.requests == []
    assert last["content"] == "Summed."
    turns = turns_of(recorded, TABLE)
    assert [turn.from_hook for turn in turns] == [True, True]
    assert turns[0].tool_calls[0].kind is ToolKind.RUN
    assert turns[0].observations[0].text == "wrote it\n[done]"
    assert (hook.contexts[0].prompt, hook.contexts[0].is_local) == (TASK, True)


SIDE = [
    ("a title", body("Give this a title", tools=[])),
    ("a sub-agent", body("Look for CSV files", system="You are a helper.")),
    ("no tool that runs commands", body(TASK, tools=[tool("Read", "path")])),
    ("a tool that wants more", body(TASK, tools=[tool("Bash", "command", "host")])),
    ("nobody speaks", body()),
]


@pytest.mark.parametrize("asked", [each for _, each in SIDE], ids=[name for name, _ in SIDE])
async def test_side_conversations_are_the_models(gate: Open, asked: dict[str, Any]) -> None:
    hook = Runs()
    async with gate([FakeAnswer("first"), FakeAnswer("second")], held=held(hook)) as at:
        # The main conversation is under way, and its own step was taken.
        await ask(at, body(TASK))
        hook.has_run = False
        assert (await ask(at, asked))["content"] == "first"
    assert not hook.has_run


async def test_a_task_that_is_worded_anew_is_the_first_conversation_with_tools(gate: Open) -> None:
    hook = Runs()
    async with gate(
        [FakeAnswer("title"), FakeAnswer("sub-agent"), FakeAnswer("main")], held=held(hook)
    ) as at:
        assert (await ask(at, body("Give this a title", tools=[])))["content"] == "title"
        assert (await ask(at, body("Task: see task.md")))["tool_calls"]
        hook.has_run = False
        assert (await ask(at, body("Look for CSV files")))["content"] == "sub-agent"
        assert (await ask(at, body("Task: see task.md", "Go on.")))["tool_calls"]
        hook.has_run = False
        # The task itself turns up: that is the agent's conversation from now on.
        assert (await ask(at, body(TASK)))["tool_calls"]
        hook.has_run = False
        assert (await ask(at, body("Task: see task.md")))["content"] == "main"


async def test_where_a_door_is_everybodys_the_newest_words_are_the_task(gate: Open) -> None:
    hook = Runs()
    alone = held(hook, "", is_local=False, tools=COMMON_TOOLS)
    async with gate([FakeAnswer("x")], held=alone) as at:
        pieces = [{"type": "text", "text": "<reminder>"}, {"type": "text", "text": TASK}]
        earlier = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
        asked = {"model": "m", "tools": TOOLS, "messages": [*earlier, {"role": "user", "content": pieces}]}
        assert (await ask(at, asked))["tool_calls"]
    assert (hook.contexts[0].prompt, hook.contexts[0].is_local) == (TASK, False)


async def test_without_a_table_no_hook_can_act(gate: Open) -> None:
    hook = Runs()
    async with gate([FakeAnswer("x")], held=held(hook, tools=None)) as at:
        assert (await ask(at, body(TASK)))["content"] == "x"
    assert hook.contexts[0].command_turn is None


@pytest.mark.parametrize("dialect", ["responses", "messages"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_step_is_said_in_every_dialect(gate: Open, dialect: Any, *, is_stream: bool) -> None:
    schema = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
    asked: dict[str, Any] = {"model": "m", "max_tokens": 99, "stream": is_stream}
    if dialect == "messages":
        asked |= {"messages": [{"role": "user", "content": TASK}]}
        asked |= {"tools": [{"name": "Bash", "input_schema": schema}]}
    else:
        asked |= {"input": TASK, "tools": [{"type": "function", "name": "Bash", "parameters": schema}]}
    hook = Runs()
    async with gate([FakeAnswer("x")], held=held(hook)) as at:
        answer = await at.ask(dialect, asked)
        recorded = await at.recorded()
    assert "run.py" in answer.text
    (turn,) = turns_of(recorded, TABLE)
    assert str(turn.tool_calls[0].arguments["command"]).startswith("python3 -I run.py")
