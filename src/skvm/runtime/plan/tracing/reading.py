"""Finds a plan run in the journal and reads what is on record of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import ValidationError

from skvm.errors import UsageError
from skvm.evidence.journal import Entry, Journal
from skvm.evidence.record import Record
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    MEASURED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    STEP_STARTED_KIND,
    GroupMeasured,
    PlanFinished,
    PlanStarted,
    StepFinished,
    StepStarted,
)
from skvm.runtime.plan.tracing.timeline import LegRecords

__all__ = ["read_run"]

R = TypeVar("R", bound=Record)
_SHOWN = 5


async def read_run(journal: Journal, plan_run: str | None = None) -> tuple[LegRecords, ...]:
    """What is on record of a run, by process.

    Args:
        journal: Where.
        plan_run: Its id, or the beginning of it; the newest run by default.

    Raises:
        UsageError: There is none, several begin so, or a newer program wrote it.
    """
    entries = await journal.query(STARTED_KIND)
    chosen = _chosen(entries, plan_run)
    return tuple([await _leg(journal, entry) for entry in entries if _run_of(entry) == chosen])


def _run_of(entry: Entry) -> str:
    return str(entry.body.get("plan_run"))


def _chosen(entries: Sequence[Entry], plan_run: str | None) -> str:
    ids = list(dict.fromkeys(_run_of(entry) for entry in entries))
    if not ids:
        raise UsageError("no plan has been run yet", help="run one with `skvm plan run PLAN`")
    if plan_run is None:
        return _run_of(entries[-1])
    found = [plan_run] if plan_run in ids else [each for each in ids if each.startswith(plan_run)]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} plan runs begin with" if found else "no plan run is called"
    raise UsageError(f"{what} {plan_run!r}", help=f"the newest are: {', '.join((found or ids)[-_SHOWN:])}")


async def _leg(journal: Journal, start: Entry) -> LegRecords:
    inside = [entry for entry in await journal.query(parent=start.id) if _run_of(entry) == _run_of(start)]
    finished = _all(PlanFinished, FINISHED_KIND, inside)
    return LegRecords(
        started=_read(PlanStarted, start),
        begun=_all(StepStarted, STEP_STARTED_KIND, inside),
        ended=_all(StepFinished, STEP_FINISHED_KIND, inside),
        measured=_all(GroupMeasured, MEASURED_KIND, inside),
        finished=finished[-1] if finished else None,
    )


def _all(kind: type[R], name: str, entries: Sequence[Entry]) -> tuple[R, ...]:
    return tuple(_read(kind, entry) for entry in entries if entry.kind == name)


def _read(kind: type[R], entry: Entry) -> R:
    try:
        return kind.model_validate(entry.body)
    except ValidationError as error:
        raise UsageError(
            f"record {entry.id} of the journal is no {entry.kind} that this program can read",
            help="a newer skvm may have written it",
        ) from error
