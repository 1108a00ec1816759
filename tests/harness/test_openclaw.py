"""OpenClaw, really run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.programs.scripted import offered_tools
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps

pytestmark = pytest.mark.anyio

NAME = "openclaw"


@pytest.fixture(autouse=True)
def program(get_program: GetProgram) -> None:
    get_program(NAME)


def write(path: str, content: str) -> FakeToolCall:
    return FakeToolCall("write", {"path": path, "content": content})


def run(command: str) -> FakeToolCall:
    return FakeToolCall("exec", {"command": command})


async def test_it_writes_a_file_with_its_own_tool(stage: Stage) -> None:
    work = stage.outer / "work"
    model = Steps(write("hello.txt", "hello"), run("pwd; cat hello.txt"), watch=stage.watch_for_keys)
    done = await stage.run(NAME, model, work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    assert [(call.name, call.kind) for call in told.tool_calls] == [
        ("write", ToolKind.WRITE),
        ("exec", ToolKind.RUN),
    ]
    assert told.tool_calls[0].arguments == {"path": "hello.txt", "content": "hello"}
    assert told.turns[1].observations[0].text == f"{work}\nhello"
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


async def test_an_injected_skill_stands_before_the_task(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert all(line in str(done.requests[0].body) for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"references/words.md": "hello, hi\n"}


async def test_a_listed_skill_is_loaded_by_reading_it(stage: Stage, skill: Skill) -> None:
    def model(body: dict[str, Any]) -> FakeAnswer:
        place = re.search(r"<location>(\S+/greet)/SKILL.md</location>", str(body["messages"]))
        assert place, "it is not listed"
        calls = [
            FakeToolCall("read", {"path": f"{place[1]}/SKILL.md"}),
            FakeToolCall("read", {"path": f"{place[1]}/references/words.md"}),
        ]
        return Steps(*calls)(body)

    done = await stage.run(NAME, model, skill=skill, skill_mode=SkillMode.DISCOVER)
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


async def test_three_at_once_do_not_meet(stage: Stage) -> None:
    found: dict[str, Done] = {}

    async def one(word: str) -> None:
        model = Steps(write(f"{word}.txt", word), final_text=f"Made {word}.")
        found[word] = await stage.run(NAME, model, prompt=f"Make {word}.txt.")

    words = [f"w{number}" for number in range(3)]
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
    (home / ".openclaw/workspace/skills/badger").mkdir(parents=True)
    listed = "---\nname: badger\ndescription: How to greet the badger.\n---\nKindly.\n"
    (home / ".openclaw/workspace/skills/badger/SKILL.md").write_text(listed)
    theirs = '{"tools": {"deny": ["web_fetch"]}, "env": {"OPENAI_API_KEY": "planted"},} // mine'
    (home / ".openclaw/openclaw.json").write_text(theirs)
    monkeypatch.setattr(Path, "home", lambda: home)
    done = await stage.run(NAME, Steps(run("cat ~/.openclaw/openclaw.json")), config_mode="native")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "How to greet the badger" in done.told.system
    assert "web_fetch" not in offered_tools(done.requests[0].body)
    assert "planted" not in str([each.body for each in done.requests])
    assert (home / ".openclaw/openclaw.json").read_text() == theirs
