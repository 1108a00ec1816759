"""Folders of strangers, copied: plain files alone, so many, so large, and there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError

__all__ = ["MAX_BYTES", "MAX_FILES", "Tree", "copy_tree", "read_tree"]

MAX_FILES = 20_000
MAX_BYTES = 512 << 20
_MAX_DEPTH = 40
_MAX_NAME_BYTES = 240
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """What a folder holds.

    Args:
        root: The folder.
        folders: Paths of folders below it, outer ones first.
        files: Path of each file and whether it may be executed, in order.
        size_bytes: All together.
        digest: SHA-256, in hex, of paths, modes and contents.
    """

    root: Path
    folders: tuple[str, ...]
    files: tuple[tuple[str, bool], ...]
    size_bytes: int
    digest: str


def read_tree(root: Path) -> Tree:
    """Look through a folder.

    Raises:
        UsageError: It holds a link, something that is no file or folder, a name no system of ours could have,
            or too much; or it cannot be read. Says which and where.
    """
    folders: list[str] = []
    files: list[tuple[str, bool]] = []
    total = 0
    summed = hashlib.sha256()
    waiting = [("", 0)]
    while waiting:
        place, depth = waiting.pop(0)
        if depth > _MAX_DEPTH:
            raise UsageError(f"{place}: more than {_MAX_DEPTH} folders deep")
        for name, mode in _entries(root, place):
            path = f"{place}/{name}" if place else name
            if stat.S_ISDIR(mode):
                folders.append(path)
                waiting.append((path, depth + 1))
            else:
                files.append((path, bool(mode & stat.S_IXUSR)))
            if len(files) + len(folders) > MAX_FILES:
                raise UsageError(f"more than {MAX_FILES:,} files")
    files.sort()
    for path, may_run in files:
        digest, size = _digest(root / path, MAX_BYTES - total)
        total += size
        summed.update(f"{path}\0{int(may_run)}\0{digest}\n".encode())
    return Tree(root, tuple(sorted(folders)), tuple(files), total, summed.hexdigest())


def _entries(root: Path, place: str) -> list[tuple[str, int]]:
    found = []
    try:
        with os.scandir(root / place) as listing:
            for entry in listing:
                mode = entry.stat(follow_symlinks=False).st_mode
                shown = f"{place}/{entry.name}".lstrip("/").encode("utf-8", "replace").decode()
                if stat.S_ISLNK(mode):
                    raise UsageError(f"{shown}: a link, which could lead anywhere")
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise UsageError(f"{shown}: neither a file nor a folder")
                name = os.fsencode(entry.name)
                if not entry.name.isprintable() or len(name) > _MAX_NAME_BYTES or "\\" in entry.name:
                    raise UsageError(f"{shown!a}: not a name we would give")
                found.append((entry.name, mode))
                if len(found) > MAX_FILES:
                    raise UsageError(f"more than {MAX_FILES:,} files")
    except OSError as error:
        raise UsageError(f"{place or '.'}: cannot be read: {error.strerror}") from error
    return sorted(found)


def _digest(path: Path, room: int) -> tuple[str, int]:
    summed, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            while data := file.read(_CHUNK):
                size += len(data)
                if size > room:
                    raise UsageError(f"more than {MAX_BYTES >> 20} MB")
                summed.update(data)
    except OSError as error:
        raise UsageError(f"{path.name}: cannot be read: {error.strerror}") from error
    return summed.hexdigest(), size


def copy_tree(tree: Tree, place: Path, *, replaces: bool = False) -> None:
    """Copy what was looked through; the place appears whole or not at all.

    Args:
        tree: As ``read_tree`` gave it.
        place: Where to; what lies there stays unless it may be replaced.
        replaces: Whether what lies there gets out of the way, under ``.replaced-<ms>-<name>``.

    Raises:
        UsageError: It changed since it was looked through, or something lies there.
        InfrastructureError: The disk refuses.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
    except OSError as error:
        raise _unwritable(place, error) from error
    try:
        made = scratch / "made"
        _lay(tree, made)
        if read_tree(made).digest != tree.digest:
            raise UsageError("it changed while it was copied")
        if replaces and os.path.lexists(place):
            place.rename(place.with_name(f".replaced-{time.time_ns() // 1_000_000}-{place.name}"))
        if os.path.lexists(place):
            raise UsageError("something lies there meanwhile")
        made.rename(place)
        _sync(place.parent)
    except OSError as error:
        raise _unwritable(place, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _lay(tree: Tree, made: Path) -> None:
    made.mkdir(mode=0o755)
    for folder in tree.folders:
        (made / folder).mkdir(mode=0o755)
    for path, may_run in tree.files:
        source = os.open(tree.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(source, "rb") as reading:
            mode = 0o755 if may_run else 0o644
            target = os.open(made / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(target, "wb") as writing:
                shutil.copyfileobj(reading, writing, _CHUNK)
                writing.flush()
                os.fchmod(target, mode)
                os.fsync(target)
    for folder in ("", *tree.folders):
        _sync(made / folder)


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(place: Path, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"{place}: cannot be written: {error.strerror or error}",
        help="free some space; what was adopted before stays",
    )
