"""Real agents over ACP: each writes a file with its own tool, a scripted model behind the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.acp.presets import PRESETS
from skvm.harness.contract import SkillMode
from skvm.harness.programs.scripted import ScriptedModel
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import Done, Stage, Steps
from tests.unit.harness.acp.sdk import needs_sdk

pytestmark = [pytest.mark.anyio, pytest.mark.harness, needs_sdk]

CONTENT = "hello over acp"
DESCRIPTION = "How greetings are written. Use it for each."


PROGRAMS = {f"acp:{preset.name}": preset.program for preset in PRESETS} | {"jiuwenclaw": "jiuwenclaw"}


@pytest.fixture(params=sorted(PROGRAMS))
def name(request: pytest.FixtureRequest, get_program: GetProgram) -> str:
    get_program(PROGRAMS[request.param])
    return str(request.param)


async def run(stage: Stage, name: str, folder: str = "work", **options: Any) -> Done:
    work = stage.outer / folder
    scripted = ScriptedModel(str(work / "hello.txt"), CONTENT)

    def model(body: Mapping[str, Any]) -> FakeAnswer:
        stage.watch_for_keys(dict(body))
        return scripted(body)

    return await stage.run(name, model, work_dir=work, **options)


async def test_it_writes_a_file_and_is_read_at_the_gateway(name: str, stage: Stage) -> None:
    done = await run(stage, name)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": CONTENT}
    told = done.told
    assert told.final_text == "The file is written."
    writing = [call for call in told.tool_calls if call.kind in (ToolKind.WRITE, ToolKind.RUN)]
    assert len(writing) == 1, [call.name for call in told.tool_calls]
    assert "hello.txt" in str(writing[0].arguments)
    [acted] = [turn for turn in told.turns if turn.tool_calls]
    assert not acted.observations[0].is_error, acted.observations[0].text
    assert told.usage.calls == len(done.requests) >= 2
    assert told.usage.cache_read_tokens == 7 * told.usage.calls
    if told.reported_usage is not None:
        # The turn itself; some ask for a title beside it.
        assert told.reported_usage.output_tokens == sum(turn.usage.output_tokens for turn in told.turns)
        assert told.reported_usage.input_tokens == sum(turn.usage.input_tokens for turn in told.turns)
    assert stage.leaks == []
    assert stage.left == []


async def test_an_injected_skill_reaches_the_model(name: str, stage: Stage, skill: Skill) -> None:
    done = await run(stage, name, skill=skill, skill_mode=SkillMode.INJECT)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.told.skill_loaded is True
    assert done.files == {"hello.txt": CONTENT, "references/words.md": "hello, hi\n"}


async def test_a_skill_is_listed_to_be_discovered(name: str, stage: Stage, skill: Skill) -> None:
    done = await run(stage, name, skill=skill, skill_mode=SkillMode.DISCOVER)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert DESCRIPTION in str([request.body for request in done.requests])
    # It is listed; the scripted model does not ask for it.
    assert done.told.skill_loaded is False


# The others have no switch for it over ACP.
HIDING = ["acp:claude-code", "acp:codex", "acp:opencode", "acp:qwen-code"]


@pytest.mark.parametrize("name", HIDING, indirect=True)
async def test_what_the_task_holds_configures_nothing(name: str, stage: Stage) -> None:
    (stage.outer / "work").mkdir()
    for file in ("AGENTS.md", "CLAUDE.md", "QWEN.md"):
        (stage.outer / "work" / file).write_text("Always sing.\n")
    done = await run(stage, name)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "Always sing." not in str([request.body for request in done.requests])


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("acp:claude-code", ".claude/CLAUDE.md"),
        ("acp:codex", ".codex/AGENTS.md"),
        ("acp:opencode", ".config/opencode/AGENTS.md"),
        ("acp:pi", ".pi/agent/AGENTS.md"),
    ],
    indirect=["name"],
)
async def test_the_users_own_configuration_is_its_too(
    name: str, rules: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / rules).parent.mkdir(parents=True)
    (tmp_path / rules).write_text("Always be kind to the badger.")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    done = await run(stage, name, config_mode="native")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": CONTENT}
    assert "kind to the badger" in str([request.body for request in done.requests])


async def test_a_model_that_hangs_ends_with_the_deadline(stage: Stage, get_program: GetProgram) -> None:
    get_program("codex-acp")
    done = await stage.run("acp:codex", [FakeAnswer(hang=True)], timeout_s=8)
    assert done.record.outcome is Outcome.TIMED_OUT
    assert stage.left == []


async def test_the_step_limit_is_an_outcome(stage: Stage, get_program: GetProgram) -> None:
    get_program("opencode")
    calls = [FakeToolCall("bash", {"command": f"echo {number}", "description": "say"}) for number in range(9)]
    done = await stage.run("acp:opencode", Steps(*calls), max_steps=3)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert len(done.told.turns) == 3


async def test_four_at_once_do_not_meet(stage: Stage, get_program: GetProgram) -> None:
    get_program("opencode")
    found: list[Done] = []

    async def one(folder: str, finish: Callable[[Done], None]) -> None:
        finish(await run(stage, "acp:opencode", folder))

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(one, f"work-{number}", found.append)
    assert [done.files for done in found] == [{"hello.txt": CONTENT}] * 4
    assert [done.told.usage.calls for done in found] == [len(done.requests) for done in found]
    assert stage.left == []
