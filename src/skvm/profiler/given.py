"""Given work: graded by a primitive's oracle without a run, as it would be graded after one."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.grading import Seal
from skvm.evaluate.workspace import Ceiling, lay_inline, make_private_folder, remove_tree
from skvm.harness.lazy_cell import open_on_demand
from skvm.harness.sandbox import Cell, Policy, Sandbox
from skvm.harness.trajectory import Trajectory
from skvm.profiler.ask import probe_task
from skvm.target.contract import Answer, Level, Primitive, Probe, Verdict, Work
from skvm.target.soundness import Judged
from skvm.target.trials import trajectory_of, visits_of

__all__ = ["CEILING", "GRADE_TIMEOUT_S", "SealedJudge", "check_size", "grade_given", "lay_out"]

CEILING = Ceiling(max_bytes=256 << 20, max_entries=20_000)
"""What is more than this is no probe's work."""
GRADE_TIMEOUT_S = 120.0
"""What an oracle may take for one answer."""


def lay_out(
    primitive: Primitive, level: Level, probe: Probe, folder: Path, answer: Answer | None = None
) -> None:
    """Write what an agent finds in its work directory, and over it what an answer leaves there.

    Raises:
        OSError: A path leads out of the folder, or cannot be written.
    """
    task = probe_task(primitive, level, 0, probe, GRADE_TIMEOUT_S)
    files = {**probe.files, **(answer.files if answer else {})}
    lay_inline(task.model_copy(update={"fixtures": files}), folder)


def check_size(work_dir: Path, ceiling: Ceiling = CEILING) -> None:
    """Refuse a directory that nobody would leave as the answer to a probe.

    Raises:
        UsageError: It holds too much.
        OSError: It cannot be read.
    """
    left_bytes, left_entries, waiting = ceiling.max_bytes, ceiling.max_entries, [work_dir]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                left_entries -= 1
                left_bytes -= info.st_size if stat.S_ISREG(info.st_mode) else 0
                if left_entries < 0 or left_bytes < 0:
                    most = (
                        f"{ceiling.max_entries:,} files"
                        if left_entries < 0
                        else f"{ceiling.max_bytes >> 20:,} MiB"
                    )
                    raise UsageError(
                        f"{work_dir}: more than {most}",
                        help="name the work directory of one probe, nothing above it",
                    )
                if stat.S_ISDIR(info.st_mode):
                    waiting.append(Path(entry.path))


async def grade_given(
    primitive: Primitive,
    level: Level,
    probe: Probe,
    *,
    sandbox: Sandbox,
    tmp_dir: Path,
    work_dir: Path | None = None,
    response: str = "",
    trajectory: Trajectory | None = None,
) -> tuple[Verdict, tuple[str, ...]]:
    """Grade given work in a fresh cell on a copy; the directory itself is never changed.

    Args:
        primitive: Whose oracle.
        level: Of which level.
        probe: What was asked.
        sandbox: Opens the cell.
        tmp_dir: Where the copy is made.
        work_dir: The work directory; ``None`` is that of an agent that touched no file.
        response: The agent's last words.
        trajectory: What it did; without one the work is judged by its evidence alone.

    Returns:
        The verdict, and what was left out of the copy.

    Raises:
        UsageError: The directory holds more than a probe's work.
        InfrastructureError: The sandbox or the oracle failed; nothing is known of the work.
    """
    if work_dir is not None:
        if (await anyio.Path(tmp_dir).resolve()).is_relative_to(await anyio.Path(work_dir).resolve()):
            raise UsageError(
                f"{work_dir}: holds {tmp_dir}, where the copy would be made",
                help="name the probe's own directory",
            )
        await anyio.to_thread.run_sync(check_size, work_dir)
    async with _place(tmp_dir) as place:
        left = work_dir
        if left is None:
            left = place
            await anyio.to_thread.run_sync(lay_out, primitive, level, probe, left)
        async with _work(
            Seal(sandbox, tmp_dir, left), primitive, level, probe, response=response, trajectory=trajectory
        ) as (
            work,
            notes,
        ):
            try:
                return await _ask(primitive, level, probe, work), tuple(notes)
            except SkvmError:
                raise
            except Exception as error:
                raise InfrastructureError(
                    f"the oracle of {primitive.id} {level} failed: {type(error).__name__}: {error}",
                    help="this says nothing about the work; it is a fault of the primitive",
                ) from error


@dataclass(frozen=True, slots=True)
class SealedJudge:
    """Asks oracles about answers as they are asked after a run: on a copy, in a fresh cell.

    An oracle that looks at no file is spared all of that.

    Args:
        sandbox: Opens the cells.
        tmp_dir: Where the answers are laid out.
    """

    sandbox: Sandbox
    tmp_dir: Path

    async def __call__(self, primitive: Primitive, level: Level, probe: Probe, answer: Answer) -> Judged:
        """Ask once.

        Raises:
            InfrastructureError: The sandbox failed.
            TimeoutError: The oracle took too long.
        """
        trajectory = trajectory_of(probe, answer)
        visits = visits_of(probe.site, answer) if probe.site else None
        laid_out = _LaidOut(self, primitive, level, probe, answer)
        async with open_on_demand(laid_out, Policy(work_dir=self.tmp_dir)) as cell:
            verdict = await _ask(primitive, level, probe, Work(answer.response, cell, trajectory, visits))
        return Judged(verdict, is_costly=laid_out.is_wanted)


@dataclass(slots=True)
class _LaidOut:
    """A sandbox that opens cells in which an answer lies."""

    judge: SealedJudge
    primitive: Primitive
    level: Level
    probe: Probe
    answer: Answer
    is_wanted: bool = False

    @property
    def name(self) -> str:
        """That of the sandbox beneath."""
        return self.judge.sandbox.name

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[Cell]:
        """Lay the answer out, and open a cell on a copy of it; ``policy`` is the seal's."""
        self.is_wanted = True
        tmp_dir = self.judge.tmp_dir
        async with _place(tmp_dir) as left:
            try:
                await anyio.to_thread.run_sync(
                    lay_out, self.primitive, self.level, self.probe, left, self.answer
                )
            except OSError as error:
                # An oracle takes an OSError for the agent's doing.
                raise RuntimeError(f"the answer cannot be laid out: {error}") from error
            seal = Seal(self.judge.sandbox, tmp_dir, left)
            async with _work(seal, self.primitive, self.level, self.probe, response="", trajectory=None) as (
                work,
                _,
            ):
                yield work.cell


async def _ask(primitive: Primitive, level: Level, probe: Probe, work: Work) -> Verdict:
    with anyio.move_on_after(GRADE_TIMEOUT_S):
        return await primitive.grade(level, probe, work)
    raise TimeoutError(f"it took longer than {GRADE_TIMEOUT_S:.0f} s")


@asynccontextmanager
async def _work(
    seal: Seal,
    primitive: Primitive,
    level: Level,
    probe: Probe,
    *,
    response: str,
    trajectory: Trajectory | None,
) -> AsyncIterator[tuple[Work, Sequence[str]]]:
    """A copy of what was left, in a fresh cell, as an oracle sees it."""
    task = probe_task(primitive, level, 0, probe, GRADE_TIMEOUT_S)
    nothing_done = Trajectory(harness="given", model="given", prompt=probe.prompt, final_text=response)
    async with seal.evidence(task, trajectory or nothing_done) as (evidence, notes):
        yield Work(response, evidence.cell, trajectory, seal.visits), notes


@asynccontextmanager
async def _place(tmp_dir: Path) -> AsyncIterator[Path]:
    """A private folder, gone afterwards."""
    folder = await anyio.to_thread.run_sync(make_private_folder, tmp_dir, "grade")
    try:
        yield folder
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, folder)
