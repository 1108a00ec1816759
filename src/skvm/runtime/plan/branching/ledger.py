"""Who is at work, in which order the plan has them, and what each did to the directory they share.

A node *works* while something may still be written by it, *waits* while only its merge is left to be done,
and is *settled* when nothing more will come of it. Only nodes that have begun are ever waited for, and of
those that merge only earlier ones of the plan, so nobody waits for himself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio

from skvm.compiler.effects.resources import clash
from skvm.runtime.plan.model import Node

__all__ = ["Entry", "Ledger", "Place", "names_of", "touches"]

Place = tuple[int, ...]
"""Where a node stands in the plan; an item of a node stands behind it and before the next."""
_LAST = 1 << 60


def names_of(path: str) -> tuple[str, ...]:
    """What a plan may call a path.

    A repository's folder is named by its scheme, and what only looks like a scheme is a path.
    """
    if path == ".git" or path.startswith(".git/") or "/.git/" in path:
        return (path, "git:")
    return (f"./{path}",) if ":" in path else (path,)


def touches(paths: Iterable[str], names: Iterable[str]) -> bool:
    """Whether one of the paths may be meant by one of a plan's names."""
    names = tuple(names)
    return bool(names) and any(clash(names_of(path), names) is not None for path in paths)


@dataclass(slots=True, eq=False)
class Entry:
    """A node that has begun.

    Args:
        node: The node.
        place: Where it stands in the plan.
        is_beside: Whether it works in the shared directory itself.
        began: How many merges there had been when its directory was made.
        began_tick: How much had happened by then.
        is_working: Whether something may still be written by it.
    """

    node: Node
    place: Place
    is_beside: bool
    began: int = 0
    began_tick: int = 0
    is_working: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """All it says it touches."""
        return (*self.node.reads, *self.node.writes)

    def is_item_of(self, other: Entry) -> bool:
        """Whether it is a part of another one."""
        return self.place[: len(other.place)] == other.place and self.place != other.place


class _Done(NamedTuple):
    """What is kept of a node that is done."""

    node: str
    place: Place
    names: tuple[str, ...]
    changed: frozenset[str]
    read: frozenset[str]

    @classmethod
    def of(
        cls, entry: Entry, changed: frozenset[str] = frozenset(), read: frozenset[str] = frozenset()
    ) -> _Done:
        return cls(entry.node.id, entry.place, entry.names, changed, read)


@dataclass(slots=True)
class Ledger:
    """The state of one shared directory; for one event loop."""

    _places: dict[str, Place] = field(default_factory=dict)
    _begun: dict[str, Entry] = field(default_factory=dict)
    _done: list[_Done] = field(default_factory=list)
    _commits: list[frozenset[str]] = field(default_factory=list)
    _tick: int = 0
    _beside_ended: int = 0
    _alone: Entry | None = None
    _asking: list[Entry] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)

    def put_in_order(self, ids: Iterable[str], within: str | None = None) -> None:
        """Say in which order the plan has nodes."""
        prefix = self._place_of(within) if within is not None else ()
        for index, node in enumerate(ids):
            self._places[node] = (*prefix, index)

    def _place_of(self, node: str) -> Place:
        """Of a node nobody has put in order: behind its own map, else behind all, as it came."""
        place = self._places.get(node)
        if place is None:
            parent = self._places.get(node.partition("[")[0], ()) if "[" in node else ()
            place = self._places[node] = (*(parent or (_LAST,)), _LAST + len(self._places))
        return place

    @property
    def commits(self) -> int:
        """How often something was committed."""
        return len(self._commits)

    async def enter(self, node: Node, *, alone: bool) -> Entry:
        """Begin a node that gets a directory of its own; waits while another one is alone.

        Args:
            node: The node.
            alone: Wait until no other works, and let none begin until it has left.
        """
        entry = Entry(node, self._place_of(node.id), is_beside=False, is_working=False)
        if alone:
            self._begun[node.id] = entry
            try:
                await self.become_alone(entry)
            except BaseException:
                self._forget(entry)
                raise
        else:
            await self._until(lambda: self._alone is None and not self._asking)
            self._begun[node.id] = entry
        entry.is_working = True
        return entry

    def mark(self, entry: Entry) -> None:
        """Take note that the directory is now as a node will see it."""
        entry.began, entry.began_tick = self.commits, self._tick

    async def become_alone(self, entry: Entry) -> None:
        """Wait until no other node works; the earliest of those who wait so is the first."""
        entry.is_working = False
        self._asking.append(entry)
        try:
            await self._until(lambda: self._may_be_alone(entry))
            self._alone = entry
        finally:
            self._asking.remove(entry)
            entry.is_working = True
            self._tell()

    def _may_be_alone(self, entry: Entry) -> bool:
        return (
            self._alone is None
            and not any(other.is_working for other in self._begun.values() if other is not entry)
            and all(entry.place <= other.place for other in self._asking)
        )

    def enter_beside(self, node: Node) -> Entry:
        """Begin a node that works in the shared directory itself; never waits."""
        entry = Entry(node, self._place_of(node.id), is_beside=True)
        self._begun[node.id] = entry
        return entry

    def give_up(self, node: str) -> None:
        """Say that a node which was to run again will not."""
        if (entry := self._begun.get(node)) is not None and not entry.is_working:
            self._forget(entry)

    def leave(self, entry: Entry, *, will_return: bool = False) -> None:
        """A node ends, or will only begin again alone.

        Args:
            entry: The node.
            will_return: Whether others still have to wait for what it will do.
        """
        entry.is_working = False
        if self._alone is entry:
            self._alone = None
        if not will_return:
            self._forget(entry)
            if entry.is_beside:
                self._done.append(_Done.of(entry))
                self._beside_ended = self._tick
        self._tell()

    def _forget(self, entry: Entry) -> None:
        if self._begun.get(entry.node.id) is entry:
            del self._begun[entry.node.id]
        self._tell()

    async def wait_turn(self, entry: Entry, undeclared: frozenset[str]) -> None:
        """Wait until a node may merge.

        Args:
            entry: The node.
            undeclared: What it changed and does not say it writes.
        """
        if self.has_turn(entry, undeclared):
            return
        entry.is_working = False
        self._tell()
        await self._until(lambda: self.has_turn(entry, undeclared))
        entry.is_working = True

    def has_turn(self, entry: Entry, undeclared: frozenset[str]) -> bool:
        """Whether a node may merge now."""
        if self._alone is not None and self._alone is not entry:
            return False
        return not any(
            self._is_before(other, entry, undeclared)
            for other in self._begun.values()
            if other is not entry and not entry.is_item_of(other) and not other.is_item_of(entry)
        )

    def _is_before(self, other: Entry, entry: Entry, undeclared: frozenset[str]) -> bool:
        """Whether another node has to be settled before one merges."""
        if other.is_beside:
            # It reads and writes what is there: nothing it touches may change under it.
            return bool(undeclared) and (other.node.is_open or touches(undeclared, other.names))
        if other.place >= entry.place:
            return False
        if entry.node.is_open:
            return True
        return bool(undeclared) and (other.node.is_open or touches(undeclared, other.names))

    def changed_since(self, entry: Entry) -> frozenset[str]:
        """What was merged by others since a node began."""
        return frozenset().union(*self._commits[entry.began :])

    def has_beside_since(self, entry: Entry) -> bool:
        """Whether a node worked in the directory itself since a node began, or still does."""
        return self._beside_ended > entry.began_tick or any(other.is_beside for other in self._begun.values())

    def commit(self, entry: Entry, changed: frozenset[str], read: frozenset[str]) -> int:
        """Note that a node's changes are merged; tells how many merges there were before it."""
        self._commits.append(changed)
        self._done.append(_Done.of(entry, changed, read))
        self._forget(entry)
        return len(self._commits) - 1

    def overtaken(self, entry: Entry, undeclared: frozenset[str], read: frozenset[str]) -> Iterator[str]:
        """Ids of later nodes of the plan that were done already and have to do with what a node did.

        Args:
            entry: The node that merges.
            undeclared: What it changed and does not say it writes.
            read: What it was seen to read and does not say it reads.
        """
        if not undeclared and not read:
            return
        for other in self._done:
            if other.place > entry.place and other.place[: len(entry.place)] != entry.place:
                touched = touches(undeclared, other.names) or undeclared & (other.changed | other.read)
                if touched or read & other.changed:
                    yield other.node

    def _tell(self) -> None:
        """Something happened: whoever waits looks again."""
        self._tick += 1
        self._news.set()
        self._news = anyio.Event()

    async def _until(self, test: Callable[[], bool]) -> None:
        while not test():
            await self._news.wait()
