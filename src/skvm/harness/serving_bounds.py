"""What a server of ours lets its clients have, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bounds", "GoneError", "RefusedError", "Room"]


class RefusedError(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status ≥ 400.
        reason: For the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a server lets a client have.

    Args:
        max_body_bytes: A longer request body is answered with 413.
        max_connections: Connections of one listener served at once; more wait in the kernel.
        first_s: How long a new connection may say nothing.
        idle_s: How long a connection may rest between two requests.
        request_s: How long one request may take to arrive.
        stall_s: How long a client may leave what was sent untaken.
    """

    max_body_bytes: int = 32 << 20
    max_connections: int = 256
    first_s: float = 30.0
    idle_s: float = 900.0
    request_s: float = 60.0
    stall_s: float = 300.0


class GoneError(Exception):
    """The client left, or does not take what it is sent."""


@dataclass(slots=True)
class Room:
    """The memory all request bodies together may take.

    Args:
        size: Bytes; what does not fit is answered with 503.
        used: Bytes taken.
    """

    size: int = 96 << 20
    used: int = 0

    def take(self, count: int) -> None:
        """Take some of it.

        Raises:
            RefusedError: There is not enough left.
        """
        if self.used + count > self.size:
            raise RefusedError(503, "too much is being asked at once")
        self.used += count

    def give_back(self, count: int) -> None:
        """Give back what was taken."""
        self.used -= count
