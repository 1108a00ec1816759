"""Merges that end, as if killed, before each of their changes to files, and what finishes them likewise.

``python killed_merge.py PLACE MODE`` prints one JSON list: for every number of operations, what the directory
held right after the merge was ended, and what it holds after it was recovered; ``MODE`` is ``same-disk``,
``other-disk``, or ``twice`` where the recovery is ended likewise before the last one.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from skvm.runtime.plan.branching import Branch, Branches, merging, placing
from skvm.runtime.plan.model import Node

COUNTED = (
    "open", "rename", "replace", "unlink", "mkdir", "rmdir", "symlink", "fsync", "write", "chmod", "fchmod",
    "chown", "utime",
)  # fmt: skip
KILLED = 9


def end_after(limit: int) -> None:
    """Have this process end after that many operations more."""
    left = [limit]

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return function(*args, **kwargs)  # changes nothing
            left[0] -= 1
            if left[0] < 0:
                os._exit(KILLED)
            return function(*args, **kwargs)

        return call

    for name in COUNTED:
        setattr(os, name, counted(name, getattr(os, name)))


def lay(base: Path) -> None:
    (base / "goes").mkdir(parents=True)
    (base / "goes" / "inside").write_text("old")
    (base / "becomes-folder").write_text("old")
    (base / "becomes-file").mkdir()
    (base / "becomes-file" / "inside").write_text("old")
    (base / "changes").write_text("old")
    (base / "stays").write_text("old")


def work_in(work: Path) -> None:
    (work / "goes" / "inside").unlink()
    (work / "goes").rmdir()
    (work / "becomes-folder").unlink()
    (work / "becomes-folder").mkdir()
    (work / "becomes-folder" / "inside").write_text("new")
    (work / "becomes-file" / "inside").unlink()
    (work / "becomes-file").rmdir()
    (work / "becomes-file").write_text("new")
    (work / "changes").write_text("new")
    (work / "made").mkdir()
    (work / "made" / "deep").mkdir()
    (work / "made" / "deep" / "file").write_text("new")
    (work / "made" / "deep").chmod(0o555)
    (work / "made" / "link").symlink_to("deep/file")
    os.link(work / "changes", work / "second-name")


def tree(root: Path) -> dict[str, str]:
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = path.read_text() if path.is_file() else f"folder {path.stat().st_mode & 0o777:o}"
    return found


async def merge(base: Path, scratch: Path, limit: int) -> None:
    async def work(branch: Branch) -> None:
        await anyio.to_thread.run_sync(work_in, branch.work_dir)

    def place_all(*args: Any) -> None:
        end_after(limit)
        placing_all(*args)

    placing_all, merging.place_all = merging.place_all, place_all
    await Branches(base, scratch, has_marks=True).run(Node("1", is_open=True), work)


async def recover(base: Path, scratch: Path, limit: int | None = None) -> None:
    if limit is not None:
        end_after(limit)
    await Branches(base, scratch).recover()


def in_child(function: Callable[..., Awaitable[None]], *args: object) -> bool:
    """Run it in a process of its own; says whether it was ended."""
    child = os.fork()
    if child == 0:
        try:
            anyio.run(function, *args)
        except BaseException:  # noqa: BLE001 - told by the exit code
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, KILLED):
        raise SystemExit(f"{function.__name__} {args} failed with {status}")
    return status == KILLED


def story(place: Path, limit: int, recovery_limit: int | None) -> tuple[bool, dict[str, object]]:
    base, scratch = place / f"base-{limit}-{recovery_limit}", place / f"scratch-{limit}-{recovery_limit}"
    lay(base)
    was_ended = in_child(merge, base, scratch, limit)
    half = tree(base)
    if recovery_limit is not None:
        was_ended = in_child(recover, base, scratch, recovery_limit)
    in_child(recover, base, scratch)
    branches = Branches(base, scratch)
    told = anyio.run(branches.recover)
    anyio.run(branches.forget)
    return was_ended, {
        "half": half,
        "whole": tree(base),
        "told": [merged.node for merged in told],
        "left": sorted(path.name for path in scratch.iterdir()),
    }


def main() -> None:
    place, mode = Path(sys.argv[1]), sys.argv[2]
    if mode == "other-disk":
        # As if each folder of a branch were on a disk of its own.
        disk = placing._disk
        placing._disk = lambda descriptor: (0, _is_scratch(descriptor)) if disk(descriptor) else (0, "")
    told = []
    if mode == "twice":
        for limit in range(8, 40, 8):
            for again in itertools.count(0, 4):
                was_ended, found = story(place, limit, again)
                told.append(found)
                if not was_ended:
                    break
    else:
        for limit in itertools.count():
            was_ended, found = story(place, limit, None)
            told.append(found)
            if not was_ended:
                break
    sys.stdout.write(json.dumps(told))


def _is_scratch(descriptor: int) -> str:
    return "scratch" if "/scratch-" in str(Path(f"/proc/self/fd/{descriptor}").readlink()) else "base"


if __name__ == "__main__":
    main()
