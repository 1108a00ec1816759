"""Commands that an agent has its client run: started, watched, killed with all they started."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Terminals", "kill_group"]

MAX_KEPT_BYTES = 1 << 20
"""Of a terminal's output: the newest."""
MAX_TERMINALS = 64
_CHUNK = 64 << 10


@dataclass(slots=True)
class _Terminal:
    process: asyncio.subprocess.Process
    kept_bytes: int
    output: bytearray = field(default_factory=bytearray)
    is_truncated: bool = False
    reading: asyncio.Task[None] | None = None

    async def read(self) -> None:
        """Keep the newest of what it prints."""
        stdout = self.process.stdout
        while stdout is not None and (data := await stdout.read(_CHUNK)):
            self.output += data
            if (excess := len(self.output) - self.kept_bytes) > 0:
                self.is_truncated = True
                del self.output[:excess]
                # A character must not begin in its middle.
                while self.output and self.output[0] & 0xC0 == 0x80:
                    del self.output[0]

    @property
    def exit_status(self) -> dict[str, Any] | None:
        """How it ended; ``None`` while it runs."""
        code = self.process.returncode
        if code is None:
            return None
        if code >= 0:
            return {"exitCode": code}
        with suppress(ValueError):
            return {"signal": signal.Signals(-code).name}
        return {"signal": str(-code)}


class Terminals:
    """The terminals of one session."""

    def __init__(self) -> None:
        self._made = 0
        self._all: dict[str, _Terminal] = {}

    def has(self, terminal_id: str) -> bool:
        """Whether there is such a terminal."""
        return terminal_id in self._all

    async def create(
        self,
        command: str,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        kept_bytes: int | None,
    ) -> str:
        """Start a command; gives the terminal's id.

        Raises:
            OSError: It cannot be started.
        """
        if len(self._all) >= MAX_TERMINALS:
            raise OSError(f"more than {MAX_TERMINALS} terminals")
        process = await asyncio.create_subprocess_exec(
            *_argv(command, arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **env},
            cwd=cwd,
            start_new_session=True,
        )
        self._made += 1
        terminal_id = f"terminal-{self._made}"
        limit = MAX_KEPT_BYTES if kept_bytes is None else min(kept_bytes, MAX_KEPT_BYTES)
        terminal = _Terminal(process, limit)
        terminal.reading = asyncio.create_task(terminal.read())
        self._all[terminal_id] = terminal
        return terminal_id

    def output(self, terminal_id: str) -> dict[str, Any]:
        """What it printed so far, and how it ended if it has."""
        terminal = self._all[terminal_id]
        found: dict[str, Any] = {
            "output": terminal.output.decode("utf-8", "replace"),
            "truncated": terminal.is_truncated,
        }
        status = terminal.exit_status
        return found if status is None else {**found, "exitStatus": status}

    async def wait(self, terminal_id: str) -> dict[str, Any]:
        """Wait for its end."""
        terminal = self._all[terminal_id]
        await terminal.process.wait()
        if terminal.reading is not None:
            # What it left running may hold its output open for ever.
            await asyncio.wait({terminal.reading}, timeout=0.5)
        return terminal.exit_status or {}

    def kill(self, terminal_id: str) -> None:
        """Kill the command and its group; what it printed can still be asked for."""
        kill_group(self._all[terminal_id].process)

    def release(self, terminal_id: str) -> None:
        """Forget a terminal; its command ends."""
        terminal = self._all.pop(terminal_id)
        kill_group(terminal.process)
        if terminal.reading is not None:
            terminal.reading.cancel()

    def release_all(self) -> None:
        """The same for every one."""
        for terminal_id in list(self._all):
            self.release(terminal_id)


def _argv(command: str, arguments: Sequence[str]) -> list[str]:
    """A program and its arguments; some agents put a whole command line where the program belongs."""
    if not arguments and shutil.which(command) is None:
        return ["sh", "-c", command]
    return [command, *arguments]


def kill_group(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal a process that leads a session, and everybody in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
