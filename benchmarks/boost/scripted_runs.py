"""Runs of a scripted model with boost on, watched, graded and learnt from as any run is."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread

from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome, RunRecord, RunStarted
from skvm.harness.confine import choose_sandbox
from skvm.harness.contract import HARNESSES, RunContext
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import HookRun, Hooks
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.hook import Boost
from skvm.runtime.boost.library import Library, Shelf
from skvm.runtime.boost.model import BoostEvent, WatchRecord
from skvm.settings import load_settings

__all__ = ["Done", "Runs", "Task", "open_runs"]

MODEL, HARNESS = "any/m", "bare-agent"
_AT = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be.

    Args:
        skill_id: The skill it is a run of.
        prompt: What is asked.
        files: What lies in the work directory.
        command: What the model runs, if it is asked.
        target: The file it is graded by.
        is_good: Whether a file is right.
    """

    skill_id: str
    prompt: str
    files: Mapping[str, bytes]
    command: str
    target: str
    is_good: Callable[[bytes], bool]

    def score(self, work: Path) -> float:
        try:
            data = (work / self.target).read_bytes()
        except OSError:
            return 0.0
        return float(self.is_good(data))


@dataclass(frozen=True, slots=True)
class Done:
    """A run that is over.

    Args:
        record: Its record.
        trajectory: What was said.
        files: What it left, by path.
        asked: How often the model was asked.
        events: What boost recorded.
        states: What lay in the work directory before each turn, by path and digest.
    """

    record: RunRecord
    trajectory: Trajectory
    files: Mapping[str, bytes]
    asked: int
    events: tuple[BoostEvent, ...]
    states: tuple[Mapping[str, str] | None, ...]

    @property
    def is_answered(self) -> bool:
        """Whether a template took the first step."""
        return self.trajectory.turns[0].from_hook


@dataclass(slots=True)
class Runs:
    """A journal, a library, and runs that share them."""

    library: Library
    journal: Journal
    place: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def shelf(self, skill_id: str) -> Shelf:
        return await self.library.shelf(skill_id, digest_of(skill_id), MODEL, HARNESS)

    def begin(self, task: Task) -> Begun:
        """Lay a run out; several may be begun and go on at the same time."""
        run_id = f"20260102T{next(self._numbers):06}000-aaaaaa"
        work = self.place / run_id
        work.mkdir()
        for path, data in task.files.items():
            (work / path).write_bytes(data)
        boost = Boost(self.library, "on", shadow_every=0)
        run = HookRun(run_id, "sha256:t", MODEL, HARNESS, work, task.skill_id, digest_of(task.skill_id))
        return Begun(self, task, run_id, work, Hooks((boost,)).of_run(run))

    async def do(self, task: Task) -> Done:
        """One run from its start to its record."""
        return await self.begin(task).do()


@dataclass(slots=True)
class Begun:
    """A run whose work directory is laid out."""

    runs: Runs
    task: Task
    run_id: str
    work: Path
    hooks: Hooks

    async def do(self) -> Done:
        """Run it to its record."""
        library, journal = self.runs.library, self.runs.journal
        call = {"name": "execute_command", "arguments": {"command": self.task.command}}
        session = ScriptedSession([json.dumps(call), "Done."])
        shared: dict[str, Any] = {
            "run_id": self.run_id,
            "task_id": "t",
            "task_digest": "sha256:t",
            "condition": "jit-boost",
            "model": MODEL,
            "harness": HARNESS,
            "skill_id": self.task.skill_id,
            "skill_digest": digest_of(self.task.skill_id),
        }
        start = await journal.start_run(RunStarted(**shared, started_at=_AT))
        context = RunContext(
            prompt=self.task.prompt,
            model_id=MODEL,
            session=session,
            cell=FakeCell(self.work),
            work_dir=self.work,
            hooks=self.hooks,
        )
        trajectory = await HARNESSES.get(HARNESS)().run(context)
        record = RunRecord(
            **shared,
            outcome=Outcome.SCORED,
            score=await anyio.to_thread.run_sync(self.task.score, self.work),
            trajectory_digest=library.blobs.put(trajectory.model_dump_json(by_alias=True).encode()),
            started_at=_AT,
            finished_at=_AT,
        )
        others = [*await self.hooks.after_record(record), *await self.hooks.reflect(record)]
        await journal.finish_run(start, record, others)
        events = tuple(each for _, each in others if isinstance(each, BoostEvent))
        left = {path.name: path.read_bytes() for path in sorted(self.work.iterdir()) if path.is_file()}
        (watch,) = (each for _, each in others if isinstance(each, WatchRecord))
        return Done(record, trajectory, left, len(session.requests), events, watch.states)


def digest_of(skill_id: str) -> str:
    return f"sha256:{skill_id}"


@asynccontextmanager
async def open_runs(place: Path) -> AsyncIterator[Runs]:
    """A journal and a library in a folder that users of cells may pass.

    Raises:
        InfrastructureError: There is no sandbox here.
    """
    settings = load_settings(cache_dir=str(place / "cache"), tmp_dir=str(place), env={})
    async with Journal(settings.journal_path) as journal:
        library = Library.open(settings, journal, BlobStore(settings.blobs_dir), choose_sandbox("auto"))
        yield Runs(library, journal, place)
