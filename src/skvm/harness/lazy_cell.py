"""A cell that is opened when it is first used.

An agent that only talks and an oracle that only reads what was said need none, and starting one is most of
what such a run costs.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from skvm.harness.sandbox import Cell, Entry, Execution, Fetched, Policy, Sandbox, Streams

__all__ = ["open_on_demand"]


@asynccontextmanager
async def open_on_demand(sandbox: Sandbox, policy: Policy) -> AsyncIterator[Cell]:
    """A cell of a sandbox, opened by the first thing it is asked to do and closed on leaving.

    What opening raises is raised by that first call, and by every later one.
    """
    failed: BaseException | None = None
    async with anyio.create_task_group() as group:
        cell = _LazyCell(sandbox, policy)
        # In a task of its own: a call may come from a task that ends before the cell is closed.
        group.start_soon(cell.keep)
        try:
            yield cell
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - raised below, where no group wraps it
            failed = error
        finally:
            cell.leaving.set()
            cell.wanted.set()
    if failed is not None:
        raise failed


@dataclass(slots=True)
class _LazyCell:
    """Stands for a cell until there is one."""

    sandbox: Sandbox
    policy: Policy
    wanted: anyio.Event = field(default_factory=anyio.Event)
    answered: anyio.Event = field(default_factory=anyio.Event)
    leaving: anyio.Event = field(default_factory=anyio.Event)
    cell: Cell | None = None
    error: Exception | None = None

    async def keep(self) -> None:
        """Open once it is wanted, hold until it is left."""
        await self.wanted.wait()
        if self.leaving.is_set():
            return
        try:
            async with self.sandbox.open(self.policy) as self.cell:
                self.answered.set()
                await self.leaving.wait()
        except Exception as error:
            if self.answered.is_set():
                raise
            self.error = error
            self.answered.set()

    async def opened(self) -> Cell:
        """The cell itself."""
        self.wanted.set()
        await self.answered.wait()
        if self.error is not None:
            raise self.error
        if self.cell is None:
            raise RuntimeError("the cell was left before it was used")
        return self.cell

    @property
    def listeners(self) -> Sequence[socket.socket]:
        """None: a cell that is listened in is opened at once."""
        return ()

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """See ``Cell``."""
        cell = await self.opened()
        return await cell.execute(command, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)

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
        """See ``Cell``."""
        cell = await self.opened()
        return await cell.stream(argv, streams, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """See ``Cell``."""
        return await (await self.opened()).read(path, max_bytes=max_bytes)

    async def write(self, path: str, data: bytes) -> None:
        """See ``Cell``."""
        await (await self.opened()).write(path, data)

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """See ``Cell``."""
        return await (await self.opened()).list(path)

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
        cell = await self.opened()
        return await cell.fetch(url, method=method, headers=headers, body=body, timeout_s=timeout_s)
