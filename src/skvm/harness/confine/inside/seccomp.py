"""A system-call filter: no new user namespaces, no mounts, and only the socket families allowed.

It closes what file and network walls leave open: an unprivileged user becomes root of a user namespace of
its own and reaches far more of the kernel from there; virtual-machine sockets ignore network namespaces;
Landlock holds neither UDP nor Unix sockets.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from skvm.harness.confine.inside.lockdown import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["can_filter", "filter_calls"]

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_AT_NUMBER, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT, _ARGUMENT_BYTES = 0, 4, 16, 8
_INET, _STREAM, _TYPE_BITS, _TCP = 2, 1, 0xF, 6
_FAST_OPEN = 0x20000000
_CLONE_NEWUSER = 0x10000000
_CLONE3 = 435
# New mount interface and io_uring (which opens sockets without the socket call): alike everywhere.
_DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)


# No dataclass: importing them takes a tenth of the worker's start.
class _Machine:
    def __init__(  # noqa: PLR0917 - a row of a table
        self,
        architecture: int,
        socket: int,
        clone: int,
        unshare: int,
        denied: tuple[int, ...],
        sends: tuple[tuple[int, int], ...],  # sendto sendmsg sendmmsg, and which argument holds the flags
    ) -> None:
        self.architecture, self.socket, self.clone, self.unshare = architecture, socket, clone, unshare
        self.denied, self.sends = denied, sends


# denied: setns mount umount2 pivot_root bpf perf_event_open keyctl add_key request_key userfaultfd
# open_by_handle_at kexec_load init_module finit_module delete_module
_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        41,
        56,
        272,
        (308, 165, 166, 155, 321, 298, 250, 248, 249, 323, 304, 246, 175, 313, 176),
        ((44, 3), (46, 2), (307, 3)),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        198,
        220,
        97,
        (268, 40, 39, 41, 280, 241, 219, 217, 218, 282, 265, 104, 105, 273, 106),
        ((206, 3), (211, 2), (269, 3)),
    ),
}


def can_filter() -> bool:
    """Whether the system-call numbers of this machine are known."""
    return sys.platform == "linux" and os.uname().machine in _MACHINES


def filter_calls(families: Sequence[int], *, is_tcp_only: bool = False) -> None:
    """Filter the calls of this process and all it starts; does nothing where ``can_filter`` says no.

    Args:
        families: Socket families that may be opened.
        is_tcp_only: Whether IPv4 may be opened too, but for TCP alone, whose ports Landlock holds: neither
            another protocol nor data in the first packet, which it does not look at.
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None or not can_filter():
        return
    program = _program(machine, families, is_tcp_only)
    count = len(program) // 8
    code = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("HxxxxxxP", count, ctypes.addressof(code))
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), descriptor, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def _program(machine: _Machine, families: Sequence[int], is_tcp_only: bool) -> bytes:
    def line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("HBBI", code, then, otherwise, value)

    refuse = line(_RETURN, _ERRNO | errno.EPERM)
    allow = line(_RETURN, _ALLOW)
    lines = [
        line(_LOAD, _AT_ARCHITECTURE),
        # A 32-bit call on a 64-bit kernel has other numbers, so no rule below would hold it.
        line(_JUMP_EQUAL, machine.architecture, 1, 0),
        refuse,
        line(_LOAD, _AT_NUMBER),
        line(_JUMP_AT_LEAST, 0x40000000, 0, 1),
        refuse,
    ]
    for number in (*machine.denied, *_DENIED_EVERYWHERE):
        lines += [line(_JUMP_EQUAL, number, 0, 1), refuse]
    # The flags of clone3 lie in memory a filter cannot read; without it the C library uses clone.
    lines += [line(_JUMP_EQUAL, _CLONE3, 0, 1), line(_RETURN, _ERRNO | errno.ENOSYS)]
    for number in (machine.clone, machine.unshare):
        lines += [
            line(_JUMP_EQUAL, number, 0, 4),
            line(_LOAD, _AT_FIRST_ARGUMENT),
            line(_JUMP_BITS, _CLONE_NEWUSER, 0, 1),
            refuse,
            allow,
        ]
    for number, place in machine.sends if is_tcp_only else ():
        lines += [
            line(_JUMP_EQUAL, number, 0, 4),
            line(_LOAD, _AT_FIRST_ARGUMENT + place * _ARGUMENT_BYTES),
            line(_JUMP_BITS, _FAST_OPEN, 0, 1),
            refuse,
            allow,
        ]
    lines += [line(_JUMP_EQUAL, machine.socket, 1, 0), allow, line(_LOAD, _AT_FIRST_ARGUMENT)]
    for family in families:
        lines += [line(_JUMP_EQUAL, family, 0, 1), allow]
    if is_tcp_only:
        lines += [
            line(_JUMP_EQUAL, _INET, 0, 7),
            line(_LOAD, _AT_FIRST_ARGUMENT + _ARGUMENT_BYTES),
            line(_AND, _TYPE_BITS),
            line(_JUMP_EQUAL, _STREAM, 0, 4),
            line(_LOAD, _AT_FIRST_ARGUMENT + 2 * _ARGUMENT_BYTES),
            line(_JUMP_EQUAL, _TCP, 1, 0),
            line(_JUMP_EQUAL, 0, 0, 1),
            allow,
        ]
    lines.append(line(_RETURN, _ERRNO | errno.EAFNOSUPPORT))
    return b"".join(lines)
