"""Entries of ``solidification-state.json``: where candidates stand, for readers of the existing system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from skvm.runtime.boost.entries import OURS, load_entries, purpose_of
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.standing import Key, Standing, Status

__all__ = ["stamp", "state_entries"]

_SCHEMA = 1


def state_entries(entries: Iterable[Any], standings: Mapping[Key, Standing]) -> list[dict[str, Any]]:
    """The state of every candidate that can be understood, in the order of the file."""
    loaded = {candidate.purpose_id: candidate for candidate in load_entries(entries, [], None).candidates}
    views = []
    for entry in entries:
        candidate = loaded.get(purpose_of(entry) or "")
        if candidate is None:
            continue
        mine = {
            key: standing
            for key, standing in sorted(standings.items())
            if key.purpose_id == candidate.purpose_id and key.digest == candidate.digest
        }
        plain = {key: value for key, value in entry.items() if key != OURS}
        views.append(_state(plain, candidate, mine))
    return views


def _state(
    plain: Mapping[str, Any], candidate: Candidate, standings: Mapping[Key, Standing]
) -> dict[str, Any]:
    """One entry; promoted, to its readers, is what answers on some target and failed on none."""
    all_of = standings.values()
    moments = [each.promoted_at for each in all_of if each.promoted_at is not None]
    statuses = {each.status for each in all_of}
    is_promoted = candidate.is_enabled and Status.PROMOTED in statuses and Status.QUARANTINED not in statuses
    view: dict[str, Any] = {
        "candidate": dict(plain),
        "state": {
            "candidateId": candidate.purpose_id,
            "hitCount": sum(each.runs for each in all_of),
            "consecutiveMatches": max((each.streak for each in all_of), default=0),
            "promoted": is_promoted,
            "fallbackCount": sum(each.failures for each in all_of),
        },
    }
    if is_promoted and moments:
        view["promotedAt"] = stamp(min(moments))
    view[OURS] = {
        "schema": _SCHEMA,
        "targets": [
            {
                "skillDigest": key.skill_digest,
                "model": key.model,
                "harness": key.harness,
                "status": str(each.status),
                "runs": each.runs,
                "good": each.good,
                "bad": each.bad,
                "lowerBound": round(each.lower_bound, 6),
                "cooldownLeft": each.cooldown_left,
                "reason": each.reason,
            }
            for key, each in standings.items()
        ],
    }
    return view


def stamp(moment: datetime) -> str:
    """A moment as the existing system writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
