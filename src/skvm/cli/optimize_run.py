"""Sessions of ``skvm jit-optimize`` in this process: a bench each, a live display, one ending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.cluster.opening import Executor
    from skvm.optimizer.loop.request import OptimizeRequest
    from skvm.optimizer.loop.session import Update
    from skvm.optimizer.proposals.proposal import Proposal
    from skvm.settings import Settings

__all__ = ["Job", "Outcome", "run_job", "run_jobs"]


@dataclass(frozen=True, slots=True)
class Job:
    """A session to be run.

    Args:
        request: What is asked for.
        resume: Its proposal, if it goes on.
        place: Where its runs are made; in this process if ``None``.
    """

    request: OptimizeRequest
    resume: str | None = None
    place: Executor | None = None


@dataclass(slots=True)
class Outcome:
    """How a session ended.

    Args:
        job: What was to be done.
        proposal: What came of it; ``None`` where it never began.
        error: What it could not go on for.
        updates: What it told.
    """

    job: Job
    proposal: Proposal | None = None
    error: BaseException | None = None
    updates: list[Update] = field(default_factory=list)


def run_jobs(settings: Settings, jobs: Sequence[Job], options: Mapping[str, Any]) -> int:
    """Run sessions, some at once, and report them.

    Raises:
        SkvmError: The only one there is cannot go on.
    """
    import anyio

    from skvm.cli.optimize_report import report
    from skvm.cli.optimize_watch import watching

    outcomes = [Outcome(replace(job, place=options["place"])) for job in jobs]
    with watching(jobs, quiet=options["as_json"]) as display:
        try:
            anyio.run(_run_all, settings, outcomes, display, options["concurrency"])
        except BaseException:
            _say_how_to_go_on(outcomes)
            raise
    code = report(outcomes, options)
    for outcome in outcomes:
        if len(outcomes) == 1 and outcome.error is not None:
            _say_how_to_go_on(outcomes)
            raise outcome.error
    return code


async def _run_all(
    settings: Settings,
    outcomes: Sequence[Outcome],
    display: Callable[[Outcome, Update], None],
    concurrency: int,
) -> None:
    import anyio

    waiting = iter(outcomes)

    async def work() -> None:
        for outcome in waiting:
            await _run_into(settings, outcome, display)

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, len(outcomes))):
            group.start_soon(work)


async def _run_into(settings: Settings, outcome: Outcome, display: Callable[[Outcome, Update], None]) -> None:
    from skvm.errors import SkvmError

    def watch(update: Update) -> None:
        outcome.proposal = update.proposal
        if update.kind != "doing":
            outcome.updates.append(update)
        display(outcome, update)

    try:
        outcome.proposal = await run_job(settings, outcome.job, watch)
    except SkvmError as error:
        # Other skills of a list have nothing to do with it.
        outcome.error = error


async def run_job(settings: Settings, job: Job, watch: Callable[[Update], None]) -> Proposal:
    """Run one session; where its best round was deployed, the skill's variants are compiled again.

    Raises:
        SkvmError: It cannot go on.
    """
    from skvm.optimizer.loop.session import Update

    proposal = await _session(settings, job, watch)
    if proposal.meta.standing_deployments:
        for line in await _followed(settings, proposal):
            watch(Update("note", line, proposal))
    return proposal


async def _followed(settings: Settings, proposal: Proposal) -> list[str]:
    """Compile the variants of a deployed skill again; what fails there is told and undoes nothing."""
    from skvm.errors import SkvmError
    from skvm.optimizer.adapting.follow import follow_edit

    try:
        followed = await follow_edit(settings, Path(proposal.meta.skill_dir))
    except SkvmError as error:
        return [f"the skill's variants were not compiled again: {error.message}"]
    return [f"variant for {each.sentence}" for each in followed]


async def _session(settings: Settings, job: Job, watch: Callable[[Update], None]) -> Proposal:
    from skvm.cli.placing import placed
    from skvm.optimizer.loop.history import find_session, spent_of
    from skvm.optimizer.loop.opening import opened_bench
    from skvm.optimizer.loop.optimizing import optimize, resume
    from skvm.optimizer.proposals.store import ProposalStore

    store = ProposalStore(settings)
    if job.resume is None:
        async with opened_bench(settings, job.request) as opened, placed(opened, job.place) as bench:
            return await optimize(job.request, bench, store, on_event=watch)
    async with _journal(settings) as journal:
        past = await find_session(journal, job.resume)
        spent = await spent_of(journal, past)
    async with opened_bench(settings, job.request, spent) as opened, placed(opened, job.place) as bench:
        return await resume(job.resume, bench, store, request=job.request, on_event=watch)


def _journal(settings: Settings) -> Any:
    from skvm.evidence.journal import Journal

    return Journal(settings.journal_path, read_only=True)


def _say_how_to_go_on(outcomes: Sequence[Outcome]) -> None:
    from skvm.cli.console import err
    from skvm.optimizer.loop.optimizing import why_not_resumed

    for outcome in outcomes:
        proposal = outcome.proposal
        if proposal is not None and why_not_resumed(proposal.refreshed()) is None:
            err.print(f"go on with: skvm jit-optimize --resume={proposal.id}", style="cyan", markup=False)
