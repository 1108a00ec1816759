"""From records to a timeline."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.runtime.plan.model import StepState
from skvm.runtime.plan.tracing.chrome import chrome_json
from skvm.runtime.plan.tracing.model import BarState, Link
from skvm.runtime.plan.tracing.timeline import LegRecords, timeline_of
from tests.unit.runtime.plan.tracing.legs import (
    AT,
    begun,
    diamond,
    ended,
    finished,
    odd_legs,
    runs,
    started,
)
from tests.unit.runtime.plan.tracing.test_chrome import check


def test_a_diamond_has_two_rows_its_work_and_its_critical_path() -> None:
    found = timeline_of([diamond()])
    lanes = [(bar.node, bar.lane) for bar in found.bars]
    assert lanes == [("1", 0), ("3", 0), ("2", 1), ("4", 0)]
    assert (found.wall_s, found.work_s, found.speed_up) == (5.0, 7.0, 1.4)
    assert found.critical == (Link("1", 0, 1), Link("2", 0, 3), Link("4", 0, 1))
    assert found.running == ((0.0, 1), (1.0, 2), (3.0, 1), (5.0, 0))
    assert found.most_at_once == 2
    assert found.states == {BarState.DONE: 4}
    assert found.ending == "done"


def test_a_run_that_went_on_is_on_one_axis_without_the_pause() -> None:
    first = LegRecords(
        started(),
        begun=(begun("2", 1.0),),
        ended=(ended("1", 0.0, 1.0),),
    )
    second = LegRecords(
        started(3600.0, resumed=True),
        ended=(ended("2", 0.5, 2.0, after=("1",), attempt=2),),
        finished=finished(2.0, done=2),
    )
    found = timeline_of([first, second])
    assert [(leg.begins_s, leg.ends_s, leg.idle_s, leg.is_interrupted) for leg in found.legs] == [
        (0.0, 1.0, 0.0, True),
        (1.0, 3.0, 3599.0, False),
    ]
    bars = [(bar.node, bar.state, bar.started_s, bar.ended_s, bar.is_superseded) for bar in found.bars]
    assert bars == [
        ("1", BarState.DONE, 0.0, 1.0, False),
        ("2", BarState.CUT_SHORT, 1.0, 1.0, True),
        ("2", BarState.DONE, 1.5, 3.0, False),
    ]
    assert found.critical == (Link("1", 0, 1), Link("2", 0.5, 1.5))
    assert found.ending == "done"
    assert found.states == {BarState.DONE: 2}


def test_what_is_under_way_is_shown_until_now() -> None:
    leg = LegRecords(started(), begun=(begun("1", 0.5),))
    running = timeline_of([leg], now=AT + timedelta(seconds=9))
    assert (running.bars[0].state, running.bars[0].ended_s, running.ending) == (
        BarState.RUNNING,
        9.0,
        "running",
    )
    killed = timeline_of([leg])
    assert (killed.bars[0].state, killed.ending) == (BarState.CUT_SHORT, "interrupted")


def test_items_stand_below_their_map_which_does_no_work_of_its_own() -> None:
    items = tuple(ended(f"1[{name}]", at, at + 1, parent="1") for name, at in (("a", 0.0), ("b", 0.0)))
    leg = LegRecords(
        started(), ended=(*items, ended("1", 0.0, 1.0), ended("2", 0.5, 1.0)), finished=finished(1.0)
    )
    found = timeline_of([leg])
    lanes = {bar.node: bar.lane for bar in found.bars}
    assert lanes == {"1": 0, "1[a]": 1, "1[b]": 2, "2": 3}
    assert found.work_s == 2.5
    assert found.most_at_once == 3
    assert found.states == {BarState.DONE: 2}


def test_a_map_that_was_cut_short_is_still_one() -> None:
    leg = LegRecords(
        started(),
        ended=(ended("1[a]", 0.25, 1.0, parent="1"),),
        finished=finished(2.0, interrupted=True),
    )
    found = timeline_of([leg])
    shown = {bar.node: (bar.state, bar.started_s, bar.ended_s, bar.lane) for bar in found.bars}
    assert shown == {"1": (BarState.CUT_SHORT, 0.25, 2.0, 0), "1[a]": (BarState.DONE, 0.25, 1.0, 1)}
    assert found.states == {BarState.CUT_SHORT: 1}


def test_what_never_began_has_no_row() -> None:
    leg = LegRecords(
        started(),
        ended=(
            ended("1", 0.0, 1.0, state=StepState.FAILED),
            ended("2", None, 1.0, after=("1",)),
            ended("3", None, 0.0, state=StepState.LEFT),
        ),
        finished=finished(1.0),
    )
    found = timeline_of([leg])
    assert {bar.node: bar.lane for bar in found.bars} == {"1": 0, "2": None, "3": None}
    assert found.ending == "not done"
    assert found.critical == (Link("1", 0, 1),)
    assert found.states == {BarState.FAILED: 1, BarState.LEFT: 1, BarState.CANCELLED: 1}


def test_a_run_in_which_nothing_happened_has_no_speed_up() -> None:
    found = timeline_of([LegRecords(started())])
    assert (found.bars, found.critical, found.speed_up, found.ending) == ((), (), None, "interrupted")


@given(runs())
def test_figures_of_any_run_agree_with_each_other(records: LegRecords) -> None:
    found = timeline_of([records])
    ran = [bar for bar in found.bars if bar.started_s is not None]
    for at, one in enumerate(ran):
        assert one.lane is not None
        assert one.lane < found.lanes
        for other in ran[:at]:
            assert one.lane != other.lane or not (
                one.started_s < other.ended_s and other.started_s < one.ended_s  # type: ignore[operator]
            )
    moments = [*found.running, (found.wall_s, 0)]
    area = math.fsum(
        level * (moments[at + 1][0] - moment) for at, (moment, level) in enumerate(found.running)
    )
    assert area == pytest.approx(found.work_s)
    assert sum(found.states.values()) == len(records.ended)
    if ran:
        told = math.fsum(link.waited_s + link.ran_s for link in found.critical)
        assert told == pytest.approx(max(bar.ended_s for bar in ran))
    # On as many places as there are rows nothing runs more often at once.
    assert found.most_at_once <= found.lanes


@given(odd_legs(), st.none() | st.integers(-10, 10_000_000))
def test_whatever_is_on_record_is_shown(legs: list[LegRecords], seconds: int | None) -> None:
    now = None if seconds is None else AT + timedelta(seconds=seconds)
    found = timeline_of(legs, now=now)
    assert len(found.bars) >= sum(len(leg.ended) for leg in legs)
    ends = 0.0
    for leg in found.legs:
        assert leg.begins_s == ends
        assert leg.idle_s >= 0
        ends = leg.ends_s
    rows: dict[int, list[tuple[float, float]]] = {}
    for bar in found.bars:
        assert 0 <= bar.ready_s <= bar.ended_s <= found.wall_s
        assert (bar.lane is None) == (bar.started_s is None)
        if bar.started_s is not None and bar.lane is not None:
            assert bar.ready_s <= bar.started_s <= bar.ended_s
            rows.setdefault(bar.lane, []).append((bar.started_s, bar.ended_s))
    assert len(rows) == found.lanes
    for spans in rows.values():
        spans.sort()
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start
    assert found.most_at_once <= found.lanes
    assert all(level >= 0 for _, level in (*found.running, *found.waiting))
    check(json.loads(chrome_json(found))["traceEvents"])


def test_who_freed_the_place_a_node_waited_for_is_critical() -> None:
    leg = LegRecords(
        started(),
        ended=(
            ended("1", 0.0, 1.0, needs=("cpu",)),
            ended("2", 0.0, 3.0, needs=("model:x",)),
            ended("3", 0.0, 4.0, needs=("cpu",)),
            ended("4", 4.0, 6.0, ready_s=1.0, after=("1",), needs=("cpu",)),
        ),
        finished=finished(6.0),
    )
    assert timeline_of([leg]).critical == (Link("3", 0, 4), Link("4", 0, 2))
    # Nobody else needed what it needs.
    alone = tuple(each.model_copy(update={"needs": (each.node,)}) for each in leg.ended)
    found = timeline_of([LegRecords(started(), ended=alone, finished=finished(6.0))])
    assert found.critical == (Link("1", 0, 1), Link("4", 3, 2))
