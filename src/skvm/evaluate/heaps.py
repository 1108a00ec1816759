"""The heaps of the C library: as few as serve us.

glibc gives each new thread a heap of its own, up to eight a core. Worker threads come and go with every
session, each leaves its heap in pieces, and a process that benches for hours grows by a megabyte a session
although nothing is held. Python's threads allocate one at a time anyway: two heaps do.
"""

from __future__ import annotations

import functools
import sys

__all__ = ["bound_heaps"]

_M_ARENA_MAX = -8
_HEAPS = 2


@functools.cache
def bound_heaps() -> bool:
    """Have new threads share heaps, once a process; says whether that could be asked for."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        # Another C library has no such function, or says that it did nothing.
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS))
    except (OSError, AttributeError):
        return False
