"""Run one command: caps on its output, its whole tree killed at the deadline.

Each command has a process of its own above it (the shepherd), which is the reaper of all descendants: a
daemon that forked twice and left the session is still found below it.
"""

from __future__ import annotations

import os
import select
import sys
import time

from skvm.harness.confine.inside import lockdown, tree
from skvm.harness.confine.inside.lean import signal, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Shepherd"]

_DRAIN_S = 2.0
_LOOK_S = 60.0
_IS_TOLD = sys.platform == "linux"
"""Whether the kernel tells of a parent's end; else it is looked at so often."""
_LOOK_ALONE_S = 1.0
_CHUNK = 1 << 16
_OPEN_FILES = 1024
_STDIN, _STDOUT, _STDERR = 0, 1, 2


class Shepherd:
    """One command and what comes of it.

    Args:
        request: ``argv``, ``env``, ``cwd``, ``timeout_s``, ``output_bytes``.
        stdin: What the command reads.
        restrict: Called in the command's process before the program starts.
        files: Descriptors that take its output, if it is not to be kept here. ``output_bytes`` are then of
            both streams together, and end the command; and nothing of it lives on after it.
    """

    def __init__(
        self,
        request: dict[str, Any],
        stdin: bytes,
        restrict: Callable[[], None],
        files: tuple[int, ...] = (),
    ) -> None:
        self._request = request
        self._stdin = memoryview(stdin)
        self._restrict = restrict
        self._keep: int = request["output_bytes"]
        self._kept = {_STDOUT: bytearray(), _STDERR: bytearray()}
        self._files = dict(zip((_STDOUT, _STDERR), files, strict=False))
        self._is_full = False
        self._is_truncated = False
        self._is_cancelled = False
        self._poll = select.poll()
        self._open: dict[int, int] = {}  # descriptor -> which stream
        self._pid = 0
        self._exit_code: int | None = None

    def run(self) -> tuple[dict[str, Any], bytes]:
        """Run the command to its end or its deadline."""
        lockdown.set_subreaper()
        wake_read, wake_write = os.pipe()
        for end in (wake_read, wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._cancel)
        self._poll.register(wake_read, select.POLLIN)
        started = time.monotonic()
        self._start()
        may_stay = False
        try:
            is_timed_out = not self._pump(started + self._request["timeout_s"])
            may_stay = not (is_timed_out or self._is_cancelled or self._files)
        finally:
            # Also if a file takes no more, for want of room.
            if not may_stay:
                self._clear()
        if not may_stay:
            self._pump(time.monotonic() + 0.2)
        self._files.clear()
        out, errors = bytes(self._kept[_STDOUT]), bytes(self._kept[_STDERR])
        return {
            "exit_code": None if is_timed_out else self._exit_code,
            "stdout_bytes": len(out),
            "is_truncated": self._is_truncated,
            "is_timed_out": is_timed_out,
            "duration_ms": (time.monotonic() - started) * 1000,
        }, out + errors

    def stay(self) -> None:
        """Read on, keeping nothing, while what the command left in the background holds its pipes."""
        self._keep = 0
        while any(stream != _STDIN for stream in self._open.values()) and not self._is_cancelled:
            self._turn(_LOOK_S)
        if self._is_cancelled:
            self._clear()

    def _clear(self) -> None:
        """Kill whatever the command started."""
        tree.kill_descendants(os.getpid(), reap=self._reap)
        if not _IS_TOLD:
            # Nobody becomes the parent of an orphan there; it is still of the command's group, as a rule.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)

    def _cancel(self, *_: object) -> None:
        self._is_cancelled = True

    def _start(self) -> None:
        stdin_read, stdin_write = os.pipe()
        out_read, out_write = os.pipe()
        error_read, error_write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _become_command(self._request, (stdin_read, out_write, error_write), self._restrict)
        for descriptor in (stdin_read, out_write, error_write):
            os.close(descriptor)
        for descriptor, stream in ((stdin_write, _STDIN), (out_read, _STDOUT), (error_read, _STDERR)):
            os.set_blocking(descriptor, False)
            self._open[descriptor] = stream
            self._poll.register(descriptor, select.POLLOUT if stream == _STDIN else select.POLLIN)
        if not self._stdin:
            self._close(stdin_write)

    def _pump(self, deadline: float) -> bool:
        """Serve the pipes until the command and its output end; ``False`` at the deadline."""
        drain_until = None
        while not (self._is_cancelled or self._is_full):
            now = time.monotonic()
            if self._exit_code is not None:
                drain_until = drain_until or now + _DRAIN_S
                # Somebody in the background may hold the pipes for ever; the command itself is done.
                if now >= drain_until or not any(stream != _STDIN for stream in self._open.values()):
                    return True
            if now >= deadline:
                return self._exit_code is not None
            self._turn(min(deadline, drain_until or deadline) - now)
        return True

    def _turn(self, wait_s: float) -> None:
        if _IS_TOLD:
            look_s = _LOOK_S
        else:
            look_s = _LOOK_ALONE_S
            self._is_cancelled |= os.getppid() == 1
        for descriptor, _ in self._poll.poll(min(max(0.0, wait_s), look_s) * 1000):
            stream = self._open.get(descriptor)
            if stream is None:
                with suppress(BlockingIOError):
                    os.read(descriptor, _CHUNK)
            elif stream == _STDIN:
                self._feed(descriptor)
            else:
                self._take(descriptor, stream)
        self._reap()

    def _feed(self, descriptor: int) -> None:
        try:
            self._stdin = self._stdin[os.write(descriptor, self._stdin[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._stdin = memoryview(b"")
        if not self._stdin:
            self._close(descriptor)

    def _take(self, descriptor: int, stream: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._close(descriptor)
            return
        if stream in self._files:
            self._store(self._files[stream], data)
            return
        kept = self._kept[stream]
        room = max(0, self._keep - len(kept))
        self._is_truncated |= len(data) > room
        kept += data[:room]

    def _store(self, file: int, data: bytes) -> None:
        self._is_full = self._is_truncated = len(data) > self._keep
        left = memoryview(data)[: self._keep]
        self._keep -= len(left)
        while left:
            left = left[os.write(file, left) :]

    def _close(self, descriptor: int) -> None:
        del self._open[descriptor]
        self._poll.unregister(descriptor)
        os.close(descriptor)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid:
                    self._exit_code = os.waitstatus_to_exitcode(ended[1])


def _become_command(
    request: dict[str, Any], streams: tuple[int, int, int], restrict: Callable[[], None]
) -> None:
    """Turn this process into the command; never returns."""
    code = 126
    try:
        if _IS_TOLD:
            os.setsid()
        else:
            os.setpgid(0, 0)  # of the worker's session, by which the worker finds what is left
        for target, source in enumerate(streams):
            # The pipes made above are never 0, 1 or 2: those hold /dev/null.
            os.dup2(source, target)
        os.chdir(request["cwd"])
        restrict()
        os.closerange(3, _OPEN_FILES)
        lockdown.reset_signals()
        os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - nothing may return into the worker's own code
        code = 127 if isinstance(error, FileNotFoundError) else 126
        reason = getattr(error, "strerror", None) or str(error)
        os.write(_STDERR, f"{request['argv'][0]}: {reason}\n".encode("utf-8", "replace"))
    finally:
        os._exit(code)
