"""The proof of a compile: each edit with its place, its reason and the chain from demand and supply to it.

It stands alone: the original can be put together again from the variant and the edits, so that every claim
can be checked without the skill, the profile or a model.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from skvm.compiler.builds.build import build_key, profile_digest
from skvm.compiler.contract import Gap
from skvm.compiler.gaps import find_gaps
from skvm.compiler.need import DETECTORS
from skvm.compiler.pipeline import PipelineResult, Step
from skvm.compiler.requirements import analyse, requirements_for
from skvm.diagnostics import Span, locate
from skvm.skill.bundle import digest_of
from skvm.skill.edit import Edit
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile

__all__ = ["chain_of", "edit_of", "gaps_left", "proof_of", "remaining_gaps", "seal"]

BY_MODEL = "the compiler model says so; the static analysis does not see it"
"""Stands for the rule of a requirement only a model found."""


def proof_of(
    skill: Skill,
    result: PipelineResult,
    profile: Profile | None,
    *,
    inputs: Mapping[str, Any] | None = None,
    answers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What ``proof.json`` holds, but for the digests of the other files: see ``seal``.

    Args:
        skill: The skill as it was.
        result: What the passes gave.
        profile: The target's.
        inputs: What the build is made from, as ``BuildInputs.record`` gives it.
        answers: Digests of the recorded answers it used, by key.
    """
    steps = result.steps
    proof: dict[str, Any] = {
        "schema": 1,
        "skill": skill_digest(skill),
        "variant": skill_digest(result.skill),
        "skillId": skill.id,
        "target": None
        if profile is None
        else {
            "model": profile.model,
            "harness": profile.harness,
            "profile": profile_digest(profile),
            "levels": {name: str(profile.capabilities[name]) for name in sorted(profile.capabilities)},
        },
        "steps": _steps(result),
        "edits": [_edit_record(step, edit, profile) for step in steps for edit in step.edits],
        "rolledBack": [
            {**_edit_record(step, edit, profile), "because": why}
            for step in steps
            for edit, why in step.dropped
        ],
        "files": sorted({path for step in steps for path in step.files}),
        "gapsLeft": gaps_left(result.skill, profile),
    }
    if inputs is not None:
        used = dict(sorted((answers or {}).items()))
        proof["build"] = {"key": build_key(inputs, used), "inputs": dict(inputs), "answers": used}
    return proof


def seal(proof: Mapping[str, Any], files: Mapping[str, bytes], skill: Skill) -> dict[str, Any]:
    """A proof with the digest of every other file of the variant but ``meta.json``.

    Args:
        proof: What ``proof_of`` gave.
        files: Our own files by path.
        skill: The compiled skill.
    """
    ours = {path: digest_of(data) for path, data in files.items() if path != "meta.json"}
    bundle = {resource.path: resource.digest for resource in skill.resources}
    digests = {"SKILL.md": digest_of(skill.source), **bundle, **ours}
    return {**proof, "records": sorted(ours), "digests": {path: digests[path] for path in sorted(digests)}}


def remaining_gaps(skill: Skill, profile: Profile) -> tuple[Gap, ...]:
    """The gaps a skill has, looked at anew."""
    # What the target holds in full cannot be a gap, so it is not looked for.
    below = {name for name, level in profile.capabilities.items() if level is not Level.L3}
    return find_gaps(requirements_for(skill, below), profile)


def gaps_left(skill: Skill, profile: Profile | None) -> list[dict[str, str]]:
    """The same as JSON; none without a profile."""
    return [
        {
            "primitiveId": gap.requirement.primitive_id,
            "requiredLevel": str(gap.requirement.level),
            "modelLevel": str(gap.target_level),
            "evidence": gap.requirement.evidence,
        }
        for gap in (remaining_gaps(skill, profile) if profile else ())
    ]


def _steps(result: PipelineResult) -> list[dict[str, Any]]:
    """What each pass was given and gave."""
    texts = [step.before.source for step in result.steps] + [result.skill.source]
    return [
        {
            "pass": step.pass_id,
            "before": digest_of(texts[index]),
            "after": digest_of(texts[index + 1]),
            "files": sorted(step.files),
        }
        for index, step in enumerate(result.steps)
    ]


def _edit_record(step: Step, edit: Edit, profile: Profile | None) -> dict[str, Any]:
    source = step.before.source
    line, column, _ = locate(source, edit.span.start)
    replaced = source[edit.span.start : edit.span.end]
    old_text = step.before.text(edit.span)
    also = [
        {"primitive": name, "evidence": step.before.text(place), "span": [place.start, place.end]}
        for name, place in edit.answers
    ]
    more = {
        "files": list(edit.files),
        "moved": list(edit.moved),
        "answers": also,
        # Only where the text alone could not give the bytes back.
        "oldBytes": "" if old_text.encode() == replaced else base64.b64encode(replaced).decode(),
    }
    return {
        "pass": step.pass_id,
        "span": [edit.span.start, edit.span.end],
        "line": line,
        "column": column,
        "oldText": old_text,
        "newText": edit.new_text,
        "rule": edit.rule,
        "reason": edit.reason,
        "primitive": edit.primitive_id,
        "fromLevel": edit.from_level,
        "toLevel": edit.to_level,
        "requirement": [edit.requirement.start, edit.requirement.end] if edit.requirement else None,
        "releases": list(edit.releases),
        "chain": chain_of(step.before, edit, profile),
        **{key: value for key, value in more.items() if value},
    }


def edit_of(record: Mapping[str, Any]) -> Edit:
    """The edit a proof records.

    Raises:
        KeyError, TypeError, ValueError: It is not the record of one.
    """
    place = record["requirement"]
    return Edit(
        span=Span(*record["span"]),
        new_text=str(record["newText"]),
        reason=str(record["reason"]),
        rule=str(record["rule"]),
        primitive_id=str(record["primitive"]),
        from_level=str(record["fromLevel"]),
        to_level=str(record["toLevel"]),
        releases=tuple(record["releases"]),
        requirement=Span(*place) if place else None,
        answers=tuple((found["primitive"], Span(*found["span"])) for found in record.get("answers", ())),
        files=tuple(record.get("files", ())),
        moved=tuple(record.get("moved", ())),
    )


def chain_of(skill: Skill, edit: Edit, profile: Profile | None) -> Mapping[str, Any]:
    """From the words of the skill and the level of the target to the edit; empty where no gap asks for it."""
    if not edit.primitive_id or edit.requirement is None:
        return {}
    held = profile.level_of(edit.primitive_id) if profile else None
    return {
        "evidence": skill.text(edit.requirement),
        "primitive": edit.primitive_id,
        "required": edit.from_level,
        "rule": _rule(skill, edit),
        "claim": _claim(edit.primitive_id, edit.from_level),
        "held": str(held) if held is not None else None,
        "heldClaim": _claim(edit.primitive_id, str(held)) if held is not None else None,
        "requiredAfter": edit.to_level,
    }


def _rule(skill: Skill, edit: Edit) -> str:
    """What makes the words need the level: a rule of the detector, or that the compiler model says so."""
    level = Level(edit.from_level)
    is_static = any(
        needed.primitive_id == edit.primitive_id
        and needed.level.rank >= level.rank
        and edit.requirement is not None
        and needed.span.overlaps(edit.requirement)
        for needed in analyse(skill).requirements
    )
    return DETECTORS.get(edit.primitive_id).rules[level] if is_static else BY_MODEL


def _claim(primitive_id: str, level: str) -> str:
    """What the ladder of the primitive says of a level."""
    if level == Level.L0:
        return "not even the lowest level is held"
    return PRIMITIVES.get(primitive_id).levels[Level(level)].claim
