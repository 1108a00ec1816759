"""Whatever is done in a branch, the directory looks like the branch after the merge."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import anyio
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.runtime.plan.branching import Branch, Branches, placing
from skvm.runtime.plan.model import Node

NAMES = ("a", "b", "c/a", "c/b", "c/d/a", "c/d", "c", "ü")


@dataclass(frozen=True, slots=True)
class Act:
    verb: str
    path: str
    other: str


def act(root: Path, one: Act) -> None:
    """Do something to a tree, if it can be done."""
    path, other = root / one.path, root / one.other
    try:
        if one.verb == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(one.other)
        elif one.verb == "append":
            with path.open("a") as file:
                file.write(one.other)
        elif one.verb == "folder":
            path.mkdir(parents=True, exist_ok=True)
        elif one.verb == "link":
            path.symlink_to(one.other)
        elif one.verb == "hard link":
            path.hardlink_to(other)
        elif one.verb == "rename":
            path.rename(other)
        elif one.verb == "close":
            path.chmod(0o500 if path.is_dir() else 0o400)
        elif one.verb == "open":
            path.chmod(0o755)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except (OSError, shutil.Error):
        return


ACTS = st.lists(
    st.builds(
        Act,
        st.sampled_from(
            ["write", "write", "append", "folder", "link", "hard link", "rename", "close", "open", "remove"]
        ),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    max_size=8,
)


def picture(root: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", status.st_mode)
        else:
            found[name] = ("file", status.st_mode, status.st_mtime_ns, path.read_bytes())
    return found


async def merge(base: Path, scratch: Path, acts: list[Act]) -> None:
    async def work(branch: Branch) -> dict[str, tuple[object, ...]]:
        def do() -> dict[str, tuple[object, ...]]:
            for one in acts:
                act(branch.work_dir, one)
            return picture(branch.work_dir)

        return await anyio.to_thread.run_sync(do)

    before = picture(base)
    made = await Branches(base, scratch).run(Node("1", is_open=True), work)
    assert made.tries == 1
    after = picture(base)
    assert made.merge is not None
    for name in made.value.keys() | after.keys():
        if name in made.merge.changed or before.get(name, ())[:1] != made.value.get(name, ())[:1]:
            assert after.get(name) == made.value.get(name), name
        else:
            # What was written as it was keeps its time.
            assert _timeless(after.get(name)) == _timeless(made.value.get(name)), name


def _timeless(seen: tuple[object, ...] | None) -> tuple[object, ...] | None:
    return seen if seen is None or seen[0] != "file" else (*seen[:2], seen[3])


@pytest.mark.parametrize("is_elsewhere", [False, True])
@settings(max_examples=150)
@given(before=ACTS, acts=ACTS)
def test_base_looks_like_the_branch(is_elsewhere: bool, before: list[Act], acts: list[Act]) -> None:
    place = Path(
        tempfile.mkdtemp(dir=next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None))
    )
    disk = placing._disk

    def other_disk(descriptor: int) -> tuple[int, str]:
        is_copy = "/scratch/" in str(Path(f"/proc/self/fd/{descriptor}").readlink())
        return disk(descriptor)[0], "copy" if is_copy else "base"

    try:
        base = place / "base"
        base.mkdir()
        for one in before:
            act(base, one)
        with mock.patch.object(placing, "_disk", other_disk if is_elsewhere else disk):
            anyio.run(merge, base, place / "scratch", acts)
        assert list((place / "scratch").iterdir()) == []
    finally:
        for folder in [path for path in place.rglob("*") if path.is_dir() and not path.is_symlink()]:
            folder.chmod(0o700)
        shutil.rmtree(place)
