"""How a plan run is written down: together what ends together, and nothing twice."""

import sqlite3

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.evidence.journal import Journal
from skvm.evidence.redact import Redactor
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    STEP_STARTED_KIND,
    Node,
    PlanReport,
    StepResult,
    StepState,
)
from skvm.runtime.plan.recording import PlanLog, find_run, load_run, newest_run
from skvm.runtime.plan.recording.log import MAX_TEXT_CHARS
from tests.unit.runtime.plan.recording.worlds import DIGEST, MortalJournal, begun

pytestmark = pytest.mark.anyio
DONE = StepResult(StepState.DONE)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def report_of(**states):
    return PlanReport({name: StepResult(state) for name, state in states.items()}, 1.0)


class SlowJournal(MortalJournal):
    """A disk that is busy until it is told otherwise."""

    def __init__(self, path):
        super().__init__(path)
        self.is_free = anyio.Event()

    async def append_all(self, records, parent=None):
        await self.is_free.wait()
        return await super().append_all(records, parent)


async def test_what_ends_while_the_disk_is_busy_goes_there_together(path):
    async with SlowJournal(path) as journal:
        journal.is_free.set()
        async with PlanLog.open(journal, begun()) as log:
            journal.is_free = anyio.Event()
            journal.appends.clear()
            async with anyio.create_task_group() as group:
                for index in range(20):
                    group.start_soon(log.finished, Node(f"1.{index}"), DONE, 0.0)
                await anyio.wait_all_tasks_blocked()
                journal.is_free.set()
            assert sum(len(kinds) for kinds in journal.appends) == 20
            assert len(journal.appends) <= 2


async def test_a_serial_plan_pays_one_append_a_step(path):
    async with MortalJournal(path) as journal:
        async with PlanLog.open(journal, begun()) as log:
            for index in range(5):
                await log.started(Node(f"1.{index}"))
                await log.finished(Node(f"1.{index}"), DONE, 0.0)
            log.ended(report_of(a=StepState.DONE))
        assert journal.appends == [
            [STARTED_KIND],
            *([STEP_FINISHED_KIND] for _ in range(5)),
            [FINISHED_KIND],
        ]


async def test_only_what_may_not_be_repeated_is_on_disk_before_it_begins(path):
    async with MortalJournal(path) as journal, PlanLog.open(journal, begun()) as log:
        await log.started(Node("1.1"))
        await log.started(Node("1.2", is_idempotent=False))
        with sqlite3.connect(path) as other:
            rows = other.execute("select kind, body ->> '$.node' from records").fetchall()
        assert rows == [(STARTED_KIND, None), (STEP_STARTED_KIND, "1.2")]


async def test_what_has_ended_is_written_down_although_everything_is_cancelled(path):
    async with SlowJournal(path) as journal:
        journal.is_free.set()
        with anyio.CancelScope() as scope:
            async with PlanLog.open(journal, begun()) as log, anyio.create_task_group() as group:
                journal.is_free = anyio.Event()
                group.start_soon(log.finished, Node("1.1"), DONE, 0.0)
                group.start_soon(log.finished, Node("1.2"), DONE, 0.0)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                journal.is_free.set()
        found = await newest_run(journal, DIGEST, "/w")
        assert set(found.finished) == {"1.1", "1.2"}
        ended = await journal.query(FINISHED_KIND)
        assert [entry.body["interrupted"] for entry in ended] == [True]
        assert not found.is_complete


async def test_everybody_hears_of_a_disk_that_is_full(path):
    async with MortalJournal(path) as journal:
        heard = []

        async def finish(log, name):
            try:
                await log.finished(Node(name), DONE, 0.0)
            except InfrastructureError:
                heard.append(name)

        async def full(records, parent=None):
            raise InfrastructureError("the disk is full")

        async with PlanLog.open(journal, begun()) as log:
            good, journal.append_all = journal.append_all, full
            async with anyio.create_task_group() as group:
                for name in ("a", "b", "c"):
                    group.start_soon(finish, log, name)
            journal.append_all = good
        assert sorted(heard) == ["a", "b", "c"]


async def test_no_half_of_a_secret_is_kept(path):
    secret = "hush-hush-hush-hush"
    redactor = Redactor([secret])
    async with Journal(path, redactor=redactor) as journal:
        async with PlanLog.open(journal, begun(), clean=redactor.text) as log:
            for start in range(MAX_TEXT_CHARS * 2 // 3 - 20, MAX_TEXT_CHARS * 2 // 3 + 1):
                text = "x" * start + secret + "y" * MAX_TEXT_CHARS
                await log.finished(Node(f"1.{start}"), StepResult(StepState.DONE, text), 0.0)
        for entry in await journal.query(STEP_FINISHED_KIND):
            assert "hush" not in entry.body["text"]
            assert len(entry.body["text"]) < MAX_TEXT_CHARS + 100


async def test_times_say_when_it_was_ready_began_and_ended(path):
    node = Node("1.1", after=("1.0",), group="g", needs=("cpu",))
    async with Journal(path) as journal:
        async with PlanLog.open(journal, begun(), after={"1.1": ("1.0", "0.9")}, measured={"1.1"}) as log:
            await log.started(node)
            await log.finished(node, StepResult(StepState.DONE, "said", digests={"a": "b"}), 0.0)
            await log.finished(Node("1.1[x]"), DONE, 0.0)
            await log.finished(Node("1.2"), StepResult(StepState.CANCELLED), 0.0)
            await log.finished(Node("1.0+1.1"), DONE, 0.0)
            rows = log.rows
        first, item, never, _ = [entry.body for entry in await journal.query(STEP_FINISHED_KIND)]
    assert first["ready_s"] <= first["started_s"] <= first["ended_s"]
    assert (first["after"], first["group"], first["needs"]) == (["1.0", "0.9"], "g", ["cpu"])
    assert (item["parent"], never["started_s"]) == ("1.1", None)
    assert [row.node for row in rows] == ["1.1", "1.1[x]", "1.0+1.1"]
    assert {(row.text, *row.digests) for row in rows} == {("",)}


async def test_what_a_cell_has_on_record_is_no_run_to_go_on_with(path):
    async with Journal(path) as journal:
        run = await journal.append("run_started", {"run_id": "x"})
        in_cell = await journal.append(STARTED_KIND, begun("forged"), run)
        await journal.append(STARTED_KIND, begun("forged", resumed=True), in_cell)
        assert await newest_run(journal, DIGEST, "/w") is None
        ours = await journal.append(STARTED_KIND, begun("ours"))
        await journal.append(STARTED_KIND, begun("forged"), run)
        found = await newest_run(journal, DIGEST, "/w")
    assert found is not None
    assert (found.record, found.started.plan_run) == (ours, "ours")


async def test_several_processes_of_a_run_are_read_as_one(path):
    once = Node("1.2", is_idempotent=False)
    async with Journal(path) as journal:
        async with PlanLog.open(journal, begun()) as log:
            await log.finished(Node("1.1"), StepResult(StepState.FAILED), 0.0)
            await log.started(once)
        first = await newest_run(journal, DIGEST, "/w")
        assert first.uncertain == {"1.2"}
        resumed = begun(resumed=True)
        async with PlanLog.open(journal, resumed, parent=first.record, attempts=first.attempts) as log:
            await log.finished(Node("1.1"), DONE, 0.0)
            await log.finished(once, StepResult(StepState.CANCELLED), 0.0)
        second = await newest_run(journal, DIGEST, "/w")
        assert second.record == first.record
        assert second.finished["1.1"].is_done
        assert second.uncertain == {"1.2"}, "it was not begun this time, and is as uncertain as it was"
        async with PlanLog.open(journal, resumed, parent=first.record, attempts=second.attempts) as log:
            await log.started(once)
            await log.finished(once, DONE, 0.0)
            log.ended(report_of(a=StepState.DONE))
        third = await newest_run(journal, DIGEST, "/w")
        assert (third.uncertain, third.is_complete, third.attempts["1.2"]) == (frozenset(), True, 2)
        assert (await find_run(journal, "r")).started.plan_run == "r1"
        assert await newest_run(journal, DIGEST, "/elsewhere") is None
        entries = await journal.query(STARTED_KIND)
        assert [entry.parent for entry in entries] == [None, first.record, first.record]
        assert (await load_run(journal, entries[0])).finished == third.finished


async def test_a_run_among_very_many_is_found(path):
    async with Journal(path) as journal:
        await journal.append(STARTED_KIND, begun("the-one", work_dir="/there"))
        await journal.append_all([(STARTED_KIND, begun(f"r{index}")) for index in range(200)])
        found = await newest_run(journal, DIGEST, "/there")
        assert found.started.plan_run == "the-one"
