"""How many calls at once a provider is given: as many as it takes without complaint and as still pay.

While all places are taken, calls end at a rate of places divided by their mean duration (Little's law), which
is known sooner than by counting ends, as these often come in bursts. It is taken over some *rounds* of as
many calls as there are places. More places are tried; they stay if the rate grows by at least half of what it
would grow by if each place were worth the same. If not, fewer are tried, which stay if the rate falls by at
most half of that. After both failed there is a rest, longer every time.

An answer that asks for less takes a trial back, or else halves the places; round by round without complaint
they come back, to one below where the complaint came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from skvm.runtime.plan.resources.places import SETTLE_S, Places

__all__ = ["Climb"]

_ROUNDS = 3
_CALLS = 12
"""A rate is taken over at least so many rounds and calls."""
_REST_WINDOWS, _LONGEST_REST_WINDOWS = 4, 128


@dataclass(slots=True)
class Climb:
    """The places at one provider. Times are of any steady clock, in seconds.

    Args:
        places: What is adapted; as many as at the start.
        most: Never more than so many.
    """

    places: Places
    most: int
    _base: int = 0
    _base_rate: float = 0.0
    _trial: int = 0
    """0 or the direction of what is being tried."""
    _good: int = 0
    """So many went without complaint."""
    _bad: float = math.inf
    """So many brought a complaint."""
    _seen: int = 0
    _sum_s: float = 0.0
    _rest: int = 0
    _next_rest: int = _REST_WINDOWS
    _has_risen: bool = False
    _reason: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._base = self._good = self.places.now

    @property
    def reason(self) -> str:
        """Why the number of places last changed."""
        return self._reason

    @property
    def is_recovering(self) -> bool:
        """Whether places that were taken away come back."""
        return self.places.now < self.places.most

    def ended(self, took_s: float) -> None:
        """A call ends after so many seconds; gives its place back."""
        if self.places.taken > self.places.now:
            # It began when there were more: it says nothing of how many there are now.
            self.places.taken -= 1
            self._seen = 0
            return
        was_full = self.places.taken == self.places.now
        before = self.places.now
        self.places.give_back()
        if self.places.now > before:
            self._good, self._seen, self._base = before, 0, self.places.now
            self._reason = "no complaint for a round"
        elif self.places.quiet_runs >= before:
            self._good = max(self._good, before)
        if self.is_recovering or not was_full:
            # Of places nobody wanted nothing can be learned.
            self._seen = 0
        else:
            self._count(took_s)

    def throttled(self, at_s: float) -> None:
        """An answer asked for fewer calls at once."""
        places = self.places
        places.quiet_runs = self._seen = 0
        if at_s - places.halved_at_s < SETTLE_S or places.taken > places.now:
            # The same request for less again, or one by calls that are too many since the last one.
            return
        complained = min(places.now, max(1, places.taken))
        self._reason = "asked for less"
        if self._trial > 0:
            self._bad = min(self._bad, complained) if complained > self._base else self._bad
            places.halved_at_s = at_s
            self._settle_at(self._base)
            self._take_rest()
        elif complained > self._good:
            self._bad, places.halved_at_s = complained, at_s
            self._settle_at(self._good)
            self._take_rest()
        else:
            if not self.is_recovering:
                self._bad = complained
                places.most = max(1, complained - 1)
            places.now = complained
            places.halve(at_s)
            places.most = max(places.most, places.now)
            self._good = self._base = places.now
            self._trial = 0

    def _count(self, took_s: float) -> None:
        """Take note of an end in a time when all places were taken."""
        now = self.places.now
        self._seen += 1
        if self._seen <= now:
            # Those that were under way before there were this many places.
            self._sum_s = 0.0
            return
        self._sum_s += took_s
        calls = now * max(_ROUNDS, math.ceil(_CALLS / now))
        if self._seen < now + calls:
            return
        mean_s, self._seen, self._sum_s = self._sum_s / calls, now, 0.0
        if mean_s > 0:
            self._judge(now / mean_s)

    def _judge(self, rate: float) -> None:
        """Decide what to try next, knowing the rate of what stands now."""
        now, base = self.places.now, self._base
        if self._trial == 0:
            self._base_rate = rate
            if self._rest > 0:
                self._rest -= 1
            elif not self._try_more():
                self._try_fewer()
        elif rate >= self._base_rate * (1 + (now / base - 1) / 2):
            # Written for more places; for fewer the same line allows half of the proportional fall.
            self._keep(rate)
        else:
            was_more = self._trial > 0
            self._reason = "more at once gave no more" if was_more else "fewer at once gave less"
            self._settle_at(base)
            if not was_more or self._has_risen or not self._try_fewer():
                self._take_rest()

    def _keep(self, rate: float) -> None:
        is_more = self._trial > 0
        self._base, self._base_rate = self.places.now, rate
        self._has_risen = self._has_risen or is_more
        self._next_rest = _REST_WINDOWS
        if is_more and self.places.now >= self._bad:
            self._bad = math.inf
        if not (self._try_more(is_bold=False) if is_more else self._try_fewer()):
            self._settle_at(self._base)
            self._take_rest()

    def _try_more(self, *, is_bold: bool = True) -> bool:
        """Try more places.

        Args:
            is_bold: Whether to try what once brought a complaint, if nothing else is left.
        """
        target = max(self._base + 1, self._base * 3 // 2)
        if target >= self._bad:
            target = max((self._base + int(self._bad)) // 2, self._base + 1 if is_bold else 0)
        return self._try(min(target, self.most), 1, "more at once may give more")

    def _try_fewer(self) -> bool:
        return self._try(max(1, self._base * 2 // 3), -1, "fewer at once may give as much")

    def _try(self, target: int, direction: int, reason: str) -> bool:
        if (target - self._base) * direction <= 0:
            return False
        self._trial, self._reason, self._seen = direction, reason, 0
        self.places.now = self.places.most = target
        self.places.quiet_runs = 0
        return True

    def _settle_at(self, number: int) -> None:
        self._trial = 0
        if self.places.now != number:
            self._seen = 0
        self._base = self._good = self.places.now = self.places.most = number

    def _take_rest(self) -> None:
        self._rest = self._next_rest
        self._next_rest = min(2 * self._next_rest, _LONGEST_REST_WINDOWS)
        self._has_risen = False
