"""pi, really run."""

from __future__ import annotations

import re
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

NAME = "pi"
LOCATION = re.compile(r"<location>(.*?)</location>")


@pytest.fixture(autouse=True)
def program(get_program: GetProgram) -> None:
    get_program(NAME)


def write(path: str, content: str = "hello") -> FakeToolCall:
    return FakeToolCall("write", {"path": path, "content": content})


def read(path: str) -> FakeToolCall:
    return FakeToolCall("read", {"path": path})


@pytest.mark.parametrize("upstream", ["chat", "messages"])
async def test_it_writes_a_file_with_its_own_tool(stage: Stage, upstream: Any) -> None:
    stage.upstream = upstream
    done = await stage.run(NAME, Steps(write("hello.txt"), watch=stage.watch_for_keys))
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    [call] = done.told.tool_calls
    assert (call.name, call.kind) == ("write", ToolKind.WRITE)
    assert call.arguments == {"path": "hello.txt", "content": "hello"}
    assert "hello.txt" in done.told.turns[0].observations[0].text
    assert not done.told.turns[0].observations[0].is_error
    assert done.told.final_text == "It is all done."
    # Two answers and nothing beside them; both counts agree.
    assert len(done.requests) == done.told.usage.calls == len(done.told.turns) == 2
    assert done.told.usage.cache_read_tokens == 14
    assert done.told.reported_usage is not None
    assert done.told.reported_usage.total_tokens == done.told.usage.total_tokens
    assert done.told.reported_usage.cache_read_tokens == 14
    assert done.told.skill_loaded is None
    assert stage.leaks == []
    assert stage.left == []


async def test_its_tools_are_told_by_what_they_do(stage: Stage) -> None:
    change = {"path": "a.txt", "edits": [{"oldText": "one", "newText": "two"}]}
    calls = [
        FakeToolCall("bash", {"command": "printf one > a.txt; pwd; exit 3"}),
        FakeToolCall("edit", change),
        read("a.txt"),
        read("none.txt"),
    ]
    done = await stage.run(NAME, Steps(*calls))
    assert done.files == {"a.txt": "two"}
    kinds = [call.kind for call in done.told.tool_calls]
    assert kinds == [ToolKind.RUN, ToolKind.EDIT, ToolKind.READ, ToolKind.READ]
    seen = [turn.observations[0].text for turn in done.told.turns[:-1]]
    assert "3" in seen[0]
    assert seen[2] == "two"
    assert "none.txt" in seen[3]


async def test_calls_of_one_answer_are_all_made(stage: Stage) -> None:
    calls = [write("a.txt"), write("b.txt")]

    def model(body: dict[str, Any]) -> FakeAnswer:
        return FakeAnswer("Done.") if tool_results(body) else FakeAnswer("Both.", tool_calls=calls)

    done = await stage.run(NAME, model)
    assert done.files == {"a.txt": "hello", "b.txt": "hello"}
    assert [len(turn.observations) for turn in done.told.turns] == [2, 0]
    assert not any(each.is_error for each in done.told.turns[0].observations)


async def test_an_injected_skill_is_in_its_system_text(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(write("a.txt")), skill=skill)
    assert all(line in done.told.system for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"a.txt": "hello", "references/words.md": "hello, hi\n"}


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_skill_is_found_and_loaded_if_it_is_read(stage: Stage, skill: Skill, is_read: bool) -> None:
    found: list[str] = []

    def model(body: dict[str, Any]) -> FakeAnswer:
        found[:] = LOCATION.findall(str(body["messages"][0]["content"]))
        beside = [str(Path(path).parent / "references/words.md") for path in found]
        calls = [read(path) for path in (*found, *beside)] if is_read else [write("a.txt")]
        return Steps(*calls)(body)

    done = await stage.run(NAME, model, skill=skill, skill_mode=SkillMode.DISCOVER)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert [Path(path).parts[-2:] for path in found] == [("greet", "SKILL.md")]
    assert "How greetings are written." in done.told.system
    assert SKILL_LINES[0] not in done.told.system
    assert done.told.skill_loaded is is_read
    if is_read:
        assert done.told.turns[1].observations[0].text.strip() == "hello, hi"


async def test_eight_at_once_do_not_meet(stage: Stage) -> None:
    found: dict[str, Done] = {}

    async def one(word: str) -> None:
        found[word] = await stage.run(NAME, Steps(write(f"{word}.txt", word)), prompt=f"Make {word}.txt.")

    words = [f"w{number}" for number in range(8)]
    async with anyio.create_task_group() as group:
        for word in words:
            group.start_soon(one, word)
    for word in words:
        assert found[word].files == {f"{word}.txt": word}
        assert found[word].told.usage.calls == 2
    assert stage.left == []


async def test_the_step_limit_ends_it(stage: Stage) -> None:
    calls = [write(f"{number}.txt") for number in range(9)]
    done = await stage.run(NAME, Steps(*calls), max_steps=3)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert sorted(done.files) == ["0.txt", "1.txt", "2.txt"]


async def test_the_prompt_reaches_the_model_as_it_is(stage: Stage) -> None:
    prompt = '--help @notes.md "quoted"\n\n$HOME `id` päivää 你好 ' + "word " * 40_000 + "end"
    done = await stage.run(NAME, Steps(), prompt=prompt)
    [request] = done.requests
    asked = request.body["messages"][-1]["content"]
    assert prompt in (asked if isinstance(asked, str) else "".join(part["text"] for part in asked))


async def test_native_runs_with_a_copy_of_the_users_settings(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = tmp_path / "user/.pi/agent"
    (agent / "skills/mine").mkdir(parents=True)
    (agent / "skills/mine/SKILL.md").write_text("---\nname: mine\ndescription: What I do.\n---\nDo it.\n")
    (agent / "AGENTS.md").write_text("Always be brief.")
    (agent / "settings.json").write_text('{"httpProxy": "http://10.0.0.1:1", "defaultTools": ["write"]}')
    (agent / "auth.json").write_text('{"openai": {"type": "api_key", "key": "sk-of-the-user-0123456789"}}')
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    before = {path: path.stat().st_mtime_ns for path in agent.rglob("*")}
    done = await stage.run(NAME, Steps(write("a.txt")), config_mode="native")
    assert done.files == {"a.txt": "hello"}
    assert "Always be brief." in done.told.system
    assert [tool["function"]["name"] for tool in done.requests[0].body["tools"]] == ["write"]
    assert {path: path.stat().st_mtime_ns for path in agent.rglob("*")} == before
    assert stage.left == []


async def test_a_model_that_fails_is_no_fault_of_the_agent(stage: Stage) -> None:
    done = await stage.run(NAME, [FakeAnswer("the key is wrong", status=401)])
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert "key is wrong" in (done.record.detail or "")
