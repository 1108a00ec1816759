"""What an agent may leave, and disks that fail: nothing outside is touched, nothing is half merged."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from skvm.errors import InfrastructureError
from skvm.evaluate.workspace import Ceiling
from skvm.runtime.plan.branching import Branch, Branches, copying
from skvm.runtime.plan.model import Node

pytestmark = pytest.mark.anyio
OPEN = Node("1", is_open=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "a.txt").write_text("of the host")
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_tree_without_end_is_left_out_and_removed(base: Path, scratch: Path) -> None:
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        folder = os.open(branch.work_dir, os.O_RDONLY)
        for _ in range(2_000):
            os.mkdir("d", dir_fd=folder)
            inner = os.open("d", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)
        (branch.work_dir / "b.txt").write_text("new")
        merge = await branches.merge(branch)
    assert "b.txt" in merge.changed
    assert any(note.startswith("not merged (too deep)") for note in merge.notes)
    assert names(scratch) == []


async def test_name_that_is_no_text_is_left_out_and_told(base: Path, scratch: Path) -> None:
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        (branch.work_dir / os.fsdecode(b"no\xfftext")).write_text("x")
        (branch.work_dir / "schön.txt").write_text("x")
        merge = await branches.merge(branch)
    assert list(merge.changed) == ["schön.txt"]
    assert merge.notes == ("not merged (names that are no text): no?text",)


async def test_folder_that_became_a_link_is_not_followed(base: Path, scratch: Path, outside: Path) -> None:
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        (branch.work_dir / "sub" / "a.txt").unlink()
        (branch.work_dir / "sub").rmdir()
        (branch.work_dir / "sub").symlink_to(outside)
        merge = await branches.merge(branch)
    assert merge.is_merged
    assert (base / "sub").readlink() == outside
    assert (outside / "a.txt").read_text() == "of the host"


async def test_link_in_the_base_leads_no_merge_outside(base: Path, scratch: Path, outside: Path) -> None:
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        (branch.work_dir / "sub" / "a.txt").write_text("new")
        (branch.work_dir / "sub" / "new.txt").write_text("new")
        # A command in the base swaps the folder meanwhile.
        (base / "sub").rename(base / "moved")
        (base / "sub").symlink_to(outside)
        merge = await branches.merge(branch)
    assert set(merge.conflicts) >= {"sub/a.txt", "sub/new.txt"}
    assert names(outside) == ["a.txt"]
    assert (outside / "a.txt").read_text() == "of the host"


async def test_second_name_of_a_file_elsewhere_gets_bytes_of_its_own(
    base: Path, scratch: Path, outside: Path
) -> None:
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        os.link(outside / "a.txt", branch.work_dir / "linked.txt")
        assert (await branches.merge(branch)).is_merged
    assert (base / "linked.txt").read_text() == "of the host"
    assert not (base / "linked.txt").samefile(outside / "a.txt")


async def test_pipe_in_the_place_of_a_file_is_told(base: Path, scratch: Path) -> None:
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        (branch.work_dir / "b.txt").unlink()
        os.mkfifo(branch.work_dir / "b.txt")
        merge = await branches.merge(branch)
    assert merge.changed == {}
    assert merge.notes == ("not merged (special files): b.txt",)
    assert (base / "b.txt").read_text() == "b"


async def test_special_bits_stay_behind(base: Path, scratch: Path) -> None:
    (base / "b.txt").chmod(0o4755)
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        assert (branch.work_dir / "b.txt").stat().st_mode & 0o7777 == 0o755
        (branch.work_dir / "new.sh").write_text("x")
        (branch.work_dir / "new.sh").chmod(0o6755)
        assert list((await branches.merge(branch)).changed) == ["new.sh"]
    assert (base / "new.sh").stat().st_mode & 0o7777 == 0o755


async def test_file_without_end_is_not_copied(base: Path, scratch: Path) -> None:
    with (base / "huge").open("wb") as file:
        file.truncate(1 << 40)
    branches = Branches(base, scratch, ceiling=Ceiling(max_bytes=1 << 20))
    async with branches.fork(OPEN) as branch:
        assert branch.is_in_place
        assert branch.notes == (f"{base}: holds more than 1,048,576 bytes",)
    assert names(scratch) == []


async def test_disk_that_cannot_share_blocks_is_asked_once(
    base: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ioctl(target: int, request: int, source: int) -> int:
        asked.append(request)
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setattr(copying.fcntl, "ioctl", ioctl)
    branches = Branches(base, scratch)
    for _ in range(2):
        async with branches.fork(OPEN) as branch:
            assert (branch.work_dir / "sub" / "a.txt").read_text() == "a"
    assert asked == [0x40049409]


async def test_shared_blocks_are_used(base: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(target: int, request: int, source: int) -> int:
        return os.write(target, os.read(source, 1_000))

    def never(*args: Any) -> int:
        raise AssertionError("copied although blocks are shared")

    monkeypatch.setattr(copying.fcntl, "ioctl", ioctl)
    monkeypatch.setattr(copying.os, "copy_file_range", never)
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        assert (branch.work_dir / "sub" / "a.txt").read_text() == "a"
        (branch.work_dir / "b.txt").write_text("new")
        assert list((await branches.merge(branch)).changed) == ["b.txt"]


async def test_full_disk_has_the_step_run_in_place(
    base: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copying.fcntl, "ioctl", full)
    async with Branches(base, scratch).fork(OPEN) as branch:
        assert branch.is_in_place
        assert branch.notes == (f"{base}: no space is left for a copy",)
    assert names(scratch) == []


async def test_broken_disk_leaves_nothing(base: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(copying.fcntl, "ioctl", broken)
    with pytest.raises(InfrastructureError, match="Input/output error"):
        async with Branches(base, scratch).fork(OPEN):
            pytest.fail("there is nothing to work in")
    assert names(scratch) == []


async def test_merge_that_stops_half_way_is_finished_before_anything_else(
    base: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches = Branches(base, scratch)
    real, calls = os.rename, []

    def rename(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        real(*args, **kwargs)

    async def work(branch: Branch) -> None:
        for name in ("x", "y", "z"):
            (branch.work_dir / name).write_text(name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        with pytest.raises(InfrastructureError, match="stopped half way"):
            await branches.run(OPEN, work)
    assert names(base) == ["b.txt", "sub", "x"]
    async with branches.fork(Node("2")) as branch:
        assert names(branch.work_dir) == ["b.txt", "sub", "x", "y", "z"]
    assert names(scratch) == []


async def test_only_what_could_be_half_done_is_written_down_first(
    base: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches = Branches(base, scratch)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    async def make(branch: Branch) -> None:
        for number in range(int(branch.node.id)):
            (branch.work_dir / f"{branch.node.id}-{number}").write_text("x")

    for count, syncs in (("0", 0), ("1", 0), ("2", 1)):
        synced.clear()
        await branches.run(Node(count, is_open=True), make)
        assert len(synced) == syncs, count
    assert names(base) == ["1-0", "2-0", "2-1", "b.txt", "sub"]


async def test_read_only_folder_refuses_before_anything_is_done(base: Path, scratch: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is read-only for root")
    (base / "sub").chmod(0o555)
    branches = Branches(base, scratch)
    try:
        async with branches.fork(OPEN) as branch:
            (branch.work_dir / "sub").chmod(0o755)
            (branch.work_dir / "sub" / "a.txt").write_text("new")
            (branch.work_dir / "sub").chmod(0o555)
            (branch.work_dir / "b.txt").write_text("new")
            with pytest.raises(InfrastructureError, match="Permission denied"):
                await branches.merge(branch)
    finally:
        (base / "sub").chmod(0o755)
    assert (base / "b.txt").read_text() == "b"


async def test_what_others_left_is_swept_and_what_lives_stays(base: Path, scratch: Path) -> None:
    dead = scratch / "skvm-branch-1-1-dead"
    (dead / "work").mkdir(parents=True)
    (dead / "work" / "file").write_text("x")
    branches = Branches(base, scratch)
    async with branches.fork(OPEN) as branch:
        assert not dead.exists()
        assert await Branches(base, scratch).recover() == ()
        assert branch.work_dir.is_dir()
