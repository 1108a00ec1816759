"""The files of a skill folder as a certificate lists them: every one, and no link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from skvm.certify.statement import ListedFile
from skvm.errors import UsageError
from skvm.skill.bundle import MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES

__all__ = ["IGNORED", "survey"]

IGNORED = (".git", ".hg", ".svn", ".DS_Store", "*.bak.*")
"""Names that are never part of a skill, wherever they lie; ``skvm.lock`` at the top is none either."""
_LOCK = "skvm.lock"
_CHUNK = 1 << 20


def survey(folder: Path) -> tuple[ListedFile, ...]:
    """List and hash everything below a skill folder, in order of path.

    Raises:
        UsageError: It cannot be read, holds what is neither file, folder nor link, a name that is not UTF-8,
            or is larger than a skill may be.
    """
    found: list[ListedFile] = []
    total = 0
    for path in _paths(folder):
        if len(found) >= MAX_BUNDLE_FILES:
            raise UsageError(f"{folder} has more than {MAX_BUNDLE_FILES} files, which is no skill")
        listed = _listed(folder, path)
        total += listed.size or 0
        if total > MAX_BUNDLE_BYTES:
            raise UsageError(f"{folder} is larger than {MAX_BUNDLE_BYTES >> 20} MiB, which is no skill")
        found.append(listed)
    return tuple(sorted(found, key=lambda listed: listed.path))


def _paths(folder: Path) -> Iterator[str]:
    pending = [""]
    folders = 0
    while pending:
        parent = pending.pop()
        folders += 1
        if folders > MAX_BUNDLE_FILES:
            raise UsageError(f"{folder} has more than {MAX_BUNDLE_FILES} folders, which is no skill")
        try:
            with os.scandir(folder / parent) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            raise UsageError(f"{folder / parent} cannot be listed: {error.strerror}") from error
        for entry in entries:
            path = f"{parent}/{entry.name}" if parent else entry.name
            if _is_ignored(entry.name) or path == _LOCK:
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            else:
                yield path


def _is_ignored(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in IGNORED)


def _listed(folder: Path, path: str) -> ListedFile:
    place = folder / path
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{folder} has a file whose name is not UTF-8: {os.fsencode(path)!r}") from error
    try:
        mode = place.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = os.fsencode(place.readlink())
            return ListedFile(path=path, kind="link", digest=_digest(target))
        if not stat.S_ISREG(mode):
            raise UsageError(f"{place} is neither a file, a folder nor a link", help="remove it")
        digest, size, mode = _read(place)
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error
    return ListedFile(path=path, digest=digest, size=size, is_executable=bool(mode & stat.S_IXUSR))


def _read(place: Path) -> tuple[str, int, int]:
    """Digest, size and mode of a file, all of the one that was opened."""
    # It may have become a link or a pipe since it was looked at: neither is followed or waited for.
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(f"{place} is not a regular file any more")
        total, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > MAX_BUNDLE_BYTES:
                raise UsageError(f"{place} is larger than {MAX_BUNDLE_BYTES >> 20} MiB, which is no skill")
            total.update(chunk)
    return f"sha256:{total.hexdigest()}", size, mode


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
