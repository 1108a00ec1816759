"""Blobs: bytes under their digest, written once.

Whoever cleans up holds the folder alone, whoever writes holds it with others; and what is put, or asked for
and found, counts as new. So a blob that was just put is there for as long as a cleaner's grace lasts.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.redact import Redactor
from skvm.files import replace_file

__all__ = ["BlobStore", "digest_of"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[0-9a-f]{64}")
_SWEEP_TIMEOUT_S = 30.0


def digest_of(data: bytes) -> str:
    """``sha256:`` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class BlobStore:
    """Content-addressed files in a folder, sharded by the first two hex digits.

    Calls block for a write and two fsyncs at most; async callers move them to a thread.

    Args:
        folder: Where the blobs lie; made (0700) when the first one is put.
        redactor: Replaces secrets before the digest is taken; ``None`` stores bytes as they are.
    """

    def __init__(self, folder: Path, *, redactor: Redactor | None = None) -> None:
        self.folder = folder
        self._redactor = redactor

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest (that of the redacted bytes); storing twice is harmless.

        Raises:
            InfrastructureError: The disk is full, read-only or broken.
        """
        data = self._redactor.data(data) if self._redactor else data
        digest = digest_of(data)
        path = self._path(digest)
        try:
            if not self._renewed(path, data):
                self._store(path, data)
        except OSError as error:
            raise InfrastructureError(
                f"{path}: cannot store evidence: {error.strerror or error}",
                help="free some space, or point SKVM_LOGS_DIR at a disk that can be written",
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            UsageError: The digest is malformed.
            InfrastructureError: There is no such blob, or its bytes changed on disk.
        """
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise InfrastructureError(f"there is no blob {digest} in {self.folder}") from None
        except OSError as error:
            raise InfrastructureError(f"{path}: cannot be read: {error.strerror or error}") from error
        if digest_of(data) != digest:
            raise InfrastructureError(
                f"{path}: its bytes are not what was stored", help="the file is damaged; delete it"
            )
        return data

    def has(self, digest: str) -> bool:
        """Whether a blob is here (its bytes are not verified); one that is counts as new."""
        path = self._path(digest)
        with self._held(fcntl.LOCK_SH):
            return path.is_file() and _renew(path)

    def path_of(self, digest: str) -> Path:
        """Where a blob lies, or would.

        Raises:
            UsageError: The digest is malformed.
        """
        return self._path(digest)

    def names(self) -> Iterator[str]:
        """Digests of all blobs there are, in order."""
        shards = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for shard in shards:
            if len(shard.name) == 2 and shard.is_dir() and not shard.is_symlink():
                yield from (f"sha256:{each.name}" for each in sorted(shard.iterdir()) if _is_blob(each))

    def remove_unless_new(self, digests: Iterable[str], *, before_s: float) -> tuple[str, ...]:
        """Remove blobs, but for those that were put since; gives which are gone.

        Args:
            digests: Which.
            before_s: Only what was last put before this moment, in seconds since the epoch.

        Raises:
            InfrastructureError: The disk refuses, or writers leave no gap for 30 s; what is gone is gone.
        """
        gone: list[str] = []
        try:
            with self._held(fcntl.LOCK_EX):
                for digest in digests:
                    path = self._path(digest)
                    with contextlib.suppress(FileNotFoundError):
                        if path.lstat().st_mtime < before_s:
                            path.unlink()
                            gone.append(digest)
        except OSError as error:
            raise InfrastructureError(
                f"{self.folder}: cannot be cleaned: {error.strerror or error}"
            ) from error
        return tuple(gone)

    def _renewed(self, path: Path, data: bytes) -> bool:
        with self._held(fcntl.LOCK_SH):
            return self._holds(path, data) and _renew(path)

    def _store(self, path: Path, data: bytes) -> None:
        path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._held(fcntl.LOCK_SH):
            self._write(path, data)

    @contextlib.contextmanager
    def _held(self, kind: int) -> Iterator[None]:
        """Hold the folder itself; where it cannot be held (some network disks), a cleaner's grace must do."""
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            # There is nothing to hold, or a file in its place, which is told where it is used.
            yield
            return
        try:
            _lock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)

    def _path(self, digest: str) -> Path:
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise UsageError(f"not a digest: {digest!r}", help="it has the form sha256:<64 hex digits>")
        return self.folder / match[1][:2] / match[1]

    @staticmethod
    def _holds(path: Path, data: bytes) -> bool:
        try:
            return path.read_bytes() == data
        except FileNotFoundError:
            return False

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        shard = path.parent
        if not shard.is_dir():
            # Parents made on the way get the usual mode, so each of ours is made by itself.
            shard.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shard.mkdir(exist_ok=True, mode=0o700)
            _sync_folder(shard.parent)
        replace_file(path, data)
        _sync_folder(shard)


def _is_blob(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


def _renew(path: Path) -> bool:
    """Make a blob count as new; always true."""
    # A folder that is read-only has no cleaner either.
    with contextlib.suppress(OSError):
        os.utime(path)
    return True


def _lock(descriptor: int, kind: int) -> None:
    if kind == fcntl.LOCK_SH:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, kind)
        return
    give_up_at = time.monotonic() + _SWEEP_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        except OSError:
            return
        else:
            return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
