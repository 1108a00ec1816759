"""What a process takes from itself: identity, resources, and the right to gain privileges."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys

from skvm.harness.confine.inside.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "become",
    "die_with_parent",
    "drop_capabilities",
    "forbid_new_privileges",
    "hide_memory",
    "libc",
    "limit_resources",
    "reset_signals",
    "set_subreaper",
]

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_CAPABILITY_VERSION_3 = 0x20080522
_OPEN_FILES = 1024

libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    # Elsewhere there is no such call: what stands around the worker has to do, and the worker's own watch.
    if sys.platform != "linux":
        return
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Get this signal when the parent ends. A change of identity clears it: call this afterwards."""
    _prctl(_PR_SET_PDEATHSIG, number)


def hide_memory() -> None:
    """Let no process of the same user trace us or read our environment, descriptors or memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def set_subreaper() -> None:
    """Become the parent of every descendant that loses its own: a daemon cannot leave the tree."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Make setuid programs and file capabilities ineffective, here and in every descendant."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def become(uid: int) -> None:
    """Turn from root into the unprivileged user (and group) ``uid``, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def drop_capabilities() -> None:
    """Empty every set of capabilities; with ``forbid_new_privileges`` not even root regains them."""
    header, nothing = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    if libc.capset(header, nothing):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def limit_resources(limits: dict[str, Any]) -> None:
    """Apply the limits of a cell to this process and what it starts.

    Args:
        limits: ``cpu_s``, ``memory_bytes``, ``processes`` and ``file_bytes``, as in ``sandbox.Limits``.
    """
    # macOS counts what is reserved, too, which is far more than any limit of ours from the start.
    memory_bytes: Any = limits["memory_bytes"] if sys.platform != "darwin" else None
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, limits["cpu_s"], limits["cpu_s"] + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_NPROC, limits["processes"], limits["processes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"], limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        if soft is None:
            continue
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)  # noqa: PLW2901 - only root may raise it
        resource.setrlimit(kind, (soft, hard))


def reset_signals() -> None:
    """Undo what Python and its parents ignore, as a program expects to be started."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
