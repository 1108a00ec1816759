"""How many calls a provider is given, against models of providers in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.runtime.plan.resources.climbing import Climb
from skvm.runtime.plan.resources.places import Places


class Simulated:
    """A provider with as many calls under way as there are places, in a time of its own.

    Args:
        climb: What is tried.
        capacity: Calls it takes at once; more are told to come again in a second.
        processors: Calls it works on at once; more make all of them slower.
        latency_s: Of a call that has a processor.
    """

    def __init__(self, climb, *, capacity=10**6, processors=10**6, latency_s=1.0, dice=None):
        self.climb, self.capacity, self.processors = climb, capacity, processors
        self.latency_s, self.dice = latency_s, dice
        self.at_s = 0.0
        self.ends = []
        self.free_at = [0.0] * min(processors, 256)
        self.served = 0
        self.seen = []
        self._numbers = itertools.count()

    @property
    def within(self):
        return sum(1 for _, _, is_served, _ in self.ends if is_served)

    def send(self, began_s):
        if self.within >= self.capacity:
            heapq.heappush(self.ends, (self.at_s + 1.0, next(self._numbers), False, began_s))
            self.climb.throttled(self.at_s)
            return
        begins = max(self.at_s, heapq.heappop(self.free_at))
        spread = 1.0 if self.dice is None else self.dice.uniform(0.7, 1.3)
        ends = begins + self.latency_s * spread
        heapq.heappush(self.free_at, ends)
        heapq.heappush(self.ends, (ends, next(self._numbers), True, began_s))

    def run(self, calls, at_once=10**6):
        places = self.climb.places
        while self.served < calls:
            while places.taken < min(places.now, at_once):
                places.taken += 1
                self.send(self.at_s)
            self.at_s, _, is_served, began_s = heapq.heappop(self.ends)
            if is_served:
                self.served += 1
                self.climb.ended(self.at_s - began_s)
                self.seen.append(places.now)
            else:
                self.send(began_s)
            assert 1 <= places.now <= self.climb.most
        return self

    def usual(self, last):
        """The number of places that was there most of the time among the last ends."""
        recent = self.seen[-last:]
        return max(set(recent), key=recent.count)


def climb(start=8, most=64):
    return Climb(Places(start), most)


@pytest.mark.parametrize("start", [1, 2, 8, 30])
@pytest.mark.parametrize("capacity", [1, 3, 5, 10, 23, 40])
def test_it_settles_where_a_provider_begins_to_complain(start, capacity):
    provider = Simulated(climb(start), capacity=capacity).run(60 * capacity + 3000)
    assert capacity - max(1, capacity // 10) <= provider.usual(1000) <= capacity


@pytest.mark.parametrize("start", [1, 2, 8, 30])
@pytest.mark.parametrize("processors", [1, 2, 4, 8])
def test_it_settles_low_where_more_at_once_only_make_each_slower(start, processors):
    provider = Simulated(climb(start), processors=processors).run(4000)
    assert processors <= provider.usual(2000) <= processors * 3 // 2 + 1


@pytest.mark.parametrize("start", [1, 8])
def test_where_more_give_more_it_goes_to_the_most(start):
    provider = Simulated(climb(start, most=40)).run(4000)
    assert provider.usual(2000) == 40


@given(
    seed=st.integers(0, 1000),
    capacity=st.integers(2, 20),
    start=st.integers(1, 24),
)
def test_it_does_so_too_where_calls_are_of_different_length(seed, capacity, start):
    provider = Simulated(climb(start), capacity=capacity, dice=random.Random(seed)).run(3000)
    half = provider.seen[-1500:]
    assert capacity * 0.55 <= sum(half) / len(half) <= capacity + 1


def test_calls_that_did_not_use_all_places_say_nothing():
    provider = Simulated(climb(8)).run(2000, at_once=5)
    assert set(provider.seen) == {8}


def test_a_complaint_halves_once_for_its_moment_and_the_places_come_back_round_by_round():
    one = climb(8)
    one.places.taken = 8
    for at_s in (10.0, 10.4, 10.9):
        one.throttled(at_s)
    assert (one.places.now, one.reason) == (4, "asked for less")
    one.throttled(12.0)
    assert one.places.now == 4, "eight are still under way: nobody knows whether four are too many"
    seen = []
    for _ in range(40):
        one.ended(1.0)
        one.places.taken = one.places.now
        seen.append(one.places.now)
    assert [seen.index(number) for number in (5, 6, 7)] == [4, 9, 15]
    assert seen[-1] == 7, "not to where the complaint came"


def test_a_complaint_on_the_way_back_goes_back_one_step():
    one = climb(8)
    one.places.taken = 8
    one.throttled(10.0)
    while one.places.now < 6:
        one.places.taken = one.places.now
        one.ended(1.0)
    one.places.taken = 6
    one.throttled(20.0)
    assert (one.places.now, one.is_recovering) == (5, False)


def test_a_complaint_when_few_are_under_way_counts_these():
    one = climb(8)
    one.places.taken = 2
    one.throttled(10.0)
    assert one.places.now == 1


def test_a_provider_that_grows_is_found_out_in_time():
    provider = Simulated(climb(8), capacity=5).run(3000)
    assert provider.usual(500) == 5
    provider.capacity = 30
    provider.run(30_000)
    assert provider.usual(2000) >= 27


def test_a_provider_that_shrinks_is_heeded_at_once():
    provider = Simulated(climb(8), capacity=30).run(5000)
    assert provider.usual(500) >= 27
    provider.capacity = 3
    provider.run(5600)
    assert provider.usual(100) <= 3


def test_the_same_times_give_the_same_numbers():
    first, second = (Simulated(climb(8), capacity=11, processors=7).run(3000).seen for _ in range(2))
    assert first == second
