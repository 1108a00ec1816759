"""Who gets what when, without tasks or time: random histories, and the worst ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.runtime.plan.resources.arbiter import PATIENCE, Arbiter
from skvm.runtime.plan.resources.climbing import Climb
from skvm.runtime.plan.resources.commons import _within
from skvm.runtime.plan.resources.levels import Hold, Level, Run
from skvm.runtime.plan.resources.places import Places


@dataclass
class Switch:
    """A lock that somebody else has, or not."""

    is_theirs: bool = False
    is_ours: bool = False
    is_wanted: bool = False

    def acquire(self):
        assert not self.is_ours, "it is taken once"
        self.is_ours = not self.is_theirs
        return self.is_ours

    def release(self):
        assert self.is_ours
        self.is_ours = False
        return self.is_wanted


@dataclass(eq=False)
class Worker:
    """Somebody who takes places, more within them, and so on, and gives them back from the inside out."""

    run: Run
    wants: list[tuple[str, ...]]
    holds: list[Hold] = field(default_factory=list)
    request: object = None
    asked_for: int = 0
    is_over: bool = False

    @property
    def is_waiting(self):
        return self.request is not None and self.request.hold is None


class Machine:
    """Levels, an arbiter, and workers that are moved by hand."""

    def __init__(self, patience=PATIENCE, **places):
        self.at_s = 0.0
        self.barred = []
        self.arbiter = Arbiter(lambda: self.at_s, patience, lambda level, _: self.barred.append(level))
        self.levels = {name: Level(name, Places(number)) for name, number in places.items()}
        self.workers = []
        self.order = []

    def adapt(self, name):
        level = self.levels[name]
        level.climb, level.is_local = Climb(level.places, 64), False

    def lock(self, name):
        self.levels[name].lock = Switch()
        return self.levels[name].lock

    def worker(self, run, *wants):
        worker = Worker(run, list(wants))
        self.workers.append(worker)
        return worker

    def move(self, worker):
        """The next thing a worker can do by itself."""
        assert not worker.is_waiting
        assert not worker.is_over
        self.at_s += 0.25
        if worker.asked_for < len(worker.wants):
            self.ask(worker)
        else:
            hold = worker.holds.pop()
            worker.is_over = not worker.holds
            self.arbiter.release(hold)

    def ask(self, worker):
        inside = tuple(reversed(worker.holds))
        needs = worker.wants[worker.asked_for]
        worker.asked_for += 1
        levels = tuple(_within(self.levels[need], inside) for need in sorted(needs))

        def granted():
            self.order.append(worker)
            self.took(worker)

        worker.request = self.arbiter.ask(worker.run, levels, inside, granted)
        if worker.request.hold is not None:
            granted()

    def took(self, worker):
        if worker.request is not None and worker.request.hold is not None:
            worker.holds.append(worker.request.hold)
            worker.request = None
        elif worker.request is None:
            # Granted within ``ask``: the request is not known yet.
            self.order.remove(worker)

    def cancel(self, worker):
        if worker.is_waiting:
            self.arbiter.give_up(worker.request)
        worker.request, worker.is_over = None, True
        for hold in reversed(worker.holds):
            self.arbiter.release(hold)
        worker.holds = []

    def sync(self):
        for worker in self.workers:
            if worker.request is not None and worker.request.hold is not None:
                self.took(worker)
                self.order.append(worker)

    def try_locks(self):
        again, self.barred = self.barred, []
        for level in dict.fromkeys(again):
            level.is_barred = False
            self.arbiter.settle([level])
        self.sync()

    def able(self):
        return [each for each in self.workers if not each.is_over and not each.is_waiting]

    def check(self):
        for level in self.levels.values():
            holders = [worker for worker in self.workers for hold in worker.holds if level in hold.levels]
            assert level.places.taken == len(holders), (
                "what is taken is held, by somebody who did not give up"
            )
            if level.lock is not None:
                assert level.lock.is_ours == bool(holders)
        for worker in self.workers:
            if worker.is_waiting:
                assert not worker.request.is_dead

    def check_empty(self):
        for level in self.levels.values():
            assert level.places.taken == 0
            assert (level.accounts, level.lanes, level.claims, level.stuck) == ({}, {}, [], 0)
        assert self.arbiter.active == 0
        assert self.arbiter._lanes == {}
        assert self.arbiter._claiming == 0


NAMES = ("a", "b", "c", "d")
LIMITS = {"a": 1, "b": 2, "c": 1, "d": 3}


@st.composite
def wants(draw):
    """Places, and more within them in one order for all; what is held already may be asked for again."""
    first = draw(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3))
    nested = [tuple(first)]
    for _ in range(draw(st.integers(0, 2))):
        held = {name for needs in nested for name in needs}
        free = sorted(set(NAMES[NAMES.index(max(held)) + 1 :]) | held)
        nested.append(tuple(draw(st.sets(st.sampled_from(free), min_size=1, max_size=2))))
    return nested


@given(
    programs=st.lists(st.tuples(st.integers(0, 2), wants()), min_size=1, max_size=30),
    patience=st.sampled_from([0, 1, PATIENCE]),
    dice=st.randoms(use_true_random=False),
)
def test_whatever_happens_nothing_leaks_and_somebody_can_always_go_on(programs, patience, dice):
    machine = Machine(patience, **LIMITS)
    machine.adapt("d")
    locks = [machine.lock(name) for name in "ac"]
    runs = [Run("r0"), Run("r1", 2), Run("r2", 5)]
    waiting_to_begin = [(runs[run], nested) for run, nested in programs]
    while waiting_to_begin or any(not each.is_over for each in machine.workers):
        machine.check()
        event = dice.randrange(14)
        able = machine.able()
        if waiting_to_begin and (event < 5 or not able):
            machine.worker(waiting_to_begin[0][0], *waiting_to_begin.pop(0)[1])
        elif event == 5:
            machine.cancel(dice.choice([each for each in machine.workers if not each.is_over]))
        elif event == 6:
            machine.levels["d"].climb.throttled(machine.at_s)
        elif event == 7:
            machine.levels["b"].places.most = machine.levels["b"].places.now = dice.randint(1, 3)
            machine.arbiter.settle([machine.levels["b"]])
        elif event == 8:
            machine.arbiter.pause(dice.random() < 0.5)
        elif event == 9 and able:
            lock = dice.choice(locks)
            lock.is_theirs = not lock.is_ours and dice.random() < 0.5
            lock.is_wanted = dice.random() < 0.3
        elif event == 10 or not able:
            for lock in locks:
                lock.is_theirs = lock.is_theirs and bool(able)
            machine.try_locks()
            assert machine.able() or not any(each.is_waiting for each in machine.workers), "no deadlock"
        else:
            machine.move(dice.choice(able))
        machine.sync()
    machine.check()
    machine.check_empty()


@given(dice=st.randoms(use_true_random=False))
def test_places_never_exceed_their_number_and_none_is_left_free_that_somebody_could_have(dice):
    machine = Machine(**LIMITS)
    run = [Run("r0"), Run("r1")]
    for _ in range(40):
        able = [each for each in machine.able() if each.holds]
        if able and dice.random() < 0.5:
            machine.move(dice.choice(able))
        else:
            needs = tuple(dice.sample(NAMES, dice.randint(1, 3)))
            machine.move(machine.worker(dice.choice(run), needs))
        machine.sync()
        for name, level in machine.levels.items():
            assert level.places.taken <= LIMITS[name]
        if not machine.arbiter._claiming:
            for worker in machine.workers:
                if worker.is_waiting:
                    assert any(each.places.taken >= each.places.now for each in worker.request.levels)


def overtaken(dice, wide_needs, rounds):
    """How often each level went to others while a request for several waited, under all load there is."""
    machine = Machine(a=1, b=1, c=2)
    greedy = Run("greedy")
    narrow = [("a",), ("b",), ("c",), ("a", "c")]
    busy = []
    for needs in narrow * 4:
        busy.append(machine.worker(greedy, needs))
        machine.move(busy[-1])
    wide = machine.worker(dice.choice([greedy, Run("other")]), wide_needs)
    before = {name: level.granted for name, level in machine.levels.items()}
    machine.move(wide)
    for _ in range(rounds):
        machine.sync()
        if wide.holds:
            break
        machine.move(dice.choice([each for each in machine.able() if each.holds]))
        # Whoever is through comes again.
        for number, each in enumerate(busy):
            if each.is_over:
                busy[number] = machine.worker(greedy, narrow[number % 4])
                machine.move(busy[number])
    return wide, max(machine.levels[name].granted - before[name] for name in wide_needs)


@given(
    dice=st.randoms(use_true_random=False),
    wide_needs=st.sampled_from([("a", "b"), ("a", "b", "c"), ("b", "c")]),
)
def test_a_request_for_several_is_passed_by_a_bounded_number_of_times(dice, wide_needs):
    wide, most = overtaken(dice, wide_needs, 2000)
    assert wide.holds
    assert most <= 6 * PATIENCE


def test_without_claims_it_would_be_passed_by_forever():
    machine = Machine(patience=10**9, a=1, b=1)
    run = Run("r")
    first = [machine.worker(run, ("a",)), machine.worker(run, ("b",))]
    for each in first:
        machine.move(each)
    wide = machine.worker(Run("other"), ("a", "b"))
    machine.move(wide)
    ready = list(first)
    for _ in range(500):
        following = machine.worker(run, ready[0].wants[0])
        machine.move(following)
        machine.move(ready.pop(0))
        machine.sync()
        ready.append(following)
    assert not wide.holds


def test_claims_keep_a_place_for_who_lacks_it_and_not_while_another_place_stands_still():
    machine = Machine(a=1, b=1)
    run = Run("r")
    keeper = machine.worker(run, ("b",))
    machine.move(keeper)
    wide = machine.worker(run, ("a", "b"))
    machine.move(machine.worker(run, ("a",)))
    machine.move(wide)
    # ``b`` is held all the while: keeping ``a`` free for it would only stop everybody else.
    for _ in range(20 * PATIENCE):
        holder = next(each for each in machine.able() if each.holds and each is not keeper)
        following = machine.worker(run, ("a",))
        machine.move(following)
        machine.move(holder)
        machine.sync()
        assert following.holds
    assert not wide.holds


def claiming(nested):
    """A request for two places that claims ``b``, which somebody holds, while ``a`` went to somebody else."""
    machine = Machine(patience=0, a=1, b=1, c=1)
    run = Run("r")
    first, keeper = machine.worker(run, ("a",)), machine.worker(run, ("b",))
    outer, wide = machine.worker(run, ("a",), *nested), machine.worker(run, ("a", "b"))
    for each in (first, keeper, wide, outer):
        machine.move(each)
    machine.move(first)
    assert outer.holds
    assert len(machine.levels["b"].claims) == 1
    return machine, run, keeper, outer, wide


def test_whoever_waits_within_passes_by_a_claim_of_who_waits_for_it():
    machine, _, keeper, outer, wide = claiming([("b",)])
    machine.move(outer)
    machine.move(keeper)
    assert len(outer.holds) == 2
    assert not wide.holds


def test_it_also_passes_by_a_claim_that_only_an_older_one_keeps_from_being_met():
    machine, run, keeper, outer, wide = claiming([("c",)])
    third, younger = machine.worker(run, ("c",)), machine.worker(run, ("b", "c"))
    machine.move(third)
    machine.move(younger)
    machine.move(keeper)
    assert machine.levels["c"].claims, "it lacks both"
    machine.move(outer)
    machine.move(third)
    assert len(outer.holds) == 2
    for _ in range(2):
        machine.move(outer)
    assert wide.holds
    machine.move(wide)
    machine.move(younger)
    machine.check_empty()


def test_a_claim_ends_with_who_made_it():
    machine, run, keeper, _, wide = claiming([])
    narrow = machine.worker(run, ("b",))
    machine.move(narrow)
    machine.move(keeper)
    assert not narrow.holds
    machine.cancel(wide)
    assert narrow.holds


def test_requests_that_gave_up_take_no_memory():
    machine = Machine(a=1)
    run = Run("r")
    machine.move(machine.worker(run, ("a",)))
    level = (machine.levels["a"],)
    machine.arbiter.ask(run, level, (), lambda: None)
    for _ in range(1000):
        machine.arbiter.give_up(machine.arbiter.ask(run, level, (), lambda: None))
    (lane,) = machine.arbiter._lanes.values()
    assert len(lane._queues[run].requests) < 50


@given(
    weights=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    dice=st.randoms(use_true_random=False),
)
def test_runs_that_all_wait_get_places_by_their_weights(weights, dice):
    machine = Machine(a=dice.randint(1, 3))
    runs = [Run(str(number), weight) for number, weight in enumerate(weights)]
    rounds = 12
    for run in dice.sample(runs * (5 * rounds + 5), len(runs) * (5 * rounds + 5)):
        machine.move(machine.worker(run, ("a",)))
    machine.sync()
    for _ in range(rounds * sum(weights)):
        machine.move(dice.choice([each for each in machine.able() if each.holds]))
        machine.sync()
    served = [sum(each.run is run for each in machine.order[-rounds * sum(weights) :]) for run in runs]
    for weight, number in zip(weights, served, strict=True):
        assert abs(number - rounds * weight) <= max(weights) + 1
    for run in runs:
        own = [each for each in machine.order if each.run is run]
        assert own == [each for each in machine.workers if each.run is run][: len(own)], "oldest first"


def test_new_runs_never_pass_by_one_that_waits_for_long():
    machine = Machine(a=1)
    machine.move(machine.worker(Run("first"), ("a",)))
    for number in range(3):
        machine.move(machine.worker(Run(f"early{number}", 1), ("a",)))
    patient = machine.worker(Run("patient"), ("a",))
    machine.move(patient)
    for number in range(200):
        machine.move(machine.worker(Run(f"late{number}", 5), ("a",)))
        machine.move(next(each for each in machine.able() if each.holds))
        machine.sync()
        if patient.holds:
            break
    assert patient.holds
    assert number < 30


def test_a_run_that_could_use_nothing_for_long_has_no_backlog_of_turns():
    machine = Machine(a=1, b=1)
    keeper = machine.worker(Run("k"), ("b",))
    machine.move(keeper)
    blocked, steady = Run("blocked"), Run("steady")
    machine.move(machine.worker(blocked, ("a", "b")))
    for _ in range(60):
        machine.move(machine.worker(steady, ("a",)))
    for _ in range(30):
        machine.move(next(each for each in machine.able() if each.holds and each is not keeper))
        machine.sync()
    for _ in range(20):
        machine.move(machine.worker(blocked, ("a",)))
    begun = len(machine.order)
    for _ in range(10):
        machine.move(next(each for each in machine.able() if each.holds and each is not keeper))
        machine.sync()
    served = [each.run for each in machine.order[begun:]]
    assert 4 <= served.count(steady) <= 6


def steps_of_a_grant(waiting, runs):
    """Lines of Python a grant takes while so many wait."""
    import sys

    machine = Machine(a=1, b=1)
    machine.move(machine.worker(Run("first"), ("a",)))
    for number in range(waiting):
        needs = ("a",) if number % 3 else ("a", "b")
        machine.arbiter.ask(
            runs[number % len(runs)], tuple(machine.levels[n] for n in needs), (), lambda: None
        )
    lines = 0

    def count(frame, event, _):
        nonlocal lines
        lines += event == "line"
        return count

    hold = machine.workers[0].holds[0]
    sys.settrace(count)
    try:
        machine.arbiter.release(hold)
    finally:
        sys.settrace(None)
    assert machine.levels["a"].places.taken == 1
    return lines


@pytest.mark.parametrize("runs", [1, 10, 1000])
def test_a_grant_costs_the_same_however_many_wait(runs):
    several = [Run(str(number)) for number in range(runs)]
    few, many = steps_of_a_grant(30, several), steps_of_a_grant(10_000, several)
    assert many <= 2 * few
