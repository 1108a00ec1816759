from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import (
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from skvm.errors import InfrastructureError
from skvm.evidence.record import Outcome
from skvm.harness.adapters.bare_agent import PUSH_BACK, BareAgent
from skvm.harness.contract import RunContext, SkillDelivery, SkillMode
from skvm.harness.dispatch import NOTHING, Touches
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import Hook, Hooks
from skvm.harness.trajectory import Dialect, ToolCall, ToolKind, Trajectory

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def calls(*parts: tuple[str, Any], ids: tuple[str, ...] = ()) -> ModelResponse:
    made = [
        ToolCallPart(name, arguments, ids[place] if ids else f"id-{name}-{place}")
        for place, (name, arguments) in enumerate(parts)
    ]
    return ModelResponse(made, finish_reason="tool_call")


async def run(tmp_path: Path, *answers: Any, **options: Any) -> tuple[Trajectory, ScriptedSession]:
    session = ScriptedSession(answers)
    cell = options.pop("cell", FakeCell(tmp_path, pages={"https://example.org/": "a page"}))
    options.setdefault("prompt", "Do it.")
    context = RunContext(model_id="local/m", session=session, cell=cell, work_dir=tmp_path, **options)
    return await BareAgent().run(context), session


async def test_native_calls_act_and_stay_native_in_the_conversation(tmp_path: Path) -> None:
    trajectory, session = await run(
        tmp_path,
        calls(("write_file", {"path": "d/a.txt", "content": "hi"}), ids=("one",)),
        calls(("read_file", '{"path": "d/a.txt"}'), ids=("two",)),
        "Done.",
    )
    assert (tmp_path / "d" / "a.txt").read_text() == "hi"
    assert [turn.dialect for turn in trajectory.turns] == [Dialect.NATIVE, Dialect.NATIVE, Dialect.TEXT]
    assert [call.kind for call in trajectory.tool_calls] == [ToolKind.WRITE, ToolKind.READ]
    assert trajectory.turns[1].observations[0].text == "hi"
    assert trajectory.turns[0].finish_reason == "tool_call"
    last = session.requests[-1]
    kinds = [type(part) for message in last[1:] for part in message.parts]
    assert kinds == [ToolCallPart, ToolReturnPart, ToolCallPart, ToolReturnPart]
    assert last[4].parts[0].content == "hi"
    assert last[4].parts[0].tool_call_id == "two"


async def test_the_tools_have_the_compatible_names(tmp_path: Path) -> None:
    _, session = await run(tmp_path, "Done.")
    assert session.tools == [["read_file", "write_file", "list_directory", "execute_command", "web_fetch"]]


class _KnowsCommands(Hook):
    """Says of every command that it touches nothing others do."""

    def touches(self, call: ToolCall) -> Touches | None:
        return NOTHING


async def test_calls_of_one_turn_run_at_once_and_results_keep_their_order(tmp_path: Path) -> None:
    meet = "touch A; while [ ! -e B ]; do sleep 0.02; done; echo first"
    other = "touch B; while [ ! -e A ]; do sleep 0.02; done; echo second"
    trajectory, _ = await run(
        tmp_path,
        calls(("execute_command", {"command": meet}), ("execute_command", {"command": other})),
        "Done.",
        timeout_s=10,
        hooks=Hooks((_KnowsCommands(),)),
    )
    assert trajectory.outcome is Outcome.SCORED
    texts = [observation.text for observation in trajectory.turns[0].observations]
    assert "first" in texts[0]
    assert "second" in texts[1]


async def test_a_command_nobody_knows_waits_and_is_waited_for(tmp_path: Path) -> None:
    trajectory, _ = await run(
        tmp_path,
        calls(
            ("write_file", {"path": "a", "content": "x"}),
            ("execute_command", {"command": "sleep 0.05; cat a; echo y > b"}),
            ("read_file", {"path": "b"}),
        ),
        "Done.",
    )
    texts = [observation.text for observation in trajectory.turns[0].observations]
    assert texts == ["Wrote 1 bytes to a.", "[exit code 0]\nx", "y\n"]


async def test_the_deadline_cuts_off_the_slow_call_and_those_that_wait_for_it(tmp_path: Path) -> None:
    trajectory, _ = await run(
        tmp_path,
        calls(
            ("write_file", {"path": "a", "content": "x"}),
            ("execute_command", {"command": "sleep 60"}),
            ("write_file", {"path": "b", "content": "x"}),
        ),
        "Done.",
        timeout_s=1,
    )
    assert trajectory.outcome is Outcome.TIMED_OUT
    texts = [observation.text for observation in trajectory.turns[0].observations]
    assert texts == ["Wrote 1 bytes to a.", *["[cut off by the deadline]"] * 2]
    assert not (tmp_path / "b").exists()


async def test_calls_written_as_text_run_one_after_the_other(tmp_path: Path) -> None:
    written = (
        '```json\n{"name": "write_file", "arguments": {"path": "a", "content": "x"}}\n```\n'
        '```json\n{"name": "execute_command", "arguments": {"command": "cat a"}}\n```'
    )
    trajectory, session = await run(tmp_path, written, "Done.")
    first = trajectory.turns[0]
    assert first.dialect is Dialect.JSON_FENCE
    assert first.observations[1].text == "[exit code 0]\nx"
    assert session.requests[1][1].parts[0] == TextPart(written)
    reply = session.requests[1][2].parts[0]
    assert isinstance(reply, UserPromptPart)
    assert (
        reply.content == "[write_file gave]\nWrote 1 bytes to a.\n\n[execute_command gave]\n[exit code 0]\nx"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("read_file", '{"path": ', "not a valid JSON object"),
        ("read_file", "[]", "not a valid JSON object"),
        ("read_file", {}, "path: Field required"),
        ("read_file", {"path": 3}, "path: Input should be a valid string"),
        ("write_file", {"path": "a"}, "content: Field required"),
        ("fly", {}, "There is no tool 'fly'. Tools: read_file"),
        ("read_file", {"path": "absent.txt"}, "read_file failed"),
        ("read_file", {"path": "nul\0"}, "read_file failed"),
        ("list_directory", {"path": "absent"}, "list_directory failed"),
        ("write_file", {"path": ".", "content": ""}, "write_file failed"),
        ("web_fetch", {"url": "https://example.org/"}, "without a network"),
        ("web_fetch", {"url": "file:///etc/passwd"}, "only http and https"),
        ("web_fetch", {"url": "http://"}, "only http and https"),
        ("web_fetch", {"url": "https://x.org/", "method": "BREW"}, "method: Input should be"),
    ],
)
async def test_a_bad_call_is_an_error_the_model_sees(
    tmp_path: Path, name: str, arguments: Any, said: str
) -> None:
    trajectory, session = await run(tmp_path, calls((name, arguments)), "Done.")
    [observation] = trajectory.turns[0].observations
    assert observation.is_error
    assert said in observation.text
    reply = session.requests[1][-1].parts[0]
    assert isinstance(reply, ToolReturnPart)
    assert reply.outcome == "failed"
    assert trajectory.final_text == "Done."


async def test_unreadable_arguments_are_kept_in_the_record(tmp_path: Path) -> None:
    trajectory, _ = await run(tmp_path, calls(("read_file", '{"path": ')), "Done.")
    [call] = trajectory.tool_calls
    assert call.raw_arguments == '{"path": '
    assert call.arguments == {}


async def test_a_failing_command_is_no_tool_error(tmp_path: Path) -> None:
    trajectory, _ = await run(
        tmp_path, calls(("execute_command", {"command": "echo no >&2; exit 3"})), "Done."
    )
    [observation] = trajectory.turns[0].observations
    assert not observation.is_error
    assert observation.exit_code == 3
    assert observation.text == "[exit code 3]\nno"


async def test_fetching_where_the_task_allows_it(tmp_path: Path) -> None:
    fetch = calls(("web_fetch", {"url": "https://example.org/"}), ("web_fetch", {"url": "https://down.org/"}))
    trajectory, _ = await run(tmp_path, fetch, "Done.", network=True)
    page, down = trajectory.turns[0].observations
    assert page.text == "HTTP 200\n\na page"
    assert down.is_error


async def test_listing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("abc")
    empty = {"path": "sub"}
    trajectory, _ = await run(tmp_path, calls(("list_directory", None), ("list_directory", empty)), "Done.")
    full, nothing = trajectory.turns[0].observations
    assert full.text == "a.txt  3 B\nsub/"
    assert nothing.text == "The directory is empty."


async def test_ids_are_unique_though_the_provider_repeats_them(tmp_path: Path) -> None:
    again = calls(("list_directory", {}), ids=("same",))
    trajectory, session = await run(
        tmp_path, again, calls(("read_file", {"path": "x"}), ids=("same",)), "Done."
    )
    ids = [call.id for call in trajectory.tool_calls]
    assert len(set(ids)) == 2
    assert session.requests[-1][-1].parts[0].tool_call_id == "same"


async def test_a_dead_cell_ends_the_run_as_our_own_error(tmp_path: Path) -> None:
    class Dead(FakeCell):
        async def read(self, path: str, *, max_bytes: int = 0) -> bytes:
            raise InfrastructureError("the cell is dead")

    both = calls(("read_file", {"path": "a"}), ("read_file", {"path": "b"}))
    with pytest.raises(InfrastructureError, match="the cell is dead"):
        await run(tmp_path, both, cell=Dead(tmp_path))


async def test_a_cut_off_turn_keeps_what_was_done(tmp_path: Path) -> None:
    both = calls(("list_directory", {}), ("execute_command", {"command": "sleep 20"}))
    trajectory, _ = await run(tmp_path, both, timeout_s=2)
    done, cut = trajectory.turns[0].observations
    assert not done.is_error
    assert cut.is_error
    assert "deadline" in cut.text


async def test_a_long_skill_is_returned_whole(tmp_path: Path) -> None:
    content = "\n".join(f"Rule {number}: do the thing number {number}." for number in range(1000))
    skill = SkillDelivery("rules", "Rules.", content, SkillMode.DISCOVER)
    trajectory, session = await run(tmp_path, calls(("load_skill", {"name": "Rules"})), "Done.", skill=skill)
    assert session.tools[0][-1] == "load_skill"
    assert trajectory.turns[0].observations[0].text == content
    assert trajectory.skill_loaded is True


async def test_a_skill_of_another_name_is_not_loaded(tmp_path: Path) -> None:
    skill = SkillDelivery("rules", "Rules.", "Be kind.", SkillMode.DISCOVER)
    trajectory, _ = await run(tmp_path, calls(("load_skill", {"name": "ruler"})), "Done.", skill=skill)
    assert "the skill is called 'rules'" in trajectory.turns[0].observations[0].text
    assert trajectory.skill_loaded is False


async def test_a_fence_without_a_call_is_asked_about_once(tmp_path: Path) -> None:
    code = "```python\nprint(1)\n```"
    trajectory, session = await run(tmp_path, code, "DONE", prompt="Write a.py.")
    assert session.requests[1][-1].parts[0].content == PUSH_BACK
    assert len(trajectory.turns) == 2
    assert trajectory.final_text == code


async def test_a_fence_is_an_answer_where_no_file_is_asked_for(tmp_path: Path) -> None:
    trajectory, _ = await run(tmp_path, "```python\nprint(1)\n```", prompt="Show me a loop.")
    assert len(trajectory.turns) == 1


async def test_an_answer_cut_at_the_limit_says_so(tmp_path: Path) -> None:
    trajectory, _ = await run(tmp_path, ModelResponse([TextPart("I will")], finish_reason="length"))
    assert trajectory.detail == "the last answer was cut at the output limit"
