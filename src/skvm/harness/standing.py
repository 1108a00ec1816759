"""Folders that stand whole or not at all: built beside their name, renamed, held by a lock, removed.

For what takes minutes to build and is shared by runs: private environments, installed programs. A record, a
file of a fixed name in the folder, says that it stands. Whoever is killed meanwhile leaves the old folder,
the new one, or rubbish that the next build clears away; the kernel lets go of a lock with its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError

__all__ = ["Standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One such folder, there or not.

    Args:
        folder: Its place.
        record: Name of the file in it that says it stands.
        noun: What messages call it (``environment``).
    """

    folder: Path
    record: str
    noun: str

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold its name alone, to build or remove it; clears what a killed build left.

        Raises:
            InfrastructureError: Another process holds it, or the disk refuses.
        """
        stack = contextlib.ExitStack()

        def take() -> None:
            stack.enter_context(self._lock())

        await anyio.to_thread.run_sync(take)
        try:
            yield
        finally:
            stack.close()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Keep it from being replaced or removed while something stands on it.

        Raises:
            InfrastructureError: It is being built or removed now, or is gone.
        """
        try:
            file = self._lock_path.open("rb")
        except OSError:
            # A cache that came without its locks, or one of somebody else: nobody can be kept out of it.
            yield
            return
        with file:
            refusal = f"{self.folder}: another process builds or removes this {self.noun} now"
            _flock(file, fcntl.LOCK_SH, refusal)
            if not (self.folder / self.record).is_file():
                raise InfrastructureError(
                    f"{self.folder}: the {self.noun} was removed meanwhile", help="make it again"
                )
            yield

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """A new folder whose path is longer than the final one's, removed unless it has been renamed.

        Raises:
            InfrastructureError: The disk refuses.
        """
        parent = self.folder.parent
        try:
            made = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}.new-", dir=parent))
        except OSError as error:
            raise InfrastructureError(f"{parent}: cannot be written: {error.strerror}") from error
        try:
            yield made
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: shutil.rmtree(made, ignore_errors=True))

    def put(self, scratch: Path, record: str) -> None:
        """Write the record into a built folder and give it the name; the lock must be held.

        Raises:
            InfrastructureError: The disk refuses; what stood there stands.
        """
        try:
            # Cells of another user must be able to read it.
            scratch.chmod(0o755)
            # What an installer left under this name may be a link to anywhere.
            (scratch / self.record).unlink(missing_ok=True)
            with (scratch / self.record).open("x", encoding="utf-8") as file:
                file.write(record)
            old = self.folder.parent / f".{self.folder.name}.old-{os.getpid()}"
            if self.folder.exists():
                self.folder.rename(old)
            try:
                scratch.rename(self.folder)
            except OSError:
                if old.exists():
                    old.rename(self.folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise InfrastructureError(
                f"{self.folder}: cannot be written: {error.strerror or error}"
            ) from error

    def remove(self) -> None:
        """Remove it; the lock must be held.

        Raises:
            InfrastructureError: The disk refuses.
        """
        away = self.folder.parent / f".{self.folder.name}.old-{os.getpid()}"
        try:
            # The record goes first: a folder without one is never taken for a whole one again.
            (self.folder / self.record).unlink(missing_ok=True)
            self.folder.rename(away)
            shutil.rmtree(away)
        except OSError as error:
            raise InfrastructureError(
                f"{self.folder}: cannot be removed: {error.strerror or error}"
            ) from error

    @property
    def _lock_path(self) -> Path:
        return self.folder.parent / f".{self.folder.name}.lock"

    @contextmanager
    def _lock(self) -> Iterator[None]:
        path = self._lock_path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        except OSError as error:
            raise InfrastructureError(f"{path}: cannot be written: {error.strerror}") from error
        with file:
            refusal = f"{self.folder}: another process builds, removes or uses this {self.noun} now"
            _flock(file, fcntl.LOCK_EX, refusal)
            self._reap()
            yield

    def _reap(self) -> None:
        """Clear what a killed build left; one that died between the two renames gets its old folder back."""
        name, parent = self.folder.name, self.folder.parent
        for left in sorted(parent.glob(f".{name}.old-*")):
            if not self.folder.exists() and (left / self.record).is_file():
                left.rename(self.folder)
        for pattern in (f".{name}.new-*", f".{name}.old-*"):
            for left in parent.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)


def _flock(file: IO[Any], kind: int, refusal: str) -> None:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        raise InfrastructureError(refusal, help="wait for it to end, then run the command again") from error
