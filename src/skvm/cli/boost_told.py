"""What boost did in one run, in a line or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.evidence.journal import Journal
    from skvm.evidence.record import RunRecord
    from skvm.runtime.boost.model import BoostEvent

__all__ = ["told_of"]


async def told_of(journal: Journal, record: RunRecord) -> tuple[str, ...]:
    """What a person wants to know of a run with boost: what answered, what was learnt, what drifted.

    Args:
        journal: Where it was recorded.
        record: The run, with a skill.
    """
    from skvm.runtime.boost.evidence import load_events

    if record.skill_id is None:
        return ()
    events = await load_events(journal, skill_id=record.skill_id, skill_digest=record.skill_digest)
    lines = [line for event in events if event.run_id == record.run_id and (line := _line(event))]
    lines += [
        f"learnt {event.purpose_id}; `skvm boost show {record.skill_id} {event.purpose_id}`"
        for event in events
        if event.event.value == "compiled" and event.at >= record.finished_at and not event.reason
    ]
    # Why it gave up, if it did, stands in the notes of the run.
    return tuple(dict.fromkeys(lines)) or ("nothing it knows, and nothing it could learn",)


def _line(event: BoostEvent) -> str | None:
    from skvm.runtime.boost.model import Event

    name = event.purpose_id
    if event.event is Event.ANSWERED:
        if event.is_good is False:
            return f"{name} gave the step back: {event.reason}"
        times = f"{(event.match_ms or 0) + (event.step_ms or 0):.0f} ms"
        return f"{name} answered in the model's place in {times}"
    if event.event is Event.DRIFTED:
        return f"{name} did not answer, the files have another form: {event.reason}"
    if event.event is Event.SHADOWED:
        words = {True: "does what the model did", False: "does something else", None: "cannot be compared"}
        why = f": {event.reason}" if event.reason else ""
        return f"{name} {words[event.is_good]}{why}"
    return None
