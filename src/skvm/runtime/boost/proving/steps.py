"""Steps of templates run in real cells, on files of ours.

One cell serves many steps. Each has a folder of its own, laid out just before it; the template's code runs in
a private copy of that, which is gone afterwards. What a step leaves anywhere else in the cell is a stray and
stays there: later steps can tell.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evaluate.workspace import make_private_folder, remove_tree
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Cell, Limits, Policy, Sandbox
from skvm.runtime.boost.model import Candidate, Template
from skvm.runtime.boost.outfit import Outfit, Verdict, lay_outfit, verdict_of
from skvm.runtime.boost.proving.tripwires import lay_tripwires
from skvm.runtime.boost.watching import read_tree

__all__ = ["Step", "Steps", "open_steps"]

_GRACE_S = 15.0
"""How long beyond the limit of its code a step may take: two copies of a work directory, two looks at it."""
_LIMITS = Limits(cpu_s=120, processes=128, file_bytes=64 << 20)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step left.

    Args:
        verdict: What its program said; ``None`` where it said nothing, or its cell is gone.
        stdout: All its output.
        files: Bytes by path afterwards; ``None`` where they are too many or cannot be read.
        strays: Where something appeared in the cell that is not in the step's folder.
        step_ms: Wall time in the cell.
        failure: Why there is no verdict.
        is_lost: Whether that may be the doing of the cell, or of the machine.
    """

    verdict: Verdict | None
    stdout: str
    files: dict[str, bytes] | None
    strays: tuple[str, ...]
    step_ms: float
    failure: str = ""
    is_lost: bool = False

    @property
    def is_done(self) -> bool:
        """Whether it says it is done, and can be looked at."""
        return self.verdict is not None and self.verdict.is_done and self.files is not None

    @property
    def why_not(self) -> str:
        """Why it is not done."""
        if self.verdict is None:
            return self.failure or "it gave no verdict"
        return self.verdict.reason if not self.verdict.is_done else "what it left cannot be read"


class Steps:
    """A cell for steps; made by ``open_steps``. One step at a time."""

    def __init__(self, cell: Cell, ground: _Ground, places: tuple[str, ...], path: str) -> None:
        self._cell = cell
        self._outfit = ground.outfit
        self._places = places
        self._wired_path = f"{ground.tripwires}:{path}"
        self._numbers = itertools.count(1)
        self._seen: set[str] = set()
        self.work = ground.work

    async def run(
        self,
        candidate: Candidate,
        files: Mapping[str, bytes],
        params: Mapping[str, Any],
        *,
        is_wired: bool = False,
        is_quick: bool = False,
    ) -> Step:
        """Run a candidate's template once, in a folder that holds just these files.

        Args:
            candidate: Whose template; one of those the cell was opened with.
            files: What lies in the folder, by path.
            params: The values.
            is_wired: Whether tripwires are laid: then a step that asks the clock, chance or the network
                leaves a stray ``asked-…``.
            is_quick: Whether strays are looked for beside the folder only, and in the cell's own places by a
                later step that is not quick.
        """
        name = f"step-{next(self._numbers)}"
        ticket = secrets.token_hex(4)
        timeout_s = candidate.template.timeout_s + _GRACE_S
        try:
            await self._lay(name, files)
        except InfrastructureError as error:
            return Step(None, "", None, (), 0.0, error.message, is_lost=True)
        except OSError as error:
            why = f"the files cannot be laid out: {error.strerror or error}"
            return Step(None, "", None, (), 0.0, why, is_lost=True)
        command = self._outfit.command_line(candidate, ticket, params)
        env = {"PATH": self._wired_path} if is_wired else {}
        try:
            ran = await self._cell.execute(command, timeout_s=timeout_s, cwd=name, env=env)
            strays = self._strays_beside() if is_quick else await self._strays()
        except InfrastructureError as error:
            # It was there a moment ago: the step's own doing, as far as anybody can tell.
            return Step(None, "", None, (), 0.0, f"it ended its cell: {error.message}")
        left = await anyio.to_thread.run_sync(read_tree, self.work / name)
        verdict = verdict_of(ran.stdout, ticket)
        # Who had no time to speak may have been kept from it by others.
        is_lost = ran.is_timed_out
        failure = "it took too long" if ran.is_timed_out else (ran.stderr.strip().splitlines() or [""])[-1]
        return Step(verdict, ran.stdout, left, strays, ran.duration_ms, failure, is_lost)

    async def _lay(self, name: str, files: Mapping[str, bytes]) -> None:
        # By the cell, so that all of it is its user's.
        if not files:
            await self._cell.execute(["mkdir", "--", name], timeout_s=_GRACE_S)
        for path, data in files.items():
            await self._cell.write(f"{name}/{path}", data)
        self._seen.add(f"{self.work}/{name}")

    async def _strays(self) -> tuple[str, ...]:
        """What appeared in the cell since the last look: beside the folders of steps, in its own places."""
        found = {f"{place}/{each}" for place in self._places for each in await self._listed(place)}
        strays = found - self._seen
        self._seen |= strays
        return tuple(sorted({*strays, *self._strays_beside()}))

    def _strays_beside(self) -> tuple[str, ...]:
        """What appeared beside the folders of steps."""
        with os.scandir(self.work) as entries:
            strays = {entry.path for entry in entries} - self._seen
        self._seen |= strays
        return tuple(sorted(strays))

    async def _listed(self, place: str) -> list[str]:
        try:
            return [entry.name for entry in await self._cell.list(place)]
        except OSError as error:
            # One of the cell's own folders that was closed or removed is a trace, too.
            return [error.strerror or "unreadable"]

    async def look(self) -> None:
        """Take note of what lies in the cell before the first step."""
        await self._strays()


@dataclass(frozen=True, slots=True)
class _Ground:
    """Folders of ours for one cell: where its steps work, what it runs, what watches."""

    work: Path
    outfit: Outfit
    tripwires: Path


@asynccontextmanager
async def open_steps(
    templates: Iterable[Template], *, sandbox: Sandbox, tmp_dir: Path
) -> AsyncIterator[Steps]:
    """Open a cell in which any of these templates can be run; one with walls, whatever the agent has.

    Who lets an agent run without a sandbox has not agreed to code that is tried on hostile values.

    Raises:
        InfrastructureError: No cell or folder can be made, or no sandbox works here.
    """
    if sandbox.name == "none":
        sandbox = await anyio.to_thread.run_sync(choose_sandbox)
    outer = await anyio.to_thread.run_sync(make_private_folder, tmp_dir, "run")
    try:
        ground = await anyio.to_thread.run_sync(_lay_out, outer, tuple(templates))
        shown = (ground.outfit.folder, ground.tripwires.parent)
        policy = Policy(work_dir=ground.work, read_only=shown, limits=_LIMITS)
        async with sandbox.open(policy) as cell:
            said = await cell.execute('printf "%s\\n" "$PATH" "$TMPDIR" "$HOME"', timeout_s=_GRACE_S)
            path, *places = said.stdout.split("\n")[:3]
            steps = Steps(cell, ground, tuple(dict.fromkeys(places)), path)
            await steps.look()
            yield steps
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, outer)


def _lay_out(outer: Path, templates: tuple[Template, ...]) -> _Ground:
    # The cell may have a user of its own, who must pass here, and see nothing.
    outer.chmod(0o711)
    work = outer / "work"
    work.mkdir(mode=0o700)
    outfit = lay_outfit(outer / "outfit", templates)
    return _Ground(work, outfit, lay_tripwires(outer / "tripwires", work))
