"""The critical path of a run: the chain of nodes that decided when it ended."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.runtime.plan.tracing.model import Bar, Link

__all__ = ["critical_path"]


def critical_path(bars: Sequence[Bar]) -> tuple[Link, ...]:
    """From the node that ended last back along what each waited for longest, given first to last.

    Args:
        bars: The last try of each node, items of maps left out.
    """
    ran = {bar.node: bar for bar in bars if bar.started_s is not None}
    if not ran:
        return ()
    at: Bar | None = max(ran.values(), key=lambda bar: bar.ended_s)
    found: list[Link] = []
    seen: set[str] = set()
    while at is not None and at.node not in seen:
        seen.add(at.node)
        before = [ran[node] for node in at.after if node in ran and ran[node].ended_s <= _started_s(at)]
        previous = max(before, key=lambda bar: bar.ended_s, default=None)
        since_s = previous.ended_s if previous else 0.0
        found.append(Link(at.node, max(0.0, _started_s(at) - since_s), at.ran_s))
        at = previous
    return tuple(reversed(found))


def _started_s(bar: Bar) -> float:
    return bar.ended_s if bar.started_s is None else bar.started_s
