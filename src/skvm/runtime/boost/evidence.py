"""What happened to candidates, read from the journal, and the kinds of its records."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from skvm.evidence.journal import Entry, Journal
from skvm.runtime.boost.model import BoostEvent

__all__ = ["EVENT_KIND", "WATCH_KIND", "load_events", "read_events"]

EVENT_KIND = "boost"
"""Journal kind of a ``BoostEvent``."""
WATCH_KIND = "boost_watch"
"""Journal kind of a ``WatchRecord``."""


async def load_events(
    journal: Journal,
    *,
    skill_id: str | None = None,
    skill_digest: str | None = None,
    model: str | None = None,
    harness: str | None = None,
) -> tuple[BoostEvent, ...]:
    """What happened to candidates, in the order it was recorded.

    A record of a form this program does not know is no evidence and is left out.

    Args:
        journal: Open.
        skill_id: Only of this skill; quick, however much else the journal holds.
        skill_digest: Only of the skill as it was delivered so.
        model: Only on this model.
        harness: Only in this harness.

    Raises:
        InfrastructureError: The journal cannot be read.
    """
    entries = await journal.query(EVENT_KIND, skill=skill_id)
    return read_events(entries, skill_digest=skill_digest, model=model, harness=harness)


def read_events(
    entries: Sequence[Entry],
    *,
    skill_digest: str | None = None,
    model: str | None = None,
    harness: str | None = None,
) -> tuple[BoostEvent, ...]:
    """The events among records of the journal; the arguments are those of ``load_events``."""
    pairs = (("skillDigest", skill_digest), ("model", model), ("harness", harness))
    wanted = [(key, value) for key, value in pairs if value is not None]
    return tuple(
        event
        for entry in entries
        # Most records are of other targets; they are not worth a validation.
        if all(entry.body.get(key) == value for key, value in wanted) and (event := _read(entry)) is not None
    )


def _read(entry: Entry) -> BoostEvent | None:
    try:
        return BoostEvent.model_validate(entry.body)
    except ValidationError:
        return None
