"""A directory of a step's own in a real cell: whose it is, what is seen of it, what comes back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.confinement import CONFINING, Ground, make_ground, working

from skvm.harness.sandbox import Policy
from skvm.runtime.plan.branching import Branches
from skvm.runtime.plan.model import Node

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ground() -> Iterator[Ground]:
    with make_ground() as made:
        (made.work / "sub").mkdir()
        (made.work / "a.txt").write_text("aaa")
        (made.work / "sub" / "b.txt").write_text("bbb")
        yield made


def owners(root: Path) -> set[int]:
    return {path.lstat().st_uid for path in root.rglob("*")}


@pytest.mark.parametrize("name", CONFINING)
async def test_agent_works_in_its_branch_beside_a_cell_on_the_base(name: str, ground: Ground) -> None:
    sandbox = working(name)
    scratch = ground.outside / "scratch"
    scratch.mkdir(mode=0o700)
    (scratch / "other").mkdir(mode=0o700)
    (scratch / "other" / "secret").write_text("of another step")
    branches = Branches(ground.work, scratch)
    branches.put_in_order(["1", "2"])
    async with sandbox.open(Policy(work_dir=ground.work)) as around:
        async with branches.fork(Node("2", writes=("out/*",))) as branch:
            async with sandbox.open(Policy(work_dir=branch.work_dir)) as cell:
                done = await cell.execute(
                    "cat a.txt && mkdir out && echo x > out/x && ln -s $PWD/a.txt link && rm sub/b.txt"
                    f" && ! cat {scratch}/other/secret 2> /dev/null",
                    timeout_s=30,
                )
                assert (done.exit_code, done.stdout) == (0, "aaa"), done.stderr
            assert owners(branch.work_dir) == {os.getuid()}
            merge = await branches.merge(branch)
        assert set(merge.changed) == {"out/x", "link", "sub/b.txt"}
        # Whoever is at work in the base has what was merged as if it were made there.
        done = await around.execute("cat out/x link && echo y >> out/x && ls sub", timeout_s=30)
        assert (done.exit_code, done.stdout) == (0, "x\naaa"), done.stderr
    assert (ground.work / "out" / "x").read_text() == "x\ny\n"
    assert owners(ground.work) == {os.getuid()}
    assert [path.name for path in scratch.iterdir()] == ["other"]


@pytest.mark.parametrize("name", CONFINING)
async def test_what_a_cell_reads_is_seen(name: str, ground: Ground) -> None:
    if os.statvfs(ground.work).f_flag & os.ST_NOATIME:
        pytest.skip("this disk does not note reads")
    sandbox = working(name)
    branches = Branches(ground.work, ground.outside / "scratch")
    branches.put_in_order(["1", "2"])
    reader = Node("2", writes=("out.txt",))
    async with branches.fork(reader) as branch:
        async with branches.fork(Node("1", writes=("a.txt",))) as other:
            (other.work_dir / "a.txt").write_text("new")
            assert (await branches.merge(other)).is_merged
        async with sandbox.open(Policy(work_dir=branch.work_dir)) as cell:
            # Looking at names is no reading.
            assert (await cell.execute("ls -lR > out.txt", timeout_s=30)).exit_code == 0
        assert (await branches.merge(branch)).is_merged
    async with branches.fork(reader) as branch:
        async with branches.fork(Node("1", writes=("a.txt",))) as other:
            (other.work_dir / "a.txt").write_text("newer")
            assert (await branches.merge(other)).is_merged
        async with sandbox.open(Policy(work_dir=branch.work_dir)) as cell:
            assert (await cell.execute("cat a.txt > out.txt", timeout_s=30)).exit_code == 0
        assert (await branches.merge(branch)).conflicts == ("a.txt",)
    branches.give_up(reader)
