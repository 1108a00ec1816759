"""Blobs: bytes under their digest, written once."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.redact import Redactor
from skvm.files import replace_file

__all__ = ["BlobStore", "digest_of"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


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
            if not self._holds(path, data):
                self._write(path, data)
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
        """Whether a blob is here (its bytes are not verified)."""
        return self._path(digest).is_file()

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


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
