"""Worker processes as we see them: started as a program or forked by a server, one connection to each."""

from __future__ import annotations

import atexit
import functools
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

import anyio

__all__ = ["ForkServer", "Running", "fork_server", "start_program"]

_LOOK_S = 0.02
_ANSWER_S = 20.0


@dataclass(slots=True)
class Running:
    """A process that was started, and our end of the connection to it.

    Args:
        connection: Ours; it does not block.
        process: Descriptor of the process; ``None`` where the kernel has no such thing.
        child: The process, where it is our own child.
    """

    connection: socket.socket
    process: int | None
    child: subprocess.Popen[bytes] | None = None

    def has_ended(self) -> bool:
        """Whether it is over."""
        if self.child is not None:
            return self.child.poll() is not None
        if self.process is None:
            return True
        look = select.poll()
        look.register(self.process, select.POLLIN)
        return bool(look.poll(0))

    async def wait(self) -> None:
        """Wait until it is over."""
        while not self.has_ended():
            if self.process is not None:
                await anyio.wait_readable(self.process)
            else:
                await anyio.sleep(_LOOK_S)

    def kill(self) -> None:
        """Kill it."""
        with suppress(ProcessLookupError):
            if self.child is not None:
                self.child.kill()
            elif self.process is not None:
                signal.pidfd_send_signal(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()
        if self.process is not None:
            os.close(self.process)
            self.process = None


def start_program(argv: Sequence[str], errors: IO[bytes], pass_fds: Sequence[int] = ()) -> Running:
    """Start a program as our child; its standard input and output are the connection.

    Call it in the thread that lives longest: a program may die with the thread that started it.

    Raises:
        OSError: It cannot be started.
    """
    ours, theirs = _connection()
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=errors,
            env={},
            cwd="/",
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    process = None
    with suppress(OSError, AttributeError):
        process = os.pidfd_open(child.pid)
    return Running(ours, process, child)


def _connection() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


@dataclass(slots=True)
class ForkServer:
    """A server that forks workers; started when it is first asked, and anew if it is gone.

    Args:
        command: The program.
    """

    command: tuple[str, ...]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: subprocess.Popen[bytes] | None = None
    _control: socket.socket | None = None
    _owner: int = 0

    @property
    def is_up(self) -> bool:
        """Whether it was started, and so answers at once."""
        return self._control is not None and self._owner == os.getpid()

    def start(self, errors: IO[bytes]) -> Running:
        """Have a worker forked; blocks for about a millisecond.

        Raises:
            OSError: No server or no worker can be started.
        """
        ours, theirs = _connection()
        try:
            with theirs, self._lock:
                try:
                    process = self._ask(theirs.fileno(), errors.fileno())
                except ConnectionError:
                    # Somebody killed it; that is no fault of this worker.
                    process = self._ask(theirs.fileno(), errors.fileno())
        except BaseException:
            ours.close()
            raise
        return Running(ours, process)

    def _ask(self, *descriptors: int) -> int:
        try:
            control = self._opened()
            socket.send_fds(control, [b"+"], descriptors)
            answer, processes, _, _ = socket.recv_fds(control, 1, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            self._drop()
            raise
        if not answer:
            self._drop()
            raise ConnectionResetError("the server is gone")
        if not processes:
            raise OSError(answer[0], os.strerror(answer[0]))
        return processes[0]

    def _opened(self) -> socket.socket:
        # After a fork of ours, the parent's server is not ours to talk with.
        if not self.is_up or self._control is None:
            ours, theirs = socket.socketpair()
            ours.settimeout(_ANSWER_S)
            with theirs:
                self._server = subprocess.Popen(
                    self.command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
            self._control, self._owner = ours, os.getpid()
        return self._control

    def _drop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._server is not None and self._owner == os.getpid():
            self._server.kill()
            self._server.wait()
        self._control = self._server = None

    def close(self) -> None:
        """End the server; workers go on."""
        with self._lock:
            self._drop()


@functools.cache
def fork_server(command: tuple[str, ...]) -> ForkServer:
    """The server of this command in this process."""
    server = ForkServer(command)
    atexit.register(server.close)
    return server
