"""A thing there is one of, on this machine: a lock file that the kernel frees when its process dies.

Whoever waits for it holds a second file shared, so that the process that has the lock can see that somebody
waits, and lets them have it before it takes it again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileLock"]


@dataclass(slots=True)
class FileLock:
    """A lock over all processes that use the same folder. Never waits.

    Where the folder cannot be written or its file system has no locks, it is always free; ``on_trouble`` is
    told once.

    Args:
        folder: Where lock files are kept; they stay.
        name: What it is for.
        on_trouble: Told why other processes cannot be kept out.
    """

    folder: Path
    name: str
    on_trouble: Callable[[str], None]
    _held: int | None = None
    _waiting: int | None = None
    _is_broken: bool = False

    def acquire(self) -> bool:
        """Take it if it is free; if not, be known to wait for it."""
        if self._is_broken:
            return True
        try:
            self._held = self._flock("lock", fcntl.LOCK_EX)
            if self._held is None:
                if self._waiting is None:
                    self._waiting = self._flock("wait", fcntl.LOCK_SH)
                return False
        except OSError as error:
            self._is_broken = True
            self.on_trouble(f"{self.name} is kept free within this process only: {error.strerror or error}")
        self.wait_no_more()
        return True

    def release(self) -> bool:
        """Give it back.

        Returns:
            Whether somebody else waits for it.
        """
        _free(self._held)
        self._held = None
        if self._is_broken:
            return False
        try:
            alone = self._flock("wait", fcntl.LOCK_EX)
        except OSError:
            # Nothing hangs on it: whoever waits has to be luckier.
            return False
        _free(alone)
        return alone is None

    def wait_no_more(self) -> None:
        """Nobody here waits for it now."""
        _free(self._waiting)
        self._waiting = None

    def _flock(self, kind: str, mode: int) -> int | None:
        """An open file with the lock, ``None`` if another process is in the way."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / f"{self._file_name}.{kind}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    @property
    def _file_name(self) -> str:
        """Readable, and different for every name."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        return f"{re.sub('[^A-Za-z0-9]+', '-', self.name)[:40].strip('-')}-{digest}"


def _free(descriptor: int | None) -> None:
    if descriptor is not None:
        # Not only closed: a child between fork and exec may still have it open.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
