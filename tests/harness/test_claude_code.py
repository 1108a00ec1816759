"""Claude Code, really run: it speaks messages, to models that do not and to one that does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.settings import AdapterSettings
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps

pytestmark = pytest.mark.anyio

NAME = "claude-code"


@pytest.fixture(autouse=True)
def program(get_program: GetProgram) -> None:
    get_program(NAME)


def write(path: str, content: str) -> FakeToolCall:
    return FakeToolCall("Write", {"file_path": path, "content": content})


def bash(command: str) -> FakeToolCall:
    return FakeToolCall("Bash", {"command": command, "description": "Run it"})


@pytest.mark.parametrize("upstream", ["chat", "messages"])
async def test_it_writes_a_file_with_its_own_tool(stage: Stage, upstream: Any) -> None:
    stage.upstream = upstream
    work = stage.outer / "work"
    model = Steps(write(f"{work}/hello.txt", "hello"), watch=stage.watch_for_keys)
    done = await stage.run(NAME, model, work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    [call] = told.tool_calls
    assert (call.name, call.kind) == ("Write", ToolKind.WRITE)
    assert call.arguments == {"path": f"{work}/hello.txt", "content": "hello"}
    assert "hello.txt" in told.turns[0].observations[0].text
    assert not told.turns[0].observations[0].is_error
    assert told.final_text == "It is all done."
    assert told.skill_loaded is None
    # What passed the gateway is what was asked, and what the program itself counted.
    assert told.usage.calls == len(done.requests) == 2
    assert told.usage.cache_read_tokens == 14
    assert told.reported_usage is not None
    assert told.reported_usage.total_tokens == told.usage.total_tokens
    # The scripted messages endpoint gives all its answers one id, by which they are counted.
    assert told.reported_usage.calls == (2 if upstream == "chat" else 1)
    assert told.reported_usage.cost_usd is None
    assert stage.leaks == []
    assert stage.left == []


async def test_its_other_tools_are_ours(stage: Stage) -> None:
    work = stage.outer / "work"
    place = f"{work}/hello.txt"
    edit = {"file_path": place, "old_string": "hello", "new_string": "goodbye"}
    model = Steps(
        bash("printf hello > hello.txt"),
        FakeToolCall("Read", {"file_path": place}),
        FakeToolCall("Edit", edit),
        bash("exit 3"),
    )
    done = await stage.run(NAME, model, work_dir=work)
    assert done.files == {"hello.txt": "goodbye"}
    kinds = [call.kind for call in done.told.tool_calls]
    assert kinds == [ToolKind.RUN, ToolKind.READ, ToolKind.EDIT, ToolKind.RUN]
    assert done.told.tool_calls[2].arguments["path"] == place
    observations = [turn.observations[0] for turn in done.told.turns if turn.observations]
    assert "hello" in observations[1].text
    assert [each.is_error for each in observations] == [False, False, False, True]


async def test_a_picture_it_opens_does_not_end_it(stage: Stage) -> None:
    work = stage.outer / "work"
    picture = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    make = bash(f"echo {picture} | base64 -d > a.png")
    done = await stage.run(
        NAME, Steps(make, FakeToolCall("Read", {"file_path": f"{work}/a.png"})), work_dir=work
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "text only" in done.told.turns[1].observations[0].text


async def test_its_small_form_writes_a_file(stage: Stage) -> None:
    stage.settings = replace(stage.settings, adapters={NAME: AdapterSettings(extra_args=("--bare",))})
    work = stage.outer / "work"
    edit = {"file_path": f"{work}/hello.txt", "old_string": "", "new_string": "hello"}
    done = await stage.run(NAME, Steps(FakeToolCall("Edit", edit)), work_dir=work)
    assert done.files == {"hello.txt": "hello"}
    assert len(str(done.requests[0].body)) < 10_000


async def test_an_injected_skill_is_in_its_system_text(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert all(line in done.told.system for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"references/words.md": "hello, hi\n"}


async def test_a_listed_skill_is_loaded_with_its_own_tool(stage: Stage, skill: Skill) -> None:
    load = FakeToolCall("Skill", {"skill": "greet"})
    look = bash("cat ~/.claude/skills/greet/references/words.md")
    done = await stage.run(NAME, Steps(load, look), skill=skill, skill_mode=SkillMode.DISCOVER)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    asked = str(done.requests[0].body)
    assert "How greetings are written" in asked
    assert SKILL_LINES[0] not in asked
    assert SKILL_LINES[0] in str(done.requests[1].body)
    assert done.told.skill_loaded is True
    # The bundle lies beside SKILL.md.
    assert done.told.turns[1].observations[0].text == "hello, hi"


async def test_a_listed_skill_that_is_left_alone_is_not_loaded(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill, skill_mode=SkillMode.DISCOVER)
    assert "How greetings are written" in str(done.requests[0].body)
    assert done.told.skill_loaded is False


async def test_the_step_limit_ends_it(stage: Stage) -> None:
    calls = [bash(f"touch {number}") for number in range(9)]
    done = await stage.run(NAME, Steps(*calls), max_steps=3)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert sorted(done.files) == ["0", "1", "2"]
    assert len(done.told.turns) == 3


async def test_a_provider_that_refuses_is_no_fault_of_its_own(stage: Stage) -> None:
    done = await stage.run(NAME, [FakeAnswer("the key is wrong", status=401)])
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert "the key is wrong" in (done.record.detail or "")


async def test_the_deadline_ends_it(stage: Stage) -> None:
    done = await stage.run(NAME, [FakeAnswer(hang=True)], timeout_s=5)
    assert done.record.outcome is Outcome.TIMED_OUT
    assert stage.left == []


async def test_eight_at_once_do_not_meet(stage: Stage) -> None:
    found: dict[str, Done] = {}

    async def one(word: str) -> None:
        model = Steps(bash(f"echo {word} > {word}.txt"), final_text=f"Made {word}.")
        found[word] = await stage.run(NAME, model, prompt=f"Make {word}.txt.")

    words = [f"w{number}" for number in range(8)]
    async with anyio.create_task_group() as group:
        for word in words:
            group.start_soon(one, word)
    for word in words:
        assert found[word].files == {f"{word}.txt": f"{word}\n"}, found[word].record.detail
        assert found[word].told.final_text == f"Made {word}."
        assert found[word].told.usage.calls == 2
    assert stage.left == []


async def test_with_the_users_configuration(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "user"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude/CLAUDE.md").write_text("Always be kind to the badger.")
    (home / ".claude/settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}')
    (home / ".claude/.credentials.json").write_text('{"claudeAiOauth": {"accessToken": "planted"}}')
    monkeypatch.setattr(Path, "home", lambda: home)
    done = await stage.run(NAME, Steps(bash("ls -A ~/.claude")), config_mode="native")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "kind to the badger" in str(done.requests[0].body)
    listed = done.told.turns[0].observations[0].text.split()
    assert "CLAUDE.md" in listed
    assert ".credentials.json" not in listed


async def test_what_the_work_directory_says_does_not_configure_it(stage: Stage) -> None:
    work = stage.outer / "work"
    (work / ".claude").mkdir(parents=True)
    (work / "CLAUDE.md").write_text("Always be kind to the badger.")
    (work / ".claude/settings.json").write_text('{"permissions": {"deny": ["Bash"]}}')
    done = await stage.run(NAME, Steps(bash("echo hello > hello.txt")), work_dir=work)
    assert done.files["hello.txt"] == "hello\n"
    assert "badger" not in str(done.requests[0].body)
