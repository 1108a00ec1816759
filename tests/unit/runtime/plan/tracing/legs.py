"""Records of plan runs for tests: as a run writes them, and of simulated runs of random graphs."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from skvm.runtime.plan.model import PlanFinished, PlanStarted, StepFinished, StepStarted, StepState
from skvm.runtime.plan.tracing.timeline import LegRecords

RUN = "20261122T031500000Z-abcd"
AT = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)


def started(at_s: float = 0.0, **more: Any) -> PlanStarted:
    given: dict[str, Any] = {
        "plan_run": RUN,
        "plan_digest": "sha256:00",
        "skill": "monthly-report",
        "skill_digest": "sha256:11",
        "work_dir": "/somewhere/work",
        "jobs": 4,
        "nodes": 5,
        "started_at": AT + timedelta(seconds=at_s),
    }
    return PlanStarted(**(given | more))


def ended(node: str, begin: float | None, end: float, **more: Any) -> StepFinished:
    given: dict[str, Any] = {
        "plan_run": RUN,
        "node": node,
        "title": f"Step {node}",
        "state": StepState.DONE if begin is not None else StepState.CANCELLED,
        "ready_s": begin if begin is not None else end,
        "started_s": begin,
        "ended_s": end,
    }
    return StepFinished(**(given | more))


def begun(node: str, at: float, attempt: int = 1) -> StepStarted:
    return StepStarted(plan_run=RUN, node=node, attempt=attempt, at_s=at)


def finished(wall_s: float, *, interrupted: bool = False, **states: int) -> PlanFinished:
    return PlanFinished(plan_run=RUN, states=states, wall_s=wall_s, interrupted=interrupted)


def diamond() -> LegRecords:
    """One, then two at once, then one: 1 + 3 + 1 seconds, of which 2 of the shorter branch."""
    return LegRecords(
        started(),
        ended=(
            ended("1", 0.0, 1.0),
            ended("2", 1.0, 4.0, after=("1",)),
            ended("3", 1.0, 3.0, after=("1",)),
            ended("4", 4.0, 5.0, after=("2", "3")),
        ),
        finished=finished(5.0, done=4),
    )


def simulated(
    lengths: Sequence[float], after: Mapping[int, Sequence[int]], places: int, fails: frozenset[int]
) -> LegRecords:
    """What a run of this graph on so many places writes down, if every node takes exactly its time."""
    waiting = {node: len(set(after[node])) for node in range(len(lengths))}
    ready = [(0.0, node) for node in waiting if not waiting[node]]
    heapq.heapify(ready)
    free = [0.0] * places
    heapq.heapify(free)
    ends: dict[int, float] = {}
    dead = set(fails)
    records: list[StepFinished] = []
    while ready:
        ready_s, node = heapq.heappop(ready)
        names = tuple(str(before) for before in after[node])
        if any(before in dead for before in after[node]):
            dead.add(node)
            records.append(ended(str(node), None, ready_s, after=names))
            end_s = ready_s
        else:
            begin_s = max(ready_s, heapq.heappop(free))
            end_s = begin_s + lengths[node]
            heapq.heappush(free, end_s)
            state = StepState.FAILED if node in fails else StepState.DONE
            records.append(
                ended(str(node), begin_s, end_s, ready_s=ready_s, after=names, state=state, needs=("cpu",))
            )
        ends[node] = end_s
        for other in range(len(lengths)):
            if node in after[other]:
                waiting[other] -= 1
                if not waiting[other]:
                    heapq.heappush(ready, (max(ends[before] for before in after[other]), other))
    wall_s = max((each.ended_s for each in records), default=0.0)
    return LegRecords(started(), ended=tuple(records), finished=finished(wall_s))


@st.composite
def runs(draw: st.DrawFn) -> LegRecords:
    """Any run of up to twenty nodes on one to six places, with failures."""
    count = draw(st.integers(1, 20))
    lengths = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.5]), min_size=count, max_size=count))
    after = {
        node: draw(st.lists(st.integers(0, node - 1), max_size=3, unique=True)) if node else []
        for node in range(count)
    }
    fails = draw(st.frozensets(st.integers(0, count - 1), max_size=2))
    return simulated(lengths, after, draw(st.integers(1, 6)), fails)


@st.composite
def odd_legs(draw: st.DrawFn) -> list[LegRecords]:
    """Records of up to three processes that fit together in no way at all: whatever a journal may hold."""
    nodes = st.sampled_from(["1", "2", "3", "1[a]", "1[b]", "2[c]", "4[d]", "[", "5]"])
    moments = st.sampled_from([0.0, 1e-9, 0.5, 1.0, 3.25, 1e6])
    legs = []
    for number in range(draw(st.integers(1, 3))):
        records = []
        for node in draw(st.lists(nodes, max_size=8)):
            begin, end = draw(st.none() | moments), draw(moments)
            parent = node.partition("[")[0] if "[" in node[1:] else None
            more = {
                "ready_s": draw(moments),
                "attempt": draw(st.integers(1, 3)),
                "after": tuple(draw(st.lists(nodes, max_size=2))),
                "parent": draw(st.sampled_from([parent, None, "1", node])),
                "state": draw(st.sampled_from(StepState)),
                "title": draw(st.sampled_from(["", "</script>", "\ud800", "x" * 300])),
            }
            records.append(ended(node, begin, end, **more))
        starts = tuple(begun(node, draw(moments)) for node in draw(st.lists(nodes, max_size=3)))
        end_of = st.builds(finished, moments, interrupted=st.booleans())
        legs.append(
            LegRecords(
                started(draw(moments) * number, resumed=number > 0),
                begun=starts,
                ended=tuple(records),
                finished=draw(st.none() | end_of),
            )
        )
    return legs
