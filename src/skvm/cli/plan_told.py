"""What became of the plan a run followed, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.evidence.journal import Journal
    from skvm.evidence.record import RunRecord

__all__ = ["plan_line"]


async def plan_line(journal: Journal, record: RunRecord) -> str | None:
    """What a person wants to know of the plan a run followed; ``None`` where it followed none.

    Args:
        journal: Where both were recorded.
        record: The run.
    """
    from skvm.runtime.plan.model import FINISHED_KIND, STARTED_KIND, PlanFinished, PlanStarted

    for entry in reversed(await journal.query(STARTED_KIND, since=record.started_at)):
        started = PlanStarted.model_validate(entry.body)
        if (started.model, started.harness) != (record.model, record.harness):
            continue
        ends = await journal.query(FINISHED_KIND, parent=entry.id)
        if not ends:
            continue
        finished = PlanFinished.model_validate(ends[-1].body)
        done = finished.states.get("done", 0)
        how = "cut off at" if finished.interrupted else "done in"
        return (
            f"{done} of {started.nodes} steps {how} {finished.wall_s:.1f} s; "
            f"`skvm plan trace {started.plan_run}` shows them"
        )
    return None
