"""Runs made by workers are recorded as if they were made here: once each, whole, whatever is lost."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import anyio
import pytest

from skvm.errors import InfrastructureError, UsageError
from skvm.evaluate.bench import RunSpec, load_trajectory
from skvm.evaluate.schedule import make_run, run_many
from skvm.evidence.record import Outcome
from skvm.harness.hooks import Hook, Hooks
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.llm.fake import FakeAnswer
from skvm.runtime.plan.touching import with_touching
from skvm.skill.frontend import load_skill
from tests.unit.cluster.conftest import task

pytestmark = pytest.mark.anyio
OWN = {"run_id", "started_at", "finished_at", "duration_ms", "llm_duration_ms", "trajectory_digest", "host"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def same(record):
    return record.model_dump(exclude=OWN)


def kinds(bench):
    """How many records of each kind there are, and how many starts have no end."""
    with closing(sqlite3.connect(bench.settings.journal_path)) as connection:
        found = dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall())
        open_runs = connection.execute(
            "SELECT count(*) FROM records AS run WHERE kind = 'run_started' AND NOT EXISTS"
            " (SELECT 1 FROM records WHERE parent = run.id AND kind = 'run_finished')"
        ).fetchone()[0]
    return found, open_runs


async def test_a_run_elsewhere_is_recorded_as_one_here(ground):
    folder = ground.root / "skills" / "writer"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: writer\ndescription: Writes.\n---\n\nWrite x into a.\n")
    (folder / "scripts" / "go.sh").write_text("#!/bin/sh\n")
    (folder / "scripts" / "go.sh").chmod(0o755)
    root = ground.root / "tasks" / "t"
    (root / "fixtures" / "empty").mkdir(parents=True)
    (root / "fixtures" / "in.txt").write_text("in")
    (root / "fixtures" / "link").symlink_to("in.txt")
    specs = [
        RunSpec(task("t", root=root), "fake/m", skill=skill, repetition=repetition, seed=repetition)
        for skill in (None, load_skill(folder))
        for repetition in (0, 1)
    ]
    async with ground.local() as here:
        expected = await run_many(specs, with_touching(here), concurrency=2)
        kinds_here = kinds(here)
    async with ground.remote() as (bench, lanes):
        found = await run_many(specs, with_touching(bench), concurrency=4)
        assert [same(record) for record in found] == [same(record) for record in expected]
        assert kinds(bench) == kinds_here
        assert [record.score for record in found] == [0.0, 0.0, 1.0, 1.0]
        for one, other in zip(found, expected, strict=True):
            trajectory = load_trajectory(bench.blobs, one)
            assert trajectory.final_text == load_trajectory(here.blobs, other).final_text
        starts = await bench.journal.query("run_started")
        assert {entry.body["run_id"] for entry in starts} == {record.run_id for record in found}
        assert sum(lane.asked.count("run") for lane in lanes.started) == 4
        assert bench.runner.places == 4
    async with ground.remote(workers=1) as (bench, lanes):
        await run_many(specs, bench)
        # What was sent to a node once is found there by workers of later commands.
        assert lanes.started[0].asked.count("lacking") == 2
        assert "keep" not in lanes.started[0].asked


async def test_a_lost_worker_loses_and_doubles_nothing(ground):
    async with ground.remote(workers=2, slots=4) as (bench, lanes):
        ground.model.says = lambda body: FakeAnswer("done", delay_s=0.3)
        specs = [RunSpec(task(f"t{n}"), "fake/m") for n in range(12)]
        records = []

        async def work():
            records.extend(await run_many(specs, bench, concurrency=8))

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            while not all("run" in lane.asked for lane in lanes.started):  # noqa: ASYNC110 - others change it
                await anyio.sleep(0.01)
            lanes.started[0].kill()
        assert [record.task_id for record in records] == [f"t{n}" for n in range(12)]
        assert {record.outcome for record in records} == {Outcome.SCORED}
        found, open_runs = kinds(bench)
        assert (found["run_started"], found["run_finished"], open_runs) == (12, 12, 0)
        assert len(lanes.started) == 3


async def test_a_run_that_loses_every_worker_is_given_up(ground):
    async with ground.remote(workers=1, slots=1) as (bench, lanes):
        ground.model.says = lambda body: FakeAnswer(hang=True)
        async with anyio.create_task_group() as group:

            async def lose():
                for number in range(3):
                    while len(lanes.started) <= number or "run" not in lanes.started[number].asked:  # noqa: ASYNC110 - others change it
                        await anyio.sleep(0.01)
                    lanes.started[number].kill()

            group.start_soon(lose)
            record = await make_run(RunSpec(task(), "fake/m"), bench)
        assert record.outcome is Outcome.INFRA_FAILED
        assert "3 workers were lost" in record.detail
        assert kinds(bench)[1] == 0


async def test_a_cancelled_run_is_stopped_where_it_is_made(ground):
    async with ground.remote(workers=1) as (bench, lanes):
        ground.model.says = lambda body: FakeAnswer(hang=True)
        async with anyio.create_task_group() as group:
            group.start_soon(make_run, RunSpec(task(), "fake/m"), bench)
            while not ground.server.requests:  # noqa: ASYNC110 - others change it
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        (entry,) = await bench.journal.query("run_finished")
        assert entry.body["outcome"] == "cancelled"
        assert kinds(bench)[1] == 0
        assert "stop" in lanes.started[0].asked
        assert lanes.started[0].worker._scopes == {}


async def test_what_is_no_data_stays_here_and_that_is_said_once(ground):
    class Remembers(Hook):
        pass

    notes = []
    async with ground.remote(notes=notes) as (bench, lanes):
        watched = replace(bench, hooks=Hooks((Remembers(),)))
        for _ in range(2):
            await make_run(RunSpec(task(), "fake/m"), watched)
        assert [note for note in notes if "boost" in note] == notes
        assert len(notes) == 1
        assert all("run" not in lane.asked for lane in lanes.started)
        assert kinds(bench)[0]["run_finished"] == 2


async def test_errors_of_a_worker_are_raised_here(ground):
    async with ground.remote(workers=1) as (bench, _):
        with pytest.raises(UsageError, match="unknown harness"):
            await make_run(RunSpec(task(), "fake/m", harness="nobody"), bench)
        assert kinds(bench) == ({"run_started": 1, "run_finished": 1}, 0)
        with pytest.raises(Exception, match=r"on node .*no route serves"):
            await make_run(RunSpec(task(), "elsewhere/m"), bench)


async def test_a_ceiling_holds_over_all_workers(ground):
    ground.model.says = lambda body: FakeAnswer("done", input_tokens=400, output_tokens=100)
    limit = SpendLimit(max_tokens=20_000)
    async with ground.remote(limit=limit) as (bench, lanes):
        held = replace(bench, max_output_tokens=100)
        with pytest.raises(BudgetExceededError):
            await run_many([RunSpec(task(f"t{number}"), "fake/m") for number in range(100)], held)
        assert 10_000 < bench.port.usage.total_tokens <= 20_000
        left = [order["max_tokens"] for lane in lanes.started for order in lane.orders]
        assert max(left) == 20_000
        assert min(left) < 10_000


async def test_throttling_is_told_to_whoever_listens(ground):
    answers = iter([FakeAnswer("slow down", status=429, headers={"retry-after": "0"})])
    ground.model.says = lambda body: next(answers, FakeAnswer("done"))
    told = []
    async with ground.remote(workers=1) as (bench, _):
        bench.runner.fleet._on_throttled = told.append
        await make_run(RunSpec(task(), "fake/m"), bench)
        with anyio.fail_after(10):
            while not told:  # noqa: ASYNC110 - others change it
                await anyio.sleep(0.01)
        assert told == ["fake/m"]


async def test_another_skvm_is_refused(ground):
    from skvm.cluster.fleet import open_fleet
    from tests.unit.cluster.lanes import Lanes

    lanes = Lanes(ground.settings("x"), code="sha256:other")
    with pytest.raises(InfrastructureError, match="files differ") as caught:
        async with open_fleet(lanes, 1, 1):
            pass
    assert "same version" in caught.value.help
