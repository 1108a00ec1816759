"""The ``/etc`` of bubblewrap cells: one copy a process, shown as one mount instead of thirty.

Each mount of a cell costs as much as some files do to copy, and a bench opens thousands of cells. What name
look-ups need is not in it: it may change while we run, and a cell with a network is shown it as it is.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from skvm.harness.confine import provision

__all__ = ["LIVE", "shared_etc"]

LIVE = ("hosts", "resolv.conf")
"""Mounted as they are, for cells with a network."""


def shared_etc() -> Path:
    """A folder that holds what cells see of ``/etc``; readable by all, gone with this process.

    Places for what is mounted over it are there already, empty. Blocks for some 300 small files, once; and
    again where somebody has tidied the temporary folder up meanwhile.
    """
    shown = _made()
    if not (shown / "passwd").exists():
        _made.cache_clear()
        shown = _made()
    return shown


@functools.cache
def _made() -> Path:
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix=f"{provision.PREFIX}etc-")))
    # Whoever finds the folder and gets this lock knows that we are gone.
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    atexit.register(_remove, folder, lock, os.getpid())
    shown = folder / "etc"
    shown.mkdir()
    for name in provision.ETC:
        with suppress(OSError):
            _copy(Path("/etc", name), shown / name)
    for name in ("passwd", "group", *LIVE):
        (shown / name).touch()
    for place in (folder, shown):
        place.chmod(0o755)
    return shown


def _copy(source: Path, target: Path) -> None:
    """Copy an entry; a link stays one where it leads to what cells see."""
    real = Path(os.path.realpath(source))
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink() and any(real.is_relative_to(place) for place in provision.SYSTEM):
        target.symlink_to(real)
    elif real.is_dir():
        shutil.copytree(real, target, symlinks=True, ignore_dangling_symlinks=True)
    else:
        shutil.copyfile(real, target)


def _remove(folder: Path, lock: object, pid: int) -> None:
    # A fork of ours that ends is not the end of us.
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
