from __future__ import annotations

import pytest

from skvm.errors import UsageError
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node


def test_what_is_declared_is_kept_and_order_is_that_of_the_plan():
    graph = Graph.of([Node("b", after=("a",)), Node("a"), Node("c")])
    assert list(graph.nodes) == ["a", "b", "c"]
    assert graph.after == {"a": (), "b": ("a",), "c": ()}
    assert graph.successors["a"] == ("b",)
    assert not graph.before("c")
    assert graph.may_overlap("a")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Node("1", writes=("a.txt",)), Node("2", reads=("a.txt",))),
        (Node("1", reads=("a.txt",)), Node("2", writes=("a.txt",))),
        (Node("1", writes=("a.txt",)), Node("2", writes=("a.txt",))),
        (Node("1", writes=("out/",)), Node("2", reads=("out/a.txt",))),
        (Node("1", writes=("out/a.txt",)), Node("2", reads=("out",))),
        (Node("1", writes=("out/a.txt",)), Node("2", reads=("out/*.txt",))),
        (Node("1", reads=("out/*.txt",)), Node("2", writes=("out/b.txt",))),
        (Node("1", writes=("deep/in/a.txt",)), Node("2", reads=("a.txt",))),
        (Node("1", writes=("a.txt",)), Node("2", reads=("deep/a.txt",))),
        (Node("1", writes=("env:",)), Node("2", reads=("env:",))),
        (Node("1", writes=("host:*",)), Node("2", reads=("host:example.org",))),
        (Node("1", is_open=True), Node("2")),
        (Node("1"), Node("2", is_open=True)),
        (Node("1", writes=("x",)), Node("2", reads=("*",))),
    ],
)
def test_nodes_that_touch_the_same_thing_go_one_after_the_other(first: Node, second: Node):
    assert Graph.of([first, second]).after["2"] == ("1",)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Node("1", reads=("a.txt",)), Node("2", reads=("a.txt",))),
        (Node("1", writes=("a.txt",)), Node("2", writes=("b.txt",))),
        (Node("1", writes=("out/a.txt",)), Node("2", writes=("out/b.txt",))),
        (Node("1", writes=("in/a.txt",)), Node("2", reads=("out/a.txt",))),
        (Node("1", is_open=True, group="g1"), Node("2", is_open=True, group="g1")),
        (Node("1", is_open=True, group="g1"), Node("2", group="g1")),
        (Node("1", group="g1"), Node("2", is_open=True, group="g1")),
    ],
)
def test_others_have_no_order(first: Node, second: Node):
    graph = Graph.of([first, second])
    assert graph.after["2"] == ()
    assert graph.may_overlap("1")


def test_a_group_of_open_nodes_stands_between_what_is_before_and_after():
    graph = Graph.of(
        [
            Node("0"),
            Node("1", is_open=True, group="g"),
            Node("2", group="g"),
            Node("3", is_open=True, group="g"),
            Node("4"),
            Node("5", is_open=True),
        ]
    )
    assert graph.after["1"] == graph.after["2"] == graph.after["3"] == ("0",)
    assert graph.after["4"] == ("1", "3")
    assert graph.before("5") == {"0", "1", "2", "3", "4"}


def test_a_second_writer_stands_for_all_before_it():
    graph = Graph.of([Node(str(index), writes=("same",)) for index in range(50)])
    assert all(graph.after[str(index)] == (str(index - 1),) for index in range(1, 50))


def test_what_is_wrong_is_named():
    with pytest.raises(UsageError, match="two steps 'a'"):
        Graph.of([Node("a"), Node("a")])
    with pytest.raises(UsageError, match="waits for 'b', which is not there"):
        Graph.of([Node("a", after=("b",))])
    with pytest.raises(UsageError, match=r"circle: a → c → b → a|circle: a → b → c → a"):
        Graph.of([Node("a", after=("b",)), Node("b", after=("c",)), Node("c", after=("a",)), Node("d")])


def test_urgency_is_the_way_that_is_left():
    graph = Graph.of(
        [Node("a", forecast_s=2), Node("b", after=("a",), forecast_s=3), Node("c", after=("a",))]
    )
    assert graph.urgency() == {"a": 5.0, "b": 3.0, "c": 1.0}
