"""opencode, really run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.programs.scripted import tool_results
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps

pytestmark = [pytest.mark.anyio, pytest.mark.harness]

NAME = "opencode"


@pytest.fixture(autouse=True)
def program(get_program: GetProgram) -> None:
    get_program(NAME)


def write(path: str, content: str = "hello") -> FakeToolCall:
    return FakeToolCall("write", {"filePath": path, "content": content})


def read(path: str) -> FakeToolCall:
    return FakeToolCall("read", {"filePath": path})


@pytest.mark.parametrize("upstream", ["chat", "messages"])
async def test_it_writes_a_file_with_its_own_tool(stage: Stage, upstream: Any) -> None:
    stage.upstream = upstream
    work = stage.outer / "work"
    path = f"{work}/hello.txt"
    done = await stage.run(NAME, Steps(write(path), watch=stage.watch_for_keys), work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    [call] = done.told.tool_calls
    assert (call.name, call.kind) == ("write", ToolKind.WRITE)
    assert call.arguments == {"path": path, "content": "hello"}
    assert not done.told.turns[0].observations[0].is_error
    assert done.told.final_text == "It is all done."
    # Two answers and nothing beside them, no title; both counts agree.
    assert len(done.requests) == done.told.usage.calls == len(done.told.turns) == 2
    assert done.told.usage.cache_read_tokens == 14
    assert done.told.reported_usage is not None
    assert done.told.reported_usage.total_tokens == done.told.usage.total_tokens
    assert done.told.reported_usage.cache_read_tokens == 14
    assert done.told.skill_loaded is None
    assert stage.leaks == []
    assert stage.left == []


async def test_its_tools_are_told_by_what_they_do(stage: Stage) -> None:
    work = stage.outer / "work"
    calls = [
        FakeToolCall("bash", {"command": "printf one > a.txt; pwd; exit 3", "description": "make it"}),
        read(f"{work}/a.txt"),
        FakeToolCall("edit", {"filePath": f"{work}/a.txt", "oldString": "one", "newString": "two"}),
        FakeToolCall("grep", {"pattern": "tw"}),
        FakeToolCall("glob", {"pattern": "*.txt"}),
        read(f"{work}/none.txt"),
        # Outside of the work directory it would ask; nobody is there, and the cell is what confines it.
        read("/etc/hostname"),
    ]
    done = await stage.run(NAME, Steps(*calls), work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"a.txt": "two"}
    kinds = [call.kind for call in done.told.tool_calls]
    wanted = [ToolKind.RUN, ToolKind.READ, ToolKind.EDIT, ToolKind.READ, ToolKind.LIST]
    assert kinds == [*wanted, ToolKind.READ, ToolKind.READ]
    seen = [turn.observations[0].text for turn in done.told.turns[:-1]]
    assert str(work) in seen[0]
    assert "one" in seen[1]
    assert "a.txt" in seen[3]
    assert "a.txt" in seen[4]
    assert "none.txt" in seen[5]
    assert "reject" not in seen[6]


async def test_calls_of_one_answer_are_all_made(stage: Stage) -> None:
    work = stage.outer / "work"
    calls = [write(f"{work}/a.txt"), write(f"{work}/b.txt")]

    def model(body: dict[str, Any]) -> FakeAnswer:
        return FakeAnswer("Done.") if tool_results(body) else FakeAnswer("Both.", tool_calls=calls)

    done = await stage.run(NAME, model, work_dir=work)
    assert done.files == {"a.txt": "hello", "b.txt": "hello"}
    assert [len(turn.observations) for turn in done.told.turns] == [2, 0]
    assert not any(each.is_error for each in done.told.turns[0].observations)


async def test_an_injected_skill_is_in_its_system_text(stage: Stage, skill: Skill) -> None:
    work = stage.outer / "work"
    done = await stage.run(NAME, Steps(write(f"{work}/a.txt")), skill=skill, work_dir=work)
    assert all(line in done.told.system for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"a.txt": "hello", "references/words.md": "hello, hi\n"}


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_skill_is_found_and_loaded_by_its_own_tool(stage: Stage, skill: Skill, is_read: bool) -> None:
    work = stage.outer / "work"
    calls = [FakeToolCall("skill", {"name": "greet"})] if is_read else [write(f"{work}/a.txt")]
    done = await stage.run(NAME, Steps(*calls), skill=skill, skill_mode=SkillMode.DISCOVER, work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "How greetings are written." in str(done.requests[0].body)
    assert SKILL_LINES[0] not in str(done.requests[0].body)
    assert done.told.skill_loaded is is_read
    if is_read:
        told = done.told.turns[0].observations[0].text
        assert all(line in told for line in SKILL_LINES)
        # It tells what lies beside it.
        assert "references/words.md" in told


async def test_eight_at_once_do_not_meet(stage: Stage) -> None:
    found: dict[str, Done] = {}

    async def one(word: str) -> None:
        work = stage.outer / word
        steps = Steps(write(f"{work}/{word}.txt", word))
        found[word] = await stage.run(NAME, steps, prompt=f"Make {word}.txt.", work_dir=work)

    words = [f"w{number}" for number in range(8)]
    async with anyio.create_task_group() as group:
        for word in words:
            group.start_soon(one, word)
    for word in words:
        assert found[word].files == {f"{word}.txt": word}
        assert found[word].told.usage.calls == 2
    assert stage.left == []


async def test_the_step_limit_ends_it(stage: Stage) -> None:
    work = stage.outer / "work"
    calls = [write(f"{work}/{number}.txt") for number in range(9)]
    done = await stage.run(NAME, Steps(*calls), max_steps=3, work_dir=work)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert sorted(done.files) == ["0.txt", "1.txt", "2.txt"]


async def test_the_prompt_reaches_the_model_as_it_is(stage: Stage) -> None:
    prompt = '--help @notes.md "quoted"\n\n$HOME `id` päivää 你好 ' + "word " * 40_000 + "end"
    done = await stage.run(NAME, Steps(), prompt=prompt)
    [request] = done.requests
    asked = request.body["messages"][-1]["content"]
    assert prompt in (asked if isinstance(asked, str) else "".join(part["text"] for part in asked))


async def test_native_runs_with_a_copy_of_the_users_configuration(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "user/.config/opencode"
    (config / "agents").mkdir(parents=True)
    (config / "AGENTS.md").write_text("Always be brief.")
    (config / "agents/writer.md").write_text("---\nmode: primary\n---\nYou write as nobody does.\n")
    (config / "opencode.jsonc").write_text(
        """{
          "model": "openai/gpt-5", // mine
          "provider": {"openai": {"options": {"apiKey": "sk-of-the-user-0123456789"}}},
          "default_agent": "writer",
        }"""
    )
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    before = {path: path.stat().st_mtime_ns for path in config.rglob("*")}
    work = stage.outer / "work"
    done = await stage.run(NAME, Steps(write(f"{work}/a.txt")), config_mode="native", work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"a.txt": "hello"}
    assert "Always be brief." in done.told.system
    assert "You write as nobody does." in done.told.system
    assert {path: path.stat().st_mtime_ns for path in config.rglob("*")} == before
    assert stage.left == []


async def test_a_model_that_fails_is_no_fault_of_the_agent(stage: Stage) -> None:
    done = await stage.run(NAME, [FakeAnswer("the key is wrong", status=401)])
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert "key is wrong" in (done.record.detail or "")
