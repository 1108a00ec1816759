"""Processes that die at any moment of any plan: what comes of the steps in the end."""

import tempfile
from collections import Counter
from pathlib import Path

import anyio
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node, StepState
from tests.unit.runtime.plan.recording.worlds import World, live, live_to_the_end


@st.composite
def graphs(draw):
    nodes = []
    for index in range(draw(st.integers(1, 7))):
        before = draw(st.sets(st.sampled_from([node.id for node in nodes]), max_size=3)) if nodes else set()
        changed = draw(st.sampled_from(sorted(before))) if before and draw(st.booleans()) else None
        nodes.append(
            Node(
                id=f"1.{index}",
                after=tuple(sorted(before)),
                reads=tuple(f"{name}.txt" for name in sorted(before)),
                # Some change in its place what a step before has made.
                writes=(f"1.{index}.txt", *((f"{changed}.txt",) if changed else ())),
                is_idempotent=draw(st.booleans()),
            )
        )
    return Graph.of(nodes)


def told(story):
    """What a story tells that happens in a folder of its own."""
    with tempfile.TemporaryDirectory() as place:
        return anyio.run(story, Path(place))


def born(place):
    world = World(place / "w")
    world.folder.mkdir()
    return world, place / "journal.sqlite"


def undisturbed(graph):
    """The files of a run to which nothing happened."""

    async def story(place):
        world, path = born(place)
        await live(path, graph, world)
        return world.files()

    return told(story)


def writers_of(graph, name):
    return [node for node in graph.nodes.values() if name in node.writes]


def once_only(graph):
    return [name for name, node in graph.nodes.items() if not node.is_idempotent]


@given(graphs(), st.lists(st.integers(0, 12), max_size=5))
@settings(max_examples=25)
def test_every_step_ends_as_if_nobody_had_died_and_none_is_repeated_unasked(graph, deaths):
    async def story(place):
        world, path = born(place)
        for moment in deaths:
            before = Counter(world.effects)
            standing, _ = await live(path, graph, world, moment)
            again = Counter(world.effects) - before
            assert not [name for name, was in standing.finished.items() if was.is_done and again[name]]
        assert await live_to_the_end(path, graph, world) is not None
        return Counter(world.effects), world.files()

    counts, files = told(story)
    assert files == undisturbed(graph)
    assert all(counts[name] == 1 for name in once_only(graph))
    assert all(counts[name] >= 1 for name in graph.nodes)


@given(graphs(), st.integers(0, 6), st.sampled_from(["gone", "changed"]), st.integers(0, 12))
@settings(max_examples=25)
def test_a_file_that_is_lost_is_made_again_with_all_that_is_built_on_it(graph, which, how, moment):
    async def story(place):
        world, path = born(place)
        _, report = await live(path, graph, world, moment)
        made = sorted(world.folder.iterdir())
        assume(made and report is None)
        lost = made[which % len(made)]
        writer = lost.name.removesuffix(".txt")
        assume(all(node.is_idempotent for node in writers_of(graph, lost.name)))
        lost.unlink() if how == "gone" else lost.write_text("by hand")
        standing = await live_to_the_end(path, graph, world)
        # Whatever cannot be made again is told.
        assume(standing is not None and not any("is done, but" in note for note in standing.notes))
        # What somebody changed while a step that changes it was yet to end cannot be told from its work.
        assume(how == "gone" or len(writers_of(graph, lost.name)) == 1)
        return Counter(world.effects), world.files(), writer, standing

    counts, files, writer, standing = told(story)
    assert all(counts[name] == 1 for name in once_only(graph))
    assert files == undisturbed(graph)
    if counts[writer] > 1 and standing.notes:
        assert any(f"{writer} runs again" in note for note in standing.notes)


@given(graphs(), st.integers(0, 6), st.sampled_from(["gone", "changed"]), st.integers(0, 12))
@settings(max_examples=25)
def test_a_step_that_may_not_be_repeated_is_told_when_its_file_is_lost(graph, which, how, moment):
    async def story(place):
        world, path = born(place)
        _, report = await live(path, graph, world, moment)
        made = [
            file
            for file in sorted(world.folder.iterdir())
            if file.stem in once_only(graph) and len(writers_of(graph, file.name)) == 1
        ]
        assume(made and report is None)
        lost = made[which % len(made)]
        lost.unlink() if how == "gone" else lost.write_text("by hand")
        standing, report = await live(path, graph, world)
        return Counter(world.effects), lost.stem, standing, report

    counts, writer, standing, report = told(story)
    assert all(counts[name] <= 1 for name in once_only(graph))
    assert report.of(StepState.UNCERTAIN) or any(f"--repeat {writer}" in note for note in standing.notes)
