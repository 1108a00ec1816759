"""What a worker is started with and what it is to take from itself."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skvm.harness.sandbox import Limits

__all__ = ["Launch", "PathRules"]


@dataclass(frozen=True, slots=True)
class PathRules:
    """What Landlock leaves of the file system, and of TCP: all, or some ports to connect to."""

    readable: Sequence[str]
    writable: Sequence[str]
    network: bool
    ports: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """How a worker is started and what it takes from itself.

    Args:
        sandbox: Name of the back end, for messages.
        argv: The program.
        work_dir: Work directory as the cell sees it.
        env: Environment of commands.
        limits: Resource limits.
        errors: File that takes what the program says on standard error.
        prelude: What the program reads before the first message.
        fork_server: Program that forks such a worker faster, in the place of ``argv`` where it can.
        uid: User to become, if started by root.
        landlock: Path rules to apply in the worker's children.
        families: Socket families left by the system-call filter; ``None`` for no filter.
        dies_with_parent: Whether the kernel is to kill the worker with its parent. Not where the worker
            has to clear up by itself; it does so when its input ends.
        listen_ports: Loopback ports on which the worker is to listen for us, in a network of the cell's own.
        listeners: Instead of that, sockets of the host.
        is_tcp_only: Whether the system-call filter leaves nothing of IPv4 but connecting over TCP.
    """

    sandbox: str
    argv: Sequence[str]
    work_dir: Path
    env: Mapping[str, str]
    limits: Limits
    errors: Path
    prelude: bytes = b""
    fork_server: tuple[str, ...] = ()
    uid: int | None = None
    landlock: PathRules | None = None
    families: Sequence[int] | None = None
    dies_with_parent: bool = False
    listen_ports: Sequence[int] = ()
    listeners: Sequence[socket.socket] = ()
    is_tcp_only: bool = False

    def config(self, door: int | None = None) -> dict[str, Any]:
        """The first message to the worker; ``door`` is its descriptor to hand listening sockets out by."""
        return {
            "work_dir": str(self.work_dir),
            "env": dict(self.env),
            "limits": asdict(self.limits),
            "uid": self.uid,
            "landlock": None if self.landlock is None else asdict(self.landlock),
            "families": self.families,
            "dies_with_parent": self.dies_with_parent,
            "is_tcp_only": self.is_tcp_only,
            "door": door,
            "listen_ports": list(self.listen_ports),
        }
