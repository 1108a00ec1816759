"""The workers of a command: started, greeted, chosen from, and replaced when they are lost."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

import skvm
from skvm.cluster.lane import Lane, LaneLostError, StartLane
from skvm.cluster.order import Hello
from skvm.cluster.worker import code_digest
from skvm.errors import InfrastructureError, SkvmError

__all__ = ["Fleet", "Member", "open_fleet"]

START_TIMEOUT_S = 300.0
"""How long a command waits for a worker while it has none."""
CLOSE_TIMEOUT_S = 10.0
MOST_LOSSES = 10
"""Workers lost one after the other, without a run made between, before a command gives up."""


@dataclass(slots=True, eq=False)
class Member:
    """A worker that is up.

    Args:
        lane: The way to it.
        hello: What it says it is.
        slots: Runs at once.
        busy: Runs it has now.
        confirmed: Blobs its node has.
    """

    lane: Lane
    hello: Hello
    slots: int
    busy: int = 0
    is_lost: bool = False
    confirmed: set[str] = field(default_factory=set)
    supplying: anyio.Lock = field(default_factory=anyio.Lock)

    async def ask(self, method: str, *given: str | bytes) -> str | bytes:
        """Ask it for something.

        Raises:
            LaneLostError: It is gone.
        """
        return await self.lane.submit(method, *given)()


class Fleet:
    """Workers. Made by ``open_fleet``.

    Args:
        start: Starts one.
        wanted: How many, ≥ 1.
        slots: Runs at once of each, ≥ 1.
        group: Where the tasks that watch them run.
        on_throttled: Told model ids of which a provider asked for less.
        on_note: Told one line of what a person may want to know.
        start_timeout_s: How long a command waits for a worker while it has none, > 0.
        is_checked: Whether workers may be of another installation, and are held against this one.
    """

    def __init__(
        self,
        start: StartLane,
        wanted: int,
        slots: int,
        group: anyio.abc.TaskGroup,
        *,
        on_throttled: Callable[[str], None] = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
        start_timeout_s: float = START_TIMEOUT_S,
        is_checked: bool = True,
    ) -> None:
        self._start, self.wanted, self.slots, self._group = start, wanted, slots, group
        self._on_throttled, self._on_note, self._timeout_s = on_throttled, on_note, start_timeout_s
        self._is_checked = is_checked
        self.members: list[Member] = []
        self._lanes: set[Lane] = set()
        self._changed = anyio.Event()
        self._failure: SkvmError | None = None
        self._losses = 0
        self._is_closing = False

    def begin(self) -> None:
        """Start all of them; those that are up first are used first."""
        for _ in range(self.wanted):
            self._group.start_soon(self._raise_one)

    async def first(self) -> None:
        """Wait for one that is up.

        Raises:
            InfrastructureError: None comes up, or it is of another version than this process.
        """
        self.give_back(await self.take())

    async def take(self) -> Member:
        """A place on the least busy worker; waits for one.

        Raises:
            InfrastructureError: No worker comes up, or it is of another version than this process.
        """
        while True:
            if self._failure is not None:
                raise self._failure
            free = [each for each in self.members if each.busy < each.slots]
            if free:
                chosen = min(free, key=lambda each: each.busy / each.slots)
                chosen.busy += 1
                return chosen
            changed = self._changed
            with anyio.move_on_after(self._timeout_s if not self.members else math.inf) as scope:
                await changed.wait()
            if scope.cancelled_caught and not self.members:
                raise InfrastructureError(
                    f"no worker came up within {self._timeout_s:g} s",
                    help="look at the cluster with `ray status`: has it a free processor for one?",
                )

    def give_back(self, member: Member, *, is_made: bool = False) -> None:
        """A place is free again; ``is_made`` where a run came of it."""
        member.busy -= 1
        if is_made:
            self._losses = 0
        self._wake()

    def lost(self, member: Member) -> None:
        """A worker is gone: nothing more is sent to it, another one is started. May be told twice."""
        if member.is_lost:
            return
        member.is_lost = True
        self.members.remove(member)
        self._let_go(member.lane)
        if not self._is_closing:
            self._on_note(f"the worker on {member.hello.node} is lost; its runs go to others")
            self._count_loss(f"the last one on {member.hello.node}")
            self._group.start_soon(self._raise_one)
        self._wake()

    async def close(self) -> None:
        """Let all of them end what they opened, for a moment, and then go."""
        self._is_closing = True
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(CLOSE_TIMEOUT_S):
                async with anyio.create_task_group() as group:
                    for member in self.members:
                        group.start_soon(_close, member)
            for lane in list(self._lanes):
                self._let_go(lane)

    async def _raise_one(self) -> None:
        """Start a worker, greet it, and wait for what it has to tell, until it is lost."""
        lane = self._start()
        self._lanes.add(lane)
        try:
            hello = _hello(await lane.submit("hello")())
            if self._is_checked:
                check_hello(hello)
        except LaneLostError as error:
            self._let_go(lane)
            self._count_loss(str(error))
            if not self._is_closing and self._failure is None:
                self._group.start_soon(self._raise_one)
            return
        except SkvmError as error:
            self._let_go(lane)
            self._fail(error)
            return
        member = Member(lane, hello, self.slots)
        self.members.append(member)
        self._wake()
        try:
            while True:
                for model_id in json.loads(await member.ask("throttled")):
                    self._on_throttled(model_id)
        except LaneLostError:
            self.lost(member)

    def _count_loss(self, why: str) -> None:
        self._losses += 1
        if self._losses >= MOST_LOSSES:
            self._fail(
                InfrastructureError(
                    f"{self._losses} workers were lost one after the other: {why}",
                    help="see why with `ray list actors` and the logs of the cluster",
                )
            )

    def _fail(self, error: SkvmError) -> None:
        self._failure = self._failure or error
        self._wake()

    def _let_go(self, lane: Lane) -> None:
        if lane in self._lanes:
            self._lanes.discard(lane)
            lane.end()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


async def _close(member: Member) -> None:
    try:
        await member.ask("close")
    except LaneLostError:
        return


def _hello(told: str | bytes) -> Hello:
    try:
        return Hello.model_validate_json(told)
    except ValueError as error:
        raise InfrastructureError(
            "a worker of the cluster is another skvm than this one: it greets otherwise",
            help="install the same version on every node of the cluster",
        ) from error


def check_hello(hello: Hello) -> None:
    """Refuse a worker that is not made of what this process is made of.

    Raises:
        InfrastructureError: It is not.
    """
    mine = (skvm.__version__, code_digest())
    if (hello.version, hello.code) != mine:
        numbers = (
            f"skvm {hello.version} there, {mine[0]} here"
            if hello.version != mine[0]
            else f"both call themselves skvm {mine[0]}, but their files differ"
        )
        raise InfrastructureError(
            f"the worker on {hello.node} is another skvm than this one: {numbers}",
            help="install the same version on every node of the cluster",
        )
    if hello.python.rpartition(".")[0] != platform.python_version().rpartition(".")[0]:
        raise InfrastructureError(
            f"the worker on {hello.node} runs Python {hello.python}, this is {platform.python_version()}",
            help="use the same Python on every node",
        )


@asynccontextmanager
async def open_fleet(
    start: StartLane,
    wanted: int,
    slots: int,
    *,
    on_throttled: Callable[[str], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
    start_timeout_s: float = START_TIMEOUT_S,
    is_checked: bool = True,
) -> AsyncIterator[Fleet]:
    """Workers for as long as it is open; the first is up when it is entered. See ``Fleet``.

    Raises:
        InfrastructureError: None comes up, or it is of another version than this process.
    """
    try:
        async with anyio.create_task_group() as group:
            fleet = Fleet(
                start,
                wanted,
                slots,
                group,
                on_throttled=on_throttled,
                on_note=on_note,
                start_timeout_s=start_timeout_s,
                is_checked=is_checked,
            )
            fleet.begin()
            try:
                await fleet.first()
                yield fleet
            finally:
                await fleet.close()
                group.cancel_scope.cancel()
    except BaseExceptionGroup as failures:
        # What is raised within it is the caller's, and the watchers' end only part of that.
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from None
        raise
