"""Make a Linux process look as macOS does: what Python lacks there is gone, and there is no ``/proc``.

It proves nothing about macOS itself; only that no code of ours asks for what is not there.
"""

import builtins
import ctypes
import errno
import io
import os
import platform
import select
import signal
import socket
import sys
import sysconfig
import tempfile
import urllib.request  # noqa: F401 - parts of the library that are chosen as they are imported
import uuid  # noqa: F401
import zoneinfo  # noqa: F401

MISSING = {
    os: "sched_getaffinity sched_setaffinity pidfd_open pipe2 copy_file_range waitid memfd_create "
    "O_PATH O_TMPFILE setresuid setresgid posix_fadvise posix_fallocate splice eventfd unshare setns "
    "getrandom",
    select: "epoll",
    signal: "pidfd_send_signal sigtimedwait sigwaitinfo SIGRTMIN SIGRTMAX SIGSTKFLT SIGPWR",
    socket: "AF_NETLINK AF_VSOCK SO_PEERCRED MSG_CMSG_CLOEXEC SOCK_CLOEXEC SOCK_NONBLOCK",
}
NO_FUNCTIONS = ("prctl", "syscall", "renameat2", "capset", "unshare", "setns")


def _is_hidden(path: object) -> bool:
    try:
        text = os.fsdecode(path) if not isinstance(path, int) else ""
    except TypeError:
        return False
    return text == "/proc" or text.startswith(("/proc/", "/sys/"))


def _hide(owner: object, name: str) -> None:
    real = getattr(owner, name)

    def hidden(path: object = ".", *more: object, **options: object) -> object:
        if _is_hidden(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return real(path, *more, **options)

    setattr(owner, name, hidden)


class _Library(ctypes.CDLL):
    def __getattr__(self, name: str) -> object:
        if name in NO_FUNCTIONS:
            raise AttributeError(name)
        return super().__getattr__(name)


class _ProcessTable:
    """``libproc``, told by Linux."""

    def __init__(self, scandir: object, read: object) -> None:
        self._scandir, self._read = scandir, read

    def proc_listpids(self, kind: int, info: int, room: object, size: int) -> int:
        with self._scandir("/proc") as entries:
            found = [int(entry.name) for entry in entries if entry.name.isdigit()]
        if room is None:
            return 4 * len(found)
        found = found[: size // 4]
        for place, pid in enumerate(found):
            room[place] = pid
        return 4 * len(found)

    def proc_pidinfo(self, pid: int, kind: int, argument: object, room: object, size: int) -> int:
        import struct

        try:
            with self._read(f"/proc/{pid}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
            with self._read(f"/proc/{pid}/status", "rb") as file:
                user = next(int(line.split()[1]) for line in file if line.startswith(b"Uid:"))
        except OSError:
            return 0
        status = 5 if state in (b"Z", b"X") else 2
        numbers = (0, status, 0, pid, int(parent), user, *[0] * 6)
        struct.pack_into("=12I16s32s5IiQQ", room, 0, *numbers, b"x", b"x", *[0] * 6, 0, 0)
        return size


def become() -> None:
    """Do it, in this process."""
    sysconfig.get_config_vars()
    tempfile._O_TMPFILE_WORKS = False
    table = _ProcessTable(os.scandir, builtins.open)
    sys.platform = "darwin"
    platform.system = lambda: "Darwin"
    for owner, names in MISSING.items():
        for name in names.split():
            if hasattr(owner, name):
                delattr(owner, name)
    for name in ("stat", "lstat", "scandir", "listdir", "readlink", "open", "access"):
        _hide(os, name)
    _hide(builtins, "open")
    _hide(io, "open")

    def library(name: str | None, *more: object, **options: object) -> object:
        return table if name and name.endswith("libproc.dylib") else _Library(name, *more, **options)

    ctypes.CDLL = library


if __name__ == "__main__" or "SKVM_LIKE_MACOS" in globals():
    become()
