"""Writes a plan run down while it runs: whatever ends at the same time goes to disk together."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Self

import anyio

from skvm.evidence.journal import Journal
from skvm.evidence.record import Record
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    STEP_STARTED_KIND,
    Node,
    PlanFinished,
    PlanReport,
    PlanStarted,
    StepFinished,
    StepResult,
    StepStarted,
)

__all__ = ["MAX_TEXT_CHARS", "PlanLog", "parent_of"]

MAX_TEXT_CHARS = 8_000
"""What is kept of a step's output; the middle of a longer one is left out."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A record on its way to disk."""

    kind: str
    record: Record
    is_written: bool = False
    error: BaseException | None = None


@dataclass(slots=True)
class PlanLog:
    """The log of one plan run; made by ``PlanLog.open``. It is a ``Log``.

    Records wait in a queue until whoever comes first writes all of them in one transaction: nodes that end
    while the disk is busy share the next one, and a serial plan pays one a step.

    Args:
        journal: Where it is written.
        plan_run: Id of the run.
        record: Id of the journal record all others belong to.
        clean: Takes secrets out of a text before it is shortened: half a secret would not be known for one.
        attempts: How often each node began in earlier processes.
        after: What each node waits for, as the graph has it.
        measured: Steps whose ends, and those of their items, are kept in ``rows``.
        rows: These ends in this process, without what they printed and wrote.
    """

    journal: Journal
    plan_run: str
    record: int
    clean: Callable[[str], str] = str
    attempts: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measured: Container[str] = ()
    rows: list[StepFinished] = field(default_factory=list)
    _began_at: float = field(default_factory=perf_counter)
    _begins: dict[str, float] = field(default_factory=dict)
    _tries: Counter[str] = field(default_factory=Counter)
    _states: Counter[str] = field(default_factory=Counter)
    _queue: list[_Pending] = field(default_factory=list)
    _writing: anyio.Lock = field(default_factory=anyio.Lock)
    _report: PlanReport | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        journal: Journal,
        started: PlanStarted,
        *,
        parent: int | None = None,
        attempts: Mapping[str, int] | None = None,
        after: Mapping[str, tuple[str, ...]] | None = None,
        measured: Container[str] = (),
        clean: Callable[[str], str] = str,
    ) -> AsyncIterator[Self]:
        """Write that a run begins, and on leaving how it ended: interrupted, unless ``ended`` was called.

        Args:
            journal: Where to.
            started: The run.
            parent: The record of its beginning, if it goes on with a run that was cut short.
            attempts: How often each node began before.
            after: What each node waits for; without, what it says itself.
            measured: Steps whose ends are kept in ``rows``, items of maps too.
            clean: Takes secrets out of a text.

        Raises:
            InfrastructureError: The journal cannot be written.
        """
        record = await journal.append(STARTED_KIND, started, parent)
        log = cls(journal, started.plan_run, record, clean, attempts or {}, after or {}, measured)
        try:
            yield log
        finally:
            # Whatever ends us, what has ended before is not to be done again.
            with anyio.CancelScope(shield=True):
                await log._end()

    async def started(self, node: Node) -> None:
        """See ``Log``."""
        self._tries[node.id] += 1
        self._begins[node.id] = at_s = self._now()
        if not node.is_idempotent:
            record = StepStarted(
                plan_run=self.plan_run, node=node.id, attempt=self._attempt(node.id), at_s=at_s
            )
            await self._append(STEP_STARTED_KIND, record)

    async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
        """See ``Log``."""
        ended_s = self._now()
        started_s = self._begins.pop(node.id, None)
        ready_s = max(0.0, started_s - queued_s) if started_s is not None else ended_s
        parent = parent_of(node.id)
        if parent is None:
            self._states[result.state.value] += 1
        record = StepFinished(
            plan_run=self.plan_run,
            node=node.id,
            title=node.title,
            group=node.group,
            parent=parent,
            after=self.after.get(node.id, node.after),
            state=result.state,
            reason=self._short(result.reason),
            exit_code=result.exit_code,
            text=self._short(result.text),
            digests=dict(result.digests),
            attempt=self._attempt(node.id),
            ready_s=ready_s,
            started_s=started_s,
            ended_s=ended_s,
            needs=node.needs,
            usage=result.usage,
        )
        if any(step in self.measured for step in (parent or node.id).split("+")):
            self.rows.append(record.model_copy(update={"text": "", "digests": {}}))
        await self._append(STEP_FINISHED_KIND, record)

    def within(self, node: Node) -> Self:
        """The log of the items of a mapped node: this one, which knows items by their ids."""
        return self

    async def note(self, kind: str, record: Record) -> None:
        """Write down something else of this run."""
        await self._append(kind, record)

    def ended(self, report: PlanReport) -> None:
        """Take note that the run came to an end by itself."""
        self._report = report

    def _now(self) -> float:
        return perf_counter() - self._began_at

    def _attempt(self, node: str) -> int:
        return self.attempts.get(node, 0) + max(1, self._tries[node])

    def _short(self, text: str) -> str:
        from skvm.harness.tools import shorten

        return shorten(self.clean(text), MAX_TEXT_CHARS) if text else text

    async def _append(self, kind: str, record: Record) -> None:
        pending = _Pending(kind, record)
        # Before anything is waited for: what is cancelled meanwhile is still written at the end.
        self._queue.append(pending)
        async with self._writing:
            if not pending.is_written:
                await self._flush()
        if pending.error is not None:
            raise pending.error

    async def _flush(self) -> None:
        batch, self._queue = self._queue, []
        try:
            with anyio.CancelScope(shield=True):
                await self.journal.append_all([(each.kind, each.record) for each in batch], self.record)
        except BaseException as error:  # noqa: BLE001 - raised by everybody whose record it was
            for each in batch:
                each.error = error
        for each in batch:
            each.is_written = True

    async def _end(self) -> None:
        states = dict(self._states)
        if self._report is not None:
            states = dict(Counter(result.state.value for result in self._report.results.values()))
        finished = PlanFinished(
            plan_run=self.plan_run,
            states={state: states[state] for state in sorted(states)},
            wall_s=self._now(),
            interrupted=self._report is None,
        )
        await self._append(FINISHED_KIND, finished)


def parent_of(node: str) -> str | None:
    """The node an item belongs to (``1.2`` of ``1.2[a.txt]``); ``None`` for a node that is no item."""
    head, bracket, _ = node.partition("[")
    return head if bracket and head and node.endswith("]") else None
