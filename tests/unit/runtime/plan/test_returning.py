"""Records of a plan run in a cell come into the host's journal, and nothing else does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome
from skvm.harness.sandbox import Policy
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    MEASURED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    PlanStarted,
    StepState,
)
from skvm.runtime.plan.outfit import returning
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.runtime.plan.outfit.returning import bring_out
from skvm.runtime.plan.tracing.reading import read_run
from skvm.settings import load_settings
from skvm.task.model import Task
from tests.confinement import ALL, make_ground, working
from tests.harness.staging import Stage, open_stage
from tests.plan_skills import FIXTURES, LEFT, RUN, RUN_ON, plan_skill
from tests.unit.runtime.plan.asking import SHELL, TOOLS, Speaks, observed

pytestmark = pytest.mark.anyio

TASK = Task(id="t", prompt="Count the words.", timeout_ms=120_000, fixtures=FIXTURES)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    for stage in open_stage(load_settings(cache_dir=str(tmp_path / "cache"), env={})):
        stage.settings = replace(stage.settings, cache_dir=stage.outer / "cache")
        yield stage


@pytest.mark.parametrize(
    ("name", "speaks"), [*((name, TOOLS) for name in ALL), ("bubblewrap", SHELL)], ids=str
)
async def test_the_records_hang_below_the_run_they_belong_to(
    name: str, speaks: Speaks, stage: Stage, tmp_path: Path
) -> None:
    working(name)
    done = await stage.run(
        speaks.harness,
        speaks.steps(RUN, "printf x > summary.txt", RUN_ON),
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.record.notes == ()
    async with Journal(stage.settings.journal_path, read_only=True) as journal:
        first, second = await read_run(journal)
        entries = await journal.query(STARTED_KIND)
        [run] = await journal.query("run_started")
    assert first.started.plan_run == second.started.plan_run
    assert first.started.plan_run in observed(done)[0]
    assert [entries[0].parent, entries[1].parent] == [run.id, entries[0].id]
    assert (first.started.harness, first.started.model) == (speaks.harness, "fake/some-model")
    states = {ended.node: ended.state for ended in first.ended}
    assert states == {
        "1.1": StepState.DONE,
        "1.2": StepState.DONE,
        LEFT: StepState.LEFT,
        "1.4": StepState.LEFT,
    }
    # The two that met were under way at once.
    one, two = (next(ended for ended in first.ended if ended.node == node) for node in ("1.1", "1.2"))
    assert one.started_s is not None
    assert two.started_s is not None
    assert max(one.started_s, two.started_s) < min(one.ended_s, two.ended_s)
    assert second.finished is not None
    assert {ended.node for ended in second.ended if ended.state is StepState.DONE} >= {"1.4"}


async def test_a_run_that_ran_no_plan_has_no_records(stage: Stage, tmp_path: Path) -> None:
    done = await stage.run(
        "bare-agent", TOOLS.steps("ls"), task=TASK, skill=plan_skill(tmp_path), dress=with_plan_command
    )
    assert done.record.outcome is Outcome.SCORED
    async with Journal(stage.settings.journal_path, read_only=True) as journal:
        kinds = {entry.kind for entry in await journal.query()}
    assert not {kind for kind in kinds if kind.startswith("plan")}


async def test_a_journal_that_is_none_is_told_and_harms_nothing(stage: Stage, tmp_path: Path) -> None:
    spoil = "mkdir -p ~/.skvm/log; echo nonsense > ~/.skvm/log/journal.sqlite"
    done = await stage.run(
        "bare-agent",
        TOOLS.steps(RUN, spoil),
        task=TASK,
        skill=plan_skill(tmp_path),
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED
    [note] = done.record.notes
    assert note.startswith("the records of the plan run could not be read: ")


def started(**changes: Any) -> dict[str, Any]:
    record = PlanStarted(
        plan_run="plan-1",
        plan_digest="d",
        skill="s",
        skill_digest="sd",
        work_dir="/w",
        jobs=1,
        nodes=1,
        started_at=datetime.now(UTC),
    )
    return {**record.model_dump(mode="json", by_alias=True), **changes}


def forged(home: Path, rows: list[tuple[str, int | None, Any]]) -> None:
    folder = home / ".skvm" / "log"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "journal.sqlite")
    connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, kind, parent, body)")
    connection.executemany(
        "INSERT INTO records (kind, parent, body) VALUES (?, ?, ?)",
        [(kind, parent, body if isinstance(body, str) else json.dumps(body)) for kind, parent, body in rows],
    )
    connection.commit()
    connection.close()


@pytest.mark.parametrize("name", ALL)
async def test_what_an_agent_forged_is_left_out(name: str) -> None:
    sandbox = working(name)
    rows = [
        (STARTED_KIND, None, started()),
        ("run_finished", None, {"score": 1.0}),
        (MEASURED_KIND, 1, {"plan_run": "plan-1"}),
        (STEP_FINISHED_KIND, 1, {"plan_run": "plan-1", "node": "a", "state": "wonderful", "ended_s": 1}),
        (STEP_FINISHED_KIND, 1, "no JSON"),
        (STEP_FINISHED_KIND, 1, "[" * 100_000),
        (FINISHED_KIND, 1, {"plan_run": "plan-1", "states": {"done": 1}, "wall_s": 1}),
    ]
    with make_ground() as ground:
        forged(ground.work, rows)
        policy = Policy(work_dir=ground.work, env={"HOME": str(ground.work)})
        async with sandbox.open(policy) as cell:
            returned = await bring_out(cell)
    assert [row.kind for row in returned.rows] == [STARTED_KIND, FINISHED_KIND]
    assert returned.notes == ("3 records of the plan run are not what they should be: left out",)


async def test_more_than_enough_is_cut() -> None:
    sandbox = working("auto")
    step = {"plan_run": "plan-1", "node": "a", "state": "done", "ended_s": 1, "text": "x" * 1000}
    with make_ground() as ground:
        forged(ground.work, [(STARTED_KIND, None, started()), *[(STEP_FINISHED_KIND, 1, step)] * 2000])
        policy = Policy(work_dir=ground.work, env={"HOME": str(ground.work)})
        async with sandbox.open(policy) as cell:
            returned = await bring_out(cell)
    assert 500 < len(returned.rows) < 2001
    assert any("the rest is left out" in note for note in returned.notes)


@given(
    st.lists(
        st.text(max_size=40) | st.sampled_from(["cut", "[]", "[1, 2, 3, 4]", '[1,"plan_started",null,"{}"]'])
    )
)
def test_any_line_is_read_or_counted(lines: list[str]) -> None:
    returned = returning._read(lines)
    assert returned.rows == ()
    told = " ".join(returned.notes)
    others = [line for line in lines if line != "cut"]
    assert ("not what they should be" in told) == bool(others)
    assert ("the rest is left out" in told) == ("cut" in lines)
