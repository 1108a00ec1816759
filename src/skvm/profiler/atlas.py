"""The capability atlas: what many targets can do, as one grid of targets × primitives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.profiler.standing import Standing, category_title, in_order, level_counts, standings
from skvm.target.profile import Profile

__all__ = ["Atlas", "AtlasRow", "atlas_json", "build_atlas", "facts"]

_LONGEST_NAME = 46


@dataclass(frozen=True, slots=True)
class AtlasRow:
    """One target.

    Args:
        label: A short name, unique in its atlas; a long model id is cut in its middle.
        profile: What it was made from.
        standings: Every primitive of the atlas.
    """

    label: str
    profile: Profile
    standings: Mapping[str, Standing]

    @property
    def title(self) -> str:
        """The target, in full."""
        return f"{self.profile.model} in {self.profile.harness}"

    @property
    def tally(self) -> str:
        """How many primitives are at each level, and how many unmeasured."""
        counts = Counter(each.level.value for each in self.standings.values() if each.level is not None)
        unmeasured = sum(each.level is None for each in self.standings.values())
        parts = [level_counts(counts)] if counts else []
        return ", ".join([*parts, *([f"{unmeasured} unmeasured"] if unmeasured else [])])


@dataclass(frozen=True, slots=True)
class Atlas:
    """Targets × primitives.

    Args:
        rows: The targets, in the order they were given.
        primitive_ids: Every primitive that one of them knows, by category.
    """

    rows: tuple[AtlasRow, ...]
    primitive_ids: tuple[str, ...]

    def categories(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Title and primitives of each category that has any."""
        for title in dict.fromkeys(category_title(name) for name in self.primitive_ids):
            yield title, tuple(name for name in self.primitive_ids if category_title(name) == title)


def build_atlas(profiles: Sequence[Profile], *, only: Iterable[str] = ()) -> Atlas:
    """Lay profiles side by side; a primitive that one of them does not know is unmeasured there.

    Args:
        profiles: The rows.
        only: The columns; every primitive that is known where empty.
    """
    known = [standings(profile) for profile in profiles]
    names = in_order(only) or in_order(name for each in known for name in each)
    rows = tuple(
        AtlasRow(
            label,
            profile,
            {name: each.get(name) or Standing(name, None, "not in the profile") for name in names},
        )
        for label, profile, each in zip(_labels(profiles), profiles, known, strict=True)
    )
    return Atlas(rows, names)


def _labels(profiles: Sequence[Profile]) -> tuple[str, ...]:
    """Short names; those that fall together are told apart by their day, or else by a number."""
    short = [f"{_short(profile.model)} · {profile.harness}" for profile in profiles]
    dated = [
        f"{name} · {profile.profiled_at[:10]}" if short.count(name) > 1 else name
        for name, profile in zip(short, profiles, strict=True)
    ]
    seen: Counter[str] = Counter()
    labels = []
    for name in dated:
        seen[name] += 1
        labels.append(f"{name} #{seen[name]}" if dated.count(name) > 1 else name)
    return tuple(labels)


def _short(model: str) -> str:
    if len(model) <= _LONGEST_NAME:
        return model
    head = _LONGEST_NAME // 2
    return f"{model[:head]}…{model[head + 1 - _LONGEST_NAME :]}"


def facts(row: AtlasRow, standing: Standing) -> dict[str, str]:
    """Everything known of one cell, in words, by heading."""
    said = {"target": row.title, "primitive": standing.primitive_id}
    said["level"] = standing.level.value if standing.level else f"unmeasured – {standing.reason}"
    for level, seen in standing.evidence.items():
        interval = f", 95 % interval {seen.interval[0]:.2f}–{seen.interval[1]:.2f}" if seen.interval else ""
        said[level.value] = f"{seen.counts} passed{interval}"
    if standing.level is not None and not standing.evidence:
        said["evidence"] = "the profile holds no counts"
    if standing.runs is not None:
        said["runs"] = str(standing.runs)
    said["measured"] = (standing.measured_at or row.profile.profiled_at)[:10]
    if standing.note:
        said["note"] = standing.note
    return said


def atlas_json(atlas: Atlas) -> dict[str, Any]:
    """The atlas, for programs."""
    return {
        "primitives": [
            {"id": name, "category": title} for title, names in atlas.categories() for name in names
        ],
        "targets": [
            {
                "model": row.profile.model,
                "harness": row.profile.harness,
                "profiledAt": row.profile.profiled_at,
                "isPartial": row.profile.is_partial,
                "capabilities": {name: _cell_json(each) for name, each in row.standings.items()},
            }
            for row in atlas.rows
        ],
    }


def _cell_json(standing: Standing) -> dict[str, Any]:
    if standing.level is None:
        return {"level": None, "unmeasured": standing.reason}
    return {
        "level": standing.level.value,
        "runs": standing.runs,
        "measuredAt": standing.measured_at,
        "levels": {
            level.value: {"passes": seen.passes, "trials": seen.trials, "interval": seen.interval}
            for level, seen in standing.evidence.items()
        },
    }
