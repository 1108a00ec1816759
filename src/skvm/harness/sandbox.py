"""The sandbox contract: one confined cell a run, in which commands and file access happen.

A ``Cell`` is one worker process inside the confinement for the whole run; it serves commands and file
operations, so that nothing of an agent ever touches the host with our rights. Back ends live in
``harness/confine/``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Protocol

__all__ = ["Cell", "Entry", "Execution", "Fetched", "Limits", "Policy", "Sandbox", "SandboxReport", "Streams"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits of a cell.

    Args:
        cpu_s: Processor seconds of one process.
        memory_bytes: Address space of one process; ``None`` for programs that reserve far more than they use.
        processes: Processes and threads alive at once in the cell.
        file_bytes: Size of one written file.
        output_bytes: What is kept of stdout and of stderr, each; the rest is read and dropped.
    """

    cpu_s: int = 120
    memory_bytes: int | None = 4 << 30
    processes: int = 256
    file_bytes: int = 512 << 20
    output_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Policy:
    """What a cell may touch.

    Args:
        work_dir: Writable, and where commands start.
        network: Whether it may reach anything beyond itself.
        read_only: Further host paths, shown at the same place, read-only.
        env: Variables added to the small fixed set (PATH, HOME, LANG, TMPDIR …); nothing is inherited.
        path_prefix: Directories put before PATH; they are shown read-only.
        limits: Resource limits.
        writable: Directories in ``work_dir`` that alone may be written, made if absent; ``None``: all of it.
        listen_ports: Gives the cell ``listeners``, doors to servers of ours, whatever ``network`` says. They
            are at these loopback ports where the cell has a loopback of its own, else at free ones of the
            host.
        home: Private folder of the host, shown writable at the same place and HOME there. It is the cell's
            user's as long as the cell stands, and open to nobody else.
    """

    work_dir: Path
    network: bool = False
    read_only: Sequence[Path] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    path_prefix: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    listen_ports: Sequence[int] = ()
    writable: Sequence[Path] | None = None
    home: Path | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """What a command left.

    Args:
        exit_code: Its exit status; negative signal number where a signal ended it; ``None`` if it timed out.
        stdout: Kept output, decoded with replacement.
        stderr: Likewise.
        is_truncated: Whether output was dropped.
        is_timed_out: Whether the deadline ended it (its whole process tree is gone).
        duration_ms: Wall time.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    is_truncated: bool
    is_timed_out: bool
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Streams:
    """Where the output of a command goes.

    Args:
        stdout: File of ours, made or emptied; the cell neither sees nor names it.
        stderr: Likewise.
        max_bytes: Bytes of both together, after which the command is ended.
    """

    stdout: Path
    stderr: Path
    max_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory entry: name, whether it is a directory, size in bytes."""

    name: str
    is_dir: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """An HTTP answer: status, header fields in lower case, body text (capped), whether it was cut."""

    status: int
    headers: Mapping[str, str]
    text: str
    is_truncated: bool


class Cell(Protocol):
    """The inside of a sandbox for one run.

    Paths are relative to the work directory or absolute as the agent sees them; what the confinement
    hides or forbids raises ``OSError`` with the reason. A dead cell raises ``InfrastructureError``.
    """

    @property
    def listeners(self) -> Sequence[socket]:
        """Listening TCP sockets, ours to serve, that the cell reaches at the sockets' own addresses.

        One for each of ``Policy.listen_ports``, in that order. They are closed with the cell.
        """

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """Run a shell command line (``sh -c``) or an argument vector."""

    async def stream(
        self,
        argv: Sequence[str],
        streams: Streams,
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """Run an argument vector whose output goes to files, never through memory.

        When it returns, everything the command started is gone.

        Returns:
            Without output; ``is_truncated`` where ``Streams.max_bytes`` ended it.

        Raises:
            OSError: A file cannot be made.
        """

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """Read a file; larger ones raise ``OSError``."""

    async def write(self, path: str, data: bytes) -> None:
        """Write a file, making its parents."""

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """List a directory, in order of name."""

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Fetched:
        """Fetch an http or https URL with the cell's own network rights."""


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """What ``skvm doctor`` says of one back end.

    Args:
        name: ``bubblewrap``, ``landlock``, ``sandbox-exec`` or ``none``.
        works: Whether a real confined process ran here just now.
        reason: Why it works or not.
        holds: What it confines here (``files``, ``network``, ``processes`` …).
        lacks: What it cannot confine here.
    """

    name: str
    works: bool
    reason: str
    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


class Sandbox(Protocol):
    """A back end that opens cells."""

    @property
    def name(self) -> str:
        """Its registered name."""

    def open(self, policy: Policy) -> AbstractAsyncContextManager[Cell]:
        """Open a cell; leaving it kills everything inside."""
