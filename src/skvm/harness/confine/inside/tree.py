"""Find and kill the descendants of a process, or every process of a user."""

from __future__ import annotations

import os
import sys
import time

from skvm.harness.confine.inside.lean import signal, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = [
    "count_own",
    "descendants",
    "is_childless",
    "is_dead",
    "kill_all",
    "kill_descendants",
    "kill_session",
    "kill_user",
    "pids",
]


def pids() -> list[int]:
    """Every process that ``/proc`` shows; where there is none, every one that may be looked at."""
    if sys.platform == "darwin":
        return [pid for pid, _, _, _ in _processes()]
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def is_childless() -> bool:
    """Whether this process has no child, living or dead; a reaper of orphans then has no descendant either.

    A child that has ended is collected by this.
    """
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def descendants(root: int, *, spare: Collection[int] = ()) -> list[int]:
    """Live descendants of ``root``, without zombies and those at or below ``spare``."""
    children: dict[int, list[int]] = {}
    dead: set[int] = set()
    if sys.platform == "darwin":
        for pid, parent, _, is_dead in _processes():
            children.setdefault(parent, []).append(pid)
            if is_dead:
                dead.add(pid)
        return _below(root, children, dead, spare)
    for pid in pids():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
                # The command's name may hold blanks and brackets, so the fields are counted after its end.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):  # it ended while we looked
            continue
        children.setdefault(int(parent), []).append(pid)
        if state in (b"Z", b"X"):
            dead.add(pid)
    return _below(root, children, dead, spare)


def count_own() -> int:
    """Processes of our user now; threads are not counted."""
    return sum(user == os.geteuid() for _, _, user, _ in _processes())


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or has ended and waits for whoever started it; not for Linux."""
    return all(is_over for number, _, _, is_over in _processes() if number == pid)


def _processes() -> list[tuple[int, int, int, bool]]:
    # The only place that needs it, and only there.
    from skvm.harness.confine.inside.darwin import processes

    return list(processes())


def _below(
    root: int, children: dict[int, list[int]], dead: Collection[int], spare: Collection[int]
) -> list[int]:
    found: list[int] = []
    queue = [root]
    while queue:
        below = [pid for pid in children.get(queue.pop(), ()) if pid not in spare]
        queue += below
        found += [pid for pid in below if pid not in dead]
    return found


def kill_descendants(
    root: int, *, spare: Collection[int] = (), reap: Callable[[], object] = lambda: None
) -> bool:
    """Kill every descendant of ``root``, which lives on; says whether none is left.

    Args:
        root: Process whose descendants end.
        spare: Children to leave alone, with all below them.
        reap: Called after each round to collect the dead.
    """
    return kill_all(lambda: descendants(root, spare=spare), reap=reap)


def kill_user(uid: int) -> bool:
    """Kill every process of the user ``uid``; says whether none is left. Needs root."""

    def find() -> list[int]:
        found = []
        for pid in pids():
            with suppress(OSError):
                if os.stat(f"/proc/{pid}").st_uid == uid:  # noqa: PTH116 - pathlib is slow to import
                    found.append(pid)
        return found

    return kill_all(find)


def kill_session() -> bool:
    """Kill every other process of our session; says whether none is left."""

    def find() -> list[int]:
        found = []
        for pid in pids():
            with suppress(OSError):
                if pid != os.getpid() and os.getsid(pid) == os.getsid(0) and not is_dead(pid):
                    found.append(pid)
        return found

    return kill_all(find)


def kill_all(
    find: Callable[[], Collection[int]],
    *,
    reap: Callable[[], object] = lambda: None,
    patience_s: float = 5.0,
) -> bool:
    """Kill what ``find`` finds until it finds nothing; ``False`` if patience ends first.

    All are stopped before the first is killed: a fork bomb at its process limit refills every slot that a
    kill frees, but a stopped process forks no more.
    """
    deadline = time.monotonic() + patience_s
    while True:
        stopped: set[int] = set()
        while (fresh := set(find()) - stopped) and time.monotonic() < deadline:
            _send(fresh, signal.SIGSTOP)
            stopped |= fresh
        _send(stopped, signal.SIGKILL)
        reap()
        if not find():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.002)


def _send(pids: Collection[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
