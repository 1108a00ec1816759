"""Bytes between driver and worker: framed results, and blobs that a node is sent once."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from skvm.cluster.order import RunResult
from skvm.errors import InfrastructureError
from skvm.evidence.blobs import BlobStore, digest_of

__all__ = ["NodeStore", "pack", "pack_result", "unpack", "unpack_result"]

_LENGTH = struct.Struct(">Q")
_KEPT_S = 7 * 24 * 3600
"""How long a blob that nobody asks for stays on a node."""


def pack(head: bytes, data: Iterable[bytes]) -> bytes:
    """One run of bytes: the length of the head, the head, and what it speaks of."""
    return b"".join((_LENGTH.pack(len(head)), head, *data))


def unpack(packed: bytes) -> tuple[bytes, memoryview]:
    """Head and rest.

    Raises:
        InfrastructureError: It is not whole.
    """
    try:
        (length,) = _LENGTH.unpack_from(packed)
    except struct.error as error:
        raise InfrastructureError(f"what was sent is not whole: {error}") from error
    start = _LENGTH.size + length
    return packed[_LENGTH.size : start], memoryview(packed)[start:]


def pack_result(result: RunResult, blobs: Mapping[str, bytes]) -> bytes:
    """The record, and behind it the blobs in the order it names them."""
    sized = tuple((digest, len(data)) for digest, data in blobs.items())
    record = result.model_copy(update={"blobs": sized})
    return pack(_as_bytes(record), blobs.values())


def _as_bytes(record: RunResult) -> bytes:
    try:
        return record.model_dump_json(by_alias=True).encode()
    except ValueError:
        # A file name or a harness of others may hold what UTF-8 does not take; the journal has it so, too.
        plain = record.model_dump(mode="json", by_alias=True)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def unpack_result(data: bytes) -> tuple[RunResult, dict[str, bytes]]:
    """A result and its blobs, each held against its digest.

    Raises:
        InfrastructureError: It is not whole.
    """
    head, rest = unpack(data)
    try:
        result = RunResult.model_validate_json(head)
    except ValueError as error:
        raise InfrastructureError(f"a worker sent something that is no result: {error}") from error
    blobs = {}
    start = 0
    for digest, size in result.blobs:
        blobs[digest] = bytes(rest[start : start + size])
        start += size
        if digest_of(blobs[digest]) != digest:
            raise InfrastructureError(f"a worker sent bytes that are not {digest}")
    return result, blobs


class NodeStore(BlobStore):
    """Blobs of one node, shared by the workers on it and kept from one command to the next.

    Args:
        folder: Where they lie.
    """

    def lacking(self, digests: list[str]) -> list[str]:
        """Which of them are not here, or damaged; those that are here stay a while longer. Blocks."""
        return [digest for digest in digests if not self._is_whole(digest)]

    def _is_whole(self, digest: str) -> bool:
        if not self.has(digest):
            return False
        try:
            # Once for each worker: what is damaged is sent again, and written over.
            self.get(digest)
        except InfrastructureError:
            return False
        return True

    def prune(self) -> None:
        """Remove what nobody asked for in a week. Blocks."""
        limit = time.time() - _KEPT_S
        # Another worker may be told now that one of them is here, which makes it new: only the store knows.
        with contextlib.suppress(InfrastructureError, OSError):
            self.remove_unless_new(self.names(), before_s=limit)
        for path in Path(self.folder).glob("??/.*"):
            # What a writer that was killed left; another worker may remove it now, too.
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()
