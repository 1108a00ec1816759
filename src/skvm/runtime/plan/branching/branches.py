"""Directories of a step's own: made from a shared one, and merged back by what was changed in them.

Every merge takes effect at once, and only if nothing the step read or changed was changed by others since its
directory was made: so whatever ran at the same time, the result is that of running the steps one by one, in
the order of their merges. That order is the plan's as far as it can matter; where it was not, it is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from skvm.diagnostics import Diagnostic
from skvm.errors import InfrastructureError
from skvm.evaluate.workspace import Ceiling
from skvm.runtime.plan.branching import merging
from skvm.runtime.plan.branching.copying import TooLargeError
from skvm.runtime.plan.branching.deeds import acts_outside
from skvm.runtime.plan.branching.findings import SKV844
from skvm.runtime.plan.branching.folders import Folder, Recovered, forget, mark_of, recover
from skvm.runtime.plan.branching.ledger import Entry, Ledger
from skvm.runtime.plan.branching.merging import Merge, Seen
from skvm.runtime.plan.model import Node

__all__ = ["Branch", "Branches", "Forked", "Merge"]

T = TypeVar("T")
_TRIES = 3


@dataclass(slots=True, eq=False)
class Branch:
    """A directory for one step.

    Args:
        node: The step.
        work_dir: Where it works.
        notes: What could not be copied.
        is_in_place: Whether it is the shared directory itself, which was too large to be copied.
    """

    node: Node
    work_dir: Path
    notes: tuple[str, ...] = ()
    is_in_place: bool = False
    _entry: Entry | None = field(default=None, repr=False)
    _folder: Folder | None = field(default=None, repr=False)
    _will_return: bool = False


@dataclass(frozen=True, slots=True)
class Forked(Generic[T]):
    """What came of a step in a directory of its own.

    Args:
        value: What its work gave, the last time.
        merge: Of the last time; ``None`` if it was not to be kept.
        findings: Of all times.
        tries: How often it was run, ≥ 1.
        overhead_s: What copying, waiting and merging took, and tries in vain.
    """

    value: T
    merge: Merge | None
    findings: tuple[Diagnostic, ...]
    tries: int
    overhead_s: float


class Branches:
    """Gives steps of one plan run directories of their own; for one event loop.

    Args:
        base: The directory they share.
        scratch: Where copies go; made if absent. On the same disk as ``base`` merging costs least.
        ceiling: What is not copied; a step then runs in ``base`` while no other has a directory.
        has_marks: Whether every merge leaves a mark until it is ``recorded``: for runs that somebody goes on
            with after they were killed.
    """

    def __init__(
        self, base: Path, scratch: Path, *, ceiling: Ceiling | None = None, has_marks: bool = False
    ) -> None:
        self._has_marks = has_marks
        self._base = base.absolute()
        self._scratch = scratch
        self._ceiling = ceiling or Ceiling()
        self._ledger = Ledger()
        # Nobody copies what is half merged, and nobody merges two things at once.
        self._changing = anyio.Lock()
        # Held within it for a merge: that alone has commands wait, and copies take longer.
        self._merging = anyio.Lock()
        self._can_clone = True
        self._is_recovered = False
        self._unfinished: Folder | None = None

    def put_in_order(self, ids: Iterable[str], *, within: str | None = None) -> None:
        """Say in which order the plan has nodes; the others come last, as they begin.

        Args:
            ids: Ids of nodes.
            within: The node whose items they are.
        """
        self._ledger.put_in_order(ids, within)

    @property
    def merges(self) -> int:
        """How many merges there have been."""
        return self._ledger.commits

    async def recover(self) -> tuple[Recovered, ...]:
        """Finish merges that a killed process began in this directory, and remove what it left.

        Returns:
            The merges that are whole and were not recorded as done, perhaps. They stay marked until they are
            ``recorded`` or all are forgotten.

        Raises:
            InfrastructureError: The directory cannot be written.
        """
        async with self._changing:
            found = await anyio.to_thread.run_sync(partial(recover, self._scratch, self._base))
            self._is_recovered = True
            return found

    async def recorded(self, node_id: str) -> None:
        """Take away the mark of a node: what came of it is on record."""
        if self._has_marks:
            mark = mark_of(self._scratch, node_id)
            await anyio.to_thread.run_sync(partial(mark.unlink, missing_ok=True))

    async def forget(self) -> None:
        """Take away all marks."""
        await anyio.to_thread.run_sync(forget, self._scratch)

    @contextlib.asynccontextmanager
    async def beside(self, node: Node) -> AsyncIterator[list[Diagnostic]]:
        """Let it be known that a step works in the shared directory itself; waits only for a merge to end.

        Gives a list that holds what is to be told of it, once it has ended.
        """
        if not self._is_recovered:
            await self.recover()
        async with self._merging:
            entry = self._ledger.enter_beside(node)
        findings: list[Diagnostic] = []
        try:
            yield findings
        finally:
            findings += merging.out_of_order(node, self._ledger.leave_beside(entry))

    @contextlib.asynccontextmanager
    async def fork(self, node: Node, *, alone: bool = False) -> AsyncIterator[Branch]:
        """Make a directory for a step; leaving removes it, and what was not merged with it.

        After a merge that found a conflict the step is still expected: fork with ``alone``, or ``give_up``.

        Args:
            node: The step.
            alone: Wait until no other step is at work, and let no other fork or merge until this one is done.

        Raises:
            InfrastructureError: The disk is full or cannot be read.
        """
        if not self._is_recovered:
            await self.recover()
        entry = await self._ledger.enter(node, alone=alone)
        branch = Branch(node, self._base, _entry=entry)
        try:
            await self._make(branch)
            yield branch
        finally:
            with anyio.CancelScope(shield=True):
                if branch._folder is not None and branch._folder is not self._unfinished:
                    await anyio.to_thread.run_sync(branch._folder.remove)
            self._ledger.leave(entry, will_return=branch._will_return)

    def give_up(self, node: Node) -> None:
        """Say that a step whose merge found a conflict is not tried again."""
        self._ledger.give_up(node.id)

    async def merge(self, branch: Branch) -> Merge:
        """Put into the shared directory what a step changed in its own, where nothing is at work any more.

        Waits for steps that have begun: those that come before it in the plan, where it is not known what
        it may change, and those that work beside it on what it changed.

        Returns:
            What was merged, or why nothing was.

        Raises:
            InfrastructureError: The directory cannot be written.
        """
        entry, folder = branch._entry, branch._folder
        if entry is None:
            raise ValueError("a branch is made by fork")
        if folder is None:
            order = self._ledger.commit(entry, None)
            return Merge(order=order, findings=(_too_large(branch),), notes=branch.notes)
        seen = await anyio.to_thread.run_sync(merging.look, folder, self._base, branch.node, self._ceiling)
        while True:
            await self._ledger.wait_turn(entry, seen.did)
            async with self._changing, self._merging:
                # Somebody may have begun while we waited for the locks.
                if not self._ledger.has_turn(entry, seen.did):
                    continue
                with anyio.CancelScope(shield=True):
                    return await self._commit(branch, entry, folder, seen)

    async def run(
        self,
        node: Node,
        work: Callable[[Branch], Awaitable[T]],
        *,
        keep: Callable[[T], bool] = lambda _: True,
    ) -> Forked[T]:
        """Run a step in a directory of its own and merge it; after a conflict it is run again, alone.

        A step that does something outside which may not be repeated runs alone at once, and once.

        Args:
            node: The step.
            work: Does it; everything it started is gone when it returns. What it raises drops the directory.
            keep: Whether what it gave is to be merged.

        Raises:
            InfrastructureError: The disk cannot be read or written, or even alone it was disturbed.
        """
        findings: list[Diagnostic] = []
        began, worked_s = perf_counter(), 0.0
        is_once = not node.is_idempotent and acts_outside(node)
        most = 1 if is_once else _TRIES
        try:
            for tries in range(1, most + 1):
                async with self.fork(node, alone=is_once or tries > 1) as branch:
                    work_began = perf_counter()
                    value = await work(branch)
                    worked_s = perf_counter() - work_began
                    merge = await self.merge(branch) if keep(value) else None
                findings += merge.findings if merge else ()
                if merge is None or merge.is_merged:
                    overhead_s = perf_counter() - began - worked_s
                    return Forked(value, merge, tuple(findings), tries, overhead_s)
        finally:
            self.give_up(node)
        raise InfrastructureError(
            f"step {node.id} was disturbed {most} times by what else is at work in {self._base}"
            + ("; what it does elsewhere may not be repeated" if is_once else ""),
            help="run the plan with --serial, and nothing else in the directory meanwhile",
        )

    async def _make(self, branch: Branch) -> None:
        """The copy, or the place of its own in the directory itself."""
        entry = branch._entry
        if entry is None:
            raise ValueError("a branch is made by fork")
        async with self._changing:
            async with self._merging:
                await self._finish_unfinished()
            folder = await anyio.to_thread.run_sync(Folder.make, self._scratch)
            branch._folder = folder
            self._ledger.mark(entry)
            try:
                copying = partial(folder.fill, self._base, self._ceiling, can_clone=self._can_clone)
                await anyio.to_thread.run_sync(copying)
            except TooLargeError as error:
                await anyio.to_thread.run_sync(folder.remove)
                branch._folder = None
                branch.notes = (error.message,)
            else:
                self._can_clone = folder.copied.can_clone
                branch.work_dir, branch.notes = folder.work_dir, folder.copied.notes
                return
        branch.is_in_place = entry.is_beside = True
        await self._ledger.become_alone(entry)

    async def _commit(self, branch: Branch, entry: Entry, folder: Folder, seen: Seen) -> Merge:
        """Under the lock: look whether somebody was in the way, and place everything if not."""
        await self._finish_unfinished()
        others = self._ledger.changed_since(entry)
        check = partial(merging.conflicts_of, folder, self._base, branch.node, seen, others)
        check = partial(check, walks=self._ledger.has_beside_since(entry), ceiling=self._ceiling)
        conflicts = await anyio.to_thread.run_sync(check)
        if conflicts:
            branch._will_return = True
            return merging.refused(branch.node, seen, conflicts, branch.notes)
        overtaken = self._ledger.overtaken(entry, seen.did)
        try:
            mark = mark_of(self._scratch, branch.node.id) if self._has_marks else None
            await anyio.to_thread.run_sync(merging.place_all, folder, self._base, branch.node, seen, mark)
        except InfrastructureError:
            if folder.has_intent:
                self._unfinished = folder
            raise
        order = self._ledger.commit(entry, seen.did)
        return merging.merged(branch.node, seen, order, overtaken, branch.notes)

    async def _finish_unfinished(self) -> None:
        """A merge that stopped half way is finished before anything else looks at the directory."""
        if (folder := self._unfinished) is not None:
            finish = partial(folder.finish, self._base, has_mark=self._has_marks)
            await anyio.to_thread.run_sync(finish)
            self._unfinished = None
            await anyio.to_thread.run_sync(folder.remove)


def _too_large(branch: Branch) -> Diagnostic:
    said = branch.notes[0] if branch.notes else "it is too large"
    return SKV844.at(f"step {branch.node.id} ran in the directory itself: {said}")
