"""A command of ``skvm`` as a child: one JSON document, progress as it goes, nothing left of it at the end.

Each call of a client is a process of its own, as it would be in a terminal: what it prints cannot get into
the protocol, a fault cannot end the server, and cancelling it ends everything it started. The child's input
is a lifeline: it ends by itself when the server is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from skvm.errors import InfrastructureError
from skvm.harness.process import kill_tree

__all__ = ["Ended", "Heard", "run_command"]

_PROGRAM = ("-P", "-c", "from skvm.cli.followed import main; main()")
"""Without the current folder on the path: it may be anybody's."""
_GRACE_S = 15.0
"""What a command gets to write down how it ended."""
_DRAIN_S = 2.0
_CHUNK = 1 << 16
MAX_ANSWER_BYTES = 8 << 20
_MAX_NOTES = 40
_MAX_NOTE_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What a command tells on its way.

    Args:
        done: How far it is.
        total: Where it ends, if that is known.
        text: What it does.
    """

    done: float
    total: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Args:
        exit_code: Its own; negative for a signal.
        document: What it printed, ``None`` if that is no JSON.
        notes: Its other lines: warnings, errors, how to go on.
        session: The session it worked on, if it said one.
    """

    exit_code: int
    document: Any
    notes: tuple[str, ...]
    session: str | None


@dataclass(slots=True)
class _Said:
    """What has been read of standard error."""

    tell: Callable[[Heard], None]
    notes: list[str] = field(default_factory=list)
    session: str | None = None
    _rest: bytes = b""

    def take(self, data: bytes) -> None:
        """Read more of it."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _CHUNK:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._line(line.decode("utf-8", "replace"))

    def close(self) -> None:
        """There is no more."""
        self._line(self._rest.decode("utf-8", "replace"))

    def _line(self, line: str) -> None:
        event = _event_of(line)
        if event is None:
            if line.strip():
                self.notes = [*self.notes, line.rstrip()[:_MAX_NOTE_CHARS]][-_MAX_NOTES:]
        elif isinstance(event.get("session"), str):
            self.session = event["session"]
        elif isinstance(told := event.get("progress"), dict):
            with suppress(TypeError, ValueError, KeyError):
                total = None if told["total"] is None else float(told["total"])
                self.tell(Heard(float(told["done"]), total, str(told["text"])))


def _event_of(line: str) -> dict[str, Any] | None:
    if not line.startswith(('{"progress"', '{"session"')):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


async def run_command(
    arguments: Sequence[str],
    *,
    cwd: Path,
    tell: Callable[[Heard], None],
    env: Mapping[str, str] | None = None,
    note_session: Callable[[str], None] = lambda session: None,
) -> Ended:
    """Run ``skvm`` with arguments; cancelling it ends it and all it started.

    Args:
        arguments: Command and flags.
        cwd: Where it runs.
        tell: Is told how it goes.
        env: Instead of our own environment.
        note_session: Is told which session it works on, as soon as that is known.

    Raises:
        InfrastructureError: It cannot be started.
    """
    environment = {**(os.environ if env is None else env), "SKVM_PROGRESS": "json", "NO_COLOR": "1"}
    try:
        process = await anyio.open_process(
            [sys.executable, *_PROGRAM, *arguments], cwd=cwd, env=environment, start_new_session=True
        )
    except OSError as error:
        raise InfrastructureError(f"skvm cannot be started: {error.strerror}") from error
    said = _Said(tell)
    answer = bytearray()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_read, process.stdout, lambda data: _keep(answer, data))
            group.start_soon(_read, process.stderr, lambda data: _hear(said, data, note_session))
            await process.wait()
            # Something it left behind may hold its output for ever.
            group.cancel_scope.deadline = anyio.current_time() + _DRAIN_S
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)
    said.close()
    code = process.returncode if process.returncode is not None else -signal.SIGKILL
    return Ended(code, _document(bytes(answer)), tuple(said.notes), said.session)


def _hear(said: _Said, data: bytes, note_session: Callable[[str], None]) -> None:
    before = said.session
    said.take(data)
    if said.session is not None and said.session != before:
        note_session(said.session)


async def _read(stream: anyio.abc.ByteReceiveStream | None, take: Callable[[bytes], object]) -> None:
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while stream is not None:
            take(await stream.receive(_CHUNK))


def _keep(answer: bytearray, data: bytes) -> None:
    """Keep what there is room for; what is too much is read and dropped, for a full pipe would stop it."""
    if len(answer) <= MAX_ANSWER_BYTES:
        answer += data


async def _end(process: anyio.abc.Process) -> None:
    """End a command that still runs, in peace if it goes, then whatever it left."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        with anyio.move_on_after(_GRACE_S):
            await process.wait()
    await kill_tree(process.pid)
    with anyio.move_on_after(_DRAIN_S):
        await process.wait()
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.aclose()


def _document(data: bytes) -> Any:
    if len(data) > MAX_ANSWER_BYTES:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return None
