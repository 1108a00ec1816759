"""After a run that the model did by itself: what would the candidates have done that could have answered?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.runtime.boost.choosing import Ready
from skvm.runtime.boost.model import BoostEvent, Event, WatchRecord
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.proving.shadow import shadow
from skvm.runtime.boost.watching import GOOD_SCORE

if TYPE_CHECKING:
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.record import RunRecord
    from skvm.harness.trajectory import Trajectory
    from skvm.runtime.boost.library import Library, Shelf

__all__ = ["Shadowed", "shadow_events"]

AT_MOST = 3
"""Candidates that are run beside one run."""
TIMEOUT_S = 120.0
"""For all of them."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A candidate that could have answered.

    Args:
        ready: The candidate and its values.
        turn: The turn it could have answered at.
    """

    ready: Ready
    turn: int


@dataclass(frozen=True, slots=True)
class Watched:
    """The run they are compared with.

    Args:
        record: How it was graded.
        watch: What lay in its work directory.
        trajectory: What the agent did; ``None`` where that is not known.
    """

    record: RunRecord
    watch: WatchRecord
    trajectory: Trajectory | None


async def shadow_events(
    library: Library,
    shelf: Shelf,
    beside: Sequence[Shadowed],
    run: Watched,
) -> list[BoostEvent]:
    """Run candidates where the model was asked instead, and say whether they agree with what it did.

    Only with a run that did its task: what another one left says nothing.
    """
    record = run.record
    if not beside or not record.outcome.is_graded or record.score is None or record.score < GOOD_SCORE:
        return []
    events: list[BoostEvent] = []
    files = partial(_files, library.blobs, run.watch)
    with anyio.move_on_after(TIMEOUT_S):
        for each in beside[:AT_MOST]:
            states = await anyio.to_thread.run_sync(files, each.turn)
            if states is None:
                break
            proof = await _proof(library, each, states, run.trajectory)
            events.append(_event(shelf, each, record, proof))
    return events


async def _proof(
    library: Library, each: Shadowed, states: Sequence[Mapping[str, bytes]], trajectory: Trajectory | None
) -> Proof:
    before, *between, after = states
    return await shadow(
        each.ready.candidate,
        each.ready.params,
        before,
        after,
        sandbox=library.sandbox,
        tmp_dir=library.settings.tmp_dir,
        between=between,
        trajectory=trajectory,
    )


def _files(blobs: BlobStore, watch: WatchRecord, turn: int) -> list[dict[str, bytes]] | None:
    """The files from a turn to the end, state by state; ``None`` where the first or last was not kept."""
    states = watch.states[turn:]
    if len(states) < 2 or states[0] is None or states[-1] is None:
        return None
    try:
        return [
            {path: blobs.get(digest) for path, digest in state.items()}
            for state in states
            if state is not None
        ]
    except InfrastructureError:
        # A blob that was cleaned away meanwhile: no evidence.
        return None


def _event(shelf: Shelf, each: Shadowed, record: RunRecord, proof: Proof) -> BoostEvent:
    key = shelf.key(each.ready.candidate)
    return BoostEvent(
        event=Event.SHADOWED,
        skill_id=key.skill_id,
        skill_digest=key.skill_digest,
        model=key.model,
        harness=key.harness,
        purpose_id=key.purpose_id,
        template_digest=key.digest,
        run_id=record.run_id,
        is_good=proof.is_good,
        reason=proof.reason,
        turn=each.turn,
        params=each.ready.params,
        step_ms=proof.step_ms,
        at=datetime.now(UTC),
    )
