"""From the records of a plan run to its timeline."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from skvm.runtime.plan.model import GroupMeasured, PlanFinished, PlanStarted, StepFinished, StepStarted
from skvm.runtime.plan.tracing.critical import critical_path
from skvm.runtime.plan.tracing.lanes import LEAST_S, Block, rows_of
from skvm.runtime.plan.tracing.model import Bar, BarState, Leg, Timeline

__all__ = ["LegRecords", "timeline_of"]


@dataclass(frozen=True, slots=True)
class LegRecords:
    """What one process wrote down of a plan run.

    Args:
        started: That it began.
        begun: Nodes that began, where that is written down.
        ended: Nodes that ended or were given up, in the order they did.
        measured: What was measured of groups.
        finished: How it ended; ``None`` if it still runs or was killed.
    """

    started: PlanStarted
    begun: tuple[StepStarted, ...] = ()
    ended: tuple[StepFinished, ...] = ()
    measured: tuple[GroupMeasured, ...] = ()
    finished: PlanFinished | None = None


def timeline_of(records: Sequence[LegRecords], *, now: datetime | None = None) -> Timeline:
    """The timeline of a run.

    Args:
        records: Of each process that ran it, in order; at least one.
        now: The time, if the last of them still runs.
    """
    legs = _legs(records, now)
    bars = _bars(records, legs)
    bars, lanes = _in_lanes(bars)
    leaves = [bar for bar in bars if not bar.is_map]
    last = [bar for bar in bars if not bar.is_superseded and bar.parent is None]
    states = Counter(bar.state for bar in last)
    return Timeline(
        plan_run=records[0].started.plan_run,
        legs=legs,
        bars=tuple(bars),
        lanes=lanes,
        critical=() if legs[-1].is_running or legs[-1].is_interrupted else critical_path(last),
        running=_levels((bar.started_s, bar.ended_s) for bar in leaves if bar.started_s is not None),
        waiting=_levels((bar.ready_s, bar.started_s) for bar in leaves if bar.started_s is not None),
        groups=tuple(found for each in records for found in each.measured),
        states={state: states[state] for state in BarState if states[state]},
        work_s=math.fsum(bar.ran_s for bar in leaves),
    )


def _legs(records: Sequence[LegRecords], now: datetime | None) -> tuple[Leg, ...]:
    found: list[Leg] = []
    for number, each in enumerate(records, 1):
        begins_s = found[-1].ends_s if found else 0.0
        idle_s = 0.0
        if found:
            since_s = (each.started.started_at - found[-1].started.started_at).total_seconds()
            idle_s = max(0.0, since_s - found[-1].wall_s)
        is_running = now is not None and number == len(records) and each.finished is None
        found.append(
            Leg(
                number=number,
                started=each.started,
                begins_s=begins_s,
                wall_s=_length_s(each, now if is_running else None),
                idle_s=idle_s,
                is_interrupted=not is_running and (each.finished is None or each.finished.interrupted),
                is_running=is_running,
            )
        )
    return tuple(found)


def _length_s(records: LegRecords, now: datetime | None) -> float:
    seen = [0.0, *(each.at_s for each in records.begun), *(each.ended_s for each in records.ended)]
    if records.finished is not None:
        seen.append(records.finished.wall_s)
    if now is not None:
        seen.append((now - records.started.started_at).total_seconds())
    return max(seen)


def _bars(records: Sequence[LegRecords], legs: Sequence[Leg]) -> list[Bar]:
    found: list[Bar] = []
    items = {record.node for each in records for record in each.ended if record.parent is not None}
    for each, leg in zip(records, legs, strict=True):
        # An item has no items of its own, so what calls itself one of another item's is none.
        ended = [_ended(record, leg, has_map=record.parent not in items) for record in each.ended]
        inside = [*ended, *_open(each, leg)]
        found += [*inside, *_open_maps(inside, leg)]
    maps = {bar.parent for bar in found if bar.parent is not None}
    last = {bar.node: place for place, bar in enumerate(found)}
    titles = {bar.node: bar.title for bar in found if bar.title}
    told = [
        replace(
            bar,
            title=titles.get(bar.node, bar.node),
            is_superseded=last[bar.node] != place,
            is_map=bar.node in maps,
        )
        for place, bar in enumerate(found)
    ]
    return sorted(told, key=lambda bar: (bar.leg, _begin_s(bar), bar.parent is not None, bar.ended_s))


def _begin_s(bar: Bar) -> float:
    return bar.ended_s if bar.started_s is None else bar.started_s


def _ended(record: StepFinished, leg: Leg, *, has_map: bool) -> Bar:
    ended_s = leg.begins_s + record.ended_s
    started_s = None if record.started_s is None else min(leg.begins_s + record.started_s, ended_s)
    return Bar(
        node=record.node,
        title=record.title,
        state=BarState(record.state.value),
        leg=leg.number,
        lane=None,
        ready_s=min(leg.begins_s + record.ready_s, ended_s if started_s is None else started_s),
        started_s=started_s,
        ended_s=ended_s,
        record=record,
        attempt=record.attempt,
        parent=record.parent if has_map else None,
    )


def _open(records: LegRecords, leg: Leg) -> list[Bar]:
    """Nodes that began and have no end on record."""
    ends = Counter(record.node for record in records.ended if record.started_s is not None)
    found = []
    for begun in records.begun:
        if ends[begun.node]:
            ends[begun.node] -= 1
            continue
        at_s = leg.begins_s + begun.at_s
        state = BarState.RUNNING if leg.is_running else BarState.CUT_SHORT
        found.append(
            Bar(begun.node, "", state, leg.number, None, at_s, at_s, leg.ends_s, attempt=begun.attempt)
        )
    return found


def _open_maps(bars: Sequence[Bar], leg: Leg) -> list[Bar]:
    """Maps of which only items are on record: they were under way to the end of the leg."""
    known = {bar.node for bar in bars}
    begins: dict[str, float] = {}
    for bar in bars:
        if bar.parent is not None and bar.parent not in known:
            begins[bar.parent] = min(bar.ready_s, begins.get(bar.parent, bar.ready_s))
    state = BarState.RUNNING if leg.is_running else BarState.CUT_SHORT
    return [Bar(node, "", state, leg.number, None, at_s, at_s, leg.ends_s) for node, at_s in begins.items()]


def _in_lanes(bars: Sequence[Bar]) -> tuple[list[Bar], int]:
    """Give what ran its rows: a map keeps a block, its own row first, those of its items below."""
    items = _items_of(bars)
    inside = {place for places in items.values() for place in places}
    outer = [place for place, bar in enumerate(bars) if bar.started_s is not None and place not in inside]
    rows_inside: dict[int, int] = {}
    blocks: list[Block] = []
    for place in outer:
        members = items.get(place, [])
        within = rows_of([_block(bars[member]) for member in members])
        rows_inside.update(zip(members, within, strict=True))
        end_s = max((bars[member].ended_s for member in members), default=0.0)
        begin_s, own_end_s = _block(bars[place]).start_s, bars[place].ended_s
        blocks.append(Block(begin_s, max(end_s, own_end_s), 1 + max(within, default=-1) + 1))
    lane_of: dict[int, int] = {}
    for place, first in zip(outer, rows_of(blocks), strict=True):
        lane_of[place] = first
        lane_of.update({member: first + 1 + rows_inside[member] for member in items.get(place, ())})
    lanes = 1 + max(lane_of.values(), default=-1)
    return [replace(bar, lane=lane_of.get(place)) for place, bar in enumerate(bars)], lanes


def _items_of(bars: Sequence[Bar]) -> Mapping[int, list[int]]:
    """By place of a map's bar, the places of its items that ran meanwhile."""
    maps: dict[tuple[str, int], list[int]] = {}
    for place, bar in enumerate(bars):
        if bar.is_map and bar.started_s is not None:
            maps.setdefault((bar.node, bar.leg), []).append(place)
    found: dict[int, list[int]] = {}
    for place, bar in enumerate(bars):
        if bar.started_s is None or bar.parent is None:
            continue
        for holder in maps.get((bar.parent, bar.leg), ()):
            around = bars[holder]
            if _begin_s(around) - LEAST_S <= bar.started_s <= around.ended_s + LEAST_S:
                found.setdefault(holder, []).append(place)
                break
    return found


def _block(bar: Bar) -> Block:
    return Block(_begin_s(bar), bar.ended_s)


def _levels(spans: Iterable[tuple[float, float | None]]) -> tuple[tuple[float, int], ...]:
    """From when on how many spans are open; spans of no length do not count."""
    changes: Counter[float] = Counter()
    for start_s, end_s in spans:
        if end_s is not None and end_s > start_s:
            changes[start_s] += 1
            changes[end_s] -= 1
    level, found = 0, []
    for moment in sorted(changes):
        if changes[moment]:
            level += changes[moment]
            found.append((moment, level))
    return tuple(found)
