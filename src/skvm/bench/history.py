"""What a session has done: its attempts in the journal, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.bench.judgements import judged_runs
from skvm.bench.plan import BenchPlan, Preparation
from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.record import Outcome, Record, RunRecord

if TYPE_CHECKING:
    from skvm.evidence.journal import Entry, Journal

__all__ = [
    "FINISHED",
    "PREPARED",
    "STARTED",
    "Ended",
    "attempts_of",
    "counted",
    "counts",
    "ending_of",
    "find_plan",
    "newest_unfinished",
    "preparations_of",
]

STARTED = "bench_started"
"""Kind of the record that holds a session's plan."""
PREPARED = "bench_prepared"
"""Kind of its children that say what a condition took."""
FINISHED = "bench_finished"
"""Kind of its child that says every cell was done."""


class Ended(Record):
    """That a session needs no more runs.

    Args:
        session_id: Which.
        stopped: What the stop rule knew when it ended the session; ``None`` where every cell was filled.
        planned: Cells of the session.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    session_id: str
    stopped: str | None = None
    planned: int


def counts(run: RunRecord) -> bool:
    """Whether an attempt fills its cell: it has a score or waits for one, or the harness itself gave up."""
    if run.outcome is Outcome.HARNESS_FAILED:
        return True
    is_waiting = any(criterion.is_pending for criterion in run.criteria)
    return run.outcome.is_graded and (run.score is not None or is_waiting or not run.criteria)


def counted(attempts: Iterable[RunRecord]) -> dict[str, RunRecord]:
    """The attempt that stands for each cell: the first that counts, else the last there was.

    A second attempt that counts would be a repetition nobody asked for; it is passed over.
    """
    found: dict[str, RunRecord] = {}
    for run in attempts:
        if run.cell is None:
            continue
        standing = found.get(run.cell)
        if standing is None or not counts(standing):
            found[run.cell] = run
    return found


async def attempts_of(journal: Journal, session_id: str) -> tuple[RunRecord, ...]:
    """Every finished attempt of a session with what judges said since, oldest first."""
    entries = await journal.query("run_finished", session=session_id)
    runs = [RunRecord.model_validate(entry.body) for entry in entries]
    return await judged_runs(journal, runs, session_id=session_id)


async def find_plan(journal: Journal, session_id: str) -> tuple[int, BenchPlan]:
    """The plan of a session and its record's id.

    Raises:
        UsageError: There is no such session.
        InfrastructureError: Its record cannot be read.
    """
    entries = await journal.query(STARTED)
    found = [entry for entry in entries if entry.body.get("sessionId") == session_id]
    if not found:
        close = [str(entry.body.get("sessionId")) for entry in entries[-5:]]
        raise UsageError(
            f"there is no bench session {session_id!r}",
            help=f"the newest: {', '.join(close)}" if close else "no bench was ever started here",
        )
    return found[-1].id, _plan(found[-1])


async def newest_unfinished(journal: Journal) -> str:
    """The newest session that has not run to its end, judgements that were put off included.

    Raises:
        UsageError: Every session has.
    """
    done = {entry.parent for entry in await journal.query(FINISHED)}
    for entry in await journal.query(STARTED, newest_first=True):
        session_id = str(entry.body.get("sessionId"))
        is_deferred = entry.body.get("isJudgeDeferred") is True
        if entry.id not in done or (is_deferred and await _waits_for_judge(journal, session_id)):
            return session_id
    raise UsageError("there is no unfinished bench session", help="`skvm bench --list-sessions` lists all")


async def _waits_for_judge(journal: Journal, session_id: str) -> bool:
    standing = counted(await attempts_of(journal, session_id)).values()
    return any(criterion.is_pending for run in standing for criterion in run.criteria)


async def preparations_of(journal: Journal, plan_record: int) -> tuple[Preparation, ...]:
    """What preparing a session took: for each condition, target and skill the first account that is a cost.

    A resumed session finds what it compiled before, for nothing; the cost was the first one's.
    """
    found: dict[tuple[str, str, str, str | None], Preparation] = {}
    for entry in await journal.query(PREPARED, parent=plan_record):
        made = Preparation.model_validate(entry.body)
        key = (made.condition, made.model, made.harness, made.skill_id)
        if key not in found or found[key].problem is not None or found[key].is_reused:
            found[key] = made
    return tuple(found.values())


async def ending_of(journal: Journal, plan_record: int) -> Ended | None:
    """How a session ended; ``None`` while it has not."""
    entries = await journal.query(FINISHED, parent=plan_record, newest_first=True, limit=1)
    return Ended.model_validate(entries[0].body) if entries else None


def _plan(entry: Entry) -> BenchPlan:
    try:
        return BenchPlan.model_validate(entry.body)
    except ValueError as error:
        raise InfrastructureError(
            f"the plan of bench session {entry.body.get('sessionId')} cannot be read",
            help="a newer skvm may have written it",
        ) from error
