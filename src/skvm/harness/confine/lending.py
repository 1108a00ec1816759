"""A work directory lent to the user of a cell, and taken back.

What a cell leaves is hostile: trees of any depth, links to anywhere. Nothing runs in it any more when it is
taken back, and no link is followed.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import InfrastructureError

__all__ = ["lent"]

_MAX_ENTRIES, _MAX_DEPTH = 300, 8


@contextmanager
def lent(work_dir: Path, uid: int | None) -> Iterator[None]:
    """Lend a work directory to the user of a cell and take it back; nothing happens without ``uid``.

    Raises:
        InfrastructureError: It cannot be handed over.
    """
    if uid is None:
        yield
        return
    status = work_dir.stat()
    _chown_tree(work_dir, uid, uid)
    try:
        yield
    finally:
        _chown_tree(work_dir, status.st_uid, status.st_gid, only=uid)


def _chown_tree(root: Path, uid: int, gid: int, only: int | None = None) -> None:
    # Starting a program takes longer than the few files a work directory holds as a rule.
    with suppress(OSError):
        parent = os.open(root.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _Handover(uid, gid, only).hand_over(root.name, parent, 0)
        finally:
            os.close(parent)
        return
    # chown(1) and find(1) walk trees of any depth without following links, which an adversary may have
    # planted; Python's own walks recurse. As an owner changes, the kernel takes setuid bits away from
    # files, but not from folders.
    among = [] if only is None else [f"--from={only}"]
    _run(["chown", "-R", "-h", *among, f"{uid}:{gid}", "--", str(root)], root)
    if only is not None:
        _run(
            ["find", str(root), "-type", "d", "-perm", "/6000", "-execdir", "chmod", "ug-s", "{}", "+"], root
        )


@dataclass(slots=True)
class _Handover:
    """Gives a small tree to another user.

    Args:
        uid: To whom.
        gid: To which group.
        only: What belongs to this user alone; and folders lose their setuid bits. ``None``: everything.
    """

    uid: int
    gid: int
    only: int | None
    entries: int = 0

    def hand_over(self, name: str, parent: int, depth: int) -> None:
        """One entry and all below it.

        Raises:
            OSError: It cannot be done, or the tree is not small.
        """
        self.entries += 1
        if self.entries > _MAX_ENTRIES or depth > _MAX_DEPTH:
            raise OSError("too much to do by hand")
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if self.only is None or status.st_uid == self.only:
            os.chown(name, self.uid, self.gid, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            return
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            if self.only is not None and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
                os.fchmod(folder, stat.S_IMODE(status.st_mode) & ~(stat.S_ISUID | stat.S_ISGID))
            for inner in os.listdir(folder):  # noqa: PTH208 - by descriptor
                self.hand_over(inner, folder, depth + 1)
        finally:
            os.close(folder)


def _run(command: list[str], root: Path) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # -execdir refuses relative entries
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InfrastructureError(f"{root}: the work directory cannot be handed over: {reason}")
