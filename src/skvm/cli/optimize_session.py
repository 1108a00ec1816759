"""``skvm jit-optimize``: options to sessions, here or in the background, one or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.evidence.journal import Journal
    from skvm.optimizer.loop.forecast import OptimizeForecast
    from skvm.optimizer.loop.history import Past
    from skvm.optimizer.loop.request import OptimizeRequest
    from skvm.settings import Settings

__all__ = ["resume_session", "start_sessions"]

_PAST_RUNS = 5000
"""So many of the newest runs, and events, judge what is to come."""
_PAST_EDITS = 50


def start_sessions(settings: Settings, options: Mapping[str, Any]) -> int:
    """Start a session for every skill asked for.

    Raises:
        UsageError: What is asked for makes no sense, or a like session waits to go on.
        SkvmError: A session cannot go on.
    """
    import anyio

    from skvm.cli.console import err
    from skvm.cli.optimize_flags import requests_of, skill_folders_of, warnings_of
    from skvm.cli.optimize_report import print_plan
    from skvm.cli.optimize_run import Job, run_jobs
    from skvm.optimizer.loop.preflight import check_request

    folders, left_out = skill_folders_of(options)
    for line in [*warnings_of(options), *left_out]:
        err.print(f"warning: {line}", style="yellow", markup=False)
    requests = requests_of(settings, options, folders)
    for request in requests:
        check_request(settings, request)
    found = anyio.run(_looked_up, settings, requests)
    if options["dry_run"]:
        return print_plan(settings, [(each.request, each.forecast) for each in found], options)
    if not options["anew"]:
        _refuse_unfinished(settings, found)
    if options["detach"]:
        from skvm.cli.optimize_detach import detach

        return detach(settings, Job(requests[0]), as_json=options["as_json"])
    if not options["as_json"]:
        print_plan(settings, [(each.request, each.forecast) for each in found], options)
    return run_jobs(settings, [Job(request) for request in requests], options)


def resume_session(settings: Settings, options: Mapping[str, Any]) -> int:
    """Go on with a session, by its proposal or ``latest``.

    Raises:
        UsageError: There is none that can go on.
        SkvmError: It cannot go on.
    """
    import anyio

    from skvm.cli.optimize_flags import said_anew
    from skvm.cli.optimize_run import Job, run_jobs
    from skvm.optimizer.loop.preflight import check_request

    id, past = anyio.run(_found, settings, options["resume"])
    request = said_anew(past.request, options)
    check_request(settings, request)
    job = Job(request, resume=id)
    if options["detach"]:
        from skvm.cli.optimize_detach import detach

        return detach(settings, job, as_json=options["as_json"])
    return run_jobs(settings, [job], options)


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What the journal says of a request before it is carried out.

    Args:
        unfinished: Proposal of a like session that can go on, if there is one.
    """

    request: OptimizeRequest
    forecast: OptimizeForecast
    unfinished: str | None = None


async def _looked_up(settings: Settings, requests: Sequence[OptimizeRequest]) -> list[_LookedUp]:
    from skvm.evidence.journal import Journal
    from skvm.optimizer.loop.forecast import forecast
    from skvm.optimizer.loop.history import unfinished_sessions

    if not settings.journal_path.exists():
        return [_LookedUp(each, _guess(each)) for each in requests]
    async with Journal(settings.journal_path, read_only=True) as journal:
        past = await _past_runs(journal)
        waiting = await unfinished_sessions(journal)
        made = []
        for request in requests:
            like = (each for each in waiting if _is_like(each.request, request))
            expected: OptimizeForecast = forecast(
                request,
                past,
                await _past_edits(journal, request.optimizer_model),
                skill_id=_skill_id(request),
                held_out=_held_out(request),
            )
            unfinished = next((each.proposal_id for each in like), None)
            made.append(_LookedUp(request, expected, unfinished))
        return made


def _guess(request: OptimizeRequest) -> OptimizeForecast:
    from skvm.optimizer.loop.forecast import forecast

    return forecast(request, (), skill_id=_skill_id(request), held_out=_held_out(request))


def _skill_id(request: OptimizeRequest) -> str:
    from pathlib import Path

    from skvm.skill.frontend import skill_id_of

    return skill_id_of(Path(request.skill))


def _held_out(request: OptimizeRequest) -> int:
    """Held-out tasks, as far as they can be counted before they are there."""
    if request.source == "synthetic-task":
        return request.synthetic_test_count or request.synthetic_count
    return len(request.test_tasks) or len(request.tasks)


def _is_like(one: OptimizeRequest, other: OptimizeRequest) -> bool:
    """Whether two requests are for the same skill, target and source."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("skill", "target_model", "harness", "source", "tasks", "test_tasks", "logs")
    )


def _refuse_unfinished(settings: Settings, found: Sequence[_LookedUp]) -> None:
    """Say that the same session waits to go on, as far as its proposal says so, too.

    Raises:
        UsageError: One does.
    """
    from skvm.errors import UsageError
    from skvm.optimizer.loop.optimizing import why_not_resumed
    from skvm.optimizer.proposals.store import ProposalStore

    store = ProposalStore(settings)
    for each in found:
        if each.unfinished is None:
            continue
        try:
            proposal = store.open(each.unfinished)
        except UsageError:
            continue  # somebody removed it
        if proposal.phase == "running":
            continue  # the lock says so better
        if why_not_resumed(proposal) is None:
            raise UsageError(
                f"the same session was begun and is not finished: {each.unfinished}",
                help=f"go on with --resume={each.unfinished}, or start another with --anew",
            )


async def _past_runs(journal: Journal) -> Sequence[Any]:
    from skvm.evidence.record import RunRecord

    entries = await journal.query("run_finished", limit=_PAST_RUNS, newest_first=True)
    return [RunRecord.model_validate(entry.body) for entry in entries]


async def _past_edits(journal: Journal, model: str) -> list[Any]:
    """What editors of a model took before."""
    from skvm.optimizer.loop.events import EVENT, STARTED, Logged, Started

    models: dict[int | None, str] = {}
    for entry in await journal.query(STARTED):
        try:
            models[entry.id] = Started.model_validate(entry.body).request.optimizer_model
        except ValueError:
            continue  # a newer skvm wrote it
    bodies = [
        entry.body
        for entry in await journal.query(EVENT, newest_first=True, limit=_PAST_RUNS)
        if entry.body.get("event", {}).get("kind") == "edited" and models.get(entry.parent) == model
    ]
    found = [Logged.model_validate(body).event for body in bodies[:_PAST_EDITS]]
    return [each.cost for each in found if each.kind == "edited"]


async def _found(settings: Settings, wanted: str) -> tuple[str, Past]:
    from skvm.errors import UsageError
    from skvm.evidence.journal import Journal
    from skvm.optimizer.loop.history import find_session, unfinished_sessions
    from skvm.optimizer.loop.optimizing import why_not_resumed
    from skvm.optimizer.proposals.store import ProposalStore

    if not settings.journal_path.exists():
        raise UsageError("nothing was ever optimized here", help=f"there is no {settings.journal_path}")
    store = ProposalStore(settings)
    async with Journal(settings.journal_path, read_only=True) as journal:
        if wanted != "latest":
            proposal = store.open(wanted)
            if (why := why_not_resumed(proposal)) is not None:
                raise UsageError(f"{proposal.id} cannot go on: {why}", help="start a new session")
            return str(proposal.id), await find_session(journal, str(proposal.id))
        # One that was left undecided can go on, too, with a larger budget.
        for started in await unfinished_sessions(journal, or_finished=True):
            try:
                proposal = store.open(started.proposal_id)
            except UsageError:
                continue  # somebody removed it
            if proposal.phase != "running" and why_not_resumed(proposal) is None:
                return str(proposal.id), await find_session(journal, str(proposal.id))
    raise UsageError("there is no session that could go on", help="`skvm proposals list` shows all")
