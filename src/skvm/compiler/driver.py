"""One compile: skill and profile in, variant out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import skvm
from skvm.compiler.contract import PassContext
from skvm.compiler.findings import SKV204, SKV205
from skvm.compiler.pipeline import PipelineResult, pass_tag, resolve_passes, run_passes
from skvm.compiler.proof import proof_of, remaining_gaps
from skvm.compiler.requirements import analyse
from skvm.compiler.variant import RESERVED, is_complete, json_bytes, variant_dir, variant_lock, write_variant
from skvm.diagnostics import Diagnostic, Severity
from skvm.errors import FindingsError, UsageError
from skvm.settings import Settings
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.gap import is_measured
from skvm.target.profile import Profile

__all__ = ["CompileResult", "compile_skill", "is_complete"]


@dataclass(frozen=True, slots=True)
class CompileResult:
    """What a compile gave.

    Args:
        original: The skill as it was.
        skill: The skill as it is now.
        model: Full model id of the target.
        harness: Harness name of the target.
        variant: Where the variant lies; ``None`` after a dry run.
        pipeline: Passes, edits, artifacts.
        proof: What ``proof.json`` holds.
        diagnostics: Everything noticed.
        duration_ms: Wall time.
    """

    original: Skill
    skill: Skill
    model: str
    harness: str
    variant: Path | None
    pipeline: PipelineResult
    proof: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...] = ()
    duration_ms: float = 0.0
    records: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def is_unchanged(self) -> bool:
        """Whether the variant is the original."""
        return self.skill.source == self.original.source and self.skill.resources == self.original.resources


async def compile_skill(
    skill: Skill | Path,
    *,
    model: str,
    harness: str,
    profile: Profile | None,
    settings: Settings,
    passes: Sequence[str] = ("1",),
    dry_run: bool = False,
) -> CompileResult:
    """Compile one skill for one target and write the variant.

    Args:
        skill: The skill, or its folder.
        model: Full model id of the target.
        harness: Harness name of the target.
        profile: The target's profile; passes that need none run without.
        settings: Where variants lie.
        passes: Pass numbers or names.
        dry_run: Do everything except write.

    Raises:
        UsageError: The skill cannot be read, a pass is unknown, or the profile is missing.
        FindingsError: The profile is another target's, or lacks what the skill needs because it is partial.
        InfrastructureError: The disk refuses, or another process compiles this variant.
    """
    started, started_at = time.perf_counter(), datetime.now(UTC)
    chosen = resolve_passes(passes)
    if profile is not None:
        _check_target(profile, model, harness)
    loaded = load_skill(skill) if isinstance(skill, Path) else skill
    _check_skill(loaded)
    partial = _check_partial(loaded, profile) if profile is not None else ()
    tag = pass_tag(chosen)
    place = variant_dir(settings.proposals_dir, harness=harness, model=model, skill_id=loaded.id, tag=tag)
    result = await run_passes(loaded, chosen, PassContext(model, harness, profile))
    findings = (*partial, *result.diagnostics, *_narrowed(result, profile))
    proof = proof_of(loaded, result, profile)
    numbers = {registered.id: registered.number for registered in chosen}
    duration_ms = (time.perf_counter() - started) * 1000
    records = _records(loaded, result, proof, model=model, harness=harness, profile=profile, tag=tag)
    records["meta.json"] = json_bytes(
        _meta(
            loaded,
            result,
            model=model,
            harness=harness,
            profile=profile,
            tag=tag,
            numbers=numbers,
            started_at=started_at,
            duration_ms=duration_ms,
        )
    )
    if not dry_run:
        with variant_lock(place):
            write_variant(place, result.skill, records)
    return CompileResult(
        original=loaded,
        skill=result.skill,
        model=model,
        harness=harness,
        variant=None if dry_run else place,
        pipeline=result,
        proof=proof,
        diagnostics=findings,
        duration_ms=duration_ms,
        records=records,
    )


def _check_target(profile: Profile, model: str, harness: str) -> None:
    """The profile must be this target's; the provider segment may differ, the model may not."""
    same_model = (
        profile.model == model or profile.model.endswith(f"/{model}") or model.endswith(f"/{profile.model}")
    )
    if profile.harness != harness or not same_model:
        raise FindingsError(
            f"the profile is of {profile.model} in {profile.harness}, not of {model} in {harness}",
            help=f"skvm profile --model={model} --adapter={harness}",
        )


def _check_skill(skill: Skill) -> None:
    """A skill that is not text, or already a variant of ours, is not compiled."""
    if not skill.source.strip() or b"\0" in skill.source:
        what = "empty" if not skill.source.strip() else "binary"
        raise FindingsError(
            f"skill {skill.id!r}: SKILL.md is {what}", help="skvm lint shows what is wrong with it"
        )
    ours = sorted(found.path for found in skill.resources if found.path in RESERVED)
    if len(ours) == len(RESERVED):
        raise FindingsError(
            f"skill {skill.id!r} is a compiled variant already", help="compile the original skill"
        )


def _check_partial(skill: Skill, profile: Profile) -> tuple[Diagnostic, ...]:
    if not profile.is_partial:
        return ()
    needed = {found.primitive_id for found in analyse(skill).requirements}
    lacking = sorted(primitive_id for primitive_id in needed if not is_measured(profile, primitive_id))
    target = f"--model={profile.model} --adapter={profile.harness}"
    if lacking:
        raise FindingsError(
            f"SKV204: the profile of {profile.model} in {profile.harness} is partial and lacks "
            f"{', '.join(lacking)}, which skill {skill.id!r} needs",
            help=f"skvm profile {target} --primitives={','.join(lacking)}",
        )
    return (
        SKV204.at(
            f"the profile of {profile.model} in {profile.harness} is partial", help=f"skvm profile {target}"
        ),
    )


def _narrowed(result: PipelineResult, profile: Profile | None) -> tuple[Diagnostic, ...]:
    """One note a primitive whose places were made easier, but not easy enough."""
    if profile is None:
        return ()
    found: dict[str, Diagnostic] = {}
    for step in result.steps:
        for edit in step.edits:
            held = profile.level_of(edit.primitive_id)
            if held is not None and edit.to_level and int(edit.to_level[1]) > held.rank:
                found.setdefault(
                    edit.primitive_id,
                    SKV205.at(
                        f"{edit.primitive_id}: lowered from {edit.from_level} to {edit.to_level}, "
                        f"the target holds {held}",
                        path=step.before.root / "SKILL.md" if step.before.root else "SKILL.md",
                        span=edit.span,
                        source=step.before.source,
                        severity=Severity.NOTE,
                    ),
                )
    return tuple(found.values())


def _records(
    skill: Skill,
    result: PipelineResult,
    proof: Mapping[str, Any],
    *,
    model: str,
    harness: str,
    profile: Profile | None,
    tag: str,
) -> dict[str, bytes]:
    """Everything of ours in a variant but ``meta.json``: a function of skill, profile and passes."""
    dropped = [(edit, why) for step in result.steps for edit, why in step.dropped]
    plan = {
        "skillName": skill.name,
        "model": model,
        "harness": harness,
        "compiledAt": _stamp(profile),
        "artifacts": {key: result.artifacts[key] for key in sorted(result.artifacts)},
        "passRuns": [step.meta.record() for step in result.steps],
        "guardPassed": not dropped,
        "guardViolations": [f"{edit.primitive_id or edit.rule}: {why}; rolled back" for edit, why in dropped],
        "passTag": tag,
    }
    records = {"compilation-plan.json": json_bytes(plan), "proof.json": json_bytes(proof)}
    for key, value in result.artifacts.items():
        records[f"_artifacts/{key}.json"] = json_bytes(value)
    for step in result.steps:
        records[f"_artifacts/_meta/{step.pass_id}.json"] = json_bytes(step.meta.record())
        records |= step.records
    return records


def _stamp(profile: Profile | None) -> str:
    """A time that depends on the inputs only: ``SOURCE_DATE_EPOCH``, else the profile's."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        if not epoch.isdecimal() or int(epoch) > 253_402_300_799:
            raise UsageError(f"SOURCE_DATE_EPOCH is not a count of seconds: {epoch!r}")
        return datetime.fromtimestamp(int(epoch), UTC).isoformat().replace("+00:00", "Z")
    return profile.profiled_at if profile else "1970-01-01T00:00:00Z"


def _meta(
    skill: Skill,
    result: PipelineResult,
    *,
    model: str,
    harness: str,
    profile: Profile | None,
    tag: str,
    numbers: Mapping[str, int],
    started_at: datetime,
    duration_ms: float,
) -> dict[str, Any]:
    dropped = any(step.dropped for step in result.steps)
    return {
        "schema": 1,
        "compiledAt": started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "model": model,
        "harness": harness,
        "passes": [step.pass_id for step in result.steps],
        "passTag": tag,
        "costUsd": 0,
        "durationMs": round(duration_ms, 3),
        "guardPassed": not dropped,
        "provenance": {
            "skvmVersion": skvm.__version__,
            "skillId": skill.id,
            "skillDigest": skill_digest(skill),
            "variantDigest": skill_digest(result.skill),
            "profileDigest": _digest(profile),
            "compilerModel": "none",
            "passes": [{"id": step.pass_id, "number": numbers[step.pass_id]} for step in result.steps],
            "passDurationsMs": {step.pass_id: round(step.meta.duration_ms, 3) for step in result.steps},
        },
    }


def _digest(profile: Profile | None) -> str | None:
    """Digest of what a profile says, whatever file it came from."""
    import hashlib

    if profile is None:
        return None
    return f"sha256:{hashlib.sha256(profile.model_dump_json(by_alias=True).encode()).hexdigest()}"


__all__ += ["remaining_gaps"]
