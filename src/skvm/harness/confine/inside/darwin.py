"""The processes of a macOS machine, as its ``libproc`` tells them; there is no ``/proc``."""

from __future__ import annotations

import ctypes
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["processes"]

_ALL_PIDS, _BSD_INFO = 1, 3
# ``struct proc_bsdinfo``: flags, status, exit status, pid, parent, user and nine numbers we do not need; two
# names; five numbers and the nice value; seconds and microseconds of the start.
_LAYOUT = struct.Struct("=12I16s32s5IiQQ")
_ZOMBIE = 5
_ROOM = 256


def processes() -> Iterator[tuple[int, int, int, bool]]:
    """Each process that may be looked at: its number, its parent's, its user's, and whether it is dead.

    Raises:
        OSError: The system has no such library.
    """
    library = ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)
    for pid in _pids(library):
        told = ctypes.create_string_buffer(_LAYOUT.size)
        # It may have ended while we looked, or be somebody else's.
        if (
            pid
            and library.proc_pidinfo(pid, _BSD_INFO, ctypes.c_uint64(0), told, _LAYOUT.size) == _LAYOUT.size
        ):
            fields = _LAYOUT.unpack(told.raw)
            yield fields[3], fields[4], fields[5], fields[1] == _ZOMBIE


def _pids(library: ctypes.CDLL) -> tuple[int, ...]:
    size = ctypes.sizeof(ctypes.c_int)
    room = max(0, library.proc_listpids(_ALL_PIDS, 0, None, 0)) // size + _ROOM
    found = (ctypes.c_int * room)()
    count = library.proc_listpids(_ALL_PIDS, 0, found, room * size) // size
    return tuple(found[: max(0, count)])
