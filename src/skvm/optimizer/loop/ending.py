"""How a session ends: everything that was learnt goes into its proposal, whatever the reason."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import anyio.to_thread

from skvm.errors import InfrastructureError, SkvmError
from skvm.evidence.record import RunRecord
from skvm.optimizer.loop.events import Finished, Stopped, TasksReady
from skvm.optimizer.loop.history import runs_of
from skvm.optimizer.loop.results import recommended_round, told_of
from skvm.optimizer.loop.session import Session
from skvm.optimizer.model import HistoryEntry, Verdict
from skvm.optimizer.proposals.proposal import Proposal
from skvm.optimizer.proposals.records import TaskIds

__all__ = ["conclude", "stop"]


async def conclude(session: Session, finished: Finished) -> Proposal:
    """Write the end of a session into its proposal, and deploy it if that was asked for and is deserved.

    Raises:
        InfrastructureError: The disk refuses.
    """
    runs = await runs_of(session.bench.journal, session.past.started.session_id)
    reason = _with_cause(finished, runs)
    session.proposal = await _finalize(
        session, runs, finished.verdict, best_round=finished.best_round, reason=reason
    )
    if not session.request.keep_all_rounds and finished.verdict.serves:
        try:
            await anyio.to_thread.run_sync(_prune, session.proposal, finished.best_round)
        except OSError as error:
            session.tell("note", f"rounds that were not to be kept could not be removed: {error}")
    session.tell("finished", reason)
    if session.request.auto_apply:
        await _apply(session, finished)
    return session.proposal


def _with_cause(finished: Finished, runs: Sequence[RunRecord]) -> str:
    """Why it is over; where no run came to anything, with the words of the last one."""
    details = [run.detail for run in runs if run.detail and run.score is None]
    if finished.verdict is not Verdict.BLOCKED or len(details) < len(runs) or not details:
        return finished.reason
    return f"{finished.reason}; the last run said: {details[-1]}"


async def stop(session: Session, verdict: Verdict, reason: str) -> None:
    """Write down that a session ended before its end; it can go on later."""
    try:
        await session.append(Stopped(verdict=verdict, reason=reason))
    finally:
        runs = await _runs_known(session)
        session.proposal = await _finalize(session, runs, verdict, reason=reason, error=reason)
    session.tell("finished", reason)


async def _runs_known(session: Session) -> tuple[RunRecord, ...]:
    try:
        return await runs_of(session.bench.journal, session.past.started.session_id)
    except InfrastructureError:
        # The journal may be what failed; the runs that count are known without it.
        return tuple(session.runner.known.values())


async def _finalize(
    session: Session,
    runs: Sequence[RunRecord],
    verdict: Verdict,
    *,
    best_round: int = 0,
    reason: str,
    error: str | None = None,
) -> Proposal:
    best = recommended_round(verdict, best_round) or 0
    state = session.state if session.is_measured else None
    entries, results = told_of(session.past, state, runs, recommended=best or None)

    def write() -> Proposal:
        proposal = session.proposal
        proposal.write_history(entries, results, best_round=best, reason=reason)
        return proposal.finalize(
            verdict, best_round=best, reason=reason, error=error, **_changes(session, entries)
        )

    return await anyio.to_thread.run_sync(write)


def _changes(session: Session, entries: Sequence[HistoryEntry]) -> dict[str, object]:
    ready = session.past.tasks or TasksReady()
    ids = {name: tuple(ref.id for ref in getattr(ready, name)) for name in ("train", "selection", "confirm")}
    changes: dict[str, object] = {"setup_cost": session.setup or ready.setup, "tasks": TaskIds(**ids)}
    changes["excluded_rounds"] = {
        str(each.round): each.outcome_reason for each in entries if each.outcome in ("dropped", "refused")
    }
    blocked = [each.submission for each in session.past.edits.values() if each.submission.infra_blocked]
    if blocked:
        changes["blocked_evidence_ids"] = blocked[-1].blocked_evidence_ids
    changes["runs_used"] = session.state.runs if session.is_measured else 0
    return changes


def _prune(proposal: Proposal, best_round: int) -> None:
    """Remove the rounds that nobody is to be shown."""
    for number in proposal.round_numbers():
        if number not in (0, best_round):
            shutil.rmtree(proposal.round_dir(number))


async def _apply(session: Session, finished: Finished) -> None:
    """Deploy the best round, if the session recommends it."""
    from skvm.optimizer.proposals.deploy import accept

    if finished.verdict is not Verdict.RECOMMENDED:
        session.tell("not-applied", f"--auto-apply deploys only what is recommended, not {finished.verdict}")
        return
    try:
        deployed = await anyio.to_thread.run_sync(accept, session.proposal)
    except (SkvmError, OSError) as error:
        # The session is over and its proposal stands; a person can still accept it.
        help = getattr(error, "help", None)
        session.tell("not-applied", f"{error}{f' ({help})' if help else ''}")
        return
    session.proposal = await anyio.to_thread.run_sync(session.proposal.refreshed)
    session.tell("applied", f"round {finished.best_round} is deployed at {deployed.target}")
