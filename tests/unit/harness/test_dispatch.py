from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.errors import InfrastructureError
from skvm.harness.contract import RunContext
from skvm.harness.dispatch import AT_ONCE, EVERYTHING, NOTHING, Touches, dispatch, located
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.tools import FILE_TOOLS, run_tool, touches_of
from skvm.harness.trajectory import ToolCall, ToolKind

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Watched:
    """Calls that say when they begin and end; each waits until a test lets it go."""

    count: int
    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    gates: list[anyio.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gates = [anyio.Event() for _ in range(self.count)]

    async def do(self, place: int) -> None:
        self.begun.append(place)
        await self.gates[place].wait()
        self.ended.append(place)

    async def let_go(self, place: int) -> None:
        self.gates[place].set()
        await settled()


async def settled() -> None:
    """Wait until nothing goes on by itself; a group's end wakes who waits for it a step later."""
    for _ in range(10):
        await anyio.wait_all_tasks_blocked()
        await anyio.lowlevel.checkpoint()


async def watch(touched: Sequence[Touches], test: Callable[[Watched], Awaitable[None]]) -> Watched:
    """Dispatch calls and test them while they are under way."""
    watched = Watched(len(touched))
    async with anyio.create_task_group() as group:
        group.start_soon(dispatch, len(touched), touched.__getitem__, watched.do)
        await anyio.wait_all_tasks_blocked()
        await test(watched)
        for gate in watched.gates:
            gate.set()
    return watched


def reads(*names: str) -> Touches:
    return Touches(reads=names)


def writes(*names: str) -> Touches:
    return Touches(writes=names)


@pytest.mark.parametrize(
    "touched",
    [
        [reads("/w/a"), reads("/w/a"), reads("/w")],
        [writes("/w/a"), writes("/w/b"), reads("/w/c")],
        [writes("/w/a"), writes("/w/ab"), reads("/w/a.txt")],
        [reads("host:x.org"), reads("host:x.org"), writes("host:y.org")],
        [NOTHING, writes("/w/a"), NOTHING],
    ],
)
async def test_calls_that_touch_nothing_in_common_are_all_under_way_at_once(touched: list[Touches]) -> None:
    async def test(watched: Watched) -> None:
        assert watched.begun == [0, 1, 2]
        assert watched.ended == []

    await watch(touched, test)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (writes("/w/a"), reads("/w/a")),
        (reads("/w/a"), writes("/w/a")),
        (writes("/w/a"), writes("/w/a")),
        (writes("/w/d/a"), reads("/w/d")),
        (writes("/w/d"), reads("/w/d/e/a")),
        (writes("/w/a"), reads("/")),
        (writes("host:x.org"), reads("host:x.org")),
        (writes("host:"), reads("host:x.org")),
        (EVERYTHING, NOTHING),
        (NOTHING, EVERYTHING),
        (writes("/w/s.py"), Touches(reads=("/w/b",), relies_on=("/w/s.py",))),
    ],
)
async def test_calls_that_touch_the_same_go_in_their_order(one: Touches, other: Touches) -> None:
    async def test(watched: Watched) -> None:
        assert watched.begun == [0]
        await watched.let_go(0)
        assert watched.begun == [0, 1]

    await watch([one, other], test)


async def test_a_call_waits_only_for_those_it_has_to() -> None:
    async def test(watched: Watched) -> None:
        assert watched.begun == [0, 1, 3]
        await watched.let_go(1)
        assert watched.begun == [0, 1, 3]
        await watched.let_go(0)
        assert watched.begun == [0, 1, 3, 2]

    await watch([writes("/w/a"), writes("/w/b"), reads("/w/a", "/w/b"), reads("/w/c")], test)


async def test_what_is_not_known_runs_alone_and_is_looked_at_anew_behind() -> None:
    looked: list[tuple[int, tuple[int, ...]]] = []
    watched = Watched(4)

    def look(place: int) -> Touches:
        looked.append((place, tuple(watched.ended)))
        return EVERYTHING if place == 1 else reads("/w/a")

    async with anyio.create_task_group() as group:
        group.start_soon(dispatch, 4, look, watched.do)
        await settled()
        assert watched.begun == [0]
        await watched.let_go(0)
        assert watched.begun == [0, 1]
        await watched.let_go(1)
        assert watched.begun == [0, 1, 2, 3]
        for gate in watched.gates:
            gate.set()
    assert (2, (0, 1)) in looked
    assert all(1 in ended for place, ended in looked if place >= 2)


async def test_a_crowd_goes_some_at_a_time() -> None:
    async def test(watched: Watched) -> None:
        assert watched.begun == [*range(AT_ONCE)]
        await watched.let_go(3)
        assert watched.begun == [*range(AT_ONCE + 1)]

    watched = await watch([reads("/w/a")] * 300, test)
    assert sorted(watched.ended) == [*range(300)]


async def test_a_failure_ends_the_others_and_is_raised_itself() -> None:
    ended: list[int] = []

    async def do(place: int) -> None:
        if place == 1:
            raise InfrastructureError("the cell is gone", help="look")
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(place)

    with pytest.raises(InfrastructureError, match="the cell is gone"):
        await dispatch(3, [reads("/w/a"), reads("/w/a"), writes("/w/a")].__getitem__, do)
    assert ended == [0]


def test_paths_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    base = os.path.realpath(tmp_path)
    (tmp_path / "d").mkdir()
    ways = ["d/a", "./d/a", "d//a", f"{tmp_path}/d/a", "/" + f"{tmp_path}/d/./a"[1:], "d/a/"]
    assert {located(writes(way), tmp_path) for way in ways} == {writes(f"{base}/d/a")}
    # To get there the directory it goes through must be there.
    assert located(writes("d/../a"), tmp_path) == Touches((f"{base}/d",), (f"{base}/a",))


def test_what_is_outside_may_be_anything(tmp_path: Path) -> None:
    assert located(reads("/etc/absent"), tmp_path) == reads("/")
    assert "/" in located(reads("../absent"), tmp_path).reads
    assert located(writes("/tmp/absent"), tmp_path) is EVERYTHING


def test_what_is_made_on_the_way_to_a_file_is_written_too(tmp_path: Path) -> None:
    base = os.path.realpath(tmp_path)
    (tmp_path / "there").mkdir()
    assert located(writes("new/deep/a"), tmp_path) == writes(f"{base}/new")
    assert located(writes("there/deep/a"), tmp_path) == writes(f"{base}/there/deep")
    assert located(reads("new/deep/a"), tmp_path) == reads(f"{base}/new/deep/a")


def test_a_link_is_not_known_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "d").mkdir()
    (tmp_path / "soft").symlink_to("a")
    (tmp_path / "dir").symlink_to("d")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "b").write_text("")
    (tmp_path / "hard").hardlink_to(tmp_path / "b")
    for name in ("soft", "dir/x", "dangling", "loop", "b", "hard", "dir/../a", "nul\0"):
        assert located(reads(name), tmp_path) is EVERYTHING, name
    assert located(reads("a"), tmp_path) is not EVERYTHING


def test_a_work_directory_behind_a_link_is_one_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    work = tmp_path / "link"
    ways = {located(writes(way), work) for way in ("a", f"{work}/a", os.path.realpath(work / "a"))}
    assert ways == {writes(os.path.realpath(tmp_path / "real" / "a"))}


def call(name: str, /, **arguments: str) -> ToolCall:
    kinds = {tool.name: tool.kind for tool in FILE_TOOLS}
    return ToolCall(id="x", name=name, kind=kinds.get(name, ToolKind.OTHER), arguments=arguments)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (call("read_file", path="a"), reads("a")),
        (call("write_file", path="a", content=""), writes("a")),
        (call("read_file", path="env:x"), reads("./env:x")),
        (call("write_file", path="/w/env:x", content=""), writes("/w/env:x")),
        (call("list_directory"), reads(".")),
        (call("list_directory", path="d"), reads("d")),
        (call("load_skill", name="s"), NOTHING),
        (call("fly"), NOTHING),
        (call("read_file"), NOTHING),
        (call("execute_command"), NOTHING),
        (call("execute_command", command="ls"), None),
        (call("web_fetch", url="https://a.org/x"), reads("host:a.org")),
        (call("web_fetch", url="https://a.org/x", method="POST"), Touches(("host:a.org",), ("host:a.org",))),
        (call("web_fetch", url="http://127.0.0.1:80/"), EVERYTHING),
        (call("web_fetch", url="http://localhost/"), EVERYTHING),
        (call("web_fetch", url="http://[::1]/"), EVERYTHING),
        (call("web_fetch", url="http://[/"), NOTHING),
    ],
)
def test_the_tools_own_calls_are_known_by_their_arguments(made: ToolCall, expected: Touches | None) -> None:
    assert touches_of(made) == expected


NAMES = ("a", "./a", "d/a", "d", "d/../a", "new/b", "new/c", "new", "soft", "d/soft/x", ".")
MADE = st.one_of(
    st.builds(lambda path: call("read_file", path=path), st.sampled_from(NAMES)),
    st.builds(
        lambda path, content: call("write_file", path=path, content=content),
        st.sampled_from(NAMES),
        st.sampled_from(("one", "two", "three")),
    ),
    st.builds(lambda path: call("list_directory", path=path), st.sampled_from(NAMES)),
    # Nobody reads commands here.
    st.builds(
        lambda line: call("execute_command", command=line), st.sampled_from(("rm -rf new d", "ln -sf a new"))
    ),
)


@dataclass(frozen=True, slots=True)
class SlowCell(FakeCell):
    """A cell in which everything takes a while, in the middle too."""

    delays: list[int] = field(default_factory=list)

    async def pause(self) -> None:
        for _ in range(self.delays.pop() if self.delays else 0):
            await anyio.lowlevel.checkpoint()

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        await self.pause()
        return await FakeCell.read(self, path, max_bytes=max_bytes)

    async def write(self, path: str, data: bytes) -> None:
        await self.pause()
        await FakeCell.write(self, path, data[:1])
        await self.pause()
        await FakeCell.write(self, path, data)


def left_in(work: Path) -> dict[str, str]:
    """Everything below a directory."""
    left = {}
    for path in work.rglob("*"):
        kept = (
            str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else "directory"
        )
        left[str(path.relative_to(work))] = kept
    return left


async def results(calls: Sequence[ToolCall], delays: list[int], *, at_once: bool) -> tuple[object, object]:
    """What calls are told, and what they leave."""
    tools = {tool.name: tool for tool in FILE_TOOLS}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "d").mkdir()
        (work / "a").write_text("first")
        (work / "soft").symlink_to("a")
        (work / "d" / "soft").symlink_to("..")
        cell = SlowCell(work, delays=list(delays))
        context = RunContext("", "local/m", ScriptedSession(()), cell, work)
        told: dict[int, tuple[str, bool]] = {}

        async def do(place: int) -> None:
            result = await run_tool(tools, context, calls[place])
            told[place] = (result.text.replace(folder, "WORK"), result.is_error)

        def look(place: int) -> Touches:
            return located(touches_of(calls[place]) or EVERYTHING, work) if at_once else EVERYTHING

        await dispatch(len(calls), look, do)
        return [told[place] for place in range(len(calls))], left_in(work)


@settings(max_examples=150, deadline=None)
@given(st.lists(MADE, max_size=7), st.lists(st.integers(0, 6), max_size=20))
def test_at_once_gives_what_one_after_the_other_gives(calls: list[ToolCall], delays: list[int]) -> None:
    async def both() -> tuple[object, object]:
        return await results(calls, delays, at_once=True), await results(calls, delays, at_once=False)

    once, serial = anyio.run(both)
    assert once == serial
