"""A session: a plan is recorded, prepared and run to its end, once, however often it is interrupted."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from skvm.bench.execute import StopRule, Watcher, run_cells
from skvm.bench.history import FINISHED, STARTED, Ended, attempts_of, counted, counts
from skvm.bench.limits import Limits
from skvm.bench.matrix import Block, Cell, matrix_of
from skvm.bench.plan import BenchPlan, Preparation, Target
from skvm.bench.planning import planned_tasks
from skvm.bench.prepare import prepare
from skvm.bench.triggering.running import trigger_specs
from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench
from skvm.evidence.record import RunRecord
from skvm.files import replace_file
from skvm.harness.hooks import Hooks
from skvm.skill.frontend import load_skill
from skvm.task.digest import task_digest

__all__ = [
    "METADATA",
    "Opened",
    "SessionWatcher",
    "hold",
    "lay_out",
    "open_session",
    "run_session",
]

METADATA = "metadata.json"
"""The plan, beside the reports."""


class SessionWatcher(Watcher, Protocol):
    """Who is told of a session."""

    def prepared(self, account: Preparation) -> None:
        """A condition was made ready, or could not be."""

    def planned(self, cells: tuple[Cell, ...], done: int) -> None:
        """The matrix stands; so many of its cells need no run."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session ready to run.

    Args:
        plan: What was asked for.
        record: The plan's record in the journal, if it has one.
        cells: Every run of it, in order.
        known: One attempt for each cell that was tried before.
    """

    plan: BenchPlan
    record: int | None
    cells: tuple[Cell, ...]
    known: dict[str, RunRecord]


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a session against other processes; the hold of one that was killed is gone with it.

    Raises:
        InfrastructureError: Another process runs this session now.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        raise InfrastructureError(
            f"another process runs bench session {folder.name} now", help="wait for it, or end it first"
        ) from error


async def open_session(
    plan: BenchPlan, bench: Bench, folder: Path | None, watcher: SessionWatcher, record: int | None = None
) -> Opened:
    """Record a plan, make its conditions ready, lay out its matrix.

    Args:
        plan: What was asked for.
        bench: What runs share.
        folder: The session's own; ``None`` records nothing, for a look at what would be run.
        watcher: Told of everything.
        record: The plan's record, where the session is resumed.

    Raises:
        SkvmError: A task or skill cannot be read, or a condition cannot let the bench go on.
    """
    tasks = planned_tasks(plan)
    if record is None and folder is not None:
        record = await bench.journal.append(STARTED, plan)
    if folder is not None and not (folder / METADATA).exists():
        lay_out(plan, folder)
    prepared = await prepare(plan, bench, record, watcher.prepared)
    cells = (*matrix_of(plan, tasks, prepared.loadouts), *_trigger_cells(plan))
    known = counted(await attempts_of(bench.journal, plan.session_id))
    return Opened(plan, record, cells, known)


def _trigger_cells(plan: BenchPlan) -> Iterator[Cell]:
    """The runs that test whether a skill is loaded; they stand after the matrix."""
    skills = {each.skill.path: load_skill(Path(each.skill.path)) for each in plan.triggers}
    for spec in trigger_specs(plan, skills):
        target = Target(model=spec.model_id, harness=spec.harness_name)
        block = Block(spec.repetition, target, spec.task.id)
        yield Cell(spec.cell or "", block, target, spec, task_digest(spec.task), Hooks())


async def run_session(
    opened: Opened, bench: Bench, limits: Limits, watcher: Watcher, stop: StopRule | None = None
) -> tuple[dict[str, RunRecord], bool]:
    """Run what is missing of a session; see ``run_cells``.

    That it came to its end is recorded: every cell has a run that counts, or the stop rule was satisfied.
    """
    done, is_stopped = await run_cells(
        opened.cells, bench, limits=limits, known=opened.known, watcher=watcher, stop=stop
    )
    if is_stopped or all(cell.key in done and counts(done[cell.key]) for cell in opened.cells):
        said = stop.sentence if stop is not None and is_stopped else None
        ended = Ended(session_id=opened.plan.session_id, stopped=said, planned=len(opened.cells))
        await bench.journal.append(FINISHED, ended, opened.record)
    return done, is_stopped


def lay_out(plan: BenchPlan, folder: Path) -> None:
    """Write the plan beside the reports.

    Raises:
        InfrastructureError: It cannot be written.
    """
    data = plan.model_dump_json(by_alias=True, indent=2).encode() + b"\n"
    try:
        replace_file(folder / METADATA, data, mode=0o644)
    except OSError as error:
        raise InfrastructureError(f"{folder / METADATA}: cannot be written: {error.strerror}") from error
