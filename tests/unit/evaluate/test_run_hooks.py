"""Hooks of a run: told which run it is, shown to its cell, and told how it was graded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.unit.evaluate.conftest import Agent

from skvm.evaluate.run import RunSpec, run_once
from skvm.evidence.record import Outcome, Record, RunRecord
from skvm.harness.fake import FakeHarness
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.harness.sandbox import Policy
from skvm.llm.contract import ProviderError
from skvm.task.model import Task

TASK = Task(id="t", prompt="Do it")


class Word(Record):
    """What a hook records."""

    said: str


@dataclass
class Remembers(Hook):
    """A hook with one of its own for every run."""

    folder: Path | None = None
    error: Exception | None = None
    runs: list[HookRun] = field(default_factory=list)
    files: list[list[str]] = field(default_factory=list)
    records: list[RunRecord] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        return [*self.said, *("after it" for _ in self.records)]

    def of_run(self, run: HookRun) -> Hook:
        self.runs.append(run)
        self.files.append(sorted(path.name for path in run.work_dir.iterdir()))
        return self

    def shown_folders(self) -> list[Path]:
        return [] if self.folder is None else [self.folder]

    async def after_record(self, record: RunRecord) -> list[tuple[str, Record]]:
        self.records.append(record)
        if self.error is not None:
            raise self.error
        return [("word", Word(said=record.outcome.value))]


def once(bench: Any, spec: RunSpec, hook: Hook, **changes: Any) -> tuple[RunRecord, Any]:
    async def main() -> tuple[RunRecord, Any]:
        async with bench() as opened:
            record = await run_once(spec, replace(opened, hooks=Hooks((hook,)), **changes))
            return record, await opened.journal.query()

    return anyio.run(main)


def test_a_hook_is_told_the_run_and_its_words_belong_to_it(bench: Any) -> None:
    hook = Remembers()
    spec = RunSpec(replace_fixtures(TASK), "fake/m", harness=FakeHarness(), condition="c")
    record, entries = once(bench, spec, hook)
    (run,) = hook.runs
    assert (run.run_id, run.task_digest, run.model) == (record.run_id, record.task_digest, "fake/m")
    assert (run.skill_id, run.skill_digest) == (None, None)
    assert hook.files == [["given.txt"]], "the work directory is laid out"
    assert hook.records == [record.model_copy(update={"notes": ()})]
    assert [entry.kind for entry in entries] == ["run_started", "run_finished", "word"]
    assert (entries[2].body["said"], entries[2].parent) == ("scored", entries[0].id)


def replace_fixtures(task: Task) -> Task:
    return task.model_copy(update={"fixtures": {"given.txt": "x"}})


async def fail(context: Any) -> Any:
    raise ProviderError("down", status=503)


def test_a_hook_is_told_of_a_run_that_failed(bench: Any) -> None:
    hook = Remembers()
    record, entries = once(bench, RunSpec(TASK, "fake/m", harness=Agent(fail)), hook)
    assert record.outcome is Outcome.INFRA_FAILED
    assert [entry.body.get("said") for entry in entries] == [None, None, "infra_failed"]


def test_a_hook_that_fails_is_noted_and_loses_nothing(bench: Any) -> None:
    hook = Remembers(error=RuntimeError("no room"))
    record, entries = once(bench, RunSpec(TASK, "fake/m", harness=FakeHarness()), hook)
    assert record.outcome is Outcome.SCORED
    assert "a hook failed after the run: RuntimeError: no room" in record.notes
    assert [entry.kind for entry in entries] == ["run_started", "run_finished"]


def test_what_a_hook_has_to_tell_is_noted_once_and_recorded_where_it_was_known_in_time(bench: Any) -> None:
    hook = Remembers(said=["in the run"])
    record, entries = once(bench, RunSpec(TASK, "fake/m", harness=FakeHarness()), hook)
    assert record.notes == ("in the run", "after it")
    assert entries[1].body["notes"] == ["in the run"]


def test_a_cancelled_run_is_told_of_too(bench: Any) -> None:
    hook = Remembers()

    async def hang(context: Any) -> Any:
        await anyio.sleep_forever()

    async def main() -> Any:
        async with bench() as opened:
            with anyio.move_on_after(0.2):
                await run_once(
                    RunSpec(TASK, "fake/m", harness=Agent(hang)), replace(opened, hooks=Hooks((hook,)))
                )
            return await opened.journal.query("word")

    assert [entry.body["said"] for entry in anyio.run(main)] == ["cancelled"]


def test_whoever_ends_the_command_need_not_wait_until_a_hook_has_thought(bench: Any) -> None:
    class Ponders(Remembers):
        async def reflect(self, record: RunRecord) -> list[tuple[str, Record]]:
            await anyio.sleep_forever()
            return []

    async def main() -> Any:
        async with bench() as opened:
            with anyio.move_on_after(0.5) as scope:
                await run_once(
                    RunSpec(TASK, "fake/m", harness=FakeHarness()), replace(opened, hooks=Hooks((Ponders(),)))
                )
            assert scope.cancelled_caught
            return await opened.journal.query()

    assert [entry.kind for entry in anyio.run(main)] == ["run_started", "run_finished", "word"]


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_folder_of_a_hook_is_seen_in_the_cell(
    bench: Any, confined: Any, tmp_path: Path, *, is_shown: bool
) -> None:
    folder = tmp_path / "outfit"
    folder.mkdir()
    (folder / "tool.txt").write_text("from outside")
    folder.chmod(0o755)
    found: list[str] = []

    async def look(context: Any) -> None:
        done = await context.cell.execute(f"cat {folder}/tool.txt && ! touch {folder}/new", timeout_s=20)
        found.append(done.stdout)

    hook = Remembers(folder if is_shown else None)
    once(bench, RunSpec(TASK, "fake/m", harness=Agent(look)), hook, sandbox=confined)
    assert found == ["from outside" if is_shown else ""]
    assert [path.name for path in folder.iterdir()] == ["tool.txt"]


def test_the_policy_keeps_what_else_is_shown(tmp_path: Path) -> None:
    from skvm.evaluate.opening import _showing

    policy = Policy(work_dir=tmp_path, read_only=(tmp_path / "environment",))
    assert _showing(policy, [tmp_path / "outfit"]).read_only == (
        tmp_path / "environment",
        tmp_path / "outfit",
    )
