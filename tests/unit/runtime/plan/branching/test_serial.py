"""Whatever runs at the same time, the result is that of a serial run."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.runtime.plan.branching import Branch, Branches
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node, StepResult, StepState

# These are always there, so that whoever looks at one without saying so can be seen to.
STANDING = ("a.txt", "b.txt", "sub/c.txt")
# These come and go: only who says so looks at them.
FLEETING = ("new.txt", "made/deep/e.txt")


@dataclass(frozen=True, slots=True)
class Act:
    verb: str
    path: str = ""
    pause: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """What a node does, and what it says of that."""

    acts: tuple[Act, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    is_open: bool = False
    is_beside: bool = False


@dataclass(slots=True)
class Story:
    """A node at work on files: what it writes depends on all it has read."""

    node: str
    known: str = ""

    def content(self, path: str) -> str:
        return hashlib.sha256(f"{self.node}|{path}|{self.known}".encode()).hexdigest()[:6]

    def step(self, act: Act, found: str | None) -> str | None:
        """What a file holds after an act, from what it held; ``None`` is no file."""
        if act.verb == "read":
            self.known += f"{act.path}={found};"
        elif act.verb == "write":
            return self.content(act.path)
        elif act.verb == "append":
            return (found or "") + self.content(act.path)
        elif act.verb == "remove":
            return None
        return found


def serial(programs: Mapping[str, Program], order: Iterable[str]) -> dict[str, str]:
    files: dict[str, str | None] = {path: f"of {path}" for path in STANDING}
    for node in order:
        story = Story(node)
        for act in programs[node].acts:
            files[act.path] = story.step(act, files.get(act.path))
    return {path: text for path, text in files.items() if text is not None}


async def perform(program: Program, node: str, root: Path) -> None:
    story = Story(node)
    for act in program.acts:
        file = root / act.path
        if act.verb == "pause":
            for _ in range(act.pause):
                await anyio.lowlevel.checkpoint()
            continue
        # Who writes without looking does not look.
        looks = act.verb in ("read", "append") and file.exists()
        found = file.read_text() if looks else None
        left = story.step(act, found)
        if act.verb == "remove":
            file.unlink(missing_ok=True)
        elif act.verb != "read" and left is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(left)


class Free:
    """Places without end."""

    def __init__(self, width: int) -> None:
        self._width, self._places = width, anyio.Semaphore(width)

    def width(self, needs: Sequence[str]) -> int:
        return self._width

    @asynccontextmanager
    async def held(self, needs: Sequence[str]) -> AsyncIterator[None]:
        async with self._places:
            yield


class Silent:
    async def started(self, node: Node) -> None:
        await anyio.lowlevel.checkpoint()

    async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
        await anyio.lowlevel.checkpoint()


@dataclass(slots=True)
class Ran:
    files: dict[str, str]
    plan_order: list[str]
    commit_order: list[str]
    codes: list[str] = field(default_factory=list)
    tries: int = 0


async def run(programs: Mapping[str, Program], base: Path, scratch: Path, width: int) -> Ran:
    graph = Graph.of(
        Node(
            node,
            after=tuple(list(programs)[index] for index in program.after),
            reads=program.reads,
            writes=program.writes,
            is_open=program.is_open,
            group="g" if program.is_open else None,
        )
        for node, program in programs.items()
    )
    branches = Branches(base, scratch)
    branches.put_in_order(list(graph.nodes))
    ran = Ran({}, list(graph.nodes), [])
    placed: list[tuple[float, int, str]] = []

    async def do(node: Node) -> StepResult:
        program = programs[node.id]
        if program.is_beside:
            async with branches.beside(node) as findings:
                await perform(program, node.id, base)
                placed.append((branches.merges - 0.5, len(placed), node.id))
        else:

            async def work(branch: Branch) -> None:
                await perform(program, node.id, branch.work_dir)

            made = await branches.run(node, work)
            assert made.merge is not None
            placed.append((float(made.merge.order), 0, node.id))
            findings = list(made.findings)
            ran.tries += made.tries
        ran.codes += [finding.code for finding in findings]
        return StepResult(StepState.DONE)

    with anyio.fail_after(60):
        report = await execute(graph, do, share=Free(width), log=Silent())
    assert report.is_done
    ran.commit_order = [node for *_, node in sorted(placed)]
    ran.files = await anyio.to_thread.run_sync(_files, base)
    return ran


def _files(base: Path) -> dict[str, str]:
    found = (path for path in base.rglob("*") if path.is_file())
    return {path.relative_to(base).as_posix(): path.read_text() for path in found}


def _acts(verbs: Sequence[str], paths: Sequence[str]) -> st.SearchStrategy[list[Act]]:
    return st.lists(st.builds(Act, st.sampled_from(verbs), st.sampled_from(paths)), min_size=1, max_size=4)


def _named(reads: Sequence[str], writes: Sequence[str]) -> list[Act]:
    """What a node may do that does as it says."""
    acts = [Act("read", path) for path in reads]
    for path in writes:
        if path in FLEETING:
            acts += [Act("write", path), Act("remove", path)]
        elif "*" not in path:
            acts += [Act("write", path), Act("append", path)]
    return acts


@st.composite
def programs(draw: st.DrawFn) -> dict[str, Program]:
    made: dict[str, Program] = {}
    for index in range(draw(st.integers(3, 6))):
        kind = draw(st.sampled_from(["loose", "open", "known", "beside"]))
        everything = (*STANDING, *FLEETING)
        reads = tuple(draw(st.lists(st.sampled_from(everything), max_size=1)))
        writes = tuple(draw(st.lists(st.sampled_from((*everything, "sub/*")), max_size=1)))
        named = _named(reads, writes)
        acts = draw(st.lists(st.sampled_from(named), max_size=4)) if named else []
        if kind in ("loose", "open"):
            acts += draw(_acts(("read", "write", "append"), STANDING))
            acts += draw(st.lists(st.builds(Act, st.just("write"), st.sampled_from(FLEETING)), max_size=1))
        acts += [Act("pause", pause=pause) for pause in draw(st.lists(st.integers(1, 60), max_size=2))]
        after = draw(st.lists(st.integers(0, index - 1), max_size=1)) if index else []
        made[f"n{index}"] = Program(
            tuple(draw(st.permutations(acts))),
            reads,
            writes,
            () if kind == "open" else tuple(after),
            is_open=kind == "open",
            is_beside=kind == "beside",
        )
    return made


@settings(max_examples=300)
@given(programs(), st.sampled_from([6, 6, 2]))
def test_result_is_that_of_a_serial_run(made: dict[str, Program], width: int) -> None:
    # Memory syncs at once, and that is not what is tested here.
    place = Path(
        tempfile.mkdtemp(dir=next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None))
    )
    try:
        if os.statvfs(place).f_flag & os.ST_NOATIME:
            pytest.skip("this disk does not note reads")
        base = place / "base"
        for path in STANDING:
            (base / path).parent.mkdir(parents=True, exist_ok=True)
            (base / path).write_text(f"of {path}")
        ran = anyio.run(run, made, base, place / "scratch", width)
        # One after the other in the order of their merges: always.
        assert ran.files == serial(made, ran.commit_order), ran
        # And in the order of the plan, unless it was told otherwise.
        if "SKV843" not in ran.codes:
            assert ran.files == serial(made, ran.plan_order), ran
        assert list((place / "scratch").glob("*")) == []
    finally:
        shutil.rmtree(place)
