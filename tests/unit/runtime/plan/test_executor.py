from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.errors import InfrastructureError
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node, StepResult, StepState
from tests.unit.runtime.plan.making import DONE, Everything, Remembered, World

NAMES = ["a", "b", "out/a", "out/", "out/*", "c.txt", "deep/c.txt"]


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    count = draw(st.integers(1, 14))
    nodes = []
    for index in range(count):
        after = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        nodes.append(
            Node(
                f"n{index}",
                after=tuple(f"n{before}" for before in sorted(after)),
                reads=tuple(sorted(draw(st.sets(st.sampled_from(NAMES), max_size=2)))),
                writes=tuple(sorted(draw(st.sets(st.sampled_from(NAMES[:4]), max_size=2)))),
                is_open=draw(st.integers(0, 9)) == 0,
                needs=draw(st.sampled_from([(), ("cpu",), ("model:x",)])),
            )
        )
    return nodes


@settings(max_examples=1000)
@given(graphs(), st.data())
def test_a_thousand_graphs_end_as_a_serial_run_does(nodes: list[Node], data: st.DataObject):
    pauses = {node.id: data.draw(st.integers(0, 4)) for node in nodes}
    places = data.draw(st.integers(1, 6))

    async def both() -> tuple[World, World, Graph]:
        graph, free, serial = Graph.of(nodes), World(pauses), World()
        await execute(graph, free.do, share=Everything(places), log=Remembered())
        for node in nodes:
            await serial.do(node)
        return free, serial, graph

    free, serial, graph = anyio.run(both)
    assert sorted(free.runs) == sorted(graph.nodes)
    assert free.clashes == []
    assert free.places == serial.places
    place = {node: index for index, node in enumerate(free.runs)}
    assert all(place[before] < place[node] for node, found in graph.after.items() for before in found)


@settings(max_examples=100)
@given(graphs(), st.data())
def test_what_fails_cancels_what_waits_for_it_and_nothing_else(nodes: list[Node], data: st.DataObject):
    fails = frozenset(data.draw(st.sets(st.sampled_from([node.id for node in nodes]), max_size=3)))

    async def go() -> tuple[World, Graph, Remembered, dict[str, StepResult]]:
        graph, world, log = Graph.of(nodes), World(fails=fails), Remembered()
        report = await execute(graph, world.do, share=Everything(3), log=log)
        return world, graph, log, dict(report.results)

    world, graph, log, results = anyio.run(go)
    lost = {node for node in graph.nodes if graph.before(node) & fails}
    assert set(world.runs) == set(graph.nodes) - lost
    for node in graph.nodes:
        expected = (
            StepState.CANCELLED if node in lost else StepState.FAILED if node in fails else StepState.DONE
        )
        assert results[node].state is expected
    assert sorted(name for name, _ in log.ended) == sorted(graph.nodes)


def test_nodes_overlap_where_they_may():
    async def go() -> int:
        both_in = anyio.Event()
        inside = 0

        async def do(node: Node) -> StepResult:
            nonlocal inside
            inside += 1
            if inside == 3:
                both_in.set()
            # Serial, this would wait for ever.
            with anyio.fail_after(10):
                await both_in.wait()
            return DONE

        nodes = [Node("a"), Node("b"), Node("c")]
        await execute(Graph.of(nodes), do, share=Everything(), log=Remembered())
        return inside

    assert anyio.run(go) == 3


def test_no_more_at_once_than_there_is_room_for():
    async def go() -> int:
        world = World({f"n{index}": 5 for index in range(30)})
        await execute(
            Graph.of([Node(f"n{index}") for index in range(30)]),
            world.do,
            share=Everything(4),
            log=Remembered(),
        )
        return world.most_at_once

    assert anyio.run(go) == 4


def test_the_longest_way_goes_first():
    nodes = [Node("short"), Node("long"), Node("end", after=("long",), forecast_s=9)]
    world = World()
    anyio.run(lambda: execute(Graph.of(nodes), world.do, share=Everything(1), log=Remembered()))
    assert world.runs == ["long", "end", "short"]


def test_results_of_before_are_not_made_again():
    world, log = World(), Remembered()
    nodes = [Node("a"), Node("b", after=("a",)), Node("c"), Node("d", after=("c",))]
    finished = {"a": DONE, "c": StepResult(StepState.UNCERTAIN), "gone": DONE}

    async def go() -> dict[str, StepResult]:
        report = await execute(Graph.of(nodes), world.do, share=Everything(), log=log, finished=finished)
        assert report.of(StepState.DONE) == ("a", "b")
        assert not report.is_done
        return dict(report.results)

    results = anyio.run(go)
    assert world.runs == ["b"]
    assert results["d"] == StepResult(StepState.CANCELLED, reason="step c is uncertain")


def test_a_row_goes_on_behind_several_that_are_finished():
    world = World({"slow": 5})
    nodes = [
        Node("a"),
        Node("b", order=("a",)),
        Node("slow"),
        Node("c", order=("b",), after=("slow",)),
        Node("d", order=("c",)),
    ]

    async def go() -> dict[str, StepResult]:
        finished = {"a": DONE, "b": DONE}
        graph = Graph.of(nodes)
        report = await execute(graph, world.do, share=Everything(4), log=Remembered(), finished=finished)
        return dict(report.results)

    assert set(anyio.run(go)) == {"a", "b", "c", "d", "slow"}
    assert world.runs == ["slow", "c", "d"]


def test_what_is_left_leaves_what_waits_for_it():
    async def do(node: Node) -> StepResult:
        return StepResult(StepState.LEFT, reason="a person") if node.id == "a" else DONE

    nodes = [Node("a"), Node("b", after=("a",)), Node("c")]

    async def go() -> list[StepState]:
        report = await execute(Graph.of(nodes), do, share=Everything(), log=Remembered())
        return [result.state for result in report.results.values()]

    assert anyio.run(go) == [StepState.LEFT, StepState.LEFT, StepState.DONE]


def test_what_only_comes_later_begins_whatever_became_of_the_one_before():
    nodes = [
        Node("a"),
        Node("b", order=("a",)),
        Node("c", after=("a",), order=("b",)),
        Node("d", order=("c",)),
        Node("e", after=("b",), order=("d",)),
    ]
    world, log = World(fails=frozenset({"a"})), Remembered()

    async def go() -> list[StepState]:
        report = await execute(Graph.of(nodes), world.do, share=Everything(), log=log)
        return [result.state for result in report.results.values()]

    done, cancelled = StepState.DONE, StepState.CANCELLED
    assert anyio.run(go) == [StepState.FAILED, done, cancelled, done, done]
    assert world.runs == ["a", "b", "d", "e"]
    assert world.most_at_once == 1


@settings(max_examples=100)
@given(graphs(), st.data())
def test_a_row_is_a_row_whatever_fails(nodes: list[Node], data: st.DataObject):
    ordered = list(Graph.of(nodes).nodes.values())
    row = [replace(node, order=(before.id,)) for before, node in pairwise(ordered)]
    fails = frozenset(data.draw(st.sets(st.sampled_from([node.id for node in nodes]), max_size=3)))

    async def go() -> tuple[World, World, dict[str, StepResult], dict[str, StepResult]]:
        free, world = World(fails=fails), World({node.id: 2 for node in nodes}, fails=fails)
        one = await execute(Graph.of(nodes), free.do, share=Everything(), log=Remembered())
        graph = Graph.of([ordered[0], *row])
        other = await execute(graph, world.do, share=Everything(), log=Remembered())
        return free, world, dict(one.results), dict(other.results)

    free, world, one, other = anyio.run(go)
    assert world.runs == [node.id for node in ordered if node.id in world.ended]
    assert world.most_at_once == 1
    assert {node: result.state for node, result in one.items()} == {
        node: result.state for node, result in other.items()
    }
    assert world.places == free.places


def test_a_known_error_fails_its_node_and_a_fault_of_ours_ends_the_plan():
    async def known(node: Node) -> StepResult:
        raise InfrastructureError("the provider is gone")

    async def ours(node: Node) -> StepResult:
        raise ZeroDivisionError

    async def go() -> StepResult:
        report = await execute(Graph.of([Node("a")]), known, share=Everything(), log=Remembered())
        return report.results["a"]

    assert anyio.run(go).reason == "the provider is gone"
    with pytest.raises(ZeroDivisionError):
        anyio.run(lambda: execute(Graph.of([Node("a")]), ours, share=Everything(), log=Remembered()))


def test_a_cancellation_from_outside_is_passed_on():
    log = Remembered()

    async def do(node: Node) -> StepResult:
        if node.id == "slow":
            await anyio.sleep_forever()
        return DONE

    async def go() -> bool:
        with anyio.move_on_after(0.2) as scope:
            await execute(Graph.of([Node("fast"), Node("slow")]), do, share=Everything(), log=log)
        return scope.cancelled_caught

    assert anyio.run(go)
    assert log.ended == [("fast", StepState.DONE)]
