"""One skill, studied: what it is, what it needs, what of it can run at once, what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.compiler.dependencies.extract import extract_manifest
from skvm.compiler.plans.planning import plan_of
from skvm.compiler.reading.procedure import procedures
from skvm.compiler.requirements import analyse, read
from skvm.compiler.study.kind import Kind, kind_of
from skvm.errors import SkvmError
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.skill.verify import verify_skill
from skvm.target.contract import Level

__all__ = ["SkillStudy", "Unreadable", "study_json", "study_of", "study_skill"]

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class SkillStudy:
    """What was found out about a skill.

    Args:
        path: Its ``SKILL.md``, as it was named.
        id: Its id.
        kind: What kind of skill it is.
        tokens: Estimated tokens of its instructions: characters of the body by four.
        lines: Lines of ``SKILL.md``.
        bundle_files: Files beside it.
        longest_procedure: Steps of its longest numbered procedure.
        languages: Languages of its code fences, unnamed ones left out, each once.
        levels: Per primitive the highest level a place needs.
        places: Per primitive the places that need it.
        dependencies: What it depends on, as ``type:name``, in order.
        steps: Steps of its plan.
        parallel_steps: Those in an accepted group.
        groups: Types of the accepted groups, one entry a group.
        diagnostics: Codes of its findings, with how many of each.
    """

    path: str
    id: str
    kind: Kind
    tokens: int
    lines: int
    bundle_files: int
    longest_procedure: int
    languages: tuple[str, ...]
    levels: Mapping[str, Level]
    places: Mapping[str, int]
    dependencies: tuple[str, ...]
    steps: int
    parallel_steps: int
    groups: tuple[str, ...]
    diagnostics: Mapping[str, int]

    @property
    def dependency_types(self) -> tuple[str, ...]:
        """The types of what it depends on, each once."""
        return tuple(sorted({name.partition(":")[0] for name in self.dependencies}))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A skill that could not be read, and why."""

    path: str
    message: str


def study_skill(file: Path) -> SkillStudy | Unreadable:
    """Read and study the skill of one ``SKILL.md``."""
    try:
        return study_of(load_skill(file), file)
    except SkvmError as error:
        return Unreadable(str(file), error.message)


def study_of(skill: Skill, file: Path) -> SkillStudy:
    """Study a skill.

    Args:
        skill: The skill.
        file: Its ``SKILL.md``, for the findings.
    """
    prose = read(skill).prose
    requirements = analyse(skill).requirements
    levels: dict[str, Level] = {}
    for need in requirements:
        held = levels.get(need.primitive_id, need.level)
        levels[need.primitive_id] = max(held, need.level, key=lambda level: level.rank)
    manifest = extract_manifest(skill)
    planned = plan_of(skill)
    plan = planned.plan
    parallel = {step for group in plan.groups for step in group.steps}
    found = [*verify_skill(skill, file), *planned.diagnostics]
    return SkillStudy(
        path=str(file),
        id=skill.id,
        kind=kind_of(skill, prose),
        tokens=len(skill.text(skill.body)) // _CHARACTERS_PER_TOKEN,
        lines=skill.source.count(b"\n") + (not skill.source.endswith(b"\n")),
        bundle_files=len(skill.resources),
        longest_procedure=max((len(each.steps) for each in procedures(prose)), default=0),
        languages=tuple(sorted({fence.language for fence in skill.fences if fence.language})),
        levels=dict(sorted(levels.items())),
        places=dict(sorted(Counter(need.primitive_id for need in requirements).items())),
        dependencies=tuple(sorted({f"{entry.type}:{entry.name}" for entry in manifest.entries})),
        steps=len(plan.steps),
        parallel_steps=len(parallel),
        groups=tuple(str(group.type) for group in plan.groups),
        diagnostics=dict(sorted(Counter(item.code for item in found).items())),
    )


def study_json(study: SkillStudy) -> dict[str, Any]:
    """One skill as ``--json --skills`` prints it."""
    return {
        "path": study.path,
        "id": study.id,
        "kind": study.kind.value,
        "tokens": study.tokens,
        "lines": study.lines,
        "bundleFiles": study.bundle_files,
        "longestProcedure": study.longest_procedure,
        "languages": list(study.languages),
        "requirements": {
            name: {"level": level.value, "places": study.places[name]} for name, level in study.levels.items()
        },
        "dependencies": list(study.dependencies),
        "steps": study.steps,
        "parallelSteps": study.parallel_steps,
        "groups": list(study.groups),
        "diagnostics": dict(study.diagnostics),
    }
