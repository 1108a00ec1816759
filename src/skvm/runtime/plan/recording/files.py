"""Digests of the files steps wrote. What lies in a work directory is hostile: no link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

__all__ = ["digest_of", "digests_of"]

_CHUNK_BYTES = 1 << 20
_MAX_BYTES = 256 << 20
"""Larger files are not read."""


def digest_of(root: Path, name: str) -> str | None:
    """The SHA-256 of a file below a folder, as hex; ``""`` where nothing lies.

    ``None`` for what has none: a folder, a link, a pipe, a file that cannot be read or is over 256 MiB, a
    name that leads out.
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith(("/", "~")) or "\0" in name:
        return None
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode) or info.st_size > _MAX_BYTES:
            return None
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def digests_of(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Digests of the plain files among some names; what is absent, a pattern or no file is left out."""
    found = {}
    for name in names:
        if any(mark in name for mark in "*?:") or name.endswith("/"):
            continue
        if digest := digest_of(root, name):
            found[name.removeprefix("./")] = digest
    return found
