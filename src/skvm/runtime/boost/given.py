"""Reading an agent's work directory from the host: what lies there is hostile."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

from skvm.runtime.boost.inside.values import path_refusal

__all__ = ["FILE_BYTES", "UnreadableError", "names_in", "read_given"]

FILE_BYTES = 16 << 20
"""The largest file that is looked at."""
_ENTRIES = 2_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class UnreadableError(Exception):
    """Something is there, and it is no plain file that may be read."""


def read_given(folder: Path, path: str, *, max_bytes: int = FILE_BYTES) -> bytes | None:
    """The bytes of a file of a work directory; blocks, but never on a pipe.

    Args:
        folder: The work directory.
        path: Relative to it.
        max_bytes: Of the file.

    Returns:
        ``None`` where there is nothing of that name.

    Raises:
        UnreadableError: It is a link, no regular file, too large, has another name, or may not be read.
    """
    if path_refusal(path) is not None:
        raise UnreadableError("the path leads out")
    *folders, name = (part for part in path.split("/") if part != ".")
    try:
        with ExitStack() as stack:
            inner = _open(stack, str(folder), _FOLDER, None)
            for part in folders:
                inner = _open(stack, part, _FOLDER, inner)
            return _read(_open(stack, name, _FILE, inner), max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableError(error.strerror or "it cannot be read") from error


def _open(stack: ExitStack, name: str, flags: int, beneath: int | None) -> int:
    descriptor = os.open(name, flags, dir_fd=beneath)
    stack.callback(os.close, descriptor)
    return descriptor


def _read(descriptor: int, max_bytes: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("it is no regular file")
    if status.st_nlink > 1:
        raise UnreadableError("it has another name somewhere")
    if status.st_size > max_bytes:
        raise UnreadableError("it is too large")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UnreadableError("it is too large")
    return data


def names_in(folder: Path) -> list[str] | None:
    """Names of the regular files right in a work directory, sorted; ``None`` where it cannot be listed."""
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= _ENTRIES:
                    return None
                if entry.is_file(follow_symlinks=False):
                    found.append(entry.name)
    except OSError:
        return None
    return sorted(found)
