"""Files laid out for a program, and taken away again.

A folder may have been another user's by now: it is lent to the cell. What is written belongs to the folder's
owner, and no link is followed on the way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["Laid", "lay", "tame"]


@dataclass(slots=True)
class Laid:
    """What was laid out in a folder.

    Args:
        root: The folder.
        files: Contents by path.
        folders: Folders that were made for them, parents first.
        standing: Paths where something lay already, which were left alone.
    """

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)

    def take_away(self) -> None:
        """Remove what is still as it was laid out; what was changed since is somebody's work and stays."""
        for name, data in self.files.items():
            with suppress(OSError), _parent_of(self.root, name) as folder:
                if _holds(folder, PurePosixPath(name).name, data):
                    os.unlink(PurePosixPath(name).name, dir_fd=folder)
        for name in reversed(self.folders):
            # One that holds something by now stays.
            with suppress(OSError), _parent_of(self.root, name) as folder:
                os.rmdir(PurePosixPath(name).name, dir_fd=folder)


def lay(
    root: Path,
    files: Mapping[str, bytes],
    *,
    file_mode: int,
    folder_mode: int,
    is_replacing: bool = False,
    executable: Collection[str] = (),
) -> Laid:
    """Write files below a folder, making their parents.

    Args:
        root: The folder; what is written belongs to its owner.
        files: Contents by path relative to it.
        file_mode: Their permissions.
        folder_mode: Those of the folders that are made.
        is_replacing: Whether files that lie there are replaced; else they are left alone and told.
        executable: Those of them that their owner may execute, too.

    Raises:
        OSError: A path leads out of the folder or through a link, or cannot be written.
    """
    laid = Laid(root)
    owner = root.stat()
    for name, data in sorted(files.items()):
        _check(name)
        _make_parents(laid, name, folder_mode, owner)
        leaf = PurePosixPath(name).name
        with _parent_of(root, name) as folder:
            if is_replacing:
                with suppress(FileNotFoundError):
                    os.unlink(leaf, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            try:
                descriptor = os.open(leaf, flags, file_mode, dir_fd=folder)
            except FileExistsError:
                laid.standing.append(name)
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), file_mode | (stat.S_IXUSR if name in executable else 0))
                _give(file.fileno(), owner)
            laid.files[name] = data
    return laid


def tame(root: Path) -> None:
    """Leave nothing but regular files and folders in a tree that a program left, for us to read.

    Links lead anywhere, and opening a pipe waits for its other end. Nothing runs in the tree any more.
    """
    for folder, names, others in os.walk(root):
        for name in (*names, *others):
            path = Path(folder, name)
            with suppress(OSError):
                if not stat.S_ISREG(mode := path.lstat().st_mode) and not stat.S_ISDIR(mode):
                    path.unlink()


def _check(name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise OSError(0, "leads out of its folder", name)


def _make_parents(laid: Laid, name: str, mode: int, owner: os.stat_result) -> None:
    for parent in reversed(PurePosixPath(name).parents[:-1]):
        with suppress(FileExistsError), _parent_of(laid.root, str(parent)) as folder:
            os.mkdir(parent.name, mode, dir_fd=folder)
            laid.folders.append(str(parent))
            inner = os.open(parent.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                os.fchmod(inner, mode)
                _give(inner, owner)
            finally:
                os.close(inner)


def _give(descriptor: int, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def _parent_of(root: Path, name: str) -> Iterator[int]:
    """The folder an entry lies in, as a descriptor; no link is followed below the root."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in _parents(name):
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _parents(name: str) -> Sequence[str]:
    return PurePosixPath(name).parts[:-1]


def _holds(folder: int, name: str, data: bytes) -> bool:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        return stat.S_ISREG(status.st_mode) and status.st_size == len(data) and file.read() == data
