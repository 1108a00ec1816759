"""The files of a work directory that a reader is shown, and which of them an agent made.

What lies there is hostile: links lead anywhere, a name may hold any byte, a file may be a pipe. Nothing
here follows a link or opens anything but a regular file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Literal

__all__ = ["Listing", "Origin", "given_files", "list_files", "open_regular", "origin_of"]

Origin = Literal["created", "changed", "given", "unknown"]
"""Where a file comes from: the agent made it, changed it, found it; or nobody took note."""

MAX_FILES = 5_000
"""Files looked at; an agent that leaves more is told about, not searched."""
_FOREIGN_FOLDERS = frozenset({"node_modules", "skills"})
_IDENTITY = frozenset({"SOUL", "BOOTSTRAP", "USER", "IDENTITY", "HEARTBEAT", "TOOLS", "AGENTS"})


@dataclass(frozen=True, slots=True)
class Listing:
    """Regular files of a tree.

    Args:
        files: POSIX paths relative to its root, sorted.
        left_out: What was passed over, by reason, sorted.
        is_whole: Whether all of the tree was looked at.
    """

    files: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]
    is_whole: bool = True


def list_files(root: Path) -> Listing:
    """List regular files, without hidden ones, packages, skills and what a harness lays out for itself."""
    files: list[str] = []
    left_out: dict[str, list[str]] = {}
    waiting = [("", root)]
    while waiting and len(files) <= MAX_FILES:
        prefix, folder = waiting.pop()
        for entry in _entries(folder):
            name = f"{prefix}{entry.name}"
            if reason := _why_not(entry, prefix):
                left_out.setdefault(reason, []).append(name)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append((f"{name}/", Path(entry.path)))
            else:
                files.append(name)
    files.sort()
    if excess := files[MAX_FILES:]:
        left_out[f"more than {MAX_FILES:,} files"] = excess
    sorted_out = {reason: tuple(sorted(left_out[reason])) for reason in sorted(left_out)}
    return Listing(tuple(files[:MAX_FILES]), sorted_out, is_whole=len(files) <= MAX_FILES)


def given_files(root: Path) -> dict[str, str]:
    """Digests of what lies in a work directory before its agent starts, by path."""
    found = {}
    for name in list_files(root).files:
        if digest := _digest(root / name):
            found[name] = digest
    return found


def origin_of(root: Path, name: str, given: Mapping[str, str] | None) -> Origin:
    """Where a listed file comes from, seen from what was given."""
    if given is None:
        return "unknown"
    if name not in given:
        return "created"
    return "given" if _digest(root / name) == given[name] else "changed"


@contextmanager
def open_regular(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file, following no link and waiting for no pipe.

    Raises:
        OSError: It is no regular file, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "is not a regular file", str(path))
        yield file


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        # A folder the agent closed to readers shows nothing, as it chose.
        return []


def _why_not(entry: os.DirEntry[str], prefix: str) -> str:
    name = entry.name
    if entry.is_symlink():
        return "links"
    if name.startswith("."):
        return "hidden"
    if entry.is_dir(follow_symlinks=False):
        return "skills and packages" if name in _FOREIGN_FOLDERS else ""
    if not entry.is_file(follow_symlinks=False):
        return "special files"
    stem, _, suffix = name.partition(".")
    is_identity = not prefix and stem in _IDENTITY and suffix.lower() in {"", "md"}
    return "files of the harness" if is_identity else ""


def _digest(path: Path) -> str:
    """Digest of a file; ``""`` where it cannot be read, so that it equals no given one."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
