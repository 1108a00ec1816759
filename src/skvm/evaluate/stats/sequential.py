"""A test that may be looked at after every block: what ``--stop-when sure`` stands on.

**Null hypothesis.** Within each block, one repetition of one task, the labels of the two conditions could be
exchanged, given all earlier blocks. Then a difference has either sign with the same chance, given its
size, and a gambler who stakes on signs plays a fair game: the probability that the capital (``e_value``)
ever reaches 1 / alpha is at most alpha, whenever one looks and for whatever reason one stops (Ville). It
holds for any score in [0, 1], ties, heavy tails, tasks of all difficulties, any order of blocks that does
not depend on the labels. A rejection speaks of these tasks as they were run, not of other tasks. It is
not a test of a mean of 0 between conditions whose differences are skewed, and blocks that only one
condition finished are no blocks: a condition that loses its bad runs to infrastructure faults is not
caught by it.

**No difference that matters.** ``bound`` holds for the average of the expected differences of the blocks so
far, for differences in [−1, 1] of any shape, at any time. If it lies inside ±margin, no larger difference
is there.

Sources: I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting (2023); V. de
la Peña, A general class of exponential inequalities for martingales and ratios (1999); X. Fan, I. Grama
and Q. Liu, Exponential inequalities for martingales with applications (2015).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from skvm.evaluate.stats.intervals import Interval, mean_of
from skvm.evaluate.stats.signflip import EQUAL

__all__ = ["MARGIN", "Sequential", "StopRule"]

MARGIN = 0.05
"""Differences up to this may be overlooked when a session ends for want of one."""
STAKES = (0.3, 0.8)
"""Stakes of the gamblers, in root mean squares of the differences so far; each plays both signs."""
RATES = (0.03, 0.07, 0.15, 0.3, 0.55, 0.9)
"""Rates of the mixture behind ``bound``, in (0, 1)."""
HALVINGS = 30


@dataclass(slots=True)
class Sequential:
    """Two conditions, watched block by block.

    Feed it with ``add``, each block once, in an order that does not depend on the scores (see
    ``blocks_in_order``); the same blocks in the same order give the same state.

    Args:
        family: Pairs of conditions that are watched together, ≥ 1: errors are kept over all of them.
        level: One minus the error level of the family, in (0, 1).
        margin: Differences up to this count as none, in score; ``None`` never ends for want of one.
    """

    family: int = 1
    level: float = 0.95
    margin: float | None = MARGIN
    differences: list[float] = field(default_factory=list, init=False)
    _capital: _Capital = field(init=False, repr=False)
    _most: float = field(default=0.0, init=False, repr=False)
    _most_at: int = field(default=0, init=False, repr=False)
    _total: float = field(default=0.0, init=False, repr=False)
    _spread: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._capital = _Capital()

    @classmethod
    def of(cls, differences: Iterable[float]) -> Sequential:
        """One that has seen these differences, watched alone."""
        made = cls()
        for difference in differences:
            made._take(difference)
        return made

    def add(self, difference: float) -> None:
        """Take in the next block.

        Args:
            difference: Treatment − control.

        Raises:
            ValueError: It is not in [−1, 1].
        """
        if not -1 <= difference <= 1:
            raise ValueError(f"no difference of two scores: {difference}")
        self._take(difference)

    def _take(self, difference: float) -> None:
        # The spread is taken about what was known before, as the bound requires.
        known = self._total / (len(self.differences) + 1)
        self._spread += (difference - known) ** 2 / 4
        self._total += difference
        self.differences.append(difference)
        self._capital.stake(difference)
        if self._capital.log_value > self._most:
            self._most, self._most_at = self._capital.log_value, len(self.differences)

    @property
    def e_value(self) -> float:
        """What a stake of 1 has become: evidence against the null hypothesis; 1 at the start."""
        return math.exp(min(self._capital.log_value, 700.0))

    @property
    def p(self) -> float:
        """The anytime-valid p-value, not corrected for the family: 1 over the largest ``e_value`` so far."""
        return math.exp(-self._most)

    @property
    def interval(self) -> Interval | None:
        """The shifts of all blocks that the test does not reject, within [−1, 1]; at ``level`` for this pair.

        It holds 0 exactly if ``p`` is above 1 − ``level``. ``None`` before the first block.
        """
        if not self.differences:
            return None
        if not any(abs(each) > EQUAL for each in self.differences):
            return Interval(0.0, 0.0, self.level, "identical", "runs")
        limit, rejects = -math.log(1 - self.level), self._most >= -math.log(1 - self.level)
        low, high = _not_rejected(self.differences, limit)
        if rejects and low <= 0 <= high:
            # Any moment's interval is valid, that of the strongest evidence too.
            low, high = _not_rejected(self.differences[: self._most_at], limit)
        return Interval(low, high, self.level, "anytime", "runs")

    @property
    def bound(self) -> tuple[float, float]:
        """An anytime-valid interval of the average expected difference, at the family's level."""
        count = len(self.differences)
        if not count:
            return -1.0, 1.0
        limit = math.log(2 * self.family / (1 - self.level)) + math.log(len(RATES))
        width = _deviation(self._spread, limit, count)
        centre = self._total / count
        return max(-1.0, centre - width), min(1.0, centre + width)

    @property
    def is_different(self) -> bool:
        """Whether there is a difference, at the family's level."""
        return self._most >= math.log(self.family / (1 - self.level))

    @property
    def is_futile(self) -> bool:
        """Whether no difference larger than the margin is there, at the family's level."""
        count = len(self.differences)
        # What no rate can undercut comes first: it is asked after every block.
        if self.margin is None or abs(self._total) > self.margin * count:
            return False
        if 2 * math.log(2 * self.family / (1 - self.level)) > self.margin * count * max(RATES):
            return False
        low, high = self.bound
        return -self.margin <= low and high <= self.margin

    @property
    def is_decided(self) -> bool:
        """Whether nothing more need be run for this pair."""
        return self.is_different or self.is_futile


@dataclass(slots=True)
class _Capital:
    """Gamblers who stake on the signs of differences whose sizes they know."""

    squares: float = 0.0
    seen: int = 0
    logs: list[float] = field(default_factory=lambda: [0.0] * (2 * len(STAKES)))

    def stake(self, difference: float) -> None:
        if abs(difference) <= EQUAL:
            return
        self.seen += 1
        self.squares += difference * difference
        unit = difference / math.sqrt(self.squares / self.seen)
        for place, stake in enumerate(STAKES):
            # 1 ± tanh(x) = exp(±x) / cosh(x): fair for either sign, and linear in the difference but for
            # what the spread costs.
            gain, cost = stake * unit, _log_cosh(stake * unit)
            self.logs[2 * place] += gain - cost
            self.logs[2 * place + 1] -= gain + cost

    @property
    def log_value(self) -> float:
        return _log_mean_exp(self.logs)


def _log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)


def _log_mean_exp(logs: Sequence[float]) -> float:
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(each - largest) for each in logs) / len(logs))


def _not_rejected(differences: Sequence[float], limit: float) -> tuple[float, float]:
    centre = mean_of(differences)

    def log_value(shift: float) -> float:
        capital = _Capital()
        for difference in differences:
            capital.stake(difference - shift)
        return capital.log_value

    def end(far: float) -> float:
        near = centre
        # So that 0 is inside exactly if it is not rejected, however the capital runs between.
        if far < 0 < near or near < 0 < far:
            near, far = (0.0, far) if log_value(0.0) < limit else (near, 0.0)
        if far and log_value(far) < limit:
            return far
        for _ in range(HALVINGS):
            middle = (far + near) / 2
            near, far = (middle, far) if log_value(middle) < limit else (near, middle)
        return (near + far) / 2

    return end(-1.0), end(1.0)


def _deviation(spread: float, limit: float, count: int) -> float:
    """How far the mean of ``count`` differences may be from what was expected, at most 2.

    With scores on [0, 1] and s the sum of their deviations, exp(rate s − spread (−log(1 − rate) − rate)) is a
    supermartingale for each rate. Their average reaches a number only where one of them reaches it.
    """
    least = min((limit + spread * (-math.log1p(-rate) - rate)) / rate for rate in RATES)
    terms = [(rate, spread * (-math.log1p(-rate) - rate)) for rate in RATES]
    low, high = 0.0, least
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        gained = _log_mean_exp([rate * middle - cost for rate, cost in terms]) + math.log(len(RATES))
        low, high = (middle, high) if gained < limit else (low, middle)
    return min(2.0, 2 * high / count)


class StopRule:
    """Ends a session as soon as every watched pair of conditions is decided.

    Args:
        pairs: What is watched, by any key: treatment, control and target, say.
        level: One minus the error level over all pairs together, in (0, 1).
        margin: See ``Sequential``.
    """

    def __init__(
        self, pairs: Iterable[Hashable], *, level: float = 0.95, margin: float | None = MARGIN
    ) -> None:
        keys = list(dict.fromkeys(pairs))
        self._watched = {key: Sequential(max(1, len(keys)), level, margin) for key in keys}

    @property
    def watched(self) -> Mapping[Hashable, Sequential]:
        """What is known of each pair."""
        return self._watched

    def add(self, pair: Hashable, difference: float) -> None:
        """Take in the next block of a pair; see ``Sequential.add``.

        Raises:
            KeyError: The pair is not watched.
            ValueError: No difference of two scores.
        """
        self._watched[pair].add(difference)

    @property
    def is_sure(self) -> bool:
        """Whether every pair is decided; never without a pair."""
        return bool(self._watched) and all(each.is_decided for each in self._watched.values())

    @property
    def sentence(self) -> str:
        """What is known, in words."""
        different = sum(each.is_different for each in self._watched.values())
        futile = sum(each.is_futile and not each.is_different for each in self._watched.values())
        said = f"of {len(self._watched)} comparisons {different} differ"
        margins = {each.margin for each in self._watched.values() if each.margin is not None}
        none = f", {futile} do not by more than {min(margins):g}" if margins else ""
        return said + none
