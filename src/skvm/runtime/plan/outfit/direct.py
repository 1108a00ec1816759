"""Commands run by ourselves, for a plan that runs inside a cell already: that one confines, this does not.

No worker is started and nothing is looked up in ``/proc``, which a cell may hide. Each command has a process
group of its own, with a keeper in it that ends the group when we die: after a ``kill -9`` nothing of a step
goes on while the next process takes the plan up again.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from skvm.harness.sandbox import Cell, Entry, Execution, Fetched, Limits, Streams

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream, Process

__all__ = ["DirectCell", "direct_cell"]

_DRAIN_S = 2.0
"""How long the output of a command that ended is waited for: something in the background may hold it."""
_KEEPER = 'exec 9<&0 </dev/null; (read -r word <&9 || kill -KILL 0) >/dev/null 2>&1 & exec "$@" 9<&-'
"""Standard input is a pipe that we hold: at its end without a word, the group ends."""


@asynccontextmanager
async def direct_cell(work_dir: Path) -> AsyncIterator[Cell]:
    """A cell on a directory, within a cell of ours; what its commands leave in the background lives on.

    Args:
        work_dir: Where commands and relative paths start.
    """
    ours = [name for name in os.environ if name.startswith("SKVM_") or name == "PYDANTIC_DISABLE_PLUGINS"]
    yield DirectCell(work_dir, {name: value for name, value in os.environ.items() if name not in ours})


@dataclass(frozen=True, slots=True)
class DirectCell:
    """Runs commands with our own rights.

    Args:
        work_dir: Where commands and relative paths start.
        env: The variables of commands.
        output_bytes: What is kept of each stream of a command.
    """

    work_dir: Path
    env: Mapping[str, str]
    output_bytes: int = Limits().output_bytes

    @property
    def listeners(self) -> Sequence[socket.socket]:
        """None."""
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
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        if not argv:
            raise ValueError("an empty command")
        running = _Command(argv, self.work_dir / cwd, {**self.env, **(env or {})}, stdin, self.output_bytes)
        return await running.run(timeout_s)

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
        """See ``Cell``; the output is held in memory until the command ends."""
        variables = {**self.env, **(env or {})}
        running = _Command(argv, self.work_dir / cwd, variables, stdin, streams.max_bytes)
        done = await running.run(timeout_s)
        await anyio.Path(streams.stdout).write_bytes(running.kept[0])
        await anyio.Path(streams.stderr).write_bytes(running.kept[1])
        return replace(done, stdout="", stderr="")

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """See ``Cell``."""
        return (await self._operate("read", path=self._whole(path), max_bytes=max_bytes))[1]

    async def write(self, path: str, data: bytes) -> None:
        """See ``Cell``."""
        await self._operate("write", data, path=self._whole(path))

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """See ``Cell``."""
        header, _ = await self._operate("list", path=self._whole(path))
        return tuple(Entry(*entry) for entry in header["entries"])

    def _whole(self, path: str) -> str:
        return str(self.work_dir / path)

    async def _operate(self, name: str, body: bytes = b"", **request: Any) -> tuple[Mapping[str, Any], bytes]:
        from skvm.harness.confine.inside.operations import OPERATIONS

        return await anyio.to_thread.run_sync(OPERATIONS[name], {"op": name, **request}, body)

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
        request = {"url": url, "method": method, "headers": dict(headers or {}), "timeout_s": timeout_s}
        header, text = await self._operate("fetch", body or b"", has_body=body is not None, **request)
        shown = text.decode("utf-8", "replace")
        return Fetched(header["status"], header["headers"], shown, header["is_truncated"])


class _Lifeline:
    """A pipe whose other end a keeper reads: it closes with us, however we end."""

    def __init__(self) -> None:
        # Not of the event loop: that closes what it holds as soon as a command ends.
        self.read_end, self._write_end = os.pipe()

    def let_go(self) -> None:
        """The keeper goes, and what else is in its group stays."""
        with suppress(BrokenPipeError):
            os.write(self._write_end, b"done\n")

    def close(self) -> None:
        """Close both ends; a keeper that was not let go ends its group."""
        os.close(self.read_end)
        os.close(self._write_end)


@dataclass(slots=True)
class _Command:
    """One command, and what is kept of its output."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes
    output_bytes: int
    kept: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    is_truncated: bool = False

    async def run(self, timeout_s: float) -> Execution:
        """Run it to its end or its deadline; what is cancelled is killed."""
        began = time.monotonic()
        lifeline = _Lifeline()
        try:
            process = await self._start(lifeline)
        except OSError as error:
            lifeline.close()
            code = 127 if isinstance(error, FileNotFoundError) else 126
            said = f"{self.argv[0]}: {error.strerror}\n"
            return Execution(code, "", said, False, False, (time.monotonic() - began) * 1000)
        is_timed_out = True
        try:
            with anyio.move_on_after(timeout_s):
                await self._attend(process)
                is_timed_out = False
        finally:
            with anyio.CancelScope(shield=True):
                if is_timed_out:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                else:
                    lifeline.let_go()
                lifeline.close()
                await process.wait()
                await process.aclose()
        return Execution(
            exit_code=None if is_timed_out else process.returncode,
            stdout=self.kept[0].decode("utf-8", "replace"),
            stderr=self.kept[1].decode("utf-8", "replace"),
            is_truncated=self.is_truncated,
            is_timed_out=is_timed_out,
            duration_ms=(time.monotonic() - began) * 1000,
        )

    async def _start(self, lifeline: _Lifeline) -> Process:
        # With words of its own to read, it has no keeper.
        is_kept = not self.stdin
        return await anyio.open_process(
            ["/bin/sh", "-c", _KEEPER, "sh", *self.argv] if is_kept else self.argv,
            stdin=lifeline.read_end if is_kept else subprocess.PIPE,
            cwd=self.cwd,
            env=self.env,
            start_new_session=True,
        )

    async def _attend(self, process: Process) -> None:
        """Read and feed until the command ends, and then what it had written."""
        async with anyio.create_task_group() as group:
            for stream, kept in zip((process.stdout, process.stderr), self.kept, strict=True):
                if stream is not None:
                    group.start_soon(self._keep, stream, kept)
            if self.stdin and process.stdin is not None:
                group.start_soon(self._feed, process)
            await process.wait()
            group.cancel_scope.deadline = anyio.current_time() + _DRAIN_S

    async def _keep(self, stream: ByteReceiveStream, kept: bytearray) -> None:
        async for data in stream:
            room = max(0, self.output_bytes - len(kept))
            self.is_truncated |= len(data) > room
            kept += data[:room]

    async def _feed(self, process: Process) -> None:
        if process.stdin is not None:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await process.stdin.send(self.stdin)
                await process.stdin.aclose()
