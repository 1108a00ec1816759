"""Who is at work, in which order the plan has them, and what each did to the directory they share.

A node *works* while something may still be written by it, *waits* while only its merge is left to be done,
and is *settled* when nothing more will come of it. Only nodes that have begun are ever waited for, and of
those that merge only earlier ones of the plan, so nobody waits for himself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio

from skvm.runtime.plan.branching.deeds import Deed, Did, Place, are_at_odds, touches
from skvm.runtime.plan.model import Node

__all__ = ["Entry", "Ledger"]

_LAST = 1 << 60


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


@dataclass(slots=True)
class Ledger:
    """The state of one shared directory; for one event loop."""

    _places: dict[str, Place] = field(default_factory=dict)
    _begun: dict[str, Entry] = field(default_factory=dict)
    _done: list[Deed] = field(default_factory=list)
    _loose: list[Deed] = field(default_factory=list)
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
        if self._alone is entry:
            return
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
        if entry.is_beside:
            self._beside_ended = self._tick + 1
        if self._alone is entry:
            self._alone = None
        if not will_return:
            self._forget(entry)
        self._tell()

    def leave_beside(self, entry: Entry) -> tuple[str, ...]:
        """A node that worked in the shared directory ends; tells what ``overtaken`` tells."""
        self.leave(entry)
        deed = Deed.of(entry.node, entry.place, None)
        self._done.append(deed)
        return self._overtaken(deed)

    def _forget(self, entry: Entry) -> None:
        if self._begun.get(entry.node.id) is entry:
            del self._begun[entry.node.id]
        self._tell()

    async def wait_turn(self, entry: Entry, did: Did) -> None:
        """Wait until a node may merge."""
        if self.has_turn(entry, did):
            return
        entry.is_working = False
        self._tell()
        await self._until(lambda: self.has_turn(entry, did))
        entry.is_working = True

    def has_turn(self, entry: Entry, did: Did) -> bool:
        """Whether a node may merge now."""
        if self._alone is not None and self._alone is not entry:
            return False
        return not any(
            _is_before(other, entry, did)
            for other in self._begun.values()
            if other is not entry and not entry.is_item_of(other) and not other.is_item_of(entry)
        )

    def changed_since(self, entry: Entry) -> frozenset[str]:
        """What was merged by others since a node began."""
        return frozenset().union(*self._commits[entry.began :])

    def has_beside_since(self, entry: Entry) -> bool:
        """Whether a node worked in the directory itself since a node began, or still does."""
        return self._beside_ended > entry.began_tick or any(other.is_beside for other in self._begun.values())

    def overtaken(self, entry: Entry, did: Did) -> tuple[str, ...]:
        """Ids of later nodes of the plan that were done before a node and at odds with it."""
        return self._overtaken(Deed.of(entry.node, entry.place, did))

    def _overtaken(self, deed: Deed) -> tuple[str, ...]:
        # Two that did as they said cannot be at odds.
        others = self._loose if deed.did.is_as_said else self._done
        return tuple(
            other.node
            for other in others
            if other.place > deed.place and not other.is_within(deed.place) and are_at_odds(deed, other)
        )

    def commit(self, entry: Entry, did: Did | None) -> int:
        """Note that a node's changes are merged; tells how many merges there were before it.

        Args:
            entry: The node.
            did: What it did; ``None`` if it did it in the shared directory itself.
        """
        deed = Deed.of(entry.node, entry.place, did)
        self._commits.append(deed.did.changed)
        self._done.append(deed)
        if not deed.did.is_as_said:
            self._loose.append(deed)
        self._forget(entry)
        return len(self._commits) - 1

    def _tell(self) -> None:
        """Something happened: whoever waits looks again."""
        self._tick += 1
        self._news.set()
        self._news = anyio.Event()

    async def _until(self, test: Callable[[], bool]) -> None:
        while not test():
            await self._news.wait()


def _is_before(other: Entry, entry: Entry, did: Did) -> bool:
    """Whether another node has to be settled before one merges."""
    if other.is_beside:
        # It reads what is there and writes bit by bit: what it touches may neither change under it, nor be
        # taken for whole.
        is_read = other.node.is_open or touches(did.read, other.node.writes)
        is_changed = other.node.is_open or touches(did.undeclared, other.names)
        return (bool(did.read) and is_read) or (bool(did.undeclared) and is_changed)
    if other.place >= entry.place:
        return False
    if entry.node.is_open:
        return True
    return bool(did.undeclared) and (other.node.is_open or touches(did.undeclared, other.names))
