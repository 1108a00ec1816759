"""Takes descriptors that come beside requests: files of ours, open for what a command prints."""

from __future__ import annotations

import os
import sys

__all__ = ["Hands"]

_COUNT, _BYTES = 2, 4


class Hands:
    """Reads the worker's connection, and keeps the descriptors that come with it until they are asked for.

    Args:
        connection: Descriptor of the connection; it stays open.
    """

    def __init__(self, connection: int) -> None:
        # Few cells need it, and it would be a tenth of every worker's start.
        import _socket

        self._room = _socket.CMSG_LEN(_COUNT * _BYTES)
        self._flags, self._rights = getattr(_socket, "MSG_CMSG_CLOEXEC", 0), _socket.SCM_RIGHTS
        self._socket = _socket.socket(fileno=os.dup(connection))
        self._held: list[int] = []

    def read(self, size: int) -> bytes:
        """Read what has come, at most ``size`` bytes."""
        data, beside, _, _ = self._socket.recvmsg(size, self._room, self._flags)
        for _, kind, packed in beside:
            if kind == self._rights:
                ends = range(_BYTES, len(packed) + 1, _BYTES)
                self._held += [int.from_bytes(packed[end - _BYTES : end], sys.byteorder) for end in ends]
        return data

    def take(self) -> tuple[int, ...]:
        """The two oldest descriptors, now the caller's: they come in the order of their requests."""
        taken, self._held = tuple(self._held[:_COUNT]), self._held[_COUNT:]
        return taken
