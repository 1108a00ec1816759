"""Our own files in a variant: plan, artifacts, evidence, and ``meta.json`` with the provenance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import skvm
from skvm.compiler.builds.faults import SKV287
from skvm.compiler.builds.instances import instance_records
from skvm.compiler.builds.variant import RESERVED, json_bytes
from skvm.compiler.contract import RegisteredPass
from skvm.compiler.permissions import permission_records
from skvm.compiler.pipeline import PipelineResult
from skvm.diagnostics import Diagnostic
from skvm.errors import FindingsError
from skvm.skill.bundle import digest_of
from skvm.skill.ir import Skill

__all__ = ["meta_record", "variant_records"]


def variant_records(
    skill: Skill,
    result: PipelineResult,
    *,
    model: str,
    harness: str,
    inputs: Mapping[str, Any],
    tag: str,
    failures: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, bytes]:
    """Everything of ours but ``proof.json`` and ``meta.json``: a function of the build's inputs.

    Raises:
        FindingsError: The skill's own bundle has a file of such a name.
    """
    dropped = [(edit, why) for step in result.steps for edit, why in step.dropped]
    plan = {
        "skillName": skill.name,
        "model": model,
        "harness": harness,
        "compiledAt": inputs["stamp"],
        "artifacts": {key: result.artifacts[key] for key in sorted(result.artifacts)},
        "passRuns": [step.meta.record() for step in result.steps],
        "guardPassed": not dropped,
        "guardViolations": [f"{edit.primitive_id or edit.rule}: {why}; rolled back" for edit, why in dropped],
        "passTag": tag,
    }
    records = {"compilation-plan.json": json_bytes(plan), **permission_records(result.skill)}
    for key, value in result.artifacts.items():
        records[f"_artifacts/{key}.json"] = json_bytes(value)
    for step in result.steps:
        records[f"_artifacts/_meta/{step.pass_id}.json"] = json_bytes(step.meta.record())
        records |= step.records
    if failures:
        records |= instance_records(result.artifacts.get("gaps", ()), failures)
    bundle = {resource.path for resource in result.skill.resources}
    if taken := sorted(bundle & (set(records) | RESERVED)):
        raise FindingsError(
            f"{SKV287.code}: the bundle of skill {skill.id!r} has a file {taken[0]}, "
            "which a variant needs for itself",
            help="rename it in the skill",
        )
    return records


def meta_record(
    result: PipelineResult,
    proof: Mapping[str, Any],
    proof_bytes: bytes,
    *,
    passes: Sequence[RegisteredPass],
    findings: Sequence[Diagnostic],
    started_at: datetime,
    duration_ms: float,
    cost_usd: float | None = 0.0,
) -> bytes:
    """``meta.json``: the only file with times; it vouches for the proof, and for itself."""
    inputs = proof["build"]["inputs"]
    meta = {
        "schema": 1,
        "compiledAt": started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "model": inputs["model"],
        "harness": inputs["harness"],
        "passes": [step.pass_id for step in result.steps],
        "passTag": "".join(f"p{number}" for number in sorted(registered.number for registered in passes)),
        # The old key takes a number only; whether it is known stands beside it.
        "costUsd": cost_usd or 0,
        "usdKnown": cost_usd is not None,
        "durationMs": round(duration_ms, 3),
        "guardPassed": not any(step.dropped for step in result.steps),
        "buildKey": proof["build"]["key"],
        "provenance": {
            "skvmVersion": skvm.__version__,
            "skillId": inputs["skillId"],
            "skillDigest": proof["skill"],
            "variantDigest": proof["variant"],
            "profileDigest": inputs["profile"],
            "compilerModel": inputs["options"]["compilerModel"],
            "answers": proof["build"]["answers"],
            "passes": [
                {"id": found.id, "number": found.number, "version": found.version} for found in passes
            ],
            **({"acceptance": proof["acceptance"]["record"]["verdict"]} if "acceptance" in proof else {}),
            "passDurationsMs": {step.pass_id: round(step.meta.duration_ms, 3) for step in result.steps},
            "proofDigest": digest_of(proof_bytes),
        },
    }
    # Told again by a compile that finds this build standing.
    meta["findings"] = [dataclasses.asdict(found) for found in findings]
    return json_bytes({**meta, "digest": digest_of(json_bytes(meta))})
