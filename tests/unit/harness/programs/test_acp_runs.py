"""Whole runs over ACP: client and agent in the cell, the model at the gateway's door."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.record import Outcome
from skvm.harness.acp.harness import AcpHarness, make_harness
from skvm.harness.acp.presets import PRESETS
from skvm.harness.confine.provision import interpreter, is_reachable
from skvm.harness.contract import HARNESSES, SkillMode, path_name
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skill.frontend import load_skill
from skvm.task.model import Task
from tests.confinement import living
from tests.unit.harness.acp.sdk import needs_sdk
from tests.unit.harness.acp.test_client import AGENT
from tests.unit.harness.programs.conftest import Stage

pytestmark = [pytest.mark.anyio, needs_sdk]

BODY = "# Greeting\n\nWrite every greeting in small letters.\nEnd it without a full stop.\n"


def agent(stage: Stage, behaviour: str) -> AcpHarness:
    # Where any user may read it.
    place = shutil.copy(AGENT, stage.executable.with_name("agent.py"))
    return make_harness(f"{shutil.which('python3', path='/usr/bin') or sys.executable} {place} {behaviour}")


def writes(path: str = "hello.txt", content: str = "hello") -> Any:
    def answer(body: dict[str, Any]) -> FakeAnswer:
        if any(message["role"] == "tool" for message in body["messages"]):
            return FakeAnswer("It is there.")
        return FakeAnswer(
            "", tool_calls=[FakeToolCall("write_file", {"file_path": path, "content": content})]
        )

    return answer


async def test_an_agent_is_driven_in_every_sandbox(any_stage: Stage) -> None:
    if any_stage.sandbox == "landlock" and os.geteuid() == 0 and not is_reachable(Path(interpreter())):
        pytest.skip("the user of a landlock cell cannot reach the Python our client runs on")
    done = await any_stage.run(agent(any_stage, "work"), writes())
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    assert told.harness.startswith("acp:")
    assert told.final_text == "It is there."
    [call] = told.tool_calls
    assert (call.name, call.kind) == ("write_file", ToolKind.WRITE)
    assert call.arguments == {"path": "hello.txt", "content": "hello"}
    assert told.usage.calls == 2
    assert told.reported_usage is not None
    assert told.reported_usage.output_tokens == 5
    assert any_stage.left == []


@pytest.mark.parametrize("mode", list(SkillMode))
async def test_a_skill_reaches_it_either_way(stage: Stage, tmp_path: Path, mode: SkillMode) -> None:
    folder = tmp_path / "greet"
    folder.mkdir()
    (folder / "SKILL.md").write_text(f"---\nname: greet\ndescription: How to greet.\n---\n{BODY}")
    done = await stage.run(agent(stage, "work"), writes(), skill=load_skill(folder), skill_mode=mode)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.told.skill_loaded is True
    assert ("small letters" in done.told.system) == (mode is SkillMode.DISCOVER)
    assert done.files == {"hello.txt": "hello"}


async def test_an_agent_that_cannot_be_cancelled_ends_with_its_deadline(stage: Stage) -> None:
    done = await stage.run(agent(stage, "deaf"), timeout_s=4)
    assert done.record.outcome is Outcome.TIMED_OUT
    assert "deadline of 4 s" in (done.record.detail or "")
    assert living("agent.py\0deaf") == []


async def test_an_agent_that_fails_is_told_in_one_line(stage: Stage) -> None:
    done = await stage.run(agent(stage, "login"))
    assert done.record.outcome is Outcome.HARNESS_FAILED
    assert (done.record.detail or "").startswith("session/new: Authentication required; it wants a login")


async def test_runs_at_once_do_not_meet(stage: Stage) -> None:
    driven = agent(stage, "work")
    found: dict[str, Any] = {}

    async def one(word: str) -> None:
        task = Task(id=word, prompt=f"Make {word}.txt.")
        found[word] = await stage.run(driven, writes(f"{word}.txt", word), task=task)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(one, f"w{number}")
    assert {word: done.files for word, done in found.items()} == {
        f"w{number}": {f"w{number}.txt": f"w{number}"} for number in range(4)
    }


async def test_a_program_that_is_not_there_is_told(stage: Stage) -> None:
    done = await stage.run(make_harness("no-such-agent-anywhere --acp"))
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert done.record.detail is not None
    assert done.record.detail.startswith("no-such-agent-anywhere: no such program (name one on PATH")
    with pytest.raises(InfrastructureError):
        async with make_harness("no-such-agent-anywhere").ready(stage.settings):
            pass


def test_targets_are_named_by_their_command() -> None:
    made = HARNESSES.get("acp:my-agent --acp 'a b'")()
    assert isinstance(made, AcpHarness)
    assert made.command == ("my-agent", "--acp", "a b")
    assert path_name(made.name).startswith("acp-my-agent-")
    for alone in ("acp", "acp:", "acp: "):
        with pytest.raises(UsageError, match="acp alone names no agent") as caught:
            HARNESSES.get(alone)
        assert "acp:COMMAND" in str(caught.value.help)
        assert all(f"acp:{preset.name}" in str(caught.value.help) for preset in PRESETS)
    with pytest.raises(UsageError, match="No closing quotation"):
        HARNESSES.get("acp:agent 'x")
