"""What single programs have of their own, really run: further tools, another form, settings they obey."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeToolCall
from skvm.settings import AdapterSettings
from skvm.skill.ir import Skill
from tests.harness.conftest import GetProgram
from tests.harness.staging import SKILL_LINES, Done, Stage, Steps
from tests.harness.table import DRIVEN

pytestmark = pytest.mark.anyio

RUN, READ, EDIT, LIST = ToolKind.RUN, ToolKind.READ, ToolKind.EDIT, ToolKind.LIST


@pytest.fixture
def work(stage: Stage) -> Path:
    return stage.outer / "work"


def kinds_of(done: Done) -> list[ToolKind]:
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    return [call.kind for call in done.told.tool_calls]


async def test_tools_of_pi(get_program: GetProgram, stage: Stage) -> None:
    get_program("pi")
    calls = [
        FakeToolCall("bash", {"command": "printf one > a.txt; pwd; exit 3"}),
        FakeToolCall("edit", {"path": "a.txt", "edits": [{"oldText": "one", "newText": "two"}]}),
        FakeToolCall("read", {"path": "a.txt"}),
        FakeToolCall("read", {"path": "none.txt"}),
    ]
    done = await stage.run("pi", Steps(*calls))
    assert done.files == {"a.txt": "two"}
    assert kinds_of(done) == [RUN, EDIT, READ, READ]
    seen = [turn.observations[0].text for turn in done.told.turns[:-1]]
    assert "3" in seen[0]
    assert seen[2] == "two"
    assert "none.txt" in seen[3]


async def test_tools_of_opencode(get_program: GetProgram, stage: Stage, work: Path) -> None:
    get_program("opencode")
    calls = [
        FakeToolCall("bash", {"command": "printf one > a.txt; pwd; exit 3", "description": "make it"}),
        FakeToolCall("read", {"filePath": f"{work}/a.txt"}),
        FakeToolCall("edit", {"filePath": f"{work}/a.txt", "oldString": "one", "newString": "two"}),
        FakeToolCall("grep", {"pattern": "tw"}),
        FakeToolCall("glob", {"pattern": "*.txt"}),
        FakeToolCall("read", {"filePath": f"{work}/none.txt"}),
        # Outside of the work directory it would ask; nobody is there, and the cell is what confines it.
        FakeToolCall("read", {"filePath": "/etc/hostname"}),
    ]
    done = await stage.run("opencode", Steps(*calls), work_dir=work)
    assert done.files == {"a.txt": "two"}
    assert kinds_of(done) == [RUN, READ, EDIT, READ, LIST, READ, READ]
    seen = [turn.observations[0].text for turn in done.told.turns[:-1]]
    assert str(work) in seen[0]
    assert "one" in seen[1]
    assert "a.txt" in seen[3]
    assert "a.txt" in seen[4]
    assert "none.txt" in seen[5]
    assert "reject" not in seen[6]


async def test_the_skill_tool_of_opencode_tells_what_lies_beside_a_skill(
    get_program: GetProgram, stage: Stage, skill: Skill
) -> None:
    get_program("opencode")
    load = FakeToolCall("skill", {"name": "greet"})
    done = await stage.run("opencode", Steps(load), skill=skill, skill_mode=SkillMode.DISCOVER)
    told = done.told.turns[0].observations[0].text
    assert all(line in told for line in (*SKILL_LINES, "references/words.md"))


async def test_tools_of_claude_code(get_program: GetProgram, stage: Stage, work: Path) -> None:
    get_program("claude-code")
    place, run = f"{work}/hello.txt", DRIVEN["claude-code"].run
    calls = [
        run("printf hello > hello.txt"),
        FakeToolCall("Read", {"file_path": place}),
        FakeToolCall("Edit", {"file_path": place, "old_string": "hello", "new_string": "goodbye"}),
        run("exit 3"),
    ]
    done = await stage.run("claude-code", Steps(*calls), work_dir=work)
    assert done.files == {"hello.txt": "goodbye"}
    assert kinds_of(done) == [RUN, READ, EDIT, RUN]
    assert done.told.tool_calls[2].arguments["path"] == place
    observations = [turn.observations[0] for turn in done.told.turns if turn.observations]
    assert "hello" in observations[1].text
    assert [each.is_error for each in observations] == [False, False, False, True]


async def test_a_picture_claude_code_opens_does_not_end_it(
    get_program: GetProgram, stage: Stage, work: Path
) -> None:
    get_program("claude-code")
    picture = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    make = DRIVEN["claude-code"].run(f"echo {picture} | base64 -d > a.png")
    look = FakeToolCall("Read", {"file_path": f"{work}/a.png"})
    done = await stage.run("claude-code", Steps(make, look), work_dir=work)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "text only" in done.told.turns[1].observations[0].text


async def test_the_small_form_of_claude_code_writes_a_file(
    get_program: GetProgram, stage: Stage, work: Path
) -> None:
    get_program("claude-code")
    stage.settings = replace(
        stage.settings, adapters={"claude-code": AdapterSettings(extra_args=("--bare",))}
    )
    edit = {"file_path": f"{work}/hello.txt", "old_string": "", "new_string": "hello"}
    done = await stage.run("claude-code", Steps(FakeToolCall("Edit", edit)), work_dir=work)
    assert done.files == {"hello.txt": "hello"}
    assert len(str(done.requests[0].body)) < 10_000


async def test_settings_in_the_work_directory_do_not_bind_claude_code(
    get_program: GetProgram, stage: Stage, work: Path
) -> None:
    get_program("claude-code")
    (work / ".claude").mkdir(parents=True)
    (work / ".claude/settings.json").write_text('{"permissions": {"deny": ["Bash"]}}')
    steps = Steps(DRIVEN["claude-code"].run("echo hello > hello.txt"))
    done = await stage.run("claude-code", steps, work_dir=work)
    assert done.files["hello.txt"] == "hello\n"


PATCH = """*** Begin Patch
*** Update File: hello.txt
@@
-hello
+goodbye
*** End Patch"""


async def test_codex_has_its_own_command_for_patches(get_program: GetProgram, stage: Stage) -> None:
    get_program("codex")
    run = DRIVEN["codex"].run
    calls = [run("echo hello > hello.txt"), run(f"apply_patch <<'EOF'\n{PATCH}\nEOF")]
    done = await stage.run("codex", Steps(*calls))
    assert done.files == {"hello.txt": "goodbye\n"}
    offered = {tool["function"]["name"] for tool in done.requests[0].body["tools"]}
    assert "exec_command" in offered
    assert "view_image" not in offered
