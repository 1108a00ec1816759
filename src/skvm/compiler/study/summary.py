"""What many skills hold together: counts, quantiles and shares of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.compiler.study.kind import Kind
from skvm.compiler.study.skill_study import SkillStudy
from skvm.target.contract import PRIMITIVES, Level

__all__ = ["PrimitiveDemand", "Quartiles", "Summary", "summarise", "summary_json"]


@dataclass(frozen=True, slots=True)
class Quartiles:
    """The quartiles of a figure over skills; a half where two skills stand in the middle."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class PrimitiveDemand:
    """What a corpus needs of one primitive.

    Args:
        primitive_id: Which.
        skills: Skills that need it at all.
        by_level: Skills by the highest level they need.
        places: Places that need it, in all skills.
    """

    primitive_id: str
    skills: int
    by_level: dict[Level, int]
    places: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A corpus.

    Args:
        skills: Skills that could be read.
        kinds: Skills by kind.
        tokens: Estimated tokens of ``SKILL.md``, body only.
        procedural: Share of skills with a procedure of at least four steps, 0 to 1.
        with_code: Share with a code fence.
        with_bundle: Share with bundle files.
        languages: Skills by language of their fences.
        demand: What they need, one entry a primitive that any needs, most needed first.
        dependencies: Skills by the type of what they depend on.
        packages: The most common dependencies, by ``type:name``.
        steps: Steps of all plans.
        parallel_steps: Those in an accepted group.
        parallel_skills: Skills with at least one accepted group.
        groups: Accepted groups by type.
        diagnostics: Skills by diagnostic code.
    """

    skills: int
    kinds: dict[Kind, int]
    tokens: Quartiles
    procedural: float
    with_code: float
    with_bundle: float
    languages: dict[str, int]
    demand: tuple[PrimitiveDemand, ...]
    dependencies: dict[str, int]
    packages: dict[str, int]
    steps: int
    parallel_steps: int
    parallel_skills: int
    groups: dict[str, int]
    diagnostics: dict[str, int]


def summarise(studies: Sequence[SkillStudy]) -> Summary:
    """Sum up studies; the order they come in makes no difference."""
    return Summary(
        skills=len(studies),
        kinds={kind: sum(study.kind is kind for study in studies) for kind in Kind},
        tokens=_quartiles([study.tokens for study in studies]),
        procedural=_share(studies, lambda study: study.longest_procedure >= 4),
        with_code=_share(studies, lambda study: bool(study.languages)),
        with_bundle=_share(studies, lambda study: study.bundle_files > 0),
        languages=_ranked(Counter(name for study in studies for name in study.languages)),
        demand=_demand(studies),
        dependencies=_ranked(Counter(kind for study in studies for kind in study.dependency_types)),
        packages=_ranked(Counter(name for study in studies for name in study.dependencies)),
        steps=sum(study.steps for study in studies),
        parallel_steps=sum(study.parallel_steps for study in studies),
        parallel_skills=sum(study.parallel_steps > 0 for study in studies),
        groups=_ranked(Counter(name for study in studies for name in study.groups)),
        diagnostics=_ranked(Counter(code for study in studies for code in study.diagnostics)),
    )


def _demand(studies: Sequence[SkillStudy]) -> tuple[PrimitiveDemand, ...]:
    found = []
    for name in sorted(PRIMITIVES.names()):
        highest = Counter(study.levels[name] for study in studies if name in study.levels)
        if highest:
            places = sum(study.places.get(name, 0) for study in studies)
            by_level = {level: highest[level] for level in sorted(highest)}
            found.append(PrimitiveDemand(name, sum(highest.values()), by_level, places))
    return tuple(sorted(found, key=lambda entry: (-entry.skills, entry.primitive_id)))


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _share(studies: Sequence[SkillStudy], holds: Callable[[SkillStudy], bool]) -> float:
    return sum(map(holds, studies)) / len(studies) if studies else 0.0


def _quartiles(values: Iterable[int]) -> Quartiles:
    ordered = sorted(values)
    if not ordered:
        return Quartiles(0.0, 0.0, 0.0)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return Quartiles(at(0.25), at(0.5), at(0.75))


def summary_json(summary: Summary) -> dict[str, Any]:
    """The summary as ``--json`` prints it."""
    return {
        "skills": summary.skills,
        "kinds": {kind.value: count for kind, count in summary.kinds.items()},
        "tokens": {
            "lowerQuartile": summary.tokens.low,
            "median": summary.tokens.median,
            "upperQuartile": summary.tokens.high,
        },
        "proceduralShare": round(summary.procedural, 4),
        "codeShare": round(summary.with_code, 4),
        "bundleShare": round(summary.with_bundle, 4),
        "languages": summary.languages,
        "primitives": {
            entry.primitive_id: {
                "skills": entry.skills,
                "byLevel": {level.value: count for level, count in entry.by_level.items()},
                "places": entry.places,
            }
            for entry in summary.demand
        },
        "dependencies": summary.dependencies,
        "packages": summary.packages,
        "parallelism": {
            "steps": summary.steps,
            "parallelSteps": summary.parallel_steps,
            "skills": summary.parallel_skills,
            "groups": summary.groups,
        },
        "diagnostics": summary.diagnostics,
    }
