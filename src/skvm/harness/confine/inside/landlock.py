"""Landlock: a process gives up every path but a few, with no privilege and no program needed."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys

from skvm.harness.confine.inside.lockdown import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["abi_version", "make_ruleset", "restrict"]

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _RULE_PATH_BENEATH, _RULE_NET_PORT = 1, 1, 2
_CONNECT_TCP = 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi_version() -> int:
    """The Landlock ABI of the running kernel; 0 where there is none or it is switched off."""
    if sys.platform != "linux":
        return 0  # that number is another call there
    return max(0, int(libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def _all_rights(abi: int) -> int:
    rights = (1 << 13) - 1
    for version, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        rights |= right if abi >= version else 0
    return rights


def make_ruleset(
    readable: Sequence[str], writable: Sequence[str], *, network: bool, ports: Sequence[int] = ()
) -> int:
    """Prepare a ruleset; paths that do not exist are passed over.

    Args:
        readable: Files and directories to read and execute.
        writable: Files and directories to do everything with.
        network: Whether TCP is allowed (ABI 4 can forbid it).
        ports: The TCP ports that can be connected to without the network.

    Returns:
        Its descriptor, for ``restrict``.

    Raises:
        OSError: The kernel has no Landlock or refuses.
    """
    abi = abi_version()
    rights = _all_rights(abi)
    attributes = struct.pack("Q", rights)
    if abi >= 4:
        attributes += struct.pack("Q", 0 if network else 0b11)
    if abi >= 6:
        attributes += struct.pack("Q", 0b11)  # abstract Unix sockets and signals stay inside
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    for port in ports if abi >= 4 and not network else ():
        _call(_ADD_RULE, ruleset, _RULE_NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0)
    for paths, granted in ((readable, _READ), (writable, rights)):
        for path in paths:
            _add(ruleset, path, granted & rights)
    return ruleset


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            rights &= _ON_FILES
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, target), 0)
    finally:
        os.close(target)


def restrict(ruleset: int) -> None:
    """Apply a ruleset to this process and all it starts; needs ``forbid_new_privileges`` first."""
    _call(_RESTRICT_SELF, ruleset, 0)


def _call(number: int, *arguments: int | bytes) -> int:
    converted = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *converted))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")
    return result
