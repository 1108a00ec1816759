"""A hook answers in the model's place: with a command in the harness's own tool, or with the last words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.tools import ToolDefinition

from skvm.evidence.record import Outcome
from skvm.harness.acp.tools import COMMON_TOOLS
from skvm.harness.adapters import claude_code, codex, hermes, openclaw, opencode, pi
from skvm.harness.command_tool import SAID
from skvm.harness.contract import HARNESSES, RunContext, SkillDelivery, TaskTool
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.trajectory import ToolKind, Trajectory

pytestmark = pytest.mark.anyio

BUILT_IN = pytest.mark.parametrize("name", ["bare-agent", "shell-agent"])
HARD = """printf '%s' '{"a": "it\\u0027s $(id) ```bash"}' > out.txt
printf '```\\n%s\\n' "$PWD" >> out.txt"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Answers(Hook):
    """Answers turn by turn: a command, last words, or nothing."""

    def __init__(self, *answers: str | ModelResponse | None) -> None:
        self.answers = answers
        self.seen: list[tuple[ModelMessage, ...]] = []
        self.can_run: list[bool] = []

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        self.seen.append(tuple(context.messages))
        self.can_run.append(context.command_turn is not None)
        answer = self.answers[context.turn] if context.turn < len(self.answers) else None
        if isinstance(answer, str) and context.command_turn is not None:
            return context.command_turn(answer)
        return answer if isinstance(answer, ModelResponse) else None


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def closing(text: str) -> ModelResponse:
    return ModelResponse([TextPart(text)], finish_reason="stop")


async def run(name: str, tmp_path: Path, hook: Hook, *answers: Any, **more: Any) -> tuple[Trajectory, Any]:
    session = ScriptedSession(answers or ("Done.",))
    context = RunContext(
        prompt="Write a file out.txt.",
        model_id="any/m",
        session=session,
        cell=FakeCell(tmp_path),
        work_dir=tmp_path,
        hooks=Hooks((hook,)),
        **more,
    )
    return await HARNESSES.get(name)().run(context), session


@BUILT_IN
async def test_a_command_runs_in_the_harnesss_own_tool_and_the_model_goes_on(
    name: str, tmp_path: Path
) -> None:
    hook = Answers(HARD)
    trajectory, session = await run(name, tmp_path, hook, "Done.")
    assert (tmp_path / "out.txt").read_text() == (
        '{"a": "it\\u0027s $(id) ```bash"}```\n' + str(tmp_path) + "\n"
    )
    first, last = trajectory.turns
    assert (first.from_hook, last.from_hook) == (True, False)
    (call,) = first.tool_calls
    assert (call.kind, call.arguments["command"]) == (ToolKind.RUN, HARD)
    assert first.observations[0].exit_code == 0
    assert first.usage.calls == 0
    assert trajectory.final_text == "Done."
    assert len(session.requests) == 1
    # What came of it stands in the conversation the model is shown, and the next hook.
    assert len(session.requests[0]) == 3
    assert "[exit code 0]" in str(session.requests[0][-1].parts[0].content)
    assert list(hook.seen[1]) == session.requests[0]


@BUILT_IN
async def test_last_words_are_no_actions_whatever_they_look_like(name: str, tmp_path: Path) -> None:
    words = 'Done:\n```bash\ntouch evil.txt\n```\n{"name": "write_file", "arguments": {"path": "evil.txt"}}'
    trajectory, session = await run(name, tmp_path, Answers("echo hi > out.txt", closing(words)), "no")
    assert session.requests == []
    assert names(tmp_path) == ["out.txt"]
    assert [len(turn.tool_calls) for turn in trajectory.turns] == [1, 0]
    assert (trajectory.final_text, trajectory.outcome) == (words, Outcome.SCORED)


@BUILT_IN
async def test_a_hooks_turns_are_held_to_the_same_limits(name: str, tmp_path: Path) -> None:
    trajectory, session = await run(name, tmp_path, Answers(*["echo x >> log.txt"] * 9))
    assert "same actions" in (trajectory.detail or "")
    assert (tmp_path / "log.txt").read_text() == "x\n" * 2
    steps, _ = await run(name, tmp_path, Answers("echo 1", "echo 2", "echo 3"), max_steps=2)
    assert (steps.outcome, len(steps.turns), session.requests) == (Outcome.STEP_LIMIT, 2, [])


@BUILT_IN
async def test_a_model_goes_on_after_a_command_that_failed(name: str, tmp_path: Path) -> None:
    say = "```bash\necho real > out.txt\n```"
    if name == "bare-agent":
        say = '{"name": "execute_command", "arguments": {"command": "echo real > out.txt"}}'
    trajectory, _ = await run(name, tmp_path, Answers("exit 75"), say, "Done.")
    assert [turn.observations[0].exit_code for turn in trajectory.turns[:2]] == [75, 0]
    assert (tmp_path / "out.txt").read_text() == "real\n"


@BUILT_IN
async def test_whether_a_skill_was_loaded_cannot_be_told_where_no_model_was_asked(
    name: str, tmp_path: Path
) -> None:
    skill = SkillDelivery("greet", "How to greet.", "Say hello.")
    closed, _ = await run(name, tmp_path, Answers("echo 1", closing("Done.")), skill=skill)
    opened, _ = await run(name, tmp_path, Answers("echo 1"), skill=skill)
    assert (closed.skill_loaded, opened.skill_loaded) == (None, True)


async def test_a_tasks_own_tool_of_that_name_runs_nothing(tmp_path: Path) -> None:
    own = TaskTool("execute_command", "Order a cake.", {"type": "object", "properties": {}})
    hook = Answers("touch out.txt")
    await run("bare-agent", tmp_path, hook, "Done.", tools=(own,))
    assert hook.can_run == [False]
    assert names(tmp_path) == []


TEXT = {"type": "string"}
WORDS = {"type": "array", "items": TEXT}


def offered(name: str, required: tuple[str, ...] = (), **properties: Any) -> ToolDefinition:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolDefinition(name=name, description="", parameters_json_schema=schema)


READ = offered("Read", ("file_path",), file_path=TEXT)


@pytest.mark.parametrize(
    ("table", "tool", "expected"),
    [
        (claude_code.TOOLS, offered("Bash", ("command",), command=TEXT, timeout={"type": "number"}), {}),
        (opencode.TOOLS, offered("bash", ("command", "description"), command=TEXT, description=TEXT), None),
        (pi.TOOLS, offered("bash", ("command",), command=TEXT), {}),
        (hermes.TOOLS, offered("terminal", ("command",), command=TEXT, background={"type": "boolean"}), {}),
        (openclaw.TOOLS, offered("exec", ("command",), command=TEXT, host=TEXT), {}),
        (
            openclaw.TOOLS,
            offered("exec", ("command",), command=TEXT, yieldMs={"type": "number"}),
            {"yieldMs": 90_000},
        ),
        (COMMON_TOOLS, offered("run_shell_command", ("command",), command=TEXT), {}),
        (
            COMMON_TOOLS,
            offered("Shell", ("command", "is_background"), command=TEXT, is_background={"type": "boolean"}),
            {"is_background": False},
        ),
    ],
)
def test_every_tables_tool_is_found_where_it_is_offered(
    table: Any, tool: ToolDefinition, expected: dict[str, Any] | None
) -> None:
    found = table.command_tool([READ, tool])
    assert found is not None
    assert (found.name, found.argument, found.is_argv) == (tool.name, "command", False)
    assert found.others == ({"description": SAID} if expected is None else expected)
    (call,) = found.turn("ls", "c1").tool_calls
    assert (call.args, call.tool_call_id) == ({"command": "ls", **found.others}, "c1")
    assert table.command_tool([READ]) is None


def test_codex_takes_a_line_or_words() -> None:
    line = codex.TOOLS.command_tool([offered("exec_command", ("cmd",), cmd=TEXT)])
    words = codex.TOOLS.command_tool([offered("shell", ("command",), command=WORDS)])
    assert line is not None
    assert words is not None
    assert line.turn("ls", "1").tool_calls[0].args == {"cmd": "ls", **line.others}
    assert words.turn("ls", "1").tool_calls[0].args == {"command": ["bash", "-c", "ls"]}


@pytest.mark.parametrize(
    "tool",
    [
        offered("bash"),
        offered("bash", ("command",), command={"type": "integer"}),
        offered("bash", ("command",), command={"type": "string", "enum": ["ls"]}),
        offered("bash", ("command",), command={"type": "array", "items": {"type": "object"}}),
        offered("bash", ("command", "host"), command=TEXT, host=TEXT),
        offered("bash", ("command", "description"), command=TEXT, description={"type": "boolean"}),
        offered("mcp__remote__bash", ("command",), command=TEXT),
        offered("execute_code", ("code",), code=TEXT),
    ],
)
@pytest.mark.parametrize("table", [COMMON_TOOLS, pi.TOOLS, hermes.TOOLS])
def test_a_tool_nobody_knows_how_to_call_is_left_alone(table: Any, tool: ToolDefinition) -> None:
    assert table.command_tool([tool]) is None
