"""The commons as plan runs use them: tasks that hold places, and what they are told."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from skvm.errors import UsageError
from skvm.runtime.plan.resources import Commons, Standing
from skvm.runtime.plan.resources.pressure import Reading

CALM = Reading(memory_some=0.0, memory_full=0.0, memory_used=0.3, cpu_some=5.0)
CRITICAL = Reading(memory_some=60.0, memory_full=40.0, memory_used=0.99, cpu_some=5.0)


class Room:
    """Commons whose clock and pressure a test sets, and what they told."""

    def __init__(self, tmp_path, jobs=2, **named):
        self.at_s = 0.0
        self.reading = CALM
        self.events = []
        self.commons = Commons(
            jobs=jobs,
            named=named,
            state_dir=tmp_path,
            clock=lambda: self.at_s,
            pressure=lambda: self.reading,
            on_event=lambda name, at_s, detail: self.events.append((name, detail)),
        )

    def taken(self, name):
        return self.commons.standing()[name].taken


async def settle():
    """Let every task go on until all of them wait."""
    for _ in range(20):
        await checkpoint()


class Tasks:
    """Tasks that hold places until they are told to let go."""

    def __init__(self, group):
        self.group = group
        self.began = []
        self.ends = {}
        self.scopes = {}

    def hold(self, name, share, *needs):
        self.ends[name] = anyio.Event()
        self.scopes[name] = anyio.CancelScope()

        async def work():
            with self.scopes[name]:
                async with share.held(needs):
                    self.began.append(name)
                    await self.ends[name].wait()

        self.group.start_soon(work)

    async def end(self, *names):
        for name in names:
            self.ends[name].set()
        await settle()


def run(work, *args):
    async def whole():
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                await work(Tasks(group), *args)
                group.cancel_scope.cancel()

    anyio.run(whole)


def test_a_third_command_waits_for_one_of_two_places_and_holds_nothing(tmp_path):
    room = Room(tmp_path)
    share = room.commons.share("r")

    async def work(tasks):
        for name in "abc":
            tasks.hold(name, share, "cpu", "branch")
        await settle()
        assert tasks.began == ["a", "b"]
        assert room.commons.standing() == {"cpu": Standing(2, 2, 1), "branch": Standing(4, 2, 1)}
        await tasks.end("b")
        assert tasks.began == ["a", "b", "c"]

    run(work)
    assert room.commons.standing() == {"cpu": Standing(2, 0, 0), "branch": Standing(4, 0, 0)}


def test_whoever_is_cancelled_leaves_nothing_behind(tmp_path):
    room = Room(tmp_path, jobs=1)
    share = room.commons.share("r")

    async def work(tasks):
        for name in "abcd":
            tasks.hold(name, share, "cpu")
        await settle()
        tasks.scopes["b"].cancel()
        await settle()
        # Granted in the same turn of the loop in which it is cancelled.
        tasks.ends["a"].set()
        await checkpoint()
        tasks.scopes["c"].cancel()
        await settle()
        assert tasks.began[-1] == "d"
        assert room.commons.standing()["cpu"] == Standing(1, 1, 0)

    run(work)
    assert room.taken("cpu") == 0


def test_a_run_that_comes_late_takes_turns_with_one_that_asked_for_much(tmp_path):
    room = Room(tmp_path, jobs=1)

    async def work(tasks):
        first, second = room.commons.share("first"), room.commons.share("second", weight=2)
        for number in range(6):
            tasks.hold(f"a{number}", first, "cpu")
        await settle()
        for number in range(6):
            tasks.hold(f"b{number}", second, "cpu")
        await settle()
        for _ in range(11):
            await tasks.end(tasks.began[-1])
        assert tasks.began[:9] == ["a0", "b0", "a1", "b1", "b2", "a2", "b3", "b4", "a3"]

    run(work)


def test_who_waits_for_a_provider_keeps_nobody_from_the_machine(tmp_path):
    room = Room(tmp_path, jobs=1, p=1)
    share = room.commons.share("r")

    async def work(tasks):
        tasks.hold("call", share, "model:p")
        tasks.hold("waits", share, "model:p", "cpu")
        tasks.hold("command", share, "cpu")
        await settle()
        assert tasks.began == ["call", "command"]

    run(work)


def test_who_holds_a_thing_lends_it_to_one_within_at_a_time(tmp_path):
    room = Room(tmp_path, jobs=1)
    share = room.commons.share("r")
    now, most = 0, 0

    async def inner():
        nonlocal now, most
        async with share.held(["only:browser", "cpu"]):
            now += 1
            most = max(most, now)
            await settle()
            now -= 1

    async def work(tasks):
        async with share.held(["only:browser"]), anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(inner)
        assert most == 1

    run(work)
    assert room.taken("only:browser") == room.taken("cpu") == 0


def test_a_task_that_outlives_the_hold_it_was_begun_in_waits_as_any_other(tmp_path):
    room = Room(tmp_path, jobs=1)
    share = room.commons.share("r")
    began = []

    async def late(go):
        await go.wait()
        async with share.held(["cpu"]):
            began.append("late")

    async def work(tasks):
        go = anyio.Event()
        async with share.held(["cpu"]):
            tasks.group.start_soon(late, go)
            await settle()
        async with share.held(["cpu"]):
            go.set()
            await settle()
            assert began == []
        await settle()
        assert began == ["late"]

    run(work)


def test_nothing_new_begins_while_memory_is_short_but_one_always_goes_on(tmp_path):
    room = Room(tmp_path, jobs=4)
    share = room.commons.share("r")

    async def work(tasks):
        tasks.hold("a", share, "cpu")
        await settle()
        room.reading = CRITICAL
        room.commons.look()
        assert room.commons.paused_for == ("memory",)
        tasks.hold("b", share, "cpu")
        tasks.hold("c", share, "cpu")
        tasks.hold("call", share, "model:p")
        await settle()
        assert tasks.began == ["a", "call"], "a call of a provider does not burden the machine"
        await tasks.end("a")
        assert tasks.began == ["a", "call", "b"], "one goes on, or nothing would ever end"
        room.reading = CALM
        for _ in range(2):
            room.commons.look()
        await settle()
        assert tasks.began[-1] == "b", "one calm reading is not yet a calm machine"
        for _ in range(4):
            room.commons.look()
        await settle()
        assert tasks.began[-1] == "c"

    run(work)
    assert [(name, detail["reason"]) for name, detail in room.events if name in ("paused", "resumed")] == [
        ("paused", "memory"),
        ("resumed", "memory"),
    ]
    limits = [(detail["before"], detail["now"]) for name, detail in room.events if name == "limit"]
    assert limits == [(4, 3), (3, 4)]


def test_pauses_of_several_reasons_end_with_the_last(tmp_path):
    room = Room(tmp_path)
    share = room.commons.share("r")

    async def work(tasks):
        tasks.hold("a", share, "cpu")
        await settle()
        for reason in ("asked", "disk", "asked"):
            room.commons.pause(reason)
        tasks.hold("b", share, "cpu")
        await settle()
        room.commons.resume("asked")
        await settle()
        assert tasks.began == ["a"]
        room.commons.resume("disk")
        await settle()
        assert tasks.began == ["a", "b"]

    run(work)


def test_an_answer_that_asks_for_less_halves_the_calls_of_its_provider_alone(tmp_path):
    room = Room(tmp_path)
    share = room.commons.share("r")

    async def work(tasks):
        for number in range(9):
            tasks.hold(f"p{number}", share, "model:p")
            tasks.hold(f"q{number}", share, "model:q")
        await settle()
        room.at_s = 5.0
        room.commons.throttled("p")
        room.commons.throttled("p")
        standing = room.commons.standing()
        assert (standing["model:p"], standing["model:q"]) == (Standing(4, 8, 1), Standing(8, 8, 1))
        await tasks.end("p0", "p1", "p2", "p3")
        assert room.taken("model:p") == 4, "the ninth waits until there are fewer than four"
        await tasks.end("p4")
        assert (room.taken("model:p"), tasks.began[-1]) == (4, "p8")

    run(work)
    limits = [detail for name, detail in room.events if name == "limit"]
    assert limits[0] == {"resource": "model:p", "before": 8, "now": 4, "reason": "asked for less"}


@pytest.mark.parametrize(
    ("needs", "width"),
    [((), 64), (("cpu",), 4), (("cpu", "only:x"), 2), (("model:p",), 16), (("model:local",), 4)],
)
def test_twice_as_many_as_have_places_are_worth_starting(tmp_path, needs, width):
    assert Room(tmp_path).commons.share("r").width(needs) == width


def test_named_numbers_are_the_start_and_the_most(tmp_path):
    room = Room(tmp_path, p=3, branch=5)
    assert room.commons.share("r").width(["model:p"]) == 6
    assert room.commons.share("r").width(["branch"]) == 10


@pytest.mark.parametrize("need", ["gpu", "only:", "cpu:2"])
def test_a_resource_that_is_none_is_refused_by_name(tmp_path, need):
    with pytest.raises(UsageError, match=need):
        Room(tmp_path).commons.share("r").held([need])


def test_a_place_that_is_lent_can_be_lent_again(tmp_path):
    room = Room(tmp_path, jobs=1)
    share = room.commons.share("r")
    reached = []

    async def work(tasks):
        async with share.held(["cpu"]), share.held(["cpu"]), share.held(["cpu", "branch"]):
            reached.append(room.commons.standing())

    run(work)
    assert reached == [{"branch": Standing(4, 1, 0), "cpu": Standing(1, 1, 0)}]


def test_whoever_always_finds_a_place_lets_others_go_on_and_can_be_cancelled(tmp_path):
    share = Room(tmp_path).commons.share("r")
    rounds = 0

    async def again_and_again(scope):
        nonlocal rounds
        with scope:
            for _ in range(10_000):
                async with share.held(["cpu"]):
                    rounds += 1

    async def work(tasks):
        scope = anyio.CancelScope()
        tasks.group.start_soon(again_and_again, scope)
        await settle()
        scope.cancel()
        await settle()
        assert 0 < rounds < 100

    run(work)
