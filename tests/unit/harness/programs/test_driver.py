"""A program driven through whole runs."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.evidence.record import Outcome
from skvm.harness.contract import RunContext, SkillMode
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.site import SITE_ORIGIN, Page, Site
from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.task.model import Task
from tests.confinement import living, wait_until_gone
from tests.unit.harness.programs.conftest import TASK, Stage, answers, put

pytestmark = pytest.mark.anyio

BODY = "# Greeting\n\nWrite every greeting in small letters.\nEnd it without a full stop.\n"


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    folder = tmp_path / "greet"
    (folder / "references").mkdir(parents=True)
    (folder / "SKILL.md").write_text(f"---\nname: greet\ndescription: How to greet.\n---\n{BODY}")
    (folder / "references" / "words.md").write_text("hello, hi")
    return load_skill(folder)


@pytest.fixture
def marker() -> str:
    return f"{uuid.uuid4().int % 10**9 + 10**9}"


def changed(task: Task, **fields: Any) -> Task:
    return task.model_copy(update=fields)


def show(path: str) -> FakeToolCall:
    return FakeToolCall("show_file", {"filePath": path})


async def test_a_program_does_its_work_in_the_cell_and_is_read_at_the_door(any_stage: Stage) -> None:
    done = await any_stage.run()
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    assert told.harness == "fake-program"
    assert told.final_text == "All done."
    assert [turn.text for turn in told.turns] == ["", "All done."]
    [call] = told.tool_calls
    assert (call.name, call.kind) == ("put_file", ToolKind.WRITE)
    assert call.arguments == {"path": "hello.txt", "content": "hello"}
    assert told.turns[0].observations[0].text == "written"
    assert told.system.startswith("You are an agent.")
    assert told.prompt == TASK.prompt
    assert told.skill_loaded is None
    # A title was asked for beside the two turns: it counts, and is no turn.
    assert told.usage.calls == done.record.usage.calls == 3
    assert told.reported_usage is not None
    assert told.reported_usage.output_tokens == 10
    assert any_stage.left == []


async def test_an_injected_skill_reaches_the_model(any_stage: Stage, skill: Skill) -> None:
    done = await any_stage.run(skill=skill)
    assert "Write every greeting in small letters." in done.told.system
    assert done.told.skill_loaded is True
    assert done.files == {"hello.txt": "hello", "references/words.md": "hello, hi"}


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_listed_skill_is_loaded_if_the_model_reads_it(
    any_stage: Stage, skill: Skill, is_read: bool
) -> None:
    def model(body: dict[str, Any]) -> FakeAnswer:
        system = str(body["messages"][0]["content"])
        place = system.partition("Skill ")[2].partition(": ")[0]
        calls = [show(place), show(place.replace("SKILL.md", "references/words.md"))] if is_read else []
        return answers(*calls)(body)

    done = await any_stage.run(skill=skill, skill_mode=SkillMode.DISCOVER, model=model)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert "How to greet." in done.told.system
    assert "small letters" not in done.told.system
    assert done.told.skill_loaded is is_read
    if is_read:
        # The bundle lies beside SKILL.md.
        assert done.told.turns[1].observations[0].text == "hello, hi"


async def test_the_prompt_is_in_no_argument(any_stage: Stage) -> None:
    done = await any_stage.run(any_stage.program(behaviour="dump"))
    argv = done.files["world.txt"].splitlines()[1]
    assert argv == f"['{any_stage.executable}']"


async def test_eight_runs_of_one_adapter_do_not_meet(stage: Stage) -> None:
    agent = stage.program()
    found: dict[str, Any] = {}

    async def one(word: str) -> None:
        task = Task(id=word, prompt=f"Make {word}.txt.")
        found[word] = await stage.run(agent, answers(put(f"{word}.txt", word)), task=task)

    words = [f"w{number}" for number in range(8)]
    async with anyio.create_task_group() as group:
        for word in words:
            group.start_soon(one, word)
    for word in words:
        assert found[word].files == {f"{word}.txt": word}
        assert found[word].told.usage.calls == 3
        assert found[word].told.prompt == f"Make {word}.txt."
    assert stage.left == []


async def test_what_a_program_leaves_running_is_gone_before_grading(any_stage: Stage, marker: str) -> None:
    done = await any_stage.run(any_stage.program(behaviour=f"stay {marker}"))
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    assert living(marker) == []


async def test_the_deadline_is_an_outcome_and_ends_the_tree(any_stage: Stage, marker: str) -> None:
    done = await any_stage.run(any_stage.program(behaviour=f"hang {marker}"), timeout_s=3)
    assert done.record.outcome is Outcome.TIMED_OUT
    assert done.record.score == 1.0
    assert "deadline of 3 s" in (done.record.detail or "")
    assert wait_until_gone(marker) == []
    assert any_stage.left == []


async def test_a_model_that_hangs_is_the_same_outcome(stage: Stage) -> None:
    done = await stage.run(model=[FakeAnswer(hang=True)], timeout_s=2)
    assert done.record.outcome is Outcome.TIMED_OUT


async def test_being_cancelled_leaves_nothing(stage: Stage, marker: str) -> None:
    with anyio.move_on_after(1.5) as scope:
        await stage.run(stage.program(behaviour=f"hang {marker}"))
    assert scope.cancelled_caught
    assert wait_until_gone(marker) == []
    assert stage.left == []


async def test_the_step_limit_is_an_outcome(stage: Stage) -> None:
    calls = [put(f"{number}.txt") for number in range(9)]
    done = await stage.run(model=answers(*calls), max_steps=3)
    assert done.record.outcome is Outcome.STEP_LIMIT
    assert sorted(done.files) == ["0.txt", "1.txt", "2.txt"]


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        ("crash", "fake-program ended with exit code 3: Error: no such setting: colour"),
        ("silent", "fake-program ended without an answer of the model: it said nothing"),
        ("complain", "the model said nothing; ask it again"),
    ],
)
async def test_a_program_that_fails_is_told_in_one_line(stage: Stage, behaviour: str, detail: str) -> None:
    done = await stage.run(stage.program(behaviour=behaviour))
    assert (done.record.outcome, done.record.detail) == (Outcome.HARNESS_FAILED, detail)
    assert done.record.score is None


@pytest.mark.parametrize("bound", [None, 50])
async def test_a_program_is_bounded_where_somebody_asks_for_it(stage: Stage, bound: int | None) -> None:
    done = await stage.run(max_output_tokens=bound)
    assert done.files == {"hello.txt": "hello"}
    assert {request.body.get("max_tokens") for request in done.requests} == {bound}


async def test_a_program_that_cannot_be_started_is_told(stage: Stage) -> None:
    stage.executable.write_text("#!/no/such/interpreter\n")
    done = await stage.run()
    assert done.record.outcome is Outcome.HARNESS_FAILED
    assert "exit code 127" in (done.record.detail or "")


async def test_endless_output_ends_the_program(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skvm.harness.programs.driver.MAX_OUTPUT_BYTES", 1 << 20)
    done = await stage.run(stage.program(behaviour="flood"))
    assert done.record.outcome is Outcome.HARNESS_FAILED
    assert done.record.detail == "fake-program printed without end and was stopped"


async def test_a_provider_that_fails_is_the_infrastructures_fault(stage: Stage) -> None:
    done = await stage.run(model=[FakeAnswer("the key is wrong", status=401)])
    assert done.record.outcome is Outcome.INFRA_FAILED
    assert "key is wrong" in (done.record.detail or "")
    assert done.trajectory is None


async def test_a_second_command_runs_after_the_first(stage: Stage) -> None:
    done = await stage.run(stage.program(has_then=True))
    assert json.loads(done.told.final_text) == {"sessions": ["config.json"]}


async def test_files_of_the_work_directory_are_taken_away_before_grading(any_stage: Stage) -> None:
    laid = (("AGENTS.md", b"be brief"), (".fake/a/b.txt", b"b"), ("notes.md", b"before"))
    agent = any_stage.program(work_files=laid)
    done = await any_stage.run(agent, answers(show("AGENTS.md"), put("notes.md", "by the agent")))
    assert done.told.turns[0].observations[0].text == "be brief"
    assert done.files == {"notes.md": "by the agent"}


async def test_a_file_of_the_task_is_never_written_over(stage: Stage) -> None:
    task = changed(TASK, fixtures={"AGENTS.md": "of the task"})
    done = await stage.run(stage.program(work_files=(("AGENTS.md", b"ours"),)), task=task)
    assert done.record.outcome is Outcome.HARNESS_FAILED
    assert done.record.detail == "the task has a AGENTS.md of its own, where fake-program needs one"
    assert done.requests == []


async def test_links_and_pipes_a_program_leaves_are_not_followed(stage: Stage) -> None:
    done = await stage.run(stage.program(behaviour="links"))
    assert done.told.final_text == ".fake"


async def test_a_run_may_have_a_site_and_a_door(any_stage: Stage) -> None:
    task = Task(id="t", prompt=f"Ask {SITE_ORIGIN}/code.")
    site = Site((Page("/code", "k7-3391"),))
    done = await any_stage.run(any_stage.program(behaviour="visit"), task=task, site=site)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello", "code.txt": "k7-3391"}


async def test_a_task_with_the_network_keeps_the_door(stage: Stage) -> None:
    done = await stage.run(task=changed(TASK, network=True))
    assert done.files == {"hello.txt": "hello"}


async def test_without_a_place_there_is_nothing_to_run_in(stage: Stage, tmp_path: Path) -> None:
    context = RunContext("Go.", "fake/m", ScriptedSession(["ok"]), FakeCell(tmp_path), tmp_path)
    with pytest.raises(InfrastructureError, match="no place"):
        await stage.program().run(context)
