"""Two profiles side by side: where they differ, and where the probes cannot tell.

A different level alone is no difference: with three probes a level it is often luck. Two targets are
called different only where the 95 % intervals at the *deciding level* - the lowest one that only one of
them holds - lie apart.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from skvm.profiler.standing import Standing, in_order, standings
from skvm.target.contract import LEVELS, Level
from skvm.target.profile import Profile

__all__ = ["Contrast", "Verdict", "compare_profiles", "count_verdicts"]

Range = tuple[float, float]


class Verdict(enum.StrEnum):
    """What can be said of one primitive in two profiles."""

    SAME = "same"
    DIFFER = "differ"
    NOT_TOLD_APART = "not-told-apart"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One primitive in two profiles.

    Args:
        first: What the first profile says of it.
        second: What the second says.
        verdict: What that comes to.
        deciding: The lowest level that only one of them holds; ``None`` where the levels are the same or
            one is unmeasured.
        ranges: What is known of either one's success probability at the deciding level, first and second.
            Where that level was not asked it is bounded by the nearest one that was, because a higher
            level is never easier; ``None`` where nothing bounds it.
    """

    first: Standing
    second: Standing
    verdict: Verdict
    deciding: Level | None = None
    ranges: tuple[Range | None, Range | None] = (None, None)

    @property
    def primitive_id(self) -> str:
        """Which primitive."""
        return self.first.primitive_id


def compare_profiles(first: Profile, second: Profile) -> tuple[Contrast, ...]:
    """Compare what two profiles say of every primitive that either knows."""
    ours, theirs = standings(first), standings(second)
    absent = "not in the profile"
    return tuple(
        _contrast(
            ours.get(name) or Standing(name, None, absent), theirs.get(name) or Standing(name, None, absent)
        )
        for name in in_order([*ours, *theirs])
    )


def count_verdicts(contrasts: tuple[Contrast, ...]) -> Mapping[Verdict, int]:
    """How many primitives have each verdict; every verdict is there."""
    counts = Counter(each.verdict for each in contrasts)
    return {verdict: counts[verdict] for verdict in Verdict}


def _contrast(first: Standing, second: Standing) -> Contrast:
    if first.level is None or second.level is None:
        return Contrast(first, second, Verdict.UNMEASURED)
    if first.level is second.level:
        return Contrast(first, second, Verdict.SAME)
    first_is_higher = first.level.rank > second.level.rank
    higher, lower = (first, second) if first_is_higher else (second, first)
    deciding = LEVELS[min(first.level.rank, second.level.rank)]
    holds, lacks = _at_least(higher, deciding), _at_most(lower, deciding)
    are_apart = holds is not None and lacks is not None and holds[0] > lacks[1]
    return Contrast(
        first,
        second,
        Verdict.DIFFER if are_apart else Verdict.NOT_TOLD_APART,
        deciding,
        (holds, lacks) if first_is_higher else (lacks, holds),
    )


def _at_least(standing: Standing, level: Level) -> Range | None:
    """The interval at a level, or what the nearest harder level that was asked says of it."""
    for each in LEVELS[level.rank - 1 :]:
        seen = standing.evidence.get(each)
        if seen is not None and seen.interval is not None:
            return seen.interval if each is level else (seen.interval[0], 1.0)
    return None


def _at_most(standing: Standing, level: Level) -> Range | None:
    """The interval at a level, or what the nearest easier level that was asked says of it."""
    for each in reversed(LEVELS[: level.rank]):
        seen = standing.evidence.get(each)
        if seen is not None and seen.interval is not None:
            return seen.interval if each is level else (0.0, seen.interval[1])
    return None
