"""A copy of a work directory, and what is known of every entry of it.

Where the disk can share blocks between files, a copy of a file costs no more than its name; else it is read
and written. Times of last access are set to the beginning of all time: so it can be seen what is read in the
copy, where the disk notes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from skvm.errors import InfrastructureError
from skvm.evaluate.workspace import Ceiling
from skvm.runtime.plan.branching.tree import Root, Stamp, file_digest, stamp_of, walk

__all__ = ["NEVER_NS", "Copy", "Given", "TooLargeError", "copy_out"]

NEVER_NS = 0
"""Time of last access of what was not read since it was copied."""
_IS_LINUX = sys.platform == "linux"
_CLONE = 0x40049409
"""``FICLONE``: have a file share the blocks of another one."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNSTEADY_NS = 50_000_000
"""A file changed so shortly before it was looked at may change again without a new time."""
_CHUNK, _SENT = 1 << 20, 1 << 26
_CANNOT_SEND = frozenset({errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM})
_CANNOT_CLONE = _CANNOT_SEND | {errno.ENOTTY}


class TooLargeError(InfrastructureError):
    """A work directory is too large to be copied."""


class Given(NamedTuple):
    """An entry as it was copied.

    Args:
        stamp: Of the original; of no size at all if it changed while it was copied.
        own_inode: Of the copy.
        own_link: Where the copied link leads.
        digest: Of a file whose time cannot be trusted to tell the next change; else it is not known.
    """

    stamp: Stamp
    own_inode: int = 0
    own_link: str = ""
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """What was copied.

    Args:
        given: By path.
        notes: One line for each kind of thing that was left out.
        can_clone: Whether the disk shares blocks, as far as was tried.
        notes_reads: Whether a time of last access is kept as it was set, so that a later one tells a read.
    """

    given: Mapping[str, Given]
    notes: tuple[str, ...] = ()
    can_clone: bool = False
    notes_reads: bool = False


def copy_out(base: Root, base_path: Path, target: Path, ceiling: Ceiling, *, can_clone: bool = True) -> Copy:
    """Copy a tree into an empty folder of our own. Blocks.

    Args:
        base: The tree.
        base_path: Its path: links with it in their text are made to stay within the copy.
        target: Where it goes; nobody else is at work there.
        ceiling: What is too large.
        can_clone: ``False`` if the disk is known not to share blocks.

    Raises:
        TooLargeError: It is beyond the ceiling.
        OSError: The disk is full or cannot be written.
    """
    copying = _Copying(base_path, target, ceiling, can_clone)
    for path, folder, entry in walk(base, copying.drop, max_depth=ceiling.max_depth):
        copying.take(path, folder, entry)
    # From the deepest on: a folder that may not be written takes no more entries.
    for path in reversed(copying.folders):
        os.chmod(target / path, copying.given[path].stamp.mode)  # noqa: PTH101 - hot path
    return Copy(copying.given, copying.notes(), copying.can_clone, copying.notes_reads)


@dataclass(slots=True)
class _Copying:
    base: Path
    target: Path
    ceiling: Ceiling
    can_clone: bool
    given: dict[str, Given] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    size_bytes: int = 0
    notes_reads: bool = True

    def drop(self, path: str, reason: str) -> None:
        if reason == "too deep":
            raise TooLargeError(f"{self.base}: {path} is deeper than {self.ceiling.max_depth} folders")
        self.dropped.setdefault(reason, []).append(path)

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"left out of the copy ({reason}): {', '.join(paths[:3])}"
            + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")
            for reason, paths in sorted(self.dropped.items())
        )

    def take(self, path: str, folder: int, entry: os.DirEntry[str]) -> None:
        """Copy one entry."""
        if len(self.given) >= self.ceiling.max_entries:
            raise TooLargeError(f"{self.base}: holds more than {self.ceiling.max_entries:,} files")
        try:
            if entry.is_symlink():
                self._take_link(path, folder, entry.name)
            elif entry.is_dir(follow_symlinks=False):
                self._take_folder(path, folder, entry.name)
            elif entry.is_file(follow_symlinks=False):
                self._take_file(path, folder, entry.name)
            else:
                self.drop(path, "special files")
        except (FileNotFoundError, NotADirectoryError):
            # Somebody at work in the original removed it just now.
            return
        except PermissionError as error:
            self.drop(path, error.strerror or "unreadable")

    def _take_link(self, path: str, folder: int, name: str) -> None:
        leads_to = os.readlink(name, dir_fd=folder)
        inode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino
        own, plain = leads_to, os.path.normpath(leads_to)
        if Path(plain).is_relative_to(self.base):
            own = os.path.relpath(plain, (self.base / path).parent)
        (self.target / path).symlink_to(own)
        self.given[path] = Given(Stamp("link", 0o777, inode=inode, leads_to=leads_to), own_link=own)

    def _take_folder(self, path: str, folder: int, name: str) -> None:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        (self.target / path).mkdir(mode=0o700)
        self.given[path] = Given(stamp_of(status))
        self.folders.append(path)

    def _take_file(self, path: str, folder: int, name: str) -> None:
        source = os.open(name, _FILE, dir_fd=folder)
        try:
            before = os.fstat(source)
            if not stat.S_ISREG(before.st_mode):
                self.drop(path, "special files")
                return
            self.size_bytes += before.st_size
            if self.size_bytes > self.ceiling.max_bytes:
                raise TooLargeError(f"{self.base}: holds more than {self.ceiling.max_bytes:,} bytes")
            self.given[path] = self._copied(path, source, before)
        finally:
            os.close(source)

    def _copied(self, path: str, source: int, before: os.stat_result) -> Given:
        now_ns = time.time_ns()
        copied = f"{self.target}/{path}"
        target = os.open(copied, _NEW, 0o600)
        try:
            self._fill(source, target, before.st_size)
            stamp = stamp_of(before)
            if stamp_of(os.fstat(source)) != stamp:
                stamp = stamp._replace(size=-1)
            digest = None
            if before.st_mtime_ns > now_ns - _UNSTEADY_NS:
                digest = _digest(copied)
            os.fchmod(target, stamp.mode)
            os.utime(target, ns=(NEVER_NS, before.st_mtime_ns))
            own = os.fstat(target)
            self.notes_reads = self.notes_reads and own.st_atime_ns == NEVER_NS
            return Given(stamp, own.st_ino, digest=digest)
        finally:
            os.close(target)

    def _fill(self, source: int, target: int, size: int) -> None:
        if _IS_LINUX and self.can_clone:
            try:
                fcntl.ioctl(target, _CLONE, source)
            except OSError as error:
                if error.errno not in _CANNOT_CLONE:
                    raise
                self.can_clone = False
            else:
                return
        if size:
            _send(source, target)


def _send(source: int, target: int) -> None:
    """Copy a file to its end, in the kernel as far as that can."""
    try:
        while _IS_LINUX and os.copy_file_range(source, target, _SENT):
            continue
    except OSError as error:
        if error.errno not in _CANNOT_SEND:
            raise
    # Both stand where the kernel left off, as a rule at the end.
    while chunk := os.read(source, _CHUNK):
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(target, rest) :]


def _digest(path: str) -> str:
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120
    try:
        return file_digest(folder, os.path.basename(path))  # noqa: PTH119
    finally:
        os.close(folder)
