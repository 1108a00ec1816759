"""Several calls of one turn: those that touch nothing in common go at once, the others in their order.

What is left behind, and what each call is told, is what a run one after the other would give. Names of files
stand for all that lies below them; a doubt counts as the same thing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

__all__ = ["AT_ONCE", "EVERYTHING", "NOTHING", "Touches", "dispatch", "located"]

AT_ONCE = 16
"""Calls of one turn that are under way together at most."""
LOOKED_AT = 128
"""Calls whose order is looked at together at most; each is compared with each."""
_SCHEME = re.compile(r"[a-z]{2,8}:")


@dataclass(frozen=True, slots=True)
class Touches:
    """What a call reads and changes.

    A file or directory is named by its path, relative to the work directory or whole; anything else by a
    name with a scheme (``host:example.org``, ``env:``), which stands for all names that begin like it.

    Args:
        reads: What it looks at.
        writes: What it makes, changes or removes.
        relies_on: Files that were read to find that out: where an earlier call may change one of them, this
            one may touch everything.
        is_everything: Whether it may touch anything.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    relies_on: tuple[str, ...] = ()
    is_everything: bool = False


NOTHING = Touches()
"""What a call touches that only answers."""
EVERYTHING = Touches(is_everything=True)
"""What a call may touch of which nothing is known."""


def located(touches: Touches, work_dir: Path) -> Touches:
    """The same with whole paths, as things lie now.

    What is written becomes the topmost directory that has to be made for it, because others may need that.
    A path through a link, or to a file of several names, is not known for what it is. Nor is one outside the
    work directory, where the agent sees other things than we do: read, it stands for all there is.

    Args:
        touches: Of a call.
        work_dir: Where relative paths begin, on the host.
    """
    if touches.is_everything:
        return EVERYTHING
    base = os.path.realpath(work_dir)
    reads, writes, relies_on = set[str](), set[str](), set[str]()
    for names, into in ((touches.reads, reads), (touches.writes, writes), (touches.relies_on, relies_on)):
        for name in names:
            if _SCHEME.match(name):
                into.add(name.removesuffix("*"))
                continue
            passed = _passed(name, str(work_dir), base)
            is_inside = all(_holds(base, path) for path in passed)
            if (not is_inside and into is not reads) or not all(map(_is_itself, passed)):
                return EVERYTHING
            *left, path = passed
            reads.update(left)
            into.add(_topmost_missing(path) if into is writes else path if is_inside else "/")
    return Touches(tuple(sorted(reads)), tuple(sorted(writes)), tuple(sorted(relies_on)))


def _passed(name: str, work_dir: str, base: str) -> list[str]:
    """The whole path that a name is, behind the directories it passes and leaves again."""
    if name.startswith("/"):
        is_inside = name == work_dir or name.startswith(f"{work_dir}/")
        name = base + name[len(work_dir) :] if is_inside else name
    path, left = "/" if name.startswith("/") else base, list[str]()
    for part in name.split("/"):
        if part == "..":
            left.append(path)
            path = os.path.dirname(path)  # noqa: PTH120 - text, as the kernel would be given it
        elif part not in {"", "."}:
            path = f"{path.rstrip('/')}/{part}"
    return [*left, path]


def _is_itself(path: str) -> bool:
    """Whether there is no link on the way, and no other name of what is there."""
    try:
        if os.path.realpath(path) != path:
            return False
        found = os.lstat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)


def _topmost_missing(path: str) -> str:
    above = os.path.dirname(path)  # noqa: PTH120
    while above != path and not os.path.lexists(above):
        path, above = above, os.path.dirname(above)  # noqa: PTH120
    return path


async def dispatch(count: int, look: Callable[[int], Touches], do: Callable[[int], Awaitable[None]]) -> None:
    """Do the calls of a turn, each as soon as all it waits for are done.

    A call that may touch everything runs alone, after all before it and before all behind it, so what lies
    there is looked at anew behind it.

    Args:
        count: Of calls.
        look: Says what the call of this place touches, ``located``.
        do: Does it. What it raises ends the others, and is raised.
    """
    place = 0
    while place < count:
        known = _known_from(place, count, look)
        if known:
            await _together(place, known, do)
        else:
            await do(place)
        place += len(known) or 1


def _known_from(place: int, count: int, look: Callable[[int], Touches]) -> list[Touches]:
    """What the calls from here on touch, as far as that is known before any of them is done."""
    known, written = list[Touches](), list[str]()
    for each in range(place, min(count, place + LOOKED_AT)):
        touches = look(each)
        if touches.is_everything or _any_same(touches.relies_on, written):
            break
        known.append(touches)
        written += touches.writes
    return known


async def _together(first: int, known: Sequence[Touches], do: Callable[[int], Awaitable[None]]) -> None:
    done = [anyio.Event() for _ in known]
    places = anyio.CapacityLimiter(AT_ONCE)

    async def one(at: int) -> None:
        # Only earlier ones are waited for, and nothing is held meanwhile: none can wait for ever.
        for event, touches in zip(done[:at], known, strict=False):
            if _clash(touches, known[at]):
                await event.wait()
        async with places:
            await do(first + at)
        done[at].set()

    try:
        async with anyio.create_task_group() as group:
            for at in range(len(known)):
                group.start_soon(one, at)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure itself: callers know errors, not groups of them."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


def _clash(one: Touches, other: Touches) -> bool:
    """Whether one changes what the other touches."""
    if one.is_everything or other.is_everything:
        return True
    return _any_same(one.writes, (*other.writes, *other.reads)) or _any_same(other.writes, one.reads)


def _any_same(ones: Iterable[str], others: Sequence[str]) -> bool:
    return any(_same(one, other) for one in ones for other in others)


def _same(one: str, other: str) -> bool:
    """Whether two located names are the same, or one holds the other."""
    if one.startswith("/") and other.startswith("/"):
        return _holds(one, other) or _holds(other, one)
    return one.startswith(other) or other.startswith(one)


def _holds(directory: str, path: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{directory.rstrip('/')}/")
