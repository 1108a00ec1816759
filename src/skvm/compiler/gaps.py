"""Gaps: requirements minus profile, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skvm.compiler.contract import Gap, Requirement
from skvm.compiler.findings import SKV202
from skvm.diagnostics import Diagnostic
from skvm.target.gap import is_measured, shortfall
from skvm.target.profile import Profile

__all__ = ["find_gaps", "gap_record", "unmeasured"]


def find_gaps(requirements: Sequence[Requirement], profile: Profile) -> tuple[Gap, ...]:
    """Every requirement above the target's level, in order of place; an unmeasured primitive is no gap."""
    found = ((needed, shortfall(profile, needed.primitive_id, needed.level)) for needed in requirements)
    return tuple(Gap(needed, level) for needed, level in found if level is not None)


def unmeasured(requirements: Sequence[Requirement], profile: Profile) -> tuple[Diagnostic, ...]:
    """One note for every needed primitive the profile says nothing about."""
    counts: dict[str, int] = {}
    for needed in requirements:
        if not is_measured(profile, needed.primitive_id):
            counts[needed.primitive_id] = counts.get(needed.primitive_id, 0) + 1
    return tuple(
        SKV202.at(
            f"{primitive_id} is needed in {count} place{'s' if count > 1 else ''} and unmeasured on "
            f"{profile.model} in {profile.harness}",
            help=f"skvm profile --model={profile.model} --adapter={profile.harness} "
            f"--primitives={primitive_id}",
        )
        for primitive_id, count in sorted(counts.items())
    )


def gap_record(gap: Gap) -> dict[str, Any]:
    """A gap as the compatible artifact holds it, with the evidence in keys of our own."""
    needed = gap.requirement
    return {
        "purposeId": needed.purpose_id,
        "primitiveId": needed.primitive_id,
        "requiredLevel": str(needed.level),
        "modelLevel": str(gap.target_level),
        "gapType": gap.kind,
        "evidence": needed.evidence,
        "span": [needed.span.start, needed.span.end],
        **({"source": "model"} if needed.by_model else {}),
    }
