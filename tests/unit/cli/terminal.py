"""A command on a real terminal, in a child of the test process."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_WAIT_S = 20.0
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """What is seen of the child, and what is typed to it."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.seen = self.raw = ""
        self._mark = 0
        self._code: int | None = None

    def until(self, text: str) -> str:
        """Wait for a text after the last one waited for."""
        give_up_at = time.monotonic() + _WAIT_S
        while (place := self.seen.find(text, self._mark)) < 0:
            if not self._read(give_up_at):
                raise AssertionError(f"{text!r} was not seen in:\n{self.seen[self._mark :]}")
        part = self.seen[self._mark : place]
        self._mark = place + len(text)
        return part

    def send(self, text: str | bytes) -> None:
        os.write(self.descriptor, text if isinstance(text, bytes) else text.encode())

    def answer(self, question: str, text: str) -> None:
        self.until(question)
        self.send(text + "\n")

    def close(self) -> None:
        """Take the terminal away."""
        with suppress(OSError):
            os.close(self.descriptor)

    def end(self) -> int:
        """Read to the end; the exit code, or minus the signal."""
        give_up_at = time.monotonic() + _WAIT_S
        while self._code is None and self._read(give_up_at):
            pass
        return self.wait()

    def wait(self) -> int:
        give_up_at = time.monotonic() + _WAIT_S
        while self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > give_up_at:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"does not end:\n{self.seen}")
            else:
                time.sleep(0.01)
        return self._code

    def _read(self, give_up_at: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], max(0.0, give_up_at - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 65_536)
        except OSError:
            return False
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        self.raw += text
        self.seen += _COLOURS.sub("", text)
        return bool(data)


@contextmanager
def on_terminal(work: Callable[[], int], *, columns: int = 100) -> Iterator[Terminal]:
    """Run a function on a terminal of its own; it is killed at the end if it still runs."""
    pid, descriptor = pty.fork()
    if pid == 0:
        code = 70
        try:
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = work()
            sys.stdout.flush()
        finally:
            os._exit(code)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    terminal = Terminal(pid, descriptor)
    try:
        yield terminal
    finally:
        if terminal._code is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        terminal.close()
