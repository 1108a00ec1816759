"""What to ask next, and what the answers say of the level.

A design is a pure strategy over what has been seen; it neither runs nor stores anything. Two exist: the
sequential one, which asks what tells most and stops when it knows enough, and the fixed one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from skvm.target.contract import LEVELS, Level

__all__ = [
    "FLAT_PRIOR",
    "PASS_RATE",
    "Design",
    "FixedDesign",
    "Prior",
    "Seen",
    "SequentialDesign",
    "highest",
    "shared_prior",
]

PASS_RATE = 0.7
"""A target has a level if it succeeds with at least this probability."""
LACKS, HAS = 0.4, 0.9
"""Success probabilities the sequential test tells apart: at most the first, at least the second."""
ERROR = 0.05
"""Bound on either error of "at least Lk", under the prior."""

Seen = Mapping[Level, Sequence[bool]]
"""Outcomes of the probes of one primitive so far, oldest first, by level; a level that cannot be asked here
has no key."""
Prior = tuple[float, float, float, float]
"""Probabilities of L0, L1, L2 and L3 before anything is asked; they sum to 1."""

FLAT_PRIOR: Prior = (0.25, 0.25, 0.25, 0.25)


class Design(Protocol):
    """A strategy: which levels to probe next, and what has been decided."""

    @property
    def name(self) -> str:
        """What profiles record; equal names mean equal strategies."""

    @property
    def most_probes(self) -> int:
        """Probes a level at most."""

    def informed(self, others: Iterable[Seen]) -> Design:
        """The same strategy, knowing what the target did on its other primitives."""

    def next_levels(self, seen: Seen, many: int = 1) -> tuple[Level, ...]:
        """Up to so many probes to ask at once, by level; empty when everything is decided.

        None of them is wasted: whatever the others give, each is one the strategy would ask.
        """

    def holds(self, level: Level, seen: Seen) -> bool | None:
        """Whether the level is held, ``None`` while that is open or cannot be told."""

    def note(self, seen: Seen) -> str | None:
        """What had to be resolved, for people; ``None`` where everything was plain."""


def highest(design: Design, seen: Seen) -> Level:
    """The highest level up to which every level is held."""
    level = Level.L0
    for each in LEVELS:
        if not design.holds(each, seen):
            break
        level = each
    return level


@dataclass(frozen=True, slots=True)
class FixedDesign:
    """So many probes on every level, whatever they give: 26 × 3 × 3 runs with three.

    A level is held if at least ``PASS_RATE`` of its probes pass: all of one, two or three, three of four.

    Args:
        instances: Probes a level, ≥ 1.
    """

    instances: int = 3

    def __post_init__(self) -> None:
        if self.instances < 1:
            raise ValueError(f"instances must be at least 1, not {self.instances}")

    @property
    def name(self) -> str:
        """``fixed-`` and the number of instances."""
        return f"fixed-{self.instances}"

    @property
    def most_probes(self) -> int:
        """Probes a level at most."""
        return self.instances

    def informed(self, others: Iterable[Seen]) -> FixedDesign:
        """The same: it asks everything anyway."""
        return self

    def next_levels(self, seen: Seen, many: int = 1) -> tuple[Level, ...]:
        """What is left, lowest level first."""
        left = [level for level in seen for _ in range(self.instances - len(seen[level]))]
        return tuple(left[:many])

    def holds(self, level: Level, seen: Seen) -> bool | None:
        """Whether enough of all its probes passed."""
        outcomes = seen.get(level, ())
        if len(outcomes) < self.instances:
            return None
        return sum(outcomes) >= PASS_RATE * self.instances

    def note(self, seen: Seen) -> str | None:
        """A level that passed above one that failed."""
        held = {level: self.holds(level, seen) for level in seen}
        failed = next((level for level in LEVELS if held.get(level) is False), None)
        above = [level for level in LEVELS if failed and level > failed and held.get(level)]
        if not above or failed is None:
            return None
        return f"{_listed(above)} passed above {failed}, which failed; counted as the level below {failed}"


_GAIN = math.log(HAS / LACKS)
_LOSS = math.log((1 - HAS) / (1 - LACKS))
_SURE = math.log((1 - ERROR) / ERROR)
_SURER = math.log(99)
"""Odds a level must reach once it contradicts another one."""


@dataclass(frozen=True, slots=True)
class SequentialDesign:
    """Wald's sequential test on "at least Lk", level by level; probes go where they tell most.

    Each level's own probes are weighed as odds of ``HAS`` against ``LACKS``, and decided at 19 to 1 either
    way. A level that is held carries those below it that were not asked, one that is not held those above.
    The prior chooses the level to ask (largest expected drop of entropy), and shifts a level's odds by
    ``odds_limit`` at most: with a limit of 1 both errors are below 5 % whatever the target is; with the
    default they are so on average over the prior, and below 8 % where the prior is as wrong as it can be.
    Success rates in between are asked longer, up to ``most_probes``; then the rate itself decides.

    Args:
        prior: What is expected of the level.
        odds_limit: How far the prior may shift the odds of a level, ≥ 1.
        most_probes: Probes a level at most.

    Source: A. Wald, Sequential Tests of Statistical Hypotheses (1945).
    """

    prior: Prior = FLAT_PRIOR
    odds_limit: float = 1.7
    most_probes: int = 40

    @property
    def name(self) -> str:
        """Raised when the strategy changes what it decides."""
        return "sequential-1" if self.odds_limit == 1.7 else f"sequential-1-limit-{self.odds_limit:g}"

    def informed(self, others: Iterable[Seen]) -> SequentialDesign:
        """With the prior the other primitives give."""
        return replace(self, prior=shared_prior(others))

    def next_levels(self, seen: Seen, many: int = 1) -> tuple[Level, ...]:
        """The level that tells most, as often as it is needed in any case."""
        held = self._decided(seen)
        open_levels = [level for level in seen if held[level] is None]
        if not open_levels:
            return ()
        best = max(open_levels, key=lambda level: _information(self.prior, seen, level))
        return (best,) * max(1, min(many, self._fewest(best, seen)))

    def holds(self, level: Level, seen: Seen) -> bool | None:
        """Whether the level is held, by its own probes or by those of another level."""
        return self._decided(seen).get(level)

    def note(self, seen: Seen) -> str | None:
        """Contradictions, levels decided by their rate, and levels that cannot be asked."""
        notes = []
        if pair := _contradiction(seen, self._own(seen)):
            low, high = pair
            notes.append(f"{_tally(low, seen)} but {_tally(high, seen)}: both were asked longer")
        notes += [
            f"{level} is near the line: {sum(seen[level])} of {len(seen[level])} passed"
            for level in seen
            if len(seen[level]) >= self.most_probes
        ]
        return "; ".join(notes) or None

    def _odds(self, level: Level, seen: Seen) -> float:
        """Logarithm of the odds that the level is held."""
        passed = sum(seen[level])
        return passed * _GAIN + (len(seen[level]) - passed) * _LOSS + self._shift(level)

    def _shift(self, level: Level) -> float:
        expected = sum(self.prior[level.rank :])
        limit = math.log(self.odds_limit)
        if expected in (0.0, 1.0) or limit == 0:
            return math.copysign(limit, expected - 0.5)
        return max(-limit, min(limit, math.log(expected / (1 - expected))))

    def _own(self, seen: Seen, sure: Mapping[Level, float] | None = None) -> dict[Level, bool | None]:
        """What each level's own probes decide."""
        held: dict[Level, bool | None] = {}
        for level, outcomes in seen.items():
            bound = (sure or {}).get(level, _SURE)
            odds = self._odds(level, seen)
            if outcomes and abs(odds) >= bound - 1e-9:
                held[level] = odds > 0
            elif len(outcomes) >= self.most_probes:
                held[level] = sum(outcomes) >= PASS_RATE * len(outcomes)
            else:
                held[level] = None
        return held

    def _decided(self, seen: Seen) -> dict[Level, bool | None]:
        held = self._own(seen)
        if pair := _contradiction(seen, held):
            held = self._own(seen, dict.fromkeys(pair, _SURER))
            if any(held[level] is None for level in pair):
                # What contradicts is settled first; what follows from it waits.
                return {level: held[level] if level in pair else False for level in seen}
        return _carried(held)

    def _fewest(self, level: Level, seen: Seen) -> int:
        """Probes without which the level cannot be decided."""
        odds = self._odds(level, seen)
        up, down = math.ceil((_SURE - odds) / _GAIN - 1e-9), math.ceil((_SURE + odds) / -_LOSS - 1e-9)
        return max(1, min(up, down, self.most_probes - len(seen[level])))


def _carried(held: Mapping[Level, bool | None]) -> dict[Level, bool | None]:
    """Levels that were not decided themselves follow from those that were."""
    carried = dict(held)
    for level, each in held.items():
        if each is not None:
            continue
        if any(held[other] for other in held if other > level):
            carried[level] = True
        elif any(held[other] is False for other in held if other < level):
            carried[level] = False
    return carried


def _contradiction(seen: Seen, held: Mapping[Level, bool | None]) -> tuple[Level, Level] | None:
    """A level that looks lost below one that looks held, at least one of them decided."""
    for low in seen:
        for high in seen:
            if low >= high or (held[low] is None and held[high] is None):
                continue
            few = min(len(seen[low]), len(seen[high])) < 2
            if few or held[low] is True or held[high] is False:
                continue
            if _rate(seen[low]) <= LACKS and _rate(seen[high]) >= PASS_RATE:
                return low, high
    return None


def _rate(outcomes: Sequence[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def _tally(level: Level, seen: Seen) -> str:
    return f"{level} passed {sum(seen[level])} of {len(seen[level])}"


def _listed(levels: Sequence[Level]) -> str:
    return " and ".join(level.value for level in levels)


def _posterior(prior: Prior, seen: Seen) -> list[float]:
    """Probabilities of L0–L3 after what was seen."""
    weights = []
    for rank, expected in enumerate(prior):
        weight = math.log(max(expected, 1e-12))
        for level, outcomes in seen.items():
            chance = HAS if level.rank <= rank else LACKS
            passed = sum(outcomes)
            weight += passed * math.log(chance) + (len(outcomes) - passed) * math.log(1 - chance)
        weights.append(weight)
    largest = max(weights)
    scaled = [math.exp(weight - largest) for weight in weights]
    total = sum(scaled)
    return [each / total for each in scaled]


def _information(prior: Prior, seen: Seen, level: Level) -> float:
    """Expected drop of entropy of the level by one more probe, in nats."""
    now = _posterior(prior, seen)
    chances = [HAS if level.rank <= rank else LACKS for rank in range(len(now))]
    passes = sum(p * chance for p, chance in zip(now, chances, strict=True))
    after_pass = [p * chance / passes for p, chance in zip(now, chances, strict=True)]
    after_fail = [p * (1 - chance) / (1 - passes) for p, chance in zip(now, chances, strict=True)]
    return _entropy(now) - passes * _entropy(after_pass) - (1 - passes) * _entropy(after_fail)


def _entropy(probabilities: Sequence[float]) -> float:
    return -sum(p * math.log(p) for p in probabilities if p > 0)


_STRENGTH = 0.5
"""How many primitives of each level the flat prior counts for."""


def shared_prior(others: Iterable[Seen]) -> Prior:
    """What to expect of a primitive, from what the same target did on others.

    Each of them counts with its own probabilities of L0–L3, as seen from a flat prior, so that primitives
    under way count for as much as they tell and the shared prior does not feed on itself.
    """
    counts = [_STRENGTH] * 4
    for seen in others:
        if any(seen.values()):
            counts = [count + p for count, p in zip(counts, _posterior(FLAT_PRIOR, seen), strict=True)]
    total = sum(counts)
    first, second, third, fourth = (count / total for count in counts)
    return (first, second, third, fourth)
