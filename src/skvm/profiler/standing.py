"""What a profile says of each primitive: the level, the counts and intervals behind it, or why it is open.

Profiles of every origin are brought to one form here, so that whatever shows or compares them says the
same: levels in any order, intervals worked out from counts where a profile holds none, *unmeasured* with
its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skvm.evaluate.stats import exact_binomial
from skvm.target.contract import LEVELS, Level
from skvm.target.profile import LevelResult, PrimitiveDetail, Profile, TokenUsage

__all__ = [
    "CATEGORY_TITLES",
    "LevelEvidence",
    "Standing",
    "category_title",
    "in_order",
    "level_counts",
    "printable",
    "printable_text",
    "standings",
]

CATEGORY_TITLES = {
    "gen": "Generation",
    "reason": "Reasoning",
    "tool": "Tool use",
    "follow": "Instruction following",
}
"""Titles of the categories by the first segment of an id, in the order they are shown."""
_OTHER = "Other"
_STAND_IN = {"\t": " ", "\n": " ", "\r": " "}


@dataclass(frozen=True, slots=True)
class LevelEvidence:
    """What was seen at one level.

    Args:
        level: L1–L3.
        passed: Whether the profile counts the level as held.
        passes: Probes passed.
        trials: Probes asked and graded.
        interval: 95 % interval of the success probability, in [0, 1]; ``None`` without a graded probe.
        is_computed: Whether the interval is the exact binomial one of the counts, because the profile
            holds none. That is right for a fixed number of probes.
    """

    level: Level
    passed: bool
    passes: int
    trials: int
    interval: tuple[float, float] | None
    is_computed: bool = False

    @property
    def counts(self) -> str:
        """``passes/trials``."""
        return f"{self.passes}/{self.trials}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a profile says of one primitive.

    Args:
        primitive_id: Which.
        level: The level it counts as having, ``None`` where it is unmeasured.
        reason: Why it is unmeasured.
        evidence: What was seen, by level; a level that was not asked is absent.
        note: What had to be resolved.
        runs: Runs made, ``None`` where the profile does not say; likewise the following.
        usage: Tokens of them.
        cost_usd: Dollars of them.
        duration_s: Seconds of them, summed over levels.
        measured_at: ISO time stamp.
    """

    primitive_id: str
    level: Level | None
    reason: str | None = None
    evidence: Mapping[Level, LevelEvidence] = field(default_factory=dict)
    note: str | None = None
    runs: int | None = None
    usage: TokenUsage | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    measured_at: str | None = None


def printable(profile: Profile) -> Profile:
    """A profile without what a terminal would obey and no file can hold: for showing, not for keeping.

    Profiles come from strangers, and their reasons from providers.
    """
    value = profile.model_dump()
    clean = _printable(value)
    return profile if clean == value else Profile.model_validate(clean)


def printable_text(text: str) -> str:
    """One line of text without control characters; one character stays one."""
    return "".join(each if each.isprintable() else _STAND_IN.get(each, "\ufffd") for each in text)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable_text(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_printable(item) for item in value)
    return value


def category_title(primitive_id: str) -> str:
    """The title of a primitive's category; ``Other`` for an id of no known form."""
    return CATEGORY_TITLES.get(primitive_id.split(".", 1)[0], _OTHER)


def in_order(primitive_ids: Iterable[str]) -> tuple[str, ...]:
    """Ids by category, in the order of ``CATEGORY_TITLES``, then by name; each once."""
    titles = [*CATEGORY_TITLES.values(), _OTHER]
    return tuple(sorted(set(primitive_ids), key=lambda name: (titles.index(category_title(name)), name)))


def standings(profile: Profile) -> dict[str, Standing]:
    """Every primitive a profile knows or set out to know, ``in_order``."""
    details = {detail.primitive_id: detail for detail in profile.details}
    unmeasured = profile.unmeasured or {}
    names = in_order([*profile.capabilities, *unmeasured, *(profile.requested or ())])
    return {name: _standing(name, profile, details.get(name), unmeasured.get(name)) for name in names}


def _standing(name: str, profile: Profile, detail: PrimitiveDetail | None, reason: str | None) -> Standing:
    level = profile.level_of(name)
    if level is None:
        open_because = "not measured yet" if profile.is_partial else "not in the profile"
        return Standing(name, None, reason or open_because)
    if detail is None:
        return Standing(name, level)
    results = {result.level: result for result in detail.level_results}
    failed = [each.value for each in LEVELS[: level.rank] if each in results and not results[each].passed]
    duration_ms = sum(result.duration_ms for result in detail.level_results)
    return Standing(
        name,
        level,
        evidence={each: _evidence(results[each]) for each in LEVELS if each in results},
        note=detail.calibration_note or _contradiction(level, failed),
        runs=detail.runs,
        usage=detail.usage,
        cost_usd=detail.cost_usd,
        duration_s=duration_ms / 1000 if duration_ms else None,
        measured_at=detail.measured_at,
    )


def _contradiction(level: Level, failed: list[str]) -> str | None:
    """What files of the existing system leave unsaid: a level that is held although an easier one failed."""
    return f"counts as {level.value} although {' and '.join(failed)} failed" if failed else None


def _evidence(result: LevelResult) -> LevelEvidence:
    passes, trials = result.pass_count, result.total_count - result.skip_count
    stored = result.interval
    if stored is None and 0 <= passes <= trials and trials:
        exact = exact_binomial(passes, trials)
        return LevelEvidence(result.level, result.passed, passes, trials, (exact.low, exact.high), True)
    return LevelEvidence(result.level, result.passed, passes, trials, stored)


def level_counts(counts: Mapping[str, int]) -> str:
    """``14 L3, 6 L2``, the highest level first; a level nobody has is left out."""
    return ", ".join(f"{counts[level]} {level}" for level in ("L3", "L2", "L1", "L0") if counts.get(level))
