"""The commons of all plan runs of a process, and each run's share of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import anyio.abc
import anyio.lowlevel

from skvm.errors import UsageError
from skvm.runtime.plan.model import CPU
from skvm.runtime.plan.resources.arbiter import Arbiter
from skvm.runtime.plan.resources.climbing import Climb
from skvm.runtime.plan.resources.easing import Easing
from skvm.runtime.plan.resources.levels import Hold, Level, Request, Run
from skvm.runtime.plan.resources.locks import FileLock
from skvm.runtime.plan.resources.places import Places
from skvm.runtime.plan.resources.pressure import Machine, Reading

if TYPE_CHECKING:
    from skvm.llm.port import ModelPort

__all__ = ["Commons", "OnEvent", "RunShare", "Standing"]

OnEvent = Callable[[str, float, Mapping[str, object]], None]
"""Told of what happens: a name, the time on the commons' clock, details.

``limit`` (resource, before, now, reason), ``throttled`` (resource), ``paused`` and ``resumed`` (reason),
``locked_out`` (resource).
"""

_REMOTE_START, _REMOTE_MOST = 8, 64
_LOCAL_PROVIDER, _LOCAL_START = "local", 2
_LOOK_EVERY_S = 1.0
_TRY_LOCKS_EVERY_S = 0.05
_UNLIMITED = 64
"""So many of what needs nothing are worth starting at once."""

_inside: ContextVar[Hold | None] = ContextVar("inside", default=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a resource stands.

    Args:
        now: Places there are.
        taken: Places that are held; for a while more than there are, after their number fell.
        waiting: Requests that wait for one.
    """

    now: int
    taken: int
    waiting: int


class Commons:
    """Everything plan runs of a process share. An async context manager; belongs to one event loop.

    Args:
        jobs: Commands at once at most, ≥ 1.
        named: So many calls of a provider at once at the start, and at most, by its name; of ``branch``,
            so many directories. Otherwise a provider has 8 places at the start (``local`` 2), 64 at most.
        state_dir: Where locks of things there is one of are kept; the same for all processes.
        clock: A steady clock, in seconds.
        pressure: Reads how hard-pressed the machine is.
        on_event: Told of what happens.
    """

    def __init__(
        self,
        *,
        jobs: int,
        named: Mapping[str, int] | None = None,
        state_dir: Path,
        clock: Callable[[], float] = time.monotonic,
        pressure: Callable[[], Reading] | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._jobs = max(1, jobs)
        self._named = dict(named or {})
        self._state_dir = state_dir
        self._clock = clock
        self._on_event = on_event
        self._notes: list[str] = []
        if pressure is None:
            machine = Machine()
            pressure = machine.read
            self._notes += machine.notes
        self._pressure = pressure
        self._easing = Easing(self._jobs)
        self.arbiter = Arbiter(clock, on_locked_out=self._locked_out)
        self._levels: dict[str, Level] = {}
        self._reasons: dict[str, None] = {}
        self._barred: dict[Level, int] = {}
        self._told: set[Level] = set()
        self._has_barred = anyio.Event()
        self._group: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._watch_pressure)
        self._group.start_soon(self._watch_locks)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._group is not None:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)
            self._group = None
        for level in self._barred:
            if isinstance(level.lock, FileLock):
                level.lock.wait_no_more()

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be watched or kept here, and what that means."""
        return tuple(self._notes)

    @property
    def paused_for(self) -> tuple[str, ...]:
        """Why nothing new begins on this machine; empty if it does."""
        return tuple(self._reasons)

    def standing(self) -> dict[str, Standing]:
        """All resources that were ever asked for, by name."""
        return {
            name: Standing(level.places.now, level.places.taken, self.arbiter.waiting(level))
            for name, level in sorted(self._levels.items())
        }

    def share(self, run_id: str, weight: int = 1) -> RunShare:
        """The part of one run.

        Args:
            run_id: For people.
            weight: Places it gets for each one of a run of weight 1 where both wait, ≥ 1.
        """
        return RunShare(self, Run(run_id, max(1, weight)))

    def throttled(self, provider: str) -> None:
        """A provider asked for fewer calls at once."""
        level = self.level(f"model:{provider}")
        self._tell("throttled", resource=level.name)
        if level.climb is not None:
            with self.telling([level]):
                level.climb.throttled(self._clock())

    @contextmanager
    def heeding(self, port: ModelPort) -> Iterator[None]:
        """Within it, a port tells when a provider asks for fewer calls at once."""
        with port.listening(lambda endpoint: self.throttled(endpoint.model_id.partition("/")[0])):
            yield

    def pause(self, reason: str) -> None:
        """Let nothing new begin on this machine, but for one thing at a time where nothing else goes on."""
        if reason not in self._reasons:
            self._reasons[reason] = None
            self._tell("paused", reason=reason)
            self.arbiter.pause(True)

    def resume(self, reason: str) -> None:
        """Take back a pause; with the last one everything goes on."""
        if reason in self._reasons:
            del self._reasons[reason]
            self._tell("resumed", reason=reason)
            self.arbiter.pause(bool(self._reasons))

    def look(self) -> None:
        """Read how hard-pressed the machine is, and heed it. Called once a second by the commons."""
        self._easing.see(self._pressure())
        level = self.level(CPU)
        reason = (
            "the machine is hard-pressed" if self._easing.now < level.places.now else "there is room again"
        )
        with self.telling([level], reason):
            level.places.most = level.places.now = self._easing.now
        if self._easing.is_critical:
            self.pause("memory")
        else:
            self.resume("memory")
        self.arbiter.settle([level])

    def try_locks(self) -> None:
        """Try again for what other processes had. Called often while something waits for that."""
        for level, rounds in tuple(self._barred.items()):
            if rounds:
                self._barred[level] = rounds - 1
                continue
            del self._barred[level]
            level.is_barred = False
            if level.accounts:
                self.arbiter.settle([level])
            elif isinstance(level.lock, FileLock):
                level.lock.wait_no_more()
            if level not in self._barred:
                self._told.discard(level)

    def level(self, name: str) -> Level:
        """The level of a resource.

        Raises:
            UsageError: There is no such kind.
        """
        if name not in self._levels:
            self._levels[name] = self._made(name)
        return self._levels[name]

    def _made(self, name: str) -> Level:
        kind, _, which = name.partition(":")
        if name == CPU:
            return Level(name, Places(self._easing.now))
        if name == "branch":
            return Level(name, Places(max(1, self._named.get(name, max(4, 2 * self._jobs)))))
        if kind == "model":
            is_local = which == _LOCAL_PROVIDER
            start = max(1, self._named.get(which, _LOCAL_START if is_local else _REMOTE_START))
            places = Places(start)
            most = start if which in self._named else _REMOTE_MOST
            return Level(name, places, Climb(places, most), is_local=is_local)
        if kind == "only" and which:
            lock = FileLock(self._state_dir / "exclusive", name, self._notes.append)
            return Level(name, Places(1), lock=lock)
        raise UsageError(
            f"no such resource: {name!r}", help="there are cpu, branch, model:<provider> and only:<thing>"
        )

    @contextmanager
    def telling(self, levels: Sequence[Level], reason: str = "") -> Iterator[None]:
        """Tell of places that became more or fewer within it."""
        before = [level.places.now for level in levels]
        yield
        for level, number in zip(levels, before, strict=True):
            if level.places.now != number:
                why = level.climb.reason if level.climb is not None else reason
                self._tell("limit", resource=level.name, before=number, now=level.places.now, reason=why)

    def _tell(self, name: str, **detail: object) -> None:
        if self._on_event is not None:
            self._on_event(name, self._clock(), detail)

    def _locked_out(self, level: Level, for_others: bool) -> None:
        # Whoever waits elsewhere tries at their own times: two of ours are at least one of theirs.
        self._barred[level] = 2 if for_others else 0
        self._has_barred.set()
        if not for_others and level not in self._told:
            self._told.add(level)
            self._tell("locked_out", resource=level.name)

    async def _watch_pressure(self) -> None:
        while True:
            self.look()
            await anyio.sleep(_LOOK_EVERY_S)

    async def _watch_locks(self) -> None:
        while True:
            await self._has_barred.wait()
            self._has_barred = anyio.Event()
            while self._barred:
                await anyio.sleep(_TRY_LOCKS_EVERY_S)
                self.try_locks()


class RunShare:
    """One run's part of the commons; see ``model.Share``. Made by ``Commons.share``."""

    def __init__(self, commons: Commons, run: Run) -> None:
        self._commons = commons
        self._run = run

    def width(self, needs: Sequence[str]) -> int:
        """How many nodes with these needs are worth starting at once now, ≥ 1.

        Twice as many as can have all of them, so that a place that becomes free has somebody waiting.
        """
        places = [self._commons.level(need).places.now for need in needs]
        return 2 * min(places) if places else _UNLIMITED

    def held(self, needs: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Wait until all of them are free at once, and hold them.

        Whoever holds one already and asks for it again within, in the same task or in one begun there, gets
        a part in the place it has: one at a time, whatever that place is.

        Args:
            needs: ``cpu``, ``branch``, ``model:<provider>``, ``only:<thing>``; each counts once.

        Raises:
            UsageError: There is no such resource.
        """
        levels = {need: self._commons.level(need) for need in sorted(needs)}
        return _Held(self._commons, self._run, levels)


class _Held:
    """Places held, or waited for."""

    __slots__ = ("_commons", "_hold", "_levels", "_outer", "_run")

    def __init__(self, commons: Commons, run: Run, levels: Mapping[str, Level]) -> None:
        self._commons = commons
        self._run = run
        self._levels = levels
        self._hold: Hold | None = None
        self._outer: Hold | None = None

    async def __aenter__(self) -> None:
        # Whoever was cancelled stops here, with nothing to give back.
        await anyio.lowlevel.checkpoint()
        if not self._levels:
            return
        self._outer = _inside.get()
        inside = tuple(self._live(self._outer))
        levels = tuple(_within(level, inside) for level in self._levels.values())
        granted: anyio.Event | None = None

        def wake() -> None:
            if granted is not None:
                granted.set()

        request = self._commons.arbiter.ask(self._run, levels, inside, wake)
        if request.hold is None:
            granted = anyio.Event()
            await self._wait(request, granted)
        self._hold = request.hold
        _inside.set(request.hold)

    async def _wait(self, request: Request, granted: anyio.Event) -> None:
        try:
            await granted.wait()
        except BaseException:
            self._commons.arbiter.give_up(request)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hold is not None:
            _inside.set(self._outer)
            with self._commons.telling(self._hold.levels):
                self._commons.arbiter.release(self._hold)

    def _live(self, hold: Hold | None) -> Iterator[Hold]:
        while hold is not None:
            if hold.is_live and hold.giver is self._commons.arbiter:
                yield hold
            hold = hold.parent


def _within(level: Level, inside: Sequence[Hold]) -> Level:
    """The level itself, or what stands for it where one of its places is held already."""
    for hold in reversed(inside):
        if level in hold.levels:
            level = hold.lend(level)
    return level
