"""Files of a task that programs take for instructions: in ``managed`` mode they are files like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.llm.fake import FakeToolCall
from skvm.skill.ir import Skill
from skvm.task.model import Task
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps

pytestmark = [pytest.mark.anyio, pytest.mark.harness]

RULES = "Speak like a sailor, always."
SUB_RULES = "Speak like a miller, always."
SKILL = "How sails are mended."


def a_skill_of_the_task(name: str) -> str:
    return f"---\nname: {name}\ndescription: {SKILL}\n---\nMend them.\n"


RULES_FILES = dict.fromkeys(("AGENTS.md", "CLAUDE.md", "SOUL.md", "USER.md", ".cursorrules"), RULES)
SKILL_FILES = {
    f"{folder}/skills/{name}/SKILL.md": a_skill_of_the_task(name)
    for folder, name in ((".agents", "one"), (".claude", "two"), (".pi", "three"), (".opencode", "four"))
}
SUB_FILES = {"sub/AGENTS.md": SUB_RULES, "sub/CLAUDE.md": SUB_RULES, "sub/notes.md": "the notes"}
ALL_FILES = {**RULES_FILES, **SKILL_FILES, **SUB_FILES}


@dataclass(frozen=True)
class Program:
    """How a program is told to read, and what of the user's makes ``native`` possible."""

    read: Callable[[Path], FakeToolCall]
    native_file: str
    native_text: str
    rules: str = "AGENTS.md"
    reads_sub_rules: bool = False
    lists_skills: bool = False


def run_cat(tool: str, argument: str) -> Callable[[Path], FakeToolCall]:
    return lambda path: FakeToolCall(tool, {argument: f"cat {path}"})


PROGRAMS = {
    "pi": Program(
        lambda path: FakeToolCall("read", {"path": str(path)}),
        native_file=".pi/agent/settings.json",
        native_text="{}",
    ),
    "opencode": Program(
        lambda path: FakeToolCall("read", {"filePath": str(path)}),
        native_file=".config/opencode/opencode.json",
        native_text="{}",
        reads_sub_rules=True,
    ),
    "hermes": Program(
        lambda path: FakeToolCall("read_file", {"path": str(path)}),
        native_file=".hermes/config.yaml",
        native_text="agent: {}\n",
        reads_sub_rules=True,
    ),
    "openclaw": Program(
        lambda path: FakeToolCall("read", {"path": str(path)}),
        native_file=".openclaw/openclaw.json",
        native_text="{}",
        lists_skills=True,
    ),
    "claude-code": Program(
        lambda path: FakeToolCall("Read", {"file_path": str(path)}),
        native_file=".claude/settings.json",
        native_text="{}",
        rules="CLAUDE.md",
    ),
    "codex": Program(
        run_cat("exec_command", "cmd"),
        native_file=".codex/config.toml",
        native_text="",
    ),
}
# What a program has no switch for is pinned here, and stands in the guide on harnesses.


@pytest.fixture(params=sorted(PROGRAMS))
def name(request: pytest.FixtureRequest, get_program: GetProgram) -> str:
    get_program(request.param)
    return str(request.param)


def said_to_the_model(done: Done) -> str:
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    return str([request.body for request in done.requests])


async def read_the_notes(stage: Stage, name: str) -> Done:
    work = stage.outer / "work"
    task = Task(id="t", prompt="Read sub/notes.md.", fixtures=ALL_FILES)
    steps = Steps(PROGRAMS[name].read(work / "sub/notes.md"))
    return await stage.run(name, steps, task=task, work_dir=work)


async def test_nothing_a_task_holds_instructs(name: str, stage: Stage) -> None:
    done = await read_the_notes(stage, name)
    said = said_to_the_model(done)
    assert done.told.turns[0].observations[0].text.count("the notes") == 1
    assert RULES not in said
    assert (SKILL in said) == PROGRAMS[name].lists_skills
    assert (SUB_RULES in said) == PROGRAMS[name].reads_sub_rules
    assert set(ALL_FILES) <= set(done.files)


async def test_a_file_of_instructions_can_be_read_like_any_other(name: str, stage: Stage) -> None:
    work = stage.outer / "work"
    task = Task(id="t", prompt="Read AGENTS.md.", fixtures=RULES_FILES)
    steps = Steps(PROGRAMS[name].read(work / "AGENTS.md"))
    done = await stage.run(name, steps, task=task, work_dir=work)
    assert RULES in done.told.turns[0].observations[0].text
    assert RULES not in str(done.requests[0].body)


@pytest.mark.parametrize("mode", SkillMode)
async def test_a_skill_arrives_all_the_same(name: str, mode: SkillMode, stage: Stage, skill: Skill) -> None:
    task = Task(id="t", prompt="Say hello.", fixtures=RULES_FILES)
    done = await stage.run(name, Steps(), task=task, skill=skill, skill_mode=mode)
    said = said_to_the_model(done)
    assert RULES not in said
    assert (SKILL_LINES[0] in said) == (mode is SkillMode.INJECT)
    assert "How greetings are written." in said or mode is SkillMode.INJECT
    assert set(done.files) == {*RULES_FILES, "references/words.md"}


async def test_native_leaves_them_to_the_program(
    name: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = PROGRAMS[name]
    config = tmp_path / "user" / program.native_file
    config.parent.mkdir(parents=True)
    config.write_text(program.native_text)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    task = Task(id="t", prompt="Say hello.", fixtures={program.rules: RULES})
    done = await stage.run(name, Steps(), task=task, config_mode="native")
    assert RULES in said_to_the_model(done)
