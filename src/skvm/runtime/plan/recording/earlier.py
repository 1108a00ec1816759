"""Reads what an earlier process left of a plan run: what ended, and what was under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from skvm.errors import UsageError
from skvm.evidence.journal import Entry, Journal
from skvm.evidence.record import Record
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    STEP_STARTED_KIND,
    PlanFinished,
    PlanStarted,
    StepFinished,
    StepResult,
    StepStarted,
    StepState,
)

__all__ = ["EarlierRun", "find_run", "load_run", "newest_run"]

T = TypeVar("T", bound=Record)
_FIRST_LOOK = 64
"""Most often the run that is looked for is among the newest."""


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What is on record of a plan run, all its processes together.

    Args:
        started: Its first beginning.
        record: Id of that record.
        finished: The last result of every node that ended, items of maps too, in the order they ended.
        uncertain: Nodes that may not be repeated unasked and began without an end on record.
        attempts: How often each node began, as far as is known.
        is_complete: Whether everything got done.
    """

    started: PlanStarted
    record: int
    finished: Mapping[str, StepResult]
    uncertain: frozenset[str]
    attempts: Mapping[str, int]
    is_complete: bool


async def find_run(journal: Journal, plan_run: str) -> EarlierRun:
    """A run by its id, or by the beginning of one if only one begins so.

    Raises:
        UsageError: There is none, or several begin so.
    """
    first = [entry for entry in await journal.query(STARTED_KIND) if entry.parent is None]
    ids = {str(entry.body.get("plan_run")): entry for entry in first}
    found = [plan_run] if plan_run in ids else [each for each in ids if each.startswith(plan_run)]
    if len(found) != 1:
        what = f"{len(found)} plan runs begin with" if found else "no plan run is called"
        newest = ", ".join(list(ids)[-3:])
        help = f"the newest are: {newest}" if newest else "none is on record; leave --resume out"
        raise UsageError(f"{what} {plan_run!r}", help=help)
    return await load_run(journal, ids[found[0]])


async def newest_run(journal: Journal, plan_digest: str, work_dir: str) -> EarlierRun | None:
    """The last run of a plan in a work directory, complete or not; ``None`` if there was none.

    Runs in cells do not count: their directory is another one, and what they have on record is an agent's.
    """
    for limit in (_FIRST_LOOK, None):
        entries = await journal.query(STARTED_KIND, newest_first=True, limit=limit)
        for entry in entries:
            if entry.body.get("plan_digest") != plan_digest or entry.body.get("work_dir") != work_dir:
                continue
            first = await _first_of(journal, entry)
            if first is not None:
                return await load_run(journal, first)
        if limit is not None and len(entries) < limit:
            break
    return None


async def _first_of(journal: Journal, entry: Entry) -> Entry | None:
    """The first beginning of a run; ``None`` for one that belongs to something else, as in a cell."""
    if entry.parent is None:
        return entry
    found = await journal.query(STARTED_KIND, since=entry.parent - 1, limit=1)
    is_first = bool(found) and found[0].id == entry.parent and found[0].parent is None
    return found[0] if is_first else None


async def load_run(journal: Journal, first: Entry) -> EarlierRun:
    """All that is on record of a run.

    Args:
        journal: Where.
        first: The record of its first beginning.

    Raises:
        UsageError: A newer program wrote it.
    """
    starts = [first, *await journal.query(STARTED_KIND, parent=first.id)]
    records = _Records()
    for start in starts:
        # In the order they were written: what began twice and ended once is still under way.
        records.read(await journal.query(parent=start.id))
    return EarlierRun(
        started=_read(PlanStarted, first),
        record=first.id,
        finished=records.finished,
        uncertain=frozenset(records.under_way),
        attempts=records.attempts,
        is_complete=records.is_complete,
    )


class _Records:
    """What the records of a run say, read in their order."""

    def __init__(self) -> None:
        self.finished: dict[str, StepResult] = {}
        self.under_way: set[str] = set()
        self.attempts: Counter[str] = Counter()
        self.is_complete = False

    def read(self, entries: Iterable[Entry]) -> None:
        self.is_complete = False
        for entry in entries:
            if entry.kind == STEP_STARTED_KIND:
                began = _read(StepStarted, entry)
                self.under_way.add(began.node)
                self.attempts[began.node] = max(self.attempts[began.node], began.attempt)
            elif entry.kind == STEP_FINISHED_KIND:
                self._take(_read(StepFinished, entry))
            elif entry.kind == FINISHED_KIND:
                ended = _read(PlanFinished, entry)
                self.is_complete = not ended.interrupted and set(ended.states) <= {StepState.DONE.value}

    def _take(self, ended: StepFinished) -> None:
        if ended.state is StepState.CANCELLED and ended.node in self.under_way:
            # It was not begun this time; what became of the time before is as uncertain as it was.
            return
        # The order is that of the last ends.
        self.finished.pop(ended.node, None)
        self.finished[ended.node] = StepResult(
            state=ended.state,
            text=ended.text,
            reason=ended.reason,
            exit_code=ended.exit_code,
            digests=ended.digests,
            usage=ended.usage,
        )
        self.under_way.discard(ended.node)
        if ended.started_s is not None:
            self.attempts[ended.node] = max(self.attempts[ended.node], ended.attempt)


def _read(kind: type[T], entry: Entry) -> T:
    try:
        return kind.model_validate(entry.body)
    except ValidationError as error:
        raise UsageError(
            f"record {entry.id} of the journal is no {entry.kind} that this program can read",
            help="a newer skvm may have written it; --fresh begins anew",
        ) from error
