"""Runs a plan from its beginning, or from where an earlier process left it, to its end."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from skvm.evidence.journal import Journal
from skvm.evidence.redact import Redactor
from skvm.harness.lazy_cell import open_on_demand
from skvm.harness.sandbox import Cell, Policy
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.model import MEASURED_KIND, CommandJob, MapJob, Node, PlanReport, PlanStarted
from skvm.runtime.plan.recording import PlanLog, steps_of
from skvm.runtime.plan.resources import Commons
from skvm.runtime.plan.running.assistant import helper_for
from skvm.runtime.plan.running.place import DIRECT, Confinement, lay_scripts, sandbox_name
from skvm.runtime.plan.running.preparing import Prepared, prepare
from skvm.runtime.plan.running.request import Outcome, PlanRequest, Silent, Watcher
from skvm.runtime.plan.running.scratch import finish_merges, make_scratch, scratch_of, tidy
from skvm.runtime.plan.running.source import digest_of_plan
from skvm.runtime.plan.running.telling import Told
from skvm.runtime.plan.working.workbench import Workbench
from skvm.settings import Settings

if TYPE_CHECKING:
    from skvm.harness.environment.bind import Bound
    from skvm.harness.permissions import Grant
    from skvm.runtime.plan.branching import Branches
    from skvm.runtime.plan.working.agents import Helper

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
    digest = digest_of_plan(request.source.plan, request.procedures)
    scratch = scratch_of(settings.tmp_dir, digest, request.work_dir)
    async with Journal(settings.journal_path, redactor=redactor) as journal:
        merged = await finish_merges(settings.tmp_dir, scratch, request.work_dir)
        prepared = await prepare(request, journal, shown=redactor.text, merged=merged)
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
        if needs_cell or self.request.target.model:
            laid = await anyio.to_thread.run_sync(
                lay_scripts, self.request.source.plan, self.request.source.folder, self.request.work_dir
            )
            if laid:
                notes.append(f"laid beside the work: {_few(laid)}")
        confinement = self._confinement(needs_cell)
        opening = confinement.open
        # Before anything is on record: a run that cannot begin leaves nothing to go on with.
        async with (
            self._cell(opening, is_needed=needs_cell) as cell,
            Commons(jobs=self.request.jobs, state_dir=self.settings.cache_dir / "plans") as commons,
            helper_for(
                self.settings, self.request, cell, opening, commons=commons, network=self._network
            ) as helper,
        ):
            started = self._started()
            report = await self._execute(started, cell, commons, helper)
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
            notes=(*notes, *dict.fromkeys(confinement.notes)),
        )

    async def _execute(
        self, started: PlanStarted, cell: Cell, commons: Commons, helper: Helper | None
    ) -> PlanReport:
        prepared, earlier = self.prepared, self.prepared.earlier
        graph, finished = prepared.graph, prepared.standing.finished
        opening = PlanLog.open(
            self.journal,
            started,
            parent=earlier.record if earlier is not None else None,
            attempts=earlier.attempts if earlier is not None else None,
            after=graph.after,
            measured={step for group in self.request.source.plan.groups for step in group.steps},
            clean=self.redactor.text,
        )
        async with opening as log:
            for name in prepared.standing.said:
                await log.finished(graph.nodes.get(name) or Node(name), finished[name], 0.0)
            self.watcher.began(started.plan_run, graph, finished)
            share = commons.share(started.plan_run)
            with self._branches(helper) as branches:
                if branches is not None:
                    # What a killed process had merged is on record now, or is none of this run's.
                    await branches.forget()
                told = Told(log, self.watcher, branches)
                bench = Workbench(
                    cell,
                    self.request.work_dir,
                    share,
                    told,
                    agent=helper,
                    branches=branches,
                    earlier=finished,
                    clean=self.redactor.text,
                )
                report = await execute(graph, bench.do, share=share, log=told, finished=finished)
            log.ended(report)
            await self._measure(started, log, bench.counts)
        return report

    async def _measure(self, started: PlanStarted, log: PlanLog, counts: Mapping[str, int]) -> None:
        """Write down what each group took: it decides how the group runs next time."""
        if not log.rows:
            return
        from skvm.runtime.plan.deciding.measuring import measured_groups

        plan = self.request.source.plan
        fused = self.prepared.fused
        for group in measured_groups(plan, started, log.rows, fused=fused, counts=counts):
            await log.note(MEASURED_KIND, group)

    @contextmanager
    def _branches(self, helper: Helper | None) -> Iterator[Branches | None]:
        """Directories of their own for agents, if there are any."""
        if helper is None:
            yield None
            return
        from skvm.runtime.plan.branching import Branches

        scratch = scratch_of(self.settings.tmp_dir, self.prepared.plan_digest, self.request.work_dir)
        make_scratch(scratch)
        branches = Branches(self.request.work_dir, scratch, has_marks=True)
        branches.put_in_order(list(self.prepared.graph.nodes))
        try:
            yield branches
        finally:
            tidy(scratch)

    @property
    def _network(self) -> bool:
        """Whether a step that is to be run reaches for a host."""
        chosen = {step for node in self.prepared.graph.nodes for step in steps_of(node)}
        return any(step.hosts for step in self.request.source.plan.steps if step.id in chosen)

    def _confinement(self, needs_cell: bool) -> Confinement:
        """What the run's commands are held to; looks things up only where there is something."""
        request, folder = self.request, self.request.source.folder
        name = sandbox_name(request.sandbox, os.environ)
        environment: Bound | None = None
        grant: Grant | None = None
        # The cell we are in, if it is ours, has both already.
        if name != DIRECT and (needs_cell or request.target.model):
            if (folder / "env-manifest.json").is_file():
                from skvm.harness.environment.required import bound_environment

                environment = bound_environment(self.settings, folder, allow_missing=request.allow_missing)
            if (folder / "permissions.json").is_file() or request.permissions is not None:
                from skvm.harness.permissions import grant_of

                grant = grant_of(folder, request.prompt, request.permissions)
        return Confinement(name, self._network, environment, grant)

    @asynccontextmanager
    async def _cell(
        self, opening: Callable[[Path], AbstractAsyncContextManager[Cell]], *, is_needed: bool
    ) -> AsyncIterator[Cell]:
        """The run's own cell; where no command is known to run in it, it is opened when one does."""
        work_dir = self.request.work_dir
        if is_needed:
            async with opening(work_dir) as cell:
                yield cell
        else:
            deferred = _Deferred(partial(opening, work_dir))
            async with open_on_demand(deferred, Policy(work_dir)) as cell:
                yield cell

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
    return isinstance(job, CommandJob) and bool(job.commands)


def _new_id(now: datetime) -> str:
    return f"plan-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(3)}"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
