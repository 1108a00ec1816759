"""Reading task sets of strangers: bounded, never out of the folder, byte for byte.

Whatever is found wrong is a ``UsageError`` whose message an importer gives as its reason for leaving a task
out; nothing here writes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from skvm.errors import UsageError
from skvm.task.loader import escapes

__all__ = ["MAX_TASK_BYTES", "Files", "TaskFile", "inside", "is_within", "read_text", "tree"]

MAX_TEXT_BYTES = 16 << 20
MAX_TASK_BYTES = 512 << 20
"""Of all files of one task, by their nominal size."""
MAX_ENTRIES = 5_000
MAX_DEPTH = 32
_IGNORED = frozenset({".git", ".hg", ".svn", ".DS_Store", "__pycache__"})


@dataclass(frozen=True, slots=True)
class TaskFile:
    """One file, or empty folder, of a task folder.

    Args:
        path: POSIX path relative to the task's folder.
        data: Its bytes, the regular file that holds them, or ``None`` for a folder.
        is_executable: Whether it may be run.
    """

    path: str
    data: bytes | Path | None
    is_executable: bool = False

    @property
    def size_bytes(self) -> int:
        """Nominal size."""
        if isinstance(self.data, Path):
            return self.data.stat().st_size
        return len(self.data or b"")


@dataclass(frozen=True, slots=True)
class Files:
    """What a folder holds.

    Args:
        files: In order of path.
        notes: One line for each thing that was left out.
    """

    files: tuple[TaskFile, ...] = ()
    notes: tuple[str, ...] = ()

    def under(self, prefix: str) -> tuple[TaskFile, ...]:
        """The same files below another folder."""
        return tuple(TaskFile(f"{prefix}/{file.path}", file.data, file.is_executable) for file in self.files)


def is_within(path: Path, root: Path) -> bool:
    """Whether a path, every link followed, is a folder or lies in it."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a NUL
        return False


def read_text(path: Path, *, root: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """A text file without its byte-order mark; line ends are as they were.

    Args:
        path: The file.
        root: The folder no link may lead out of: a prompt must not be a file of this machine.
        max_bytes: Longer ones are not read.

    Raises:
        UsageError: It is absent, no regular file, outside, too large or not UTF-8.
    """
    try:
        if not is_within(path, root):
            raise UsageError(f"{path.name} is a link that leads out of its folder")
        if not path.is_file():
            raise UsageError(f"{path.name} is {'not a regular file' if os.path.lexists(path) else 'absent'}")
        if (size := path.stat().st_size) > max_bytes:
            raise UsageError(f"{path.name} is {size:,} bytes long; at most {max_bytes:,} are read")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is not UTF-8 (byte {error.start})") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}") from error
    if "\0" in text:
        raise UsageError(f"{path.name} is binary")
    return text


def inside(root: Path, name: str) -> Path:
    """The path below ``root`` that a task set names; it need not exist.

    Raises:
        UsageError: It is absolute, climbs out, or leads out of the root through a link.
    """
    if escapes(name):
        raise UsageError(f"{name!r} leads out of its folder")
    path = root.joinpath(name)
    if not is_within(path, root):
        raise UsageError(f"{name[:120]!r} is a link that leads out of its folder")
    return path


def tree(folder: Path, *, root: Path, leave_out: Sequence[str] = ()) -> Files:
    """All regular files below a folder, and its empty folders.

    A link to a regular file within ``root`` counts as that file; other links, and special files, are left
    out with a note. Folders of version control are left out silently.

    Args:
        folder: Where to look; need not exist. One that lies outside ``root`` is left out whole.
        root: Where links may lead.
        leave_out: POSIX paths relative to the folder.

    Raises:
        UsageError: There are more files, bytes or levels than a task may have.
    """
    boundary = root.resolve()
    files: list[TaskFile] = []
    notes: list[str] = []
    total = 0
    if not is_within(folder, root):
        return Files(notes=(f"{folder.name} was left out: a link out of the folder",))
    waiting = [("", folder)] if folder.is_dir() else []
    while waiting:
        prefix, place = waiting.pop()
        if prefix.count("/") > MAX_DEPTH:
            raise UsageError(f"{folder.name}/ has more than {MAX_DEPTH} levels of folders")
        listed = _listed(place, prefix, notes)
        kept = [
            entry for entry in listed if entry.name not in _IGNORED and prefix + entry.name not in leave_out
        ]
        if prefix and not listed:
            files.append(TaskFile(prefix.rstrip("/"), None))
        for entry in kept:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{path}/", Path(entry.path)))
            elif (real := _regular(entry, boundary)) is None:
                notes.append(f"{path} was left out: a link out of the folder, or no regular file")
            else:
                status = real.stat()
                total += status.st_size
                files.append(TaskFile(path, real, bool(status.st_mode & stat.S_IXUSR)))
        if total > MAX_TASK_BYTES or len(files) + len(waiting) > MAX_ENTRIES:
            raise UsageError(
                f"{folder.name}/ holds more than {MAX_ENTRIES:,} files or {MAX_TASK_BYTES >> 20} MiB"
            )
    return Files(tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(notes)))


def _listed(place: Path, prefix: str, notes: list[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        notes.append(f"{prefix or './'} was left out: {error.strerror}")
        return []


def _regular(entry: os.DirEntry[str], boundary: Path) -> Path | None:
    """The regular file an entry is or leads to within the boundary."""
    try:
        real = Path(entry.path).resolve() if entry.is_symlink() else Path(entry.path)
        if not stat.S_ISREG(real.lstat().st_mode):
            return None
        return real if not entry.is_symlink() or real.is_relative_to(boundary) else None
    except (OSError, RuntimeError):
        return None


def posix_name(name: str) -> str:
    """A relative path in its shortest form."""
    return PurePosixPath(name).as_posix()


__all__ += ["posix_name"]
