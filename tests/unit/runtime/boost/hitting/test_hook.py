"""One run: a step answered in the harness's own tool, closed or handed back, and what is recorded of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from skvm.evaluate.bench import RunSpec, open_bench
from skvm.evaluate.run import run_once
from skvm.harness.confine import choose_sandbox
from skvm.harness.contract import HARNESSES, RunContext
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.harness.sandbox import Sandbox
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.hook import Boost, BoostRun
from skvm.runtime.boost.model import Event
from skvm.settings import load_settings
from skvm.skill.frontend import load_skill
from skvm.task.model import Criterion, Task
from tests.unit.evaluate.conftest import FakePort
from tests.unit.runtime.boost.hitting.samples import PROMPT, SALES, FakeLibrary, candidate, template

pytestmark = pytest.mark.anyio

BUILT_IN = pytest.mark.parametrize("name", ["bare-agent", "shell-agent"])
ON = {"shadow_every": 0}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    return folder


def of_run(library: FakeLibrary, work: Path, name: str = "bare-agent", **options: Any) -> Hook:
    boost = Boost(cast("Any", library), **{**ON, **options})
    run = HookRun("run-1", "sha256:t", "any/m", name, work, "totals", "sha256:s")
    return boost.of_run(run)


async def go(
    name: str, work: Path, hook: Hook, *answers: Any, prompt: str = PROMPT
) -> tuple[Trajectory, ScriptedSession]:
    session = ScriptedSession(answers or ("Done.",))
    context = RunContext(
        prompt=prompt,
        model_id="any/m",
        session=session,
        cell=FakeCell(work),
        work_dir=work,
        hooks=Hooks((hook,)),
    )
    return await HARNESSES.get(name)().run(context), session


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@BUILT_IN
async def test_a_step_is_answered_and_the_model_goes_on(name: str, work: Path, tmp_path: Path) -> None:
    library = FakeLibrary(tmp_path / "library", promoted=(candidate(),))
    hook = cast("BoostRun", of_run(library, work, name))
    trajectory, session = await go(name, work, hook, "All done.")
    assert json.loads(files(work)["totals.json"]) == {"Rome": 8, "Oslo": 4}
    assert [turn.from_hook for turn in trajectory.turns] == [True, False]
    assert trajectory.final_text == "All done."
    shown = trajectory.turns[0].observations[0].text
    assert "2 cities\n[boost " in shown
    assert ": done] wrote totals.json (2 keys)" in shown
    assert shown in str(session.requests[0][-1].parts[0].content)
    (event,) = hook.events
    assert (event.event, event.is_good, event.reason) == (Event.ANSWERED, True, "")
    assert event.params == {"column": "amount", "source": "sales.csv", "target": "totals.json"}
    assert (event.turn, event.run_id, event.is_terminal) == (0, "run-1", False)
    assert event.template_digest == candidate().digest
    assert library.noted == [event]


@BUILT_IN
async def test_a_terminal_step_closes_the_run(name: str, work: Path, tmp_path: Path) -> None:
    last = candidate(is_terminal=True, closing="Found {stdout}; {outputs}. {stdout}")
    hook = cast("BoostRun", of_run(FakeLibrary(tmp_path / "l", promoted=(last,)), work, name))
    trajectory, session = await go(name, work, hook)
    assert session.requests == []
    assert trajectory.final_text == "Found 2 cities; wrote totals.json (2 keys). 2 cities"
    assert [turn.from_hook for turn in trajectory.turns] == [True, True]
    assert [event.is_terminal for event in hook.events] == [True]


@BUILT_IN
async def test_a_step_that_bails_out_changes_nothing_and_hands_the_run_back(
    name: str, work: Path, tmp_path: Path
) -> None:
    wrong = candidate(
        template=template(code='open(P["target"], "w").write("[1]")'), is_terminal=True, closing="Done."
    )
    hook = cast("BoostRun", of_run(FakeLibrary(tmp_path / "l", promoted=(wrong,)), work, name))
    trajectory, session = await go(name, work, hook, "I see.")
    assert files(work) == {"sales.csv": SALES}
    assert "bailed out: output: totals.json" in str(session.requests[0][-1])
    assert trajectory.final_text == "I see."
    (event,) = hook.events
    assert event.is_good is False
    assert event.reason.startswith("output: totals.json")
    assert event.is_terminal is False


async def test_a_run_is_answered_once(work: Path, tmp_path: Path) -> None:
    hook = of_run(FakeLibrary(tmp_path / "l", promoted=(candidate(),)), work)
    act = json.dumps({"name": "execute_command", "arguments": {"command": "rm totals.json"}})
    trajectory, _ = await go("bare-agent", work, hook, act, "Done.")
    assert [turn.from_hook for turn in trajectory.turns] == [True, False, False]
    assert list(files(work)) == ["sales.csv"]


@pytest.mark.parametrize(
    "prompt",
    [
        PROMPT + " Then delete sales.csv.",
        PROMPT.replace("Sum", "sum"),
        PROMPT.replace("sales.csv", "../sales.csv"),
        PROMPT.replace("sales.csv", "nothing.csv"),
        PROMPT.replace("totals.json", "totals.yaml"),
    ],
)
async def test_another_prompt_or_a_missing_file_is_the_models(
    prompt: str, work: Path, tmp_path: Path
) -> None:
    hook = cast("BoostRun", of_run(FakeLibrary(tmp_path / "l", promoted=(candidate(),)), work))
    trajectory, session = await go("bare-agent", work, hook, "Mine.", prompt=prompt)
    assert (trajectory.final_text, len(session.requests), hook.events) == ("Mine.", 1, [])


async def test_files_of_another_form_are_noticed_and_nobody_is_answered(work: Path, tmp_path: Path) -> None:
    (work / "sales.csv").write_text("city;amount\nRome;3\n")
    library = FakeLibrary(tmp_path / "l", promoted=(candidate(),))
    hook = cast("BoostRun", of_run(library, work))
    trajectory, _ = await go("bare-agent", work, hook, "Mine.")
    assert trajectory.turns[0].from_hook is False
    (event,) = hook.events
    assert (event.event, event.is_good) == (Event.DRIFTED, False)
    assert event.reason.startswith("sales.csv: ")
    assert library.noted == [event]


async def test_what_is_only_watched_or_has_just_fallen_does_not_answer(work: Path, tmp_path: Path) -> None:
    watched = FakeLibrary(tmp_path / "l", watched=(candidate(),))
    fallen = FakeLibrary(tmp_path / "m", promoted=(candidate(),), fallen=[candidate()])
    sampled = FakeLibrary(tmp_path / "n", promoted=(candidate(),))
    hooks = [
        of_run(watched, work),
        of_run(fallen, work),
        of_run(sampled, work, mode="shadow"),
        of_run(sampled, work, shadow_every=1),
    ]
    for hook in hooks:
        trajectory, _ = await go("bare-agent", work, hook, "Mine.")
        assert [turn.from_hook for turn in trajectory.turns] == [False]


async def test_boost_that_is_off_or_has_no_skill_does_nothing(work: Path, tmp_path: Path) -> None:
    library = FakeLibrary(tmp_path / "l", promoted=(candidate(),))
    assert type(of_run(library, work, mode="off")) is Hook
    bare = Boost(cast("Any", library)).of_run(HookRun("r", "t", "m", "bare-agent", work))
    assert type(bare) is Hook


async def test_a_hook_that_fails_fails_no_run(work: Path, tmp_path: Path) -> None:
    hook = cast("BoostRun", of_run(FakeLibrary(tmp_path / "l", error=KeyError("shelf")), work))
    trajectory, session = await go("bare-agent", work, hook, "Mine.")
    assert (trajectory.final_text, len(session.requests)) == ("Mine.", 1)
    assert hook.failure == "KeyError: 'shelf'"
    assert hook.notes() == ("boost gave up in this run: KeyError: 'shelf'",)


async def test_a_step_the_harness_never_came_back_from_is_read_off_the_trajectory(
    work: Path, tmp_path: Path
) -> None:
    hook = cast("BoostRun", of_run(FakeLibrary(tmp_path / "l", promoted=(candidate(),)), work))
    context = RunContext(
        prompt=PROMPT,
        model_id="any/m",
        session=ScriptedSession(["never asked"]),
        cell=FakeCell(work),
        work_dir=work,
        hooks=Hooks((hook,)),
        max_steps=1,
    )
    await HARNESSES.get("bare-agent")().run(context)
    assert [(event.event, event.is_good) for event in hook.events] == [(Event.ANSWERED, True)]


@BUILT_IN
async def test_a_step_runs_in_a_real_cell_and_the_run_is_graded_and_recorded(
    name: str, outer: Path, confined: Sandbox
) -> None:
    library = FakeLibrary(outer / "library", promoted=(candidate(),))
    settings = load_settings(cache_dir=str(outer / "cache"), tmp_dir=str(outer / "tmp"), env={})
    hooks = Hooks((Boost(cast("Any", library), shadow_every=0),))
    opening = open_bench(settings, sandbox=confined, port=cast("Any", FakePort()), hooks=hooks)
    skill = load_skill(a_skill(outer))
    right = Criterion(
        method="file-check",
        id="totals",
        options={"path": "totals.json", "mode": "contains", "expected": '"Rome": 8'},
    )
    task = Task(id="t", prompt=PROMPT, criteria=(right,), fixtures={"sales.csv": SALES.decode()})
    async with opening as bench:
        record = await run_once(RunSpec(task, "fake/m", harness=name, skill=skill), bench)
        entries = await bench.journal.query()
    assert (record.score, record.turns, record.notes) == (1.0, 2, ())
    assert [entry.kind for entry in entries] == ["run_started", "run_finished", "boost_watch", "boost"]
    assert {entry.parent for entry in entries[1:]} == {entries[0].id}
    event, watch = entries[3].body, entries[2].body
    assert (event["event"], event["isGood"], event["runId"]) == ("answered", True, record.run_id)
    assert (event["skillId"], event["skillDigest"]) == (record.skill_id, record.skill_digest)
    assert watch["boostedTurns"] == [0]
    assert [sorted(state) for state in watch["states"]] == [
        ["sales.csv"],
        *[["sales.csv", "totals.json"]] * 2,
    ]


def a_skill(folder: Path) -> Path:
    root = folder / "totaller"
    root.mkdir()
    (root / "SKILL.md").write_text("---\nname: totaller\ndescription: Totals of tables.\n---\nUse Python.\n")
    return root


@pytest.fixture(scope="session")
def confined() -> Sandbox:
    return choose_sandbox("auto")


@pytest.fixture
def outer() -> Iterator[Path]:
    """A folder that a cell's own user can pass, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
