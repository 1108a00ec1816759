"""What can be had and who waits for it: levels, lanes of alike requests, holds."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from skvm.runtime.plan.resources.climbing import Climb
from skvm.runtime.plan.resources.places import Places

__all__ = ["Account", "Hold", "Lane", "Level", "Lock", "Request", "Run"]


class Lock(Protocol):
    """Something to be had before a place of a level can be taken, which others on the machine may have."""

    def acquire(self) -> bool:
        """Take it if it is free, without waiting."""

    def release(self) -> bool:
        """Give it back.

        Returns:
            Whether somebody else is to have it before we take it again.
        """


@dataclass(eq=False, slots=True)
class Run:
    """Somebody who is served in turns.

    Args:
        id: For people.
        weight: Places it gets for each one of a run of weight 1, where both want more than there are.
    """

    id: str
    weight: int = 1


@dataclass(slots=True)
class Account:
    """A run's turn at a level, kept while it waits there: the one with the lowest is next."""

    turn: float
    waiting: int = 0


@dataclass(eq=False, slots=True)
class Level:
    """One resource.

    Args:
        name: As nodes name it.
        places: How many there are, and are taken.
        climb: What adapts their number to a provider.
        lock: What keeps other processes out.
        is_local: Whether it is of this machine, and is not given while that is short of memory.
    """

    name: str
    places: Places
    climb: Climb | None = None
    lock: Lock | None = None
    is_local: bool = True
    is_barred: bool = False
    """Whether another process has the lock."""
    granted: int = 0
    """Places given so far: how fast they turn over."""
    clock: float = 0.0
    """The turn of who was served last."""
    stuck: int = 0
    """Requests that wait while whoever made them holds a place here."""
    accounts: dict[Run, Account] = field(default_factory=dict)
    lanes: dict[tuple[tuple[Level, ...], bool], Lane] = field(default_factory=dict)
    claims: list[Lane] = field(default_factory=list)
    """Lanes for each of which one place is kept, the oldest first."""

    def enter(self, run: Run) -> None:
        """A request of a run begins to wait; a run that did not wait gets the next turn, no earlier one."""
        account = self.accounts.get(run)
        if account is None:
            account = self.accounts[run] = Account(self.clock + 1 / run.weight)
        account.waiting += 1

    def leave(self, run: Run) -> None:
        """A request of a run waits no more."""
        account = self.accounts[run]
        account.waiting -= 1
        if not account.waiting:
            del self.accounts[run]

    def serve(self, run: Run) -> None:
        """A request of a run that waits gets a place: it used its turn."""
        account = self.accounts[run]
        self.clock = max(self.clock, account.turn)
        # What it could not use while it lacked something else is not saved up.
        account.turn = self.clock + 1 / run.weight


@dataclass(eq=False, slots=True)
class Hold:
    """Places that were given together.

    Args:
        levels: Where.
        run: To whom.
        parent: Within which hold, if any, it was asked for.
        giver: Who gave it.
        since_s: When, on the giver's clock.
    """

    levels: tuple[Level, ...]
    run: Run
    parent: Hold | None
    giver: object
    since_s: float
    is_live: bool = True
    waits: int = 0
    """Requests made within it that wait."""
    lent: dict[Level, Level] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether it burdens this machine."""
        return not self.levels or any(level.is_local for level in self.levels)

    def lend(self, level: Level) -> Level:
        """The level that stands for its place at a level to those who work within it, one at a time."""
        if level not in self.lent:
            self.lent[level] = Level(level.name, Places(1), is_local=level.is_local)
        return self.lent[level]


@dataclass(eq=False, slots=True)
class Request:
    """Places that are asked for, all or none.

    Args:
        run: For whom.
        levels: Where.
        inside: The live holds within which it is made, innermost first.
        seq: Its number; older ones have lower ones.
        wake: Called once it is granted after it waited.
    """

    run: Run
    levels: tuple[Level, ...]
    inside: tuple[Hold, ...]
    seq: int
    wake: Callable[[], None]
    hold: Hold | None = None
    is_dead: bool = False


@dataclass(slots=True)
class _Queue:
    """Requests of one run in a lane, oldest first; those that gave up are skipped, not searched for."""

    requests: deque[Request] = field(default_factory=deque)
    live: int = 0

    @property
    def head(self) -> Request | None:
        while self.requests and self.requests[0].is_dead:
            self.requests.popleft()
        return self.requests[0] if self.requests else None

    def drop(self, request: Request) -> None:
        request.is_dead = True
        self.live -= 1
        if len(self.requests) > 2 * self.live + 16:
            self.requests = deque(each for each in self.requests if not each.is_dead)


@dataclass(slots=True)
class _Order:
    """The runs of a lane by their turn at a level; an entry lags behind until it is the first."""

    heap: list[tuple[float, int, Run]] = field(default_factory=list)
    entered: set[Run] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Lane:
    """Requests for the same places, of all runs.

    Args:
        levels: Where.
        is_nested: Whether whoever asks holds something already.
    """

    levels: tuple[Level, ...]
    is_nested: bool
    claim_no: float = math.inf
    """When it first claimed a place, as a number; infinite if it claims none."""
    live: int = 0
    marks: tuple[int, ...] = ()
    _queues: dict[Run, _Queue] = field(default_factory=dict)
    _orders: dict[Level, _Order] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._orders = {level: _Order() for level in self.levels}
        self.mark()

    def mark(self) -> None:
        """From now on count how often places turn over that it lacks."""
        self.marks = tuple(level.granted for level in self.levels)

    @property
    def is_local(self) -> bool:
        """Whether it wants anything of this machine."""
        return not self.levels or any(level.is_local for level in self.levels)

    def push(self, request: Request) -> None:
        """A request begins to wait."""
        queue = self._queues.get(request.run)
        if queue is None:
            queue = self._queues[request.run] = _Queue()
        queue.requests.append(request)
        queue.live += 1
        self.live += 1
        for level, order in self._orders.items():
            if request.run not in order.entered:
                order.entered.add(request.run)
                turn = level.accounts[request.run].turn
                heapq.heappush(order.heap, (turn, request.seq, request.run))

    def drop(self, request: Request) -> None:
        """A request gave up."""
        self.live -= 1
        queue = self._queues[request.run]
        queue.drop(request)
        if not queue.live:
            del self._queues[request.run]

    def pop(self, run: Run) -> Request:
        """The oldest request of a run, which waits no more."""
        queue = self._queues[run]
        request = queue.head
        if request is None:
            raise LookupError(run.id)
        queue.requests.popleft()
        queue.live -= 1
        self.live -= 1
        if not queue.live:
            del self._queues[run]
        return request

    def first(self, level: Level) -> tuple[float, int, Run] | None:
        """Whose turn it is at a level: turn, number of the oldest request, run."""
        order = self._orders[level]
        while order.heap:
            entry = order.heap[0]
            queue = self._queues.get(entry[2])
            head = queue.head if queue else None
            if head is None:
                heapq.heappop(order.heap)
                order.entered.discard(entry[2])
                continue
            current = (level.accounts[entry[2]].turn, head.seq, entry[2])
            if current[:2] == entry[:2]:
                return entry
            heapq.heapreplace(order.heap, current)
        return None
