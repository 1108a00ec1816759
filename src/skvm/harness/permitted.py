"""A cell that is held to a skill's permissions, and says what went beyond them."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from skvm.harness.confine.provision import cell_environment
from skvm.harness.permissions import Grant, host_of, hosts_of, policy_for, programs_of
from skvm.harness.sandbox import Cell, Entry, Execution, Fetched, Policy, Streams

__all__ = ["PermittedCell", "held_to"]

_NOT_PERMITTED = 126
"""The exit status of a shell for what may not be executed."""
_OURS = frozenset({"localhost", "127.0.0.1", "::1"})


@asynccontextmanager
async def held_to(
    grant: Grant | None,
    policy: Policy,
    opening: Callable[[Policy], AbstractAsyncContextManager[Cell]],
    notes: list[str],
) -> AsyncIterator[Cell]:
    """Open a cell that is held to a grant; without one, or with one that is off, just open it.

    Args:
        grant: What is permitted.
        policy: What the task allows.
        opening: Opens a cell for a policy.
        notes: Gets a line for everything that went beyond the grant.
    """
    if grant is None or grant.mode == "off":
        async with opening(policy) as cell:
            yield cell
        return
    path = cell_environment(policy, tmp=tempfile.gettempdir())["PATH"]
    with tempfile.TemporaryDirectory(prefix="skvm-programs-") as programs:
        async with opening(policy_for(grant, policy, Path(programs))) as cell:
            held = PermittedCell(cell, grant, policy.work_dir, path)
            try:
                yield held
            finally:
                notes += held.notes


@dataclass(slots=True)
class PermittedCell:
    """Stands before a cell: looks at every operation, refuses under *enforce*, remembers what it saw.

    Args:
        cell: The cell itself.
        grant: What is permitted.
        work_dir: Its work directory, as the agent sees it.
        path: Where its policy lets programs be found.
    """

    cell: Cell
    grant: Grant
    work_dir: Path
    path: str
    _beyond: dict[str, int] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What went beyond the permissions, each thing once, in the order seen."""
        verb = "refused" if self._enforces else "not permitted by the skill's permissions, let through"
        return [
            f"permissions: {what} {verb}" + (f" ({count} times)" if count > 1 else "")
            for what, count in self._beyond.items()
        ]

    @property
    def _enforces(self) -> bool:
        return self.grant.mode == "enforce"

    def _saw(self, what: str) -> bool:
        """Remember something beyond the permissions; whether it must be refused."""
        self._beyond[what] = self._beyond.get(what, 0) + 1
        return self._enforces

    @property
    def listeners(self) -> Sequence[socket.socket]:
        """See ``Cell``."""
        return self.cell.listeners

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """See ``Cell``; a program that is not permitted ends with status 126 under *enforce*."""
        line = command if isinstance(command, str) else " ".join(command)
        refused = [
            program
            for program in programs_of(command)
            if self._is_beyond(program, line) and self._saw(f"program {program}")
        ]
        refused += [
            host for host in hosts_of(command) if not self._permits_host(host) and self._saw(f"host {host}")
        ]
        if refused:
            said = "".join(f"{name}: not permitted for this skill\n" for name in refused)
            return Execution(_NOT_PERMITTED, "", said, False, False, 0.0)
        return await self.cell.execute(command, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)

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
        """See ``Cell``; what is run so is the harness itself, which is not the skill's to permit."""
        return await self.cell.stream(argv, streams, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)

    def _is_beyond(self, program: str, line: str) -> bool:
        """Whether a program is there and not permitted; what is nowhere is a function, or cannot start."""
        if self.grant.permissions.permits_program(program):
            return False
        # A line with a PATH of its own finds programs where we do not look.
        return "/" in program or "PATH=" in line or shutil.which(program, path=self.path) is not None

    def _permits_host(self, host: str) -> bool:
        return host in _OURS or self.grant.permissions.permits_host(host)

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """See ``Cell``; what may be read is the cell's own matter."""
        return await self.cell.read(path, max_bytes=max_bytes)

    async def write(self, path: str, data: bytes) -> None:
        """See ``Cell``."""
        shown = self._relative(path)
        if not self.grant.permits_write(shown) and self._saw(f"writing {shown}"):
            raise PermissionError(f"{path}: writing it is not permitted for this skill")
        await self.cell.write(path, data)

    def _relative(self, path: str) -> str:
        whole = os.path.normpath(os.path.join(self.work_dir, path))  # noqa: PTH118 - never touches a disk
        root = f"{self.work_dir}/"
        return whole.removeprefix(root) if whole.startswith(root) else whole

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """See ``Cell``."""
        return await self.cell.list(path)

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Fetched:
        """See ``Cell``."""
        host = host_of(url)
        if not self._permits_host(host) and self._saw(f"host {host or url[:80]}"):
            raise PermissionError(f"{host}: reaching it is not permitted for this skill")
        return await self.cell.fetch(url, method=method, headers=headers, body=body, timeout_s=timeout_s)
