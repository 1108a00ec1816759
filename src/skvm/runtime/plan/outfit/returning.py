"""Brings what a plan run in a cell has on record into the journal of the host.

The journal in the cell is the agent's to write to, so it is read in there, and only lines of JSON come out:
each is checked against its model, and says where it ran, whatever it claims. How long groups took stays
behind: what is decided by that is not left to an agent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from skvm.errors import SkvmError
from skvm.evidence.journal import Journal
from skvm.evidence.record import Record, RunRecord
from skvm.harness.sandbox import Cell
from skvm.runtime.plan.model import (
    FINISHED_KIND,
    STARTED_KIND,
    STEP_FINISHED_KIND,
    STEP_STARTED_KIND,
    PlanFinished,
    PlanStarted,
    StepFinished,
    StepStarted,
)
from skvm.runtime.plan.outfit.laying import python_line

__all__ = ["Returned", "bring_out", "put_on_record"]

_MODELS: Mapping[str, type[Record]] = {
    STARTED_KIND: PlanStarted,
    STEP_STARTED_KIND: StepStarted,
    STEP_FINISHED_KIND: StepFinished,
    FINISHED_KIND: PlanFinished,
}
_MAX_BYTES = 900_000
"""Of records that are brought out; a cell gives no more output than a little over that."""
_TIMEOUT_S = 20.0
_LOOK_BACK = 256
"""So many of the newest runs are looked through for the one that has just ended."""
_READ = f"""
import json, os, sqlite3, urllib.parse
left = {_MAX_BYTES}
# As the launcher has it.
home, tmp = os.environ.get("HOME", ""), os.environ.get("TMPDIR") or "/tmp"
path = os.path.join(home if os.access(home, os.W_OK) else tmp, ".skvm", "log", "journal.sqlite")
if os.path.isfile(path):
    connection = sqlite3.connect("file:" + urllib.parse.quote(path) + "?mode=ro", uri=True, timeout=5)
    rows = "SELECT id, kind, parent, body FROM records WHERE kind IN {tuple(_MODELS)} ORDER BY id"
    for row in connection.execute(rows):
        line = json.dumps(row)
        left -= len(line) + 1
        if left < 0:
            print("cut")
            break
        print(line)
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    kind: str
    parent: int | None
    record: Record


@dataclass(frozen=True, slots=True)
class Returned:
    """What was brought out of a cell.

    Args:
        rows: Records, as they were written.
        notes: What a reader should be told.
    """

    rows: tuple[_Row, ...] = ()
    notes: tuple[str, ...] = field(default=())


async def bring_out(cell: Cell) -> Returned:
    """Read the records of plan runs in a cell that is still open; empty where none ran."""
    try:
        done = await cell.execute(["/bin/sh", "-c", python_line(_READ)], timeout_s=_TIMEOUT_S)
    except (OSError, SkvmError) as error:
        return Returned(notes=(f"the records of the plan run could not be read: {error}",))
    if done.exit_code != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return Returned(notes=(f"the records of the plan run could not be read: {said[0][:200]}",))
    return _read(done.stdout.splitlines())


def _read(lines: Iterable[str]) -> Returned:
    rows: list[_Row] = []
    dropped = 0
    is_cut = False
    for line in lines:
        if line == "cut":
            is_cut = True
        elif (row := _row(line)) is not None:
            rows.append(row)
        else:
            dropped += 1
    notes = []
    if is_cut:
        notes.append(f"the records of the plan run are over {_MAX_BYTES:,} bytes: the rest is left out")
    if dropped:
        notes.append(f"{dropped:,} records of the plan run are not what they should be: left out")
    return Returned(tuple(rows), tuple(notes))


def _row(line: str) -> _Row | None:
    try:
        number, kind, parent, body = json.loads(line)
        if not isinstance(number, int) or not isinstance(parent, int | None):
            return None
        return _Row(number, kind, parent, _MODELS[kind].model_validate_json(body))
    except (ValueError, TypeError, KeyError, RecursionError, ValidationError):
        return None


async def put_on_record(journal: Journal, run: RunRecord, returned: Returned) -> None:
    """Append records of a cell below the run they belong to, which is on record.

    Args:
        journal: The host's.
        run: The run.
        returned: What was brought out of its cell.

    Raises:
        InfrastructureError: The journal cannot be written to.
    """
    started = await journal.query("run_started", newest_first=True, limit=_LOOK_BACK)
    of_run = next((entry.id for entry in started if entry.body.get("run_id") == run.run_id), None)
    if of_run is None:
        # What belongs to no run of ours would stand in the journal as if it were one.
        return
    below: dict[int, int] = {}
    for first in returned.rows:
        if not isinstance(first.record, PlanStarted):
            continue
        parent = of_run if first.parent is None else below.get(first.parent, of_run)
        below[first.id] = await journal.append(first.kind, _placed(first.record, run), parent)
        inside = [row for row in returned.rows if row.parent == first.id and row.kind != STARTED_KIND]
        await journal.append_all([(row.kind, _placed(row.record, run)) for row in inside], below[first.id])


def _placed(record: Record, run: RunRecord) -> Record:
    """The record, with the target it was made on."""
    if isinstance(record, PlanStarted):
        return record.model_copy(update={"model": run.model, "harness": run.harness})
    return record
