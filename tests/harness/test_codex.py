"""Codex, really run: it speaks responses, to models that do not."""

from __future__ import annotations

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

NAME = "codex"


@pytest.fixture(autouse=True)
def program(get_program: GetProgram) -> None:
    get_program(NAME)


def run(command: str) -> FakeToolCall:
    return FakeToolCall("exec_command", {"cmd": command})


async def test_it_writes_a_file_with_its_own_tool(stage: Stage) -> None:
    work = stage.outer / "work"
    model = Steps(run("printf hello > hello.txt && pwd"), watch=stage.watch_for_keys)
    done = await stage.run(NAME, model, work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    [call] = told.tool_calls
    assert (call.name, call.kind) == ("exec_command", ToolKind.RUN)
    assert call.arguments == {"command": "printf hello > hello.txt && pwd"}
    assert str(work) in told.turns[0].observations[0].text
    assert told.final_text == "It is all done."
    assert told.skill_loaded is None
    # What passed the gateway is what was asked, and what the program itself counted.
    assert told.usage.calls == len(done.requests) == 2
    assert told.usage.cache_read_tokens == 14
    assert told.reported_usage is not None
    assert told.reported_usage.total_tokens == told.usage.total_tokens
    assert told.reported_usage.cost_usd is None
    assert stage.leaks == []
    assert stage.left == []


PATCH = """*** Begin Patch
*** Update File: hello.txt
@@
-hello
+goodbye
*** End Patch"""


async def test_its_own_command_for_patches_is_there(stage: Stage) -> None:
    calls = [run("echo hello > hello.txt"), run(f"apply_patch <<'EOF'\n{PATCH}\nEOF")]
    done = await stage.run(NAME, Steps(*calls))
    assert done.files == {"hello.txt": "goodbye\n"}
    offered = {tool["function"]["name"] for tool in done.requests[0].body["tools"]}
    assert "exec_command" in offered
    assert "view_image" not in offered


async def test_an_injected_skill_is_among_its_instructions(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert all(line in str(done.requests[0].body) for line in SKILL_LINES)
    assert done.told.skill_loaded is True
    assert done.files == {"references/words.md": "hello, hi\n"}


async def test_a_listed_skill_is_loaded_by_reading_it(stage: Stage, skill: Skill) -> None:
    load = run("cat ~/.codex/skills/greet/SKILL.md ~/.codex/skills/greet/references/words.md")
    done = await stage.run(NAME, Steps(load), skill=skill, skill_mode=SkillMode.DISCOVER)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    asked = str(done.requests[0].body)
    assert "How greetings are written" in asked
    assert "/greet/SKILL.md" in asked
    assert SKILL_LINES[0] not in asked
    assert done.told.skill_loaded is True
    # The bundle lies beside SKILL.md.
    assert "hello, hi" in done.told.turns[0].observations[0].text


async def test_a_listed_skill_that_is_left_alone_is_not_loaded(stage: Stage, skill: Skill) -> None:
    done = await stage.run(NAME, Steps(), skill=skill, skill_mode=SkillMode.DISCOVER)
    assert "How greetings are written" in str(done.requests[0].body)
    assert done.told.skill_loaded is False


async def test_the_step_limit_ends_it(stage: Stage) -> None:
    calls = [run(f"touch {number}") for number in range(9)]
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
        model = Steps(run(f"echo {word} > {word}.txt"), final_text=f"Made {word}.")
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
    (home / ".codex").mkdir(parents=True)
    (home / ".codex/AGENTS.md").write_text("Always be kind to the badger.")
    theirs = 'model_provider = "mine"\n[model_providers.mine]\nname = "m"\nbase_url = "http://127.0.0.1:9"\n'
    (home / ".codex/config.toml").write_text(theirs)
    (home / ".codex/auth.json").write_text('{"OPENAI_API_KEY": "planted"}')
    monkeypatch.setattr(Path, "home", lambda: home)
    done = await stage.run(NAME, Steps(run("ls -A ~/.codex")), config_mode="native")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "kind to the badger" in str(done.requests[0].body)
    listed = done.told.turns[0].observations[0].text.split()
    assert "AGENTS.md" in listed
    assert "auth.json" not in listed


async def test_what_the_work_directory_says_does_not_instruct_it(stage: Stage) -> None:
    work = stage.outer / "work"
    work.mkdir()
    (work / "AGENTS.md").write_text("Always be kind to the badger.")
    done = await stage.run(NAME, Steps(run("echo hello > hello.txt")), work_dir=work)
    assert done.files["hello.txt"] == "hello\n"
    assert "badger" not in str(done.requests[0].body)
