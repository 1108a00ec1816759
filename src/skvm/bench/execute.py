"""Run a matrix: what is missing of it, in order, as far as the limits let it.

The journal is the only memory. A cell that has an attempt that counts is not run; every attempt is recorded
before the next thing happens, so a process that is killed loses the runs it was in and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio

from skvm.bench.history import counts
from skvm.bench.limits import Limits, provider_of
from skvm.bench.matrix import Block, Cell
from skvm.bench.plan import Target
from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench
from skvm.evaluate.schedule import run_persistently
from skvm.evidence.record import Outcome, RunRecord

__all__ = ["StopRule", "Watcher", "run_cells"]

GIVE_UP_AFTER = 5
"""Cells of one target that fail for outside reasons one after the other before the session is stopped."""


class Watcher(Protocol):
    """Who is told what happens."""

    def begins(self, cell: Cell) -> None:
        """A run starts."""

    def ends(self, cell: Cell, run: RunRecord) -> None:
        """A run of this session ended, now or before it was resumed."""


class StopRule(Protocol):
    """When enough is known."""

    @property
    def sentence(self) -> str:
        """What is known, in words."""

    def see(self, block: Block, runs: Mapping[str, RunRecord]) -> bool:
        """Look at one finished block, by condition; blocks come in the order of the plan, each once.

        Returns:
            Whether the session may end now.
        """


@dataclass(slots=True)
class _Matrix:
    cells: Sequence[Cell]
    bench: Bench
    limits: Limits
    watcher: Watcher
    stop: StopRule | None
    done: dict[str, RunRecord]
    failures: dict[str, int] = field(default_factory=dict)
    is_over: bool = False
    cause: BaseException | None = None
    changed: anyio.Event = field(default_factory=anyio.Event)
    _looked_at: int = 0

    def __post_init__(self) -> None:
        blocks: dict[Block, list[Cell]] = {}
        for cell in self.cells:
            blocks.setdefault(cell.block, []).append(cell)
        self._blocks = list(blocks.items())

    _blocks: list[tuple[Block, list[Cell]]] = field(default_factory=list)

    async def run(self) -> None:
        """Start cells in order while any may start."""
        waiting: dict[Target, deque[tuple[int, Cell]]] = {}
        for place, cell in enumerate(self.cells):
            if cell.key not in self.done:
                waiting.setdefault(cell.target, deque()).append((place, cell))
        self._consider()
        async with anyio.create_task_group() as group:
            while any(waiting.values()) and not self.is_over:
                changed = self.changed
                # Cells of a target are admitted alike: only the first of each has to be looked at.
                open_now = [each for target, each in waiting.items() if each and self.limits.admits(target)]
                if not open_now:
                    await changed.wait()
                    continue
                _, cell = min(open_now, key=lambda each: each[0][0]).popleft()
                self.limits.take(cell.target)
                group.start_soon(self._fill, cell)
                # The run sets up before another one is let in.
                await anyio.lowlevel.checkpoint()

    async def _fill(self, cell: Cell) -> None:
        try:
            self.watcher.begins(cell)
            bench = replace(self.bench, hooks=self.bench.hooks.joined(cell.hooks))
            run = await run_persistently(cell.spec, bench)
            self.done[cell.key] = run
            self.watcher.ends(cell, run)
            self._check_outside(cell, run)
            self._consider()
        except BaseException as error:
            self.cause = self.cause or error
            raise
        finally:
            self.limits.give_back(cell.target)
            self.wake()

    def wake(self) -> None:
        """Let the loop look again at what may start."""
        self.changed.set()
        self.changed = anyio.Event()

    def _check_outside(self, cell: Cell, run: RunRecord) -> None:
        """Stop a session whose target fails again and again: the rest would only fail, too.

        Raises:
            InfrastructureError: It does.
        """
        target = cell.target.label
        failed = run.outcome is Outcome.INFRA_FAILED
        self.failures[target] = self.failures.get(target, 0) + 1 if failed else 0
        if self.failures[target] >= GIVE_UP_AFTER:
            raise InfrastructureError(
                f"{GIVE_UP_AFTER} runs on {target} failed one after the other; the last: {run.detail}",
                help=f"mend it, then skvm bench --resume={cell.spec.session_id}",
            )

    def _consider(self) -> None:
        """Show the stop rule every block that is done, in order."""
        if self.stop is None:
            return
        while self._looked_at < len(self._blocks) and not self.is_over:
            block, cells = self._blocks[self._looked_at]
            if not all(cell.key in self.done for cell in cells):
                return
            self._looked_at += 1
            self.is_over = self.stop.see(block, {c.spec.condition: self.done[c.key] for c in cells})


async def run_cells(
    cells: Sequence[Cell],
    bench: Bench,
    *,
    limits: Limits,
    known: Mapping[str, RunRecord],
    watcher: Watcher,
    stop: StopRule | None = None,
) -> tuple[dict[str, RunRecord], bool]:
    """Run what is missing.

    Args:
        cells: All cells of the session, in order.
        bench: What runs share.
        limits: How much at once.
        known: Attempts of earlier starts of this session, one a cell; those that count are kept.
        watcher: Told of everything.
        stop: Ends the session when enough is known.

    Returns:
        One attempt a cell, by key (cells that were not begun have none), and whether the stop rule ended it.

    Raises:
        SkvmError: What ``run_once`` passes on, or a target that keeps failing; other runs are cancelled and
            what they did is recorded.
    """
    keys = {cell.key for cell in cells}
    standing = {key: run for key, run in known.items() if key in keys and counts(run)}
    for cell in cells:
        if cell.key in standing:
            watcher.ends(cell, standing[cell.key])
    matrix = _Matrix(cells, bench, limits, watcher, stop, dict(standing))
    with _heeding(bench, limits, matrix):
        try:
            await matrix.run()
        except BaseExceptionGroup as failures:
            # What cancelling its siblings broke is part of one failure: the caller sees what came first.
            raise (matrix.cause or failures) from None
    return matrix.done, matrix.is_over


@contextmanager
def _heeding(bench: Bench, limits: Limits, matrix: _Matrix) -> Iterator[None]:
    """Have the port tell the limits when a provider asks for less."""
    from skvm.llm.port import ModelPort

    port = bench.port
    if not isinstance(port, ModelPort):
        yield
        return
    with port.listening(
        lambda endpoint: limits.throttled(provider_of(endpoint.model_id), anyio.current_time())
    ):
        yield
