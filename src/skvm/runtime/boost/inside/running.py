"""One program run to its end: no input, little output, a limit on everything, nobody left behind."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Ended", "find_program", "run"]

OUTPUT_LIMIT = 1 << 20
MEMORY_LIMIT = 4 << 30
FILE_LIMIT = 64 << 20
OPEN_LIMIT = 1_024
GRACE_S = 0.2


class Ended:
    """How a program ended; ``code`` is negative for a signal, ``why`` says what was cut short."""

    __slots__ = ("code", "err", "out", "why")

    def __init__(self, code: int, out: bytes, err: bytes, why: str) -> None:
        self.code = code
        self.out = out
        self.err = err
        self.why = why


def find_program(names: Sequence[str], path: str) -> str | None:
    """The first of some programs that can be run from the folders of a ``PATH``, absolute folders only."""
    for name in names:
        for folder in path.split(":"):
            place = os.path.join(folder, name)
            if folder.startswith("/") and os.path.isfile(place) and os.access(place, os.X_OK):
                return place
    return None


def run(command: Sequence[str], folder: str, env: Mapping[str, str], timeout_s: float) -> Ended:
    """Run a program in a session of its own and wait for it.

    Args:
        command: Absolute program and arguments.
        folder: Where it runs.
        env: All of its environment.
        timeout_s: Wall clock; then it is killed with everything it started.

    Raises:
        OSError: It could not be started for want of memory or descriptors.
    """
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    child = os.fork()
    if child == 0:
        _become(command, folder, env, (out_end, err_end), timeout_s)
    os.close(out_end)
    os.close(err_end)
    try:
        return _follow(child, out, err, time.monotonic() + timeout_s)
    finally:
        _end(child)
        os.close(out)
        os.close(err)


def _become(
    command: Sequence[str], folder: str, env: Mapping[str, str], ends: tuple[int, int], timeout_s: float
) -> None:
    """In the child: never returns."""
    try:
        os.setsid()
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(each, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((nothing, 0), (ends[0], 1), (ends[1], 2)):
            os.dup2(descriptor, number)
        os.closerange(3, OPEN_LIMIT)  # what whoever called us left open is none of the code's business
        os.umask(0o022)
        _limit(timeout_s)
        os.chdir(folder)
        os.execve(command[0], list(command), dict(env))  # noqa: S606 - no shell is what is wanted
    finally:
        os._exit(127)


def _limit(timeout_s: float) -> None:
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, 4 * int(timeout_s) + 4),
        (resource.RLIMIT_FSIZE, FILE_LIMIT),
        (resource.RLIMIT_DATA, MEMORY_LIMIT),
        (resource.RLIMIT_NOFILE, OPEN_LIMIT),
    )
    for kind, most in wanted:
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def _follow(child: int, out: int, err: int, deadline: float) -> Ended:
    """Read both pipes until the program and all that hold its pipes are gone, or something is too much."""
    texts: dict[int, bytearray] = {out: bytearray(), err: bytearray()}
    watched = select.poll()
    for descriptor in texts:
        watched.register(descriptor, select.POLLIN)
    opened, why = 2, ""
    while opened and not why:
        left = deadline - time.monotonic()
        if left <= 0:
            why = "it took too long"
        elif _is_over(child):
            deadline, why = min(deadline, time.monotonic() + GRACE_S), ""
            left = deadline - time.monotonic()
        for descriptor, _ in watched.poll(max(0.0, min(left, 0.05)) * 1000):
            chunk = os.read(descriptor, 1 << 16)
            texts[descriptor] += chunk
            if not chunk:
                watched.unregister(descriptor)
                opened -= 1
        if len(texts[out]) > OUTPUT_LIMIT or len(texts[err]) > OUTPUT_LIMIT:
            why = "it printed too much"
    if why == "it took too long" and _is_over(child):
        why = "it left a program running"
    while not why and not _is_over(child):
        if time.monotonic() > deadline:
            why = "it took too long"
        time.sleep(0.001)
    code = _end(child)
    return Ended(code, bytes(texts[out]), bytes(texts[err]), why)


def _is_over(child: int) -> bool:
    return _ended(child)


def _ended(child: int) -> bool:
    """Whether a child is over; it is not collected by this, so that its number stays its own.

    Raises:
        ChildProcessError: There is no such child.
    """
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    import subprocess

    # Older Pythons on macOS cannot look without collecting: the state of a zombie is Z.
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], stdout=subprocess.PIPE, check=False)
    if not told.stdout.strip():
        raise ChildProcessError(child)
    return told.stdout.lstrip().startswith(b"Z")


def _end(child: int) -> int:
    """Kill what is left of the session, then take the exit code; 0 where that was done before."""
    try:
        _ended(child)
    except ChildProcessError:
        return 0
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)  # it may not have its own session yet
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
