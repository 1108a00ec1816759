"""Dependencies and groups of steps made at random, against the definition written out plainly."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.effects.model import Effects, SkillStep, StepKind, Workflow
from skvm.compiler.plans.graph import Graph, joined, link, why_not
from skvm.compiler.plans.grouping import by_level
from skvm.diagnostics import Span

FILES = ("a.txt", "b.txt", "out/c.txt", "out/", "*.csv", "d.csv", "env:", "host:x.org")
ALIKE = {frozenset(pair) for pair in (("out/", "out/c.txt"), ("*.csv", "d.csv"))}


def same(one: str, other: str) -> bool:
    return one == other or frozenset((one, other)) in ALIKE


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    steps = []
    for index in range(draw(st.integers(2, 8))):
        names = st.sets(st.sampled_from(FILES), max_size=3).map(lambda found: tuple(sorted(found)))
        is_open = draw(st.integers(0, 5)) == 0
        steps.append(
            SkillStep(
                id=f"1.{index + 1}",
                title=f"Step {index}",
                span=Span(index * 10, index * 10 + 9),
                kind=StepKind.OPEN
                if is_open
                else draw(st.sampled_from([StepKind.READ, StepKind.ASK, StepKind.WRITE])),
                effects=Effects(draw(names), draw(names), is_open=is_open),
                uses_context=draw(st.booleans()),
                informs=draw(st.booleans()),
                ordinal=index + 1,
            )
        )
    return Workflow("1", "Flow", Span(0, 100), tuple(steps))


def conflict(one: Effects, other: Effects) -> bool:
    pairs = [
        (a, b)
        for first, second in ((one, other), (other, one))
        for a in first.writes
        for b in (*second.reads, *second.writes)
    ]
    return any(same(a, b) for a, b in pairs)


@given(workflows())
def test_what_conflicts_is_ordered_as_in_the_text(workflow: Workflow) -> None:
    graph = Graph({step.id: step for step in workflow.steps})
    link(workflow, graph)
    for earlier, later in combinations(workflow.steps, 2):
        assert later.id not in graph.before(earlier.id)
        must = (
            conflict(earlier.effects, later.effects)
            or earlier.effects.is_open
            or later.effects.is_open
            or StepKind.ASK in (earlier.kind, later.kind)
            or (earlier.informs and (later.uses_context or later.effects.writes))
        )
        if must:
            assert earlier.id in graph.before(later.id)


@given(workflows())
def test_no_path_joins_a_group_and_nothing_is_shared(workflow: Workflow) -> None:
    graph = Graph({step.id: step for step in workflow.steps})
    link(workflow, graph)
    seen: set[str] = set()
    for group in by_level(workflow, graph, set()):
        assert len(group.steps) > 1
        assert not seen & set(group.steps)
        seen |= set(group.steps)
        assert joined(graph, group.steps) is None
        assert why_not(graph, group.steps) is None
        for one, other in combinations(group.steps, 2):
            assert not conflict(graph.steps[one].effects, graph.steps[other].effects)
            assert not graph.steps[one].effects.is_open
