"""Trees of files, looked at by open folders only.

What lies in a work directory may be an agent's, and hostile, and another command may be at work in it: a
folder may become a link between two looks. So every path is walked from an open root, component by
component, and no link is ever followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from skvm.errors import InfrastructureError

__all__ = ["Kind", "Root", "Stamp", "file_digest", "link_digest", "stamp_of", "walk"]

Kind = Literal["file", "link", "folder", "special"]
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20


class Stamp(NamedTuple):
    """What changes of an entry whenever what it holds does.

    Of a folder only kind and mode count; its entries have stamps of their own.
    """

    kind: Kind
    mode: int
    size: int = 0
    modified_ns: int = 0
    inode: int = 0
    leads_to: str = ""


def stamp_of(status: os.stat_result, leads_to: str = "") -> Stamp:
    """The stamp of an entry; special bits of its mode are nothing."""
    mode = stat.S_IMODE(status.st_mode) & 0o777
    if stat.S_ISREG(status.st_mode):
        return Stamp("file", mode, status.st_size, status.st_mtime_ns, status.st_ino)
    if stat.S_ISDIR(status.st_mode):
        return Stamp("folder", mode)
    if stat.S_ISLNK(status.st_mode):
        return Stamp("link", 0o777, inode=status.st_ino, leads_to=leads_to)
    return Stamp("special", mode, inode=status.st_ino)


@dataclass(frozen=True, slots=True)
class Root:
    """An open folder; paths below it are POSIX, relative and without ``..``.

    Args:
        descriptor: The folder.
    """

    descriptor: int

    @classmethod
    @contextlib.contextmanager
    def of(cls, path: Path) -> Iterator[Root]:
        """Open a folder, itself perhaps reached by links.

        Raises:
            InfrastructureError: It is not there.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise InfrastructureError(f"{path}: cannot be opened: {error.strerror or error}") from error
        try:
            yield cls(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def around(self, path: str) -> Iterator[tuple[int, str]]:
        """The open folder an entry lies in, and its name there.

        Raises:
            OSError: One of the folders is not there, or is a link.
        """
        *folders, name = path.split("/")
        if name in ("", ".", "..") or ".." in folders:
            raise OSError(0, "leads out of the work directory", path)
        descriptor = os.dup(self.descriptor)
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, name
        finally:
            os.close(descriptor)

    def stamp(self, path: str) -> Stamp | None:
        """The stamp of an entry; ``None`` if there is none, or no way to it but through a link or a file."""
        try:
            with self.around(path) as (folder, name):
                return _stamp(folder, name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            # A link on the way: what is behind it is not ours to touch.
            return None

    def digest(self, path: str) -> str | None:
        """Of a regular file or a link; ``None`` for anything else, or nothing."""
        try:
            with self.around(path) as (folder, name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    return link_digest(os.readlink(name, dir_fd=folder))
                return file_digest(folder, name) if stat.S_ISREG(status.st_mode) else None
        except OSError:
            return None

    def names(self, path: str) -> list[str]:
        """What lies in a folder, sorted; nothing where it is none."""
        try:
            with self.around(path) as (around, name):
                folder = os.open(name, _FOLDER, dir_fd=around)
        except OSError:
            return []
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208 - by descriptor
        finally:
            os.close(folder)


def _stamp(folder: int, name: str) -> Stamp:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    is_link = stat.S_ISLNK(status.st_mode)
    return stamp_of(status, os.readlink(name, dir_fd=folder) if is_link else "")


def walk(
    root: Root, drop: Callable[[str, str], None], *, max_depth: int
) -> Iterator[tuple[str, int, os.DirEntry[str]]]:
    """Path, open folder and entry of everything below a root, parents first, in order of name.

    The folder is open only until the next entry is asked for.

    Args:
        root: Where to begin.
        drop: Told the path and the reason of what is passed over: unreadable, too deep, of no printable name.
        max_depth: Folders within folders.
    """
    yield from _walk(os.dup(root.descriptor), "", drop, max_depth)


def _walk(
    folder: int, prefix: str, drop: Callable[[str, str], None], depth_left: int
) -> Iterator[tuple[str, int, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{prefix}{entry.name}"
            if not entry.name.isascii() and not _is_text(entry.name):
                drop(path.encode("utf-8", "replace").decode(), "names that are no text")
                continue
            yield path, folder, entry
            if not entry.is_dir(follow_symlinks=False):
                continue
            if depth_left == 0:
                drop(path, "too deep")
                continue
            try:
                inner = os.open(entry.name, _FOLDER, dir_fd=folder)
            except OSError as error:
                drop(path, error.strerror or "unreadable")
                continue
            yield from _walk(inner, f"{path}/", drop, depth_left - 1)
    finally:
        os.close(folder)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def file_digest(folder: int, name: str) -> str:
    """``sha256:`` and 64 hex digits of a regular file in an open folder.

    Raises:
        OSError: It is no regular file, or cannot be read.
    """
    descriptor = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "is no regular file", name)
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def link_digest(leads_to: str) -> str:
    """The digest of a link: of where it leads."""
    return f"sha256:{hashlib.sha256(os.fsencode(leads_to)).hexdigest()}"
