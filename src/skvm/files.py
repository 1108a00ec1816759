"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, data: bytes | Iterable[bytes], *, mode: int = 0o600) -> None:
    """Write a file beside its name, sync it and rename it: a reader sees the old bytes or the new ones.

    Blocks for a write and an fsync. A process that is killed meanwhile leaves a ``.tmp-`` file and the
    old one.

    Args:
        path: The file, in an existing folder.
        data: All of its bytes, or the parts of it, which are then never in memory together.
        mode: Its permissions.

    Raises:
        OSError: The folder is absent, full or read-only; the old file is as it was.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
