"""Hermes, really run."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps

pytestmark = pytest.mark.anyio

NAME = "hermes"


@pytest.fixture(autouse=True)
def program(get_program: GetProgram) -> None:
    get_program(NAME)


def write(path: str, content: str) -> FakeToolCall:
    return FakeToolCall("write_file", {"path": path, "content": content})


def run(command: str) -> FakeToolCall:
    return FakeToolCall("terminal", {"command": command})


async def test_it_writes_a_file_with_its_own_tool(stage: Stage) -> None:
    work = stage.outer / "work"
    model = Steps(write("hello.txt", "hello"), run("pwd; cat hello.txt"), watch=stage.watch_for_keys)
    done = await stage.run(NAME, model, work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    assert [(call.name, call.kind) for call in told.tool_calls] == [
        ("write_file", ToolKind.WRITE),
        ("terminal", ToolKind.RUN),
    ]
    assert told.tool_calls[0].arguments == {"path": "hello.txt", "content": "hello"}
    assert json.loads(told.turns[1].observations[0].text)["output"] == f"{work}\nhello"
    assert told.final_text == "It is all done."
    assert told.skill_loaded is None
    # What passed the gateway is what was asked, and what the program itself counted.
    assert told.usage.calls == len(done.requests) == 3
    assert told.usage.cache_read_tokens == 21
    assert told.reported_usage is not None
    assert told.reported_usage.total_tokens == told.usage.total_tokens
    assert told.reported_usage.calls == 3
    assert told.reported_usage.cost_usd is None
    assert stage.leaks == []
    assert stage.left == []


async def test_an_injected_skill_is_in_its_system_text(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert all(line in done.told.system for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"references/words.md": "hello, hi\n"}


async def test_a_listed_skill_is_loaded_by_its_own_tool(stage: Stage, skill: Skill) -> None:
    calls = [
        FakeToolCall("skill_view", {"name": "greet"}),
        FakeToolCall("skill_view", {"name": "greet", "file_path": "references/words.md"}),
    ]
    done = await stage.run(NAME, Steps(*calls), skill=skill, skill_mode=SkillMode.DISCOVER)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "How greetings are written" in done.told.system
    assert SKILL_LINES[0] not in str(done.requests[0].body)
    assert done.told.skill_loaded is True
    # The bundle lies beside SKILL.md.
    assert "hello, hi" in done.told.turns[1].observations[0].text


async def test_a_listed_skill_that_is_left_alone_is_not_loaded(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill, skill_mode=SkillMode.DISCOVER)
    assert "How greetings are written" in done.told.system
    assert done.told.skill_loaded is False


async def test_a_long_prompt_reaches_it_whole(stage: Stage) -> None:
    prompt = f"--help {'very ' * 40_000}long"
    done = await stage.run(NAME, Steps(), prompt=prompt)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.requests[0].body["messages"][1]["content"].endswith("very long")


async def test_the_step_limit_ends_it(stage: Stage) -> None:
    calls = [run(f"touch {number}") for number in range(9)]
    done = await stage.run(NAME, Steps(*calls), max_steps=3)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert sorted(done.files) == ["0", "1", "2"]


async def test_a_provider_that_refuses_is_no_fault_of_its_own(stage: Stage) -> None:
    done = await stage.run(NAME, [FakeAnswer("the key is wrong", status=401)])
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert "the key is wrong" in (done.record.detail or "")


async def test_the_deadline_ends_it(stage: Stage) -> None:
    done = await stage.run(NAME, [FakeAnswer(hang=True)], timeout_s=8)
    assert done.record.outcome is Outcome.TIMED_OUT
    assert stage.left == []


async def test_eight_at_once_do_not_meet(stage: Stage) -> None:
    found: dict[str, Done] = {}

    async def one(word: str) -> None:
        model = Steps(write(f"{word}.txt", word), final_text=f"Made {word}.")
        found[word] = await stage.run(NAME, model, prompt=f"Make {word}.txt.")

    words = [f"w{number}" for number in range(8)]
    async with anyio.create_task_group() as group:
        for word in words:
            group.start_soon(one, word)
    for word in words:
        assert found[word].files == {f"{word}.txt": word}, found[word].record.detail
        assert found[word].told.final_text == f"Made {word}."
        assert found[word].told.usage.calls == 2
    assert stage.left == []


async def test_with_the_users_configuration(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "user"
    (home / ".hermes").mkdir(parents=True)
    (home / ".hermes/SOUL.md").write_text("You are kind to the badger.")
    theirs = "model: {provider: openrouter, default: some/other}\nmemory: {memory_enabled: true}\n"
    (home / ".hermes/config.yaml").write_text(theirs)
    (home / ".hermes/.env").write_text("OPENROUTER_API_KEY=planted\n")
    monkeypatch.setattr(Path, "home", lambda: home)
    done = await stage.run(NAME, Steps(run("ls -A $HERMES_HOME ~/.hermes")), config_mode="native")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "kind to the badger" in done.told.system
    listed = done.told.turns[0].observations[0].text
    assert "SOUL.md" in listed
    assert "planted" not in str([each.body for each in done.requests])
    assert (home / ".hermes/config.yaml").read_text() == theirs
