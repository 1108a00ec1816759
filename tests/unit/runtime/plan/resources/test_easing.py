"""How many places a hard-pressed machine has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.runtime.plan.resources.easing import Easing
from skvm.runtime.plan.resources.pressure import Reading

CALM = Reading(memory_some=0.0, memory_full=0.0, memory_used=0.5, cpu_some=10.0)


def seen(easing, *readings):
    return [(easing.see(reading), easing.now)[1] for reading in readings]


@pytest.mark.parametrize(
    "pressed",
    [{"memory_used": 0.9}, {"memory_full": 6.0}, {"memory_some": 25.0}],
)
def test_tight_memory_takes_one_place_at_a_time_and_calm_gives_them_back_slowly(pressed):
    easing = Easing(4)
    assert seen(easing, *[replace(CALM, **pressed)] * 5) == [3, 2, 1, 1, 1]
    assert seen(easing, *[CALM] * 7) == [1, 1, 2, 2, 2, 3, 3]
    assert not easing.is_critical


@pytest.mark.parametrize("between", [{"memory_used": 0.84}, {"memory_full": 3.0}, {"cpu_some": 60.0}])
def test_between_tight_and_calm_places_come_back_late(between):
    easing = Easing(4)
    tight = replace(CALM, memory_used=0.9)
    assert seen(easing, tight, tight, *[replace(CALM, **between)] * 18) == [3] + [2] * 9 + [3] * 9 + [4]
    assert seen(easing, tight, *[replace(CALM, **between)] * 8, tight) == [3] * 9 + [2], "to and fro never"


@pytest.mark.parametrize(("most", "least"), [(1, 1), (2, 2), (3, 2), (8, 4)])
def test_busy_processors_take_no_more_than_half(most, least):
    easing = Easing(most)
    assert seen(easing, *[replace(CALM, cpu_some=95.0)] * 20)[-1] == least


def test_busy_processors_give_nothing_where_memory_took_more():
    easing = Easing(8)
    seen(easing, *[replace(CALM, memory_used=0.9)] * 6)
    assert seen(easing, replace(CALM, cpu_some=95.0)) == [2]


@pytest.mark.parametrize("pressed", [{"memory_used": 0.96}, {"memory_full": 25.0}])
def test_a_critical_time_ends_after_three_readings_without_pressure(pressed):
    easing = Easing(2)
    critical, tight, between = (
        replace(CALM, **each) for each in (pressed, {"memory_used": 0.9}, {"memory_used": 0.85})
    )
    busy = replace(CALM, cpu_some=99.0)
    states = []
    for reading in (critical, CALM, CALM, tight, between, busy, between, critical):
        easing.see(reading)
        states.append(easing.is_critical)
    assert states == [True] * 6 + [False, True]


def test_what_is_not_known_is_no_pressure():
    easing = Easing(3)
    assert seen(easing, *[Reading()] * 5) == [3] * 5


@given(
    most=st.integers(1, 8),
    readings=st.lists(
        st.builds(
            Reading,
            memory_some=st.none() | st.floats(0, 100),
            memory_full=st.none() | st.floats(0, 100),
            memory_used=st.none() | st.floats(0, 1),
            cpu_some=st.none() | st.floats(0, 100),
        ),
        max_size=40,
    ),
)
def test_there_is_always_one_place_and_calm_gives_all_back(most, readings):
    easing = Easing(most)
    for reading in readings:
        easing.see(reading)
        assert 1 <= easing.now <= most
    for _ in range(3 * (most + 2)):
        easing.see(CALM)
    assert (easing.now, easing.is_critical) == (most, False)
