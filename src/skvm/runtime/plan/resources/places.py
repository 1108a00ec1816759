"""Places of one kind, of which there are fewer for a while after somebody asked for less."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["SETTLE_S", "Places"]

SETTLE_S = 1.0
"""Answers that ask for less within this time of each other are one request for less."""


@dataclass(slots=True)
class Places:
    """Places at one level.

    Args:
        most: Runs at once at the start, and at most, ≥ 1.
    """

    most: int
    now: int = 0
    taken: int = 0
    quiet_runs: int = 0
    halved_at_s: float = -math.inf

    def __post_init__(self) -> None:
        self.now = self.most

    @property
    def is_free(self) -> bool:
        """Whether a run may start."""
        return self.taken < self.now

    def halve(self, at_s: float) -> None:
        """Give way, once for all the answers of a moment."""
        self.quiet_runs = 0
        if at_s - self.halved_at_s >= SETTLE_S:
            self.halved_at_s = at_s
            self.now = max(1, self.now // 2)

    def give_back(self) -> None:
        """A run ended; after a round without complaint there is one place more."""
        self.taken -= 1
        self.quiet_runs += 1
        if self.now < self.most and self.quiet_runs >= self.now:
            self.now += 1
            self.quiet_runs = 0
