"""Runs a plan from its beginning, or from where an earlier process left it, to its end."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import anyio.to_thread

from skvm.evidence.journal import Journal
from skvm.evidence.redact import Redactor
from skvm.harness.environment.bind import Bound
from skvm.harness.lazy_cell import open_on_demand
from skvm.harness.sandbox import Cell, Policy
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.model import CommandJob, MapJob, Node, PlanReport, PlanStarted
from skvm.runtime.plan.recording import PlanLog, steps_of
from skvm.runtime.plan.running.place import lay_scripts, open_cell, sandbox_name
from skvm.runtime.plan.running.places import Places
from skvm.runtime.plan.running.preparing import Prepared, prepare
from skvm.runtime.plan.running.request import Outcome, PlanRequest, Silent, Watcher
from skvm.runtime.plan.running.telling import Told
from skvm.runtime.plan.working.workbench import Workbench
from skvm.settings import Settings

__all__ = ["look", "run_plan"]


async def look(settings: Settings, request: PlanRequest) -> Prepared:
    """What a run would begin with; nothing is written.

    Args:
        settings: Where the journal lies.
        request: What is asked.

    Raises:
        UsageError: The plan is no graph, or something named in the request is not there.
        InfrastructureError: The journal cannot be read.
    """
    redactor = Redactor.of(settings)
    if not settings.journal_path.is_file():
        return await prepare(request, None)
    async with Journal(settings.journal_path, read_only=True) as journal:
        return await prepare(request, journal, shown=redactor.text)


async def run_plan(settings: Settings, request: PlanRequest, watcher: Watcher | None = None) -> Outcome:
    """Run a plan; the lock of the plan in its work directory (``alone``) must be held.

    A cancellation from outside ends everything in the cell and is passed on; the journal then says that the
    run was interrupted, and has every step that ended.

    Args:
        settings: Where things lie.
        request: What is asked.
        watcher: Is told what happens.

    Raises:
        UsageError: The plan is no graph, or something named in the request is not there.
        FindingsError: The skill requires what is not on this machine.
        InfrastructureError: No sandbox works, or the journal cannot be written.
    """
    redactor = Redactor.of(settings)
    async with Journal(settings.journal_path, redactor=redactor) as journal:
        prepared = await prepare(request, journal, shown=redactor.text)
        run = _Run(settings, request, prepared, watcher or Silent(), journal, redactor)
        return await run.go()


@dataclass(frozen=True, slots=True)
class _Run:
    """One process's part of a plan run."""

    settings: Settings
    request: PlanRequest
    prepared: Prepared
    watcher: Watcher
    journal: Journal
    redactor: Redactor

    async def go(self) -> Outcome:
        notes = list(self.prepared.notes)
        needs_cell = any(_runs_commands(node) for node in self.prepared.pending)
        if needs_cell:
            laid = await anyio.to_thread.run_sync(
                lay_scripts, self.request.source.plan, self.request.source.folder, self.request.work_dir
            )
            if laid:
                notes.append(f"laid beside the work: {_few(laid)}")
        # Before anything is on record: a run that cannot begin leaves nothing to go on with.
        async with self._cell(is_needed=needs_cell) as cell:
            started = self._started()
            report = await self._execute(started, cell)
        return Outcome(
            plan_run=started.plan_run,
            graph=self.prepared.graph,
            report=report,
            resumed=started.resumed,
            kept=tuple(
                node
                for node, result in self.prepared.standing.finished.items()
                if result.is_done and node in self.prepared.graph.nodes
            ),
            notes=tuple(notes),
        )

    async def _execute(self, started: PlanStarted, cell: Cell) -> PlanReport:
        prepared, earlier = self.prepared, self.prepared.earlier
        graph, finished = prepared.graph, prepared.standing.finished
        opening = PlanLog.open(
            self.journal,
            started,
            parent=earlier.record if earlier is not None else None,
            attempts=earlier.attempts if earlier is not None else None,
            after=graph.after,
            clean=self.redactor.text,
        )
        async with opening as log:
            for name in prepared.standing.said:
                await log.finished(graph.nodes[name], finished[name], 0.0)
            self.watcher.began(started.plan_run, graph, finished)
            told = Told(log, self.watcher)
            share = Places(self.request.jobs)
            bench = Workbench(cell, self.request.work_dir, share, told, earlier=finished)
            report = await execute(graph, bench.do, share=share, log=told, finished=finished)
            log.ended(report)
        return report

    @asynccontextmanager
    async def _cell(self, *, is_needed: bool) -> AsyncIterator[Cell]:
        source, request = self.request.source, self.request
        environment: Bound | None = None
        if is_needed:
            from skvm.harness.environment.required import bound_environment

            environment = bound_environment(self.settings, source.folder, allow_missing=request.allow_missing)
        chosen = {step for node in self.prepared.graph.nodes for step in steps_of(node)}
        opening = partial(
            open_cell,
            sandbox_name(request.sandbox, os.environ),
            request.work_dir,
            environment,
            network=any(step.hosts for step in source.plan.steps if step.id in chosen),
        )
        async with AsyncExitStack() as stack:
            if is_needed:
                yield await stack.enter_async_context(opening())
            else:
                lazily = open_on_demand(_Deferred(opening), Policy(request.work_dir))
                yield await stack.enter_async_context(lazily)

    def _started(self) -> PlanStarted:
        now, earlier, request = datetime.now(UTC), self.prepared.earlier, self.request
        plan = request.source.plan
        return PlanStarted(
            plan_run=earlier.started.plan_run if earlier is not None else _new_id(now),
            plan_digest=self.prepared.plan_digest,
            skill=plan.skill,
            skill_digest=plan.skill_digest,
            model=request.target.model,
            harness=request.target.harness,
            work_dir=str(request.work_dir),
            arm=request.arm,
            jobs=request.jobs,
            nodes=len(self.prepared.graph.nodes),
            resumed=earlier is not None,
            started_at=now,
        )


@dataclass(frozen=True, slots=True)
class _Deferred:
    """A sandbox that is chosen when a cell is opened; its policy is its own."""

    opening: Callable[[], AbstractAsyncContextManager[Cell]]
    name: str = "deferred"

    def open(self, policy: Policy) -> AbstractAsyncContextManager[Cell]:
        """See ``Sandbox``."""
        return self.opening()


def _runs_commands(node: Node) -> bool:
    job = node.job.each if isinstance(node.job, MapJob) else node.job
    return isinstance(job, CommandJob)


def _new_id(now: datetime) -> str:
    return f"plan-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(3)}"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
