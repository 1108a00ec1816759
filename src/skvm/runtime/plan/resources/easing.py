"""How many places this machine has while it is hard-pressed, without going to and fro."""

from __future__ import annotations

from dataclasses import dataclass

from skvm.runtime.plan.resources.pressure import Reading

__all__ = ["Easing"]

_CRITICAL = (20.0, 0.95)
_TIGHT = (5.0, 0.88)
_CALM = (2.0, 0.80)
"""Percent of time stalled on memory, and part of it used: at or above; for calm, below both."""
_SOME_TIGHT = 20.0
_CPU_BUSY, _CPU_CALM = 80.0, 50.0
_EASED = 9
_BY_CALM, _BY_BETWEEN = 3, 1
"""Three calm readings since the last tight one give a place back, or nine that are neither calm nor tight."""


@dataclass(slots=True)
class Easing:
    """The number of places, by what is read.

    While memory is tight there is one place less at every reading, to no less than 1; while processors
    are busy beyond our own doing, to no less than half. They come back one by one: soon while all is calm,
    else late, as what others use for good must not keep us small for good. A critical time ends after three
    readings without pressure.

    Args:
        most: Places of a machine at ease, ≥ 1.
    """

    most: int
    now: int = 0
    is_critical: bool = False
    """Whether nothing new should begin."""
    _eased: int = 0

    def __post_init__(self) -> None:
        self.now = self.most

    def see(self, reading: Reading) -> None:
        """Take note of one reading; to be told regularly."""
        memory = (reading.memory_full or 0.0, reading.memory_used or 0.0)
        cpu = reading.cpu_some or 0.0
        is_memory_tight = _reaches(memory, _TIGHT) or (reading.memory_some or 0.0) >= _SOME_TIGHT
        if _reaches(memory, _CRITICAL):
            self.is_critical = True
        if is_memory_tight:
            self._lower(1)
        elif self.is_critical:
            self._ease(_BY_CALM)
        elif cpu >= _CPU_BUSY:
            self._lower(max(self.most // 2, min(2, self.most)))
        else:
            is_calm = not _reaches(memory, _CALM) and cpu < _CPU_CALM
            self._ease(_BY_CALM if is_calm else _BY_BETWEEN)

    def _lower(self, least: int) -> None:
        self._eased = 0
        self.now = max(self.now - 1, min(self.now, least))

    def _ease(self, by: int) -> None:
        self._eased += by
        if self._eased < _EASED:
            return
        self._eased = 0
        if self.is_critical:
            self.is_critical = False
        else:
            self.now = min(self.most, self.now + 1)


def _reaches(memory: tuple[float, float], bound: tuple[float, float]) -> bool:
    return memory[0] >= bound[0] or memory[1] >= bound[1]
