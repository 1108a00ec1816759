"""Who gets what when: all or nothing, in turns between runs, oldest first within one, nobody forgotten.

Whenever a place is free at a level, it goes to the run whose turn it is there, among those whose oldest
request of a kind could have *all* it wants. Requests for the same places form a lane, so that a grant looks
at lanes, not at requests, however many wait.

A request for several places could be passed over forever by those that want one of them each. So once each
place a lane lacks was given to others some times, the lane *claims* it: the next free one is kept. Claims
are met in the order they were made. Whoever waits while holding something passes by the claims of those who
wait for just that, for they would wait for each other.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from skvm.runtime.plan.resources.levels import Hold, Lane, Level, Lock, Request, Run

__all__ = ["PATIENCE", "Arbiter"]

PATIENCE = 8


@dataclass(slots=True)
class Arbiter:
    """Gives places. Knows no time and no tasks.

    Args:
        clock: A steady clock, in seconds.
        patience: So often a place goes to others before a request that lacks it, among others, claims it.
        on_locked_out: Told when a level is not ours for now, and whether that is to let others have it.
    """

    clock: Callable[[], float]
    patience: int = PATIENCE
    on_locked_out: Callable[[Level, bool], None] = lambda level, for_others: None
    is_paused: bool = False
    """Whether nothing new of this machine is given, but for one at a time."""
    active: int = 0
    """Holds of this machine that go on by themselves: none of those within them waits."""
    _lanes: dict[tuple[tuple[Level, ...], bool], Lane] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _claiming: int = 0

    def ask(
        self, run: Run, levels: tuple[Level, ...], inside: tuple[Hold, ...], wake: Callable[[], None]
    ) -> Request:
        """Ask for places.

        Args:
            run: For whom.
            levels: Where; each once.
            inside: The live holds within which this is asked, innermost first.
            wake: Called when it is granted later.

        Returns:
            The request; with its ``hold`` if it was granted at once. Otherwise it waits.
        """
        request = Request(run, levels, inside, next(self._numbers), wake)
        key = (levels, bool(inside))
        lane = self._lanes.get(key)
        if lane is None:
            lane = Lane(levels, bool(inside))
            if not (self._lacks(lane) or self._is_held_back(lane)) and self._locked(lane):
                request.hold = self._hold(request)
                return request
            self._lanes[key] = lane
            for level in levels:
                level.lanes[key] = lane
        for level in levels:
            level.enter(run)
        lane.push(request)
        self._suspend(inside)
        if inside and (self._claiming or self.is_paused):
            # That it waits may be what lets others by.
            self._settle_all()
        return request

    def give_up(self, request: Request) -> None:
        """Take a request back, or what was granted to it."""
        if request.hold is not None:
            self.release(request.hold)
        elif not request.is_dead:
            lane = self._lanes[request.levels, bool(request.inside)]
            lane.drop(request)
            for level in request.levels:
                level.leave(request.run)
            self._resume(request.inside)
            had_claims = bool(lane.live == 0 and self._renounce(lane))
            self._forget(lane)
            if had_claims:
                self.settle(request.levels)

    def release(self, hold: Hold) -> None:
        """Give places back, once."""
        if not hold.is_live:
            return
        hold.is_live = False
        if hold.is_local and not hold.waits:
            self.active -= 1
        at_s = self.clock()
        for level in hold.levels:
            if level.climb is not None:
                level.climb.ended(at_s - hold.since_s)
            else:
                level.places.give_back()
            if level.lock is not None and level.lock.release():
                self._bar(level, for_others=True)
        if self.is_paused and not self.active:
            self._settle_all()
        else:
            self.settle(hold.levels)

    def pause(self, is_paused: bool) -> None:
        """Hold back everything new of this machine, or go on."""
        self.is_paused = is_paused
        self._settle_all()

    def settle(self, levels: Iterable[Level]) -> None:
        """Grant what can be granted now at some levels; to be called whenever there may be more of one."""
        for level in levels:
            while (found := self._next_at(level)) is not None:
                lane, run = found
                if self._locked(lane):
                    self._grant(lane, run)

    def waiting(self, level: Level) -> int:
        """Requests that wait for a level, among others."""
        return sum(account.waiting for account in level.accounts.values())

    def _settle_all(self) -> None:
        self.settle(dict.fromkeys(level for lane in tuple(self._lanes.values()) for level in lane.levels))

    def _next_at(self, level: Level) -> tuple[Lane, Run] | None:
        """Who is to have the next place of a level."""
        if level.is_barred or level.places.taken >= level.places.now:
            return None
        best: tuple[float, int] | None = None
        found: tuple[Lane, Run] | None = None
        for lane in level.lanes.values():
            first = lane.first(level)
            if first is None or (best is not None and first[:2] > best):
                continue
            if lacking := self._lacks(lane):
                self._consider_claim(lane, lacking)
            elif not self._is_held_back(lane):
                best, found = first[:2], (lane, first[2])
        return found

    def _is_held_back(self, lane: Lane) -> bool:
        return self.is_paused and self.active > 0 and lane.is_local

    def _lacks(self, lane: Lane) -> list[Level]:
        return [level for level in lane.levels if not self._is_open_to(level, lane)]

    def _is_open_to(self, level: Level, lane: Lane) -> bool:
        free = level.places.now - level.places.taken
        if level.is_barred or free <= 0:
            return False
        for claimant in level.claims:
            if claimant.claim_no >= lane.claim_no:
                break
            if not (lane.is_nested and self._waits_for_a_waiter(claimant)):
                free -= 1
        return free > 0

    def _waits_for_a_waiter(self, claimant: Lane) -> bool:
        """Whether a lane waits for somebody who waits."""
        return any(
            level.stuck > 0
            or any(
                self._waits_for_a_waiter(older)
                for older in level.claims
                if older.claim_no < claimant.claim_no
            )
            for level in claimant.levels
            if not self._is_open_to(level, claimant)
        )

    def _consider_claim(self, lane: Lane, lacking: list[Level]) -> None:
        """Keep places for a lane that others passed by too often."""
        if len(lane.levels) < 2:
            return
        since = dict(zip(lane.levels, lane.marks, strict=True))
        if any(level.is_barred or level.granted - since[level] < self.patience for level in lacking):
            return
        if lane.claim_no == math.inf:
            lane.claim_no = next(self._numbers)
            self._claiming += 1
        for level in lacking:
            if lane not in level.claims:
                bisect.insort(level.claims, lane, key=lambda each: each.claim_no)

    def _renounce(self, lane: Lane) -> bool:
        """Give up the claims of a lane.

        Returns:
            Whether it had any.
        """
        lane.mark()
        if lane.claim_no == math.inf:
            return False
        self._claiming -= 1
        lane.claim_no = math.inf
        for level in lane.levels:
            if lane in level.claims:
                level.claims.remove(lane)
        return True

    def _locked(self, lane: Lane) -> bool:
        """Take the locks a lane needs, all or none."""
        had: list[Lock] = []
        for level in lane.levels:
            if level.lock is None:
                continue
            if not level.lock.acquire():
                for other in had:
                    other.release()
                self._bar(level, for_others=False)
                return False
            had.append(level.lock)
        return True

    def _bar(self, level: Level, *, for_others: bool) -> None:
        level.is_barred = True
        self.on_locked_out(level, for_others)

    def _grant(self, lane: Lane, run: Run) -> None:
        request = lane.pop(run)
        for level in lane.levels:
            level.serve(run)
            level.leave(run)
        self._resume(request.inside)
        self._renounce(lane)
        self._forget(lane)
        request.hold = self._hold(request)
        request.wake()

    def _hold(self, request: Request) -> Hold:
        for level in request.levels:
            level.places.taken += 1
            level.granted += 1
        parent = request.inside[0] if request.inside else None
        hold = Hold(request.levels, request.run, parent, self, self.clock())
        self.active += hold.is_local
        return hold

    def _forget(self, lane: Lane) -> None:
        if lane.live:
            return
        key = (lane.levels, lane.is_nested)
        del self._lanes[key]
        for level in lane.levels:
            del level.lanes[key]

    def _suspend(self, inside: tuple[Hold, ...]) -> None:
        for hold in inside:
            if hold.is_local and hold.is_live and not hold.waits:
                self.active -= 1
            hold.waits += 1
            for level in hold.levels:
                level.stuck += 1

    def _resume(self, inside: tuple[Hold, ...]) -> None:
        for hold in inside:
            hold.waits -= 1
            if hold.is_local and hold.is_live and not hold.waits:
                self.active += 1
            for level in hold.levels:
                level.stuck -= 1
