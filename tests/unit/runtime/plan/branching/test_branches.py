"""Directories of a step's own: what is merged, what is refused, and in which order."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from skvm.errors import InfrastructureError
from skvm.evaluate.workspace import Ceiling
from skvm.runtime.plan.branching import Branch, Branches, folders
from skvm.runtime.plan.branching.copying import Copy, copy_out
from skvm.runtime.plan.model import Node

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "a.csv").write_text("1\n")
    (folder / "data" / "b.csv").write_text("2\n")
    (folder / "notes.md").write_text("as it was\n")
    return folder


@pytest.fixture
def branches(base: Path, tmp_path: Path) -> Branches:
    return Branches(base, tmp_path / "scratch")


def leads_to(link: Path) -> str:
    return str(link.readlink())


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "scratch").glob("*")]


async def test_what_is_made_changed_and_removed_is_merged(
    base: Path, branches: Branches, tmp_path: Path
) -> None:
    node = Node("1", writes=("out/*", "notes.md", "data/b.csv"))
    async with branches.fork(node) as branch:
        assert (branch.work_dir / "data" / "a.csv").read_text() == "1\n"
        (branch.work_dir / "out").mkdir()
        (branch.work_dir / "out" / "x.txt").write_text("x")
        (branch.work_dir / "notes.md").write_text("as it is\n")
        (branch.work_dir / "data" / "b.csv").unlink()
        assert (base / "notes.md").read_text() == "as it was\n"
        merge = await branches.merge(branch)
    assert merge.is_merged
    assert set(merge.changed) == {"out/x.txt", "notes.md", "data/b.csv"}
    assert merge.changed["data/b.csv"] == ""
    assert merge.undeclared == ()
    assert merge.findings == ()
    assert (base / "out" / "x.txt").read_text() == "x"
    assert (base / "notes.md").read_text() == "as it is\n"
    assert not (base / "data" / "b.csv").exists()
    assert left(tmp_path) == []


async def test_what_is_not_merged_leaves_nothing(base: Path, branches: Branches, tmp_path: Path) -> None:
    async def work(branch: Branch) -> None:
        (branch.work_dir / "notes.md").write_text("half")
        raise RuntimeError("agent died")

    with pytest.raises(RuntimeError, match="agent"):
        await branches.run(Node("1"), work)
    assert (base / "notes.md").read_text() == "as it was\n"
    assert left(tmp_path) == []


async def test_undeclared_change_is_told_and_merged(base: Path, branches: Branches) -> None:
    async with branches.fork(Node("1", writes=("out.txt",))) as branch:
        (branch.work_dir / "notes.md").write_text("more")
        merge = await branches.merge(branch)
    assert merge.undeclared == ("notes.md",)
    assert [finding.code for finding in merge.findings] == ["SKV841"]
    assert (base / "notes.md").read_text() == "more"


async def test_two_who_change_the_same_conflict_and_the_second_runs_again(
    base: Path, branches: Branches
) -> None:
    branches.put_in_order(["1", "2"])
    both_are_in = anyio.Event()
    first_is_merged = anyio.Event()
    tries: list[str] = []

    async def first() -> None:
        async with branches.fork(Node("1")) as branch:
            await both_are_in.wait()
            with (branch.work_dir / "notes.md").open("a") as file:
                file.write("first\n")
            assert (await branches.merge(branch)).is_merged
            first_is_merged.set()

    async def work(branch: Branch) -> str:
        tries.append((branch.work_dir / "notes.md").read_text())
        both_are_in.set()
        await first_is_merged.wait()
        with (branch.work_dir / "notes.md").open("a") as file:
            file.write("second\n")
        return "said"

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        made = await branches.run(Node("2"), work)
    assert made.tries == 2
    assert made.value == "said"
    assert [finding.code for finding in made.findings] == ["SKV842", "SKV841"]
    assert (base / "notes.md").read_text() == "as it was\nfirst\nsecond\n"
    assert tries == ["as it was\n", "as it was\nfirst\n"]


async def test_reader_of_what_was_changed_meanwhile_is_stale(base: Path, branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    reader = Node("2", reads=("notes.md",), writes=("out.txt",))
    async with branches.fork(reader) as reading:
        async with branches.fork(Node("1", writes=("other.txt",))) as writing:
            (writing.work_dir / "notes.md").write_text("new")
            assert (await branches.merge(writing)).undeclared == ("notes.md",)
        (reading.work_dir / "out.txt").write_text("of the old")
        merge = await branches.merge(reading)
    assert merge.conflicts == ("notes.md",)
    assert not (base / "out.txt").exists()
    branches.give_up(reader)


async def test_file_written_as_it_was_counts(base: Path, branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    async with branches.fork(Node("2")) as second:
        async with branches.fork(Node("1")) as first:
            (first.work_dir / "notes.md").write_text("new")
            await branches.merge(first)
        (second.work_dir / "notes.md").write_text("as it was\n")
        merge = await branches.merge(second)
    assert merge.conflicts == ("notes.md",)
    branches.give_up(second.node)


async def test_unnamed_read_is_seen(base: Path, branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    reader = Node("2", writes=("out.txt",))
    async with branches.fork(reader) as reading:
        seen = (reading.work_dir / "notes.md").read_text()
        async with branches.fork(Node("1")) as writing:
            (writing.work_dir / "notes.md").write_text("new")
            await branches.merge(writing)
        (reading.work_dir / "out.txt").write_text(seen)
        merge = await branches.merge(reading)
    if os.statvfs(base).f_flag & os.ST_NOATIME:
        pytest.skip("this disk does not note reads")
    assert merge.conflicts == ("notes.md",)
    branches.give_up(reader)


async def test_change_by_a_command_in_the_directory_itself_is_noticed(base: Path, branches: Branches) -> None:
    async with branches.fork(Node("1", reads=("data/*",), writes=("out.txt",))) as branch:
        async with branches.beside(Node("2", writes=("x.txt",))):
            (base / "data" / "c.csv").write_text("3\n")
        (branch.work_dir / "out.txt").write_text("2 files")
        merge = await branches.merge(branch)
    assert merge.conflicts == ("data/c.csv",)
    branches.give_up(branch.node)


async def test_open_nodes_commit_in_the_order_of_the_plan(branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    order: list[str] = []
    second_waits = anyio.Event()

    async def second() -> None:
        async with branches.fork(Node("2", is_open=True)) as branch:
            (branch.work_dir / "two").write_text("2")
            second_waits.set()
            await branches.merge(branch)
            order.append("2")

    async with anyio.create_task_group() as group, branches.fork(Node("1", is_open=True)) as branch:
        group.start_soon(second)
        await second_waits.wait()
        await anyio.wait_all_tasks_blocked()
        (branch.work_dir / "one").write_text("1")
        await branches.merge(branch)
        order.append("1")
    assert order == ["1", "2"]


async def test_merge_waits_for_a_command_that_reads_what_is_not_named(base: Path, branches: Branches) -> None:
    order: list[str] = []
    may_end = anyio.Event()

    async def command() -> None:
        async with branches.beside(Node("c", reads=("notes.md",))):
            await may_end.wait()
            order.append((base / "notes.md").read_text())

    async def merging(branch: Branch) -> None:
        await branches.merge(branch)
        order.append("merged")

    async with branches.fork(Node("1")) as branch, anyio.create_task_group() as group:
        group.start_soon(command)
        await anyio.wait_all_tasks_blocked()
        (branch.work_dir / "notes.md").write_text("new")
        group.start_soon(merging, branch)
        await anyio.sleep(0.05)
        may_end.set()
    assert order == ["as it was\n", "merged"]


async def test_half_of_what_a_command_writes_is_not_taken_for_whole(base: Path, branches: Branches) -> None:
    if os.statvfs(base).f_flag & os.ST_NOATIME:
        pytest.skip("this disk does not note reads")
    is_half_done, may_end = anyio.Event(), anyio.Event()

    async def command() -> None:
        async with branches.beside(Node("c", writes=("notes.md", "data/b.csv"))):
            (base / "notes.md").write_text("new")
            is_half_done.set()
            await may_end.wait()
            (base / "data" / "b.csv").write_text("new")

    async def work(branch: Branch) -> tuple[str, str]:
        both = (branch.work_dir / "notes.md").read_text(), (branch.work_dir / "data" / "b.csv").read_text()
        may_end.set()
        return both

    async with anyio.create_task_group() as group:
        group.start_soon(command)
        await is_half_done.wait()
        made = await branches.run(Node("1"), work)
    assert made.tries == 2
    assert made.value == ("new", "new")


async def test_command_that_comes_too_late_is_told(base: Path, branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    async with branches.fork(Node("2")) as branch:
        (branch.work_dir / "notes.md").write_text("new")
        assert (await branches.merge(branch)).is_merged
    async with branches.beside(Node("1", reads=("notes.md",))) as findings:
        assert (base / "notes.md").read_text() == "new"
    assert [finding.code for finding in findings] == ["SKV843"]


async def test_nobody_begins_while_one_is_alone(base: Path, branches: Branches) -> None:
    order: list[str] = []

    async def other() -> None:
        async with branches.fork(Node("2")) as branch:
            order.append((branch.work_dir / "notes.md").read_text())

    async with anyio.create_task_group() as group, branches.fork(Node("1"), alone=True) as branch:
        group.start_soon(other)
        await anyio.sleep(0.02)
        (branch.work_dir / "notes.md").write_text("alone")
        assert (await branches.merge(branch)).is_merged
        order.append("merged")
    assert order == ["merged", "alone"]


async def test_cancelled_step_blocks_nobody(base: Path, branches: Branches, tmp_path: Path) -> None:
    branches.put_in_order(["1", "2"])

    async def never(branch: Branch) -> None:
        (branch.work_dir / "notes.md").write_text("half")
        await anyio.sleep_forever()

    async def second(branch: Branch) -> None:
        (branch.work_dir / "two").write_text("2")

    async with anyio.create_task_group() as group:

        async def first() -> None:
            with anyio.move_on_after(0.05):
                await branches.run(Node("1", is_open=True), never)

        group.start_soon(first)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(20):
            await branches.run(Node("2", is_open=True), second)
    assert (base / "two").read_text() == "2"
    assert (base / "notes.md").read_text() == "as it was\n"
    assert left(tmp_path) == []


async def test_what_overtook_is_told(branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    async with branches.fork(Node("1", writes=("a",))) as first:
        async with branches.beside(Node("2", reads=("notes.md",), writes=("b",))):
            pass
        (first.work_dir / "notes.md").write_text("late")
        merge = await branches.merge(first)
    assert [finding.code for finding in merge.findings] == ["SKV841", "SKV843"]
    assert "after 2" in merge.findings[1].message


async def test_too_large_runs_in_place_and_alone(base: Path, tmp_path: Path) -> None:
    branches = Branches(base, tmp_path / "scratch", ceiling=Ceiling(max_entries=2))
    async with branches.fork(Node("1")) as branch:
        assert branch.is_in_place
        assert branch.work_dir == base
        merge = await branches.merge(branch)
    assert [finding.code for finding in merge.findings] == ["SKV844"]
    assert left(tmp_path) == []


async def test_what_a_step_did_in_place_is_noticed(base: Path, tmp_path: Path) -> None:
    branches = Branches(base, tmp_path / "scratch", ceiling=Ceiling(max_entries=4))
    branches.put_in_order(["1", "2"])
    tries: list[str] = []

    async def in_place(branch: Branch) -> None:
        assert branch.is_in_place
        (branch.work_dir / "notes.md").write_text("in place")

    async def work(branch: Branch) -> None:
        tries.append((branch.work_dir / "notes.md").read_text())
        if len(tries) == 1:
            (base / "fifth").write_text("now it is too large")
            group.start_soon(branches.run, Node("1", is_open=True), in_place)
            await anyio.sleep(0.05)
            (branch.work_dir / "notes.md").write_text("2")

    async with anyio.create_task_group() as group:
        made = await branches.run(Node("2", is_open=True), work)
    assert tries == ["as it was\n", "in place"]
    assert [finding.code for finding in made.findings] == ["SKV842", "SKV844"]


async def test_what_may_not_be_repeated_runs_alone_and_once(base: Path, branches: Branches) -> None:
    sending = Node("2", writes=("person:", "out.txt"), is_idempotent=False)
    order: list[str] = []

    async def send(branch: Branch) -> None:
        order.append("sent")
        (branch.work_dir / "out.txt").write_text(f"sent {len(order)}")

    async def disturbed(branch: Branch) -> None:
        await send(branch)
        (base / "out.txt").write_text("another's")

    async with anyio.create_task_group() as group, branches.fork(Node("1")):
        group.start_soon(branches.run, sending, send)
        await anyio.sleep(0.05)
        order.append("the other is done")
    assert order == ["the other is done", "sent"]
    with pytest.raises(InfrastructureError, match="may not be repeated"):
        await branches.run(sending, disturbed)
    assert order.count("sent") == 2


async def test_disturbed_again_and_again_is_an_error(base: Path, branches: Branches) -> None:
    async def work(branch: Branch) -> None:
        (branch.work_dir / "notes.md").write_text("mine")
        (base / "notes.md").write_text(f"another's {branch.work_dir.parent.name}")

    with pytest.raises(InfrastructureError, match="disturbed 3 times"):
        await branches.run(Node("1"), work)


async def test_copy_keeps_modes_times_and_links(base: Path, branches: Branches) -> None:
    script = base / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o750)
    os.utime(script, ns=(1_000_000_000, 2_000_000_000))
    (base / "inner").symlink_to(base / "data")
    (base / "outer").symlink_to("/etc/hostname")
    os.mkfifo(base / "pipe")
    (base / "closed").mkdir(mode=0o555)
    async with branches.fork(Node("1")) as branch:
        status = (branch.work_dir / "run.sh").stat()
        assert stat.S_IMODE(status.st_mode) == 0o750
        assert status.st_mtime_ns == 2_000_000_000
        assert leads_to(branch.work_dir / "inner") == "data"
        assert leads_to(branch.work_dir / "outer") == "/etc/hostname"
        assert "pipe" not in [path.name for path in branch.work_dir.iterdir()]
        assert stat.S_IMODE((branch.work_dir / "closed").stat().st_mode) == 0o555
        assert branch.notes == ("left out of the copy (special files): pipe",)
        assert stat.S_IMODE(branch.work_dir.stat().st_mode) == 0o700
        merge = await branches.merge(branch)
    assert merge.changed == {}
    assert leads_to(base / "inner") == str(base / "data")
    assert (base / "pipe").is_fifo()


async def test_kinds_change_into_each_other(base: Path, branches: Branches) -> None:
    (base / "folder").mkdir()
    (base / "folder" / "deep").mkdir()
    (base / "folder" / "deep" / "file").write_text("x")
    async with branches.fork(Node("1", is_open=True)) as branch:
        work = branch.work_dir
        (work / "folder" / "deep" / "file").unlink()
        (work / "folder" / "deep").rmdir()
        (work / "folder").rmdir()
        (work / "folder").write_text("a file now")
        (work / "notes.md").unlink()
        (work / "notes.md").mkdir()
        (work / "notes.md" / "inside").write_text("y")
        (work / "data" / "a.csv").unlink()
        (work / "data" / "a.csv").symlink_to(work / "data" / "b.csv")
        (work / "data" / "b.csv").chmod(0o600)
        merge = await branches.merge(branch)
    assert merge.is_merged
    assert (base / "folder").read_text() == "a file now"
    assert (base / "notes.md" / "inside").read_text() == "y"
    assert leads_to(base / "data" / "a.csv") == "b.csv"
    assert stat.S_IMODE((base / "data" / "b.csv").stat().st_mode) == 0o600
    assert merge.changed["folder/deep/file"] == ""


async def test_tools_caches_never_conflict(base: Path, branches: Branches) -> None:
    branches.put_in_order(["1", "2"])
    async with branches.fork(Node("1", writes=("a",))) as one, branches.fork(Node("2", writes=("b",))) as two:
        for branch, text in ((one, "1"), (two, "2")):
            (branch.work_dir / "__pycache__").mkdir()
            (branch.work_dir / "__pycache__" / "m.pyc").write_text(text)
        first, second = await branches.merge(one), await branches.merge(two)
    assert first.is_merged
    assert second.is_merged
    assert first.findings == second.findings == ()
    assert (base / "__pycache__" / "m.pyc").read_text() == "1"


async def test_cache_that_was_cleared_meanwhile_is_left_out(base: Path, branches: Branches) -> None:
    (base / "__pycache__").mkdir()
    (base / "__pycache__" / "m.pyc").write_text("0")
    branches.put_in_order(["1", "2"])
    async with branches.fork(Node("1", writes=("a",))) as one, branches.fork(Node("2", writes=("b",))) as two:
        (one.work_dir / "__pycache__" / "m.pyc").unlink()
        (one.work_dir / "__pycache__").rmdir()
        (two.work_dir / "__pycache__" / "n.pyc").write_text("2")
        (two.work_dir / "b").write_text("2")
        assert (await branches.merge(one)).is_merged
        assert (await branches.merge(two)).is_merged
    assert (base / "b").read_text() == "2"
    assert not (base / "__pycache__").exists()


async def test_cleared_cache_that_grew_meanwhile_is_a_conflict(base: Path, branches: Branches) -> None:
    (base / "__pycache__").mkdir()
    async with branches.fork(Node("1")) as one:
        (one.work_dir / "__pycache__").rmdir()
        (base / "__pycache__" / "m.pyc").write_text("2")
        merge = await branches.merge(one)
    assert merge.conflicts == ("__pycache__",)
    branches.give_up(one.node)


async def test_items_of_a_map_have_their_order(branches: Branches) -> None:
    branches.put_in_order(["1", "map", "2"])
    branches.put_in_order(["map[b]", "map[a]"], within="map")
    order: dict[int, str] = {}

    async def work(branch: Branch) -> None:
        await all_are_in(branch.node.id)
        (branch.work_dir / "log").open("a").close()

    waiting: set[str] = set()
    everybody = anyio.Event()

    async def all_are_in(name: str) -> None:
        waiting.add(name)
        if len(waiting) == 4:
            everybody.set()
        await everybody.wait()

    async def one(name: str) -> None:
        made = await branches.run(Node(name, is_open=True), work)
        assert made.merge is not None
        order[made.merge.order] = name

    async with anyio.create_task_group() as group:
        for name in ("2", "map[a]", "map[b]", "1"):
            group.start_soon(one, name)
    assert [order[place] for place in sorted(order)] == ["1", "map[b]", "map[a]", "2"]


async def test_command_waits_for_no_copy(
    base: Path, branches: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_copying, may_go_on = threading.Event(), threading.Event()

    def slowly(*args: object, **kwargs: object) -> Copy:
        is_copying.set()
        assert may_go_on.wait(20)
        return copy_out(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(folders, "copy_out", slowly)

    async def work(branch: Branch) -> str:
        return (branch.work_dir / "notes.md").read_text()

    async with anyio.create_task_group() as group:
        group.start_soon(branches.run, Node("1"), work)
        await anyio.to_thread.run_sync(is_copying.wait)
        with anyio.fail_after(20):
            async with branches.beside(Node("2")):
                may_go_on.set()


async def test_a_merge_is_remembered_until_it_is_on_record(base: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    branches = Branches(base, scratch, has_marks=True)

    async def work(branch: Branch) -> None:
        (branch.work_dir / f"{branch.node.id}.txt").write_text("x")

    for name in ("1", "2", "3"):
        await branches.run(Node(name, writes=(f"{name}.txt",)), work)
    await branches.recorded("2")
    told = await Branches(base, scratch).recover()
    assert sorted(merged.node for merged in told) == ["1", "3"]
    assert [dict(merged.digests).keys() for merged in sorted(told, key=lambda each: each.node)] == [
        {"1.txt"},
        {"3.txt"},
    ]
    assert await Branches(tmp_path / "elsewhere", scratch).recover() == (), "they are of another directory"
    await branches.forget()
    assert await Branches(base, scratch).recover() == ()
    assert left(tmp_path) == []
