"""The critical path of a run: the chain of nodes that decided when it ended."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence

from skvm.runtime.plan.tracing.model import Bar, Link

__all__ = ["critical_path"]

_GAP_S = 0.002
"""A node that begins later than this after all it depends on waited for something else."""


def critical_path(bars: Sequence[Bar]) -> tuple[Link, ...]:
    """From the node that ended last back along what each waited for longest, given first to last.

    That is what it depends on, or, where that had ended before, the last node to free a place it needed, or
    to go before it in its group.

    Args:
        bars: The last try of each node, items of maps left out.
    """
    ran = {bar.node: bar for bar in bars if bar.started_s is not None}
    if not ran:
        return ()
    by_end = sorted(ran.values(), key=lambda bar: bar.ended_s)
    at: Bar | None = by_end[-1]
    found: list[Link] = []
    seen: set[str] = set()
    while at is not None:
        seen.add(at.node)
        begin_s = _started_s(at)
        # What took no time at all may seem to come before and after the same.
        before = [ran[node] for node in at.after if node in ran and node not in seen]
        ended = [bar for bar in before if bar.ended_s <= begin_s]
        previous = max(ended, key=lambda bar: bar.ended_s, default=None)
        since_s = previous.ended_s if previous else 0.0
        if begin_s - since_s > _GAP_S and (freed := _freeing(at, by_end, since_s, seen)) is not None:
            previous, since_s = freed, freed.ended_s
        found.append(Link(at.node, max(0.0, begin_s - since_s), at.ran_s))
        at = previous
    return tuple(reversed(found))


def _freeing(bar: Bar, by_end: Sequence[Bar], since_s: float, seen: Container[str]) -> Bar | None:
    """The last node that ended before another one began, and that it can have waited for."""
    place = bisect_right(by_end, _started_s(bar), key=lambda other: other.ended_s)
    for other in reversed(by_end[:place]):
        if other.ended_s <= since_s:
            return None
        if other.node not in seen and _are_rivals(bar, other):
            return other
    return None


def _are_rivals(one: Bar, other: Bar) -> bool:
    if one.record is None or other.record is None:
        return False
    is_mate = one.record.group is not None and one.record.group == other.record.group
    return is_mate or bool(set(one.record.needs) & set(other.record.needs))


def _started_s(bar: Bar) -> float:
    return bar.ended_s if bar.started_s is None else bar.started_s
