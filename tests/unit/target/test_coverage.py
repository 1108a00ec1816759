"""What of a profile may be used again; what a target lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skvm.target.contract import PRIMITIVES, Level
from skvm.target.coverage import ProfileKey, coverage, probe_digest
from skvm.target.gap import is_measured, shortfall
from skvm.target.profile import PrimitiveDetail, Profile

LOGIC, FORMAT = PRIMITIVES.get("reason.logic"), PRIMITIVES.get("follow.format")
KEY = ProfileKey.of("m", "h", "fixed-3", [LOGIC, FORMAT])


def profile(*, design: str = "fixed-3", digest: str | None = None, is_partial: bool = False) -> Profile:
    detail = PrimitiveDetail(
        primitive_id=LOGIC.id,
        highest_level=Level.L1,
        probe_digest=digest or probe_digest(LOGIC),
        design=design,
    )
    return Profile(
        model="m",
        harness="h",
        profiled_at="2026-01-01T00:00:00Z",
        capabilities={LOGIC.id: Level.L1},
        details=(detail,),
        is_partial=is_partial,
    )


def test_a_subset_never_counts_as_complete() -> None:
    found = coverage(profile(), KEY)
    assert found.usable == (LOGIC.id,)
    assert found.missing == {FORMAT.id: "not in the profile"}
    assert not found.is_complete


def test_nothing_stored_covers_nothing() -> None:
    assert coverage(None, KEY).missing.keys() == {LOGIC.id, FORMAT.id}


@pytest.mark.parametrize(
    ("stored", "why"),
    [(profile(design="fixed-5"), "design"), (profile(digest="sha256:old"), "other probes")],
)
def test_another_design_or_other_probes_are_not_silently_used(stored: Profile, why: str) -> None:
    assert why in coverage(stored, KEY).missing[LOGIC.id]


def test_foreign_profiles_answer_for_what_they_hold_if_complete() -> None:
    foreign = Profile(model="m", harness="h", profiled_at="t", capabilities={LOGIC.id: Level.L3})
    assert coverage(foreign, KEY).usable == (LOGIC.id,)
    assert coverage(foreign, KEY, accept_foreign=False).usable == ()
    assert coverage(foreign.model_copy(update={"is_partial": True}), KEY).usable == ()


def test_the_digest_follows_the_claims_and_the_revision() -> None:
    assert probe_digest(LOGIC) == probe_digest(LOGIC)
    assert probe_digest(LOGIC) != probe_digest(FORMAT)
    assert probe_digest(replace(LOGIC, revision=LOGIC.revision + 1)) != probe_digest(LOGIC)
    changed = replace(LOGIC.levels[Level.L1], claim="something else")
    assert probe_digest(replace(LOGIC, levels={**LOGIC.levels, Level.L1: changed})) != probe_digest(LOGIC)


@pytest.mark.parametrize(
    ("level", "lacking"),
    [(Level.L1, None), (Level.L2, Level.L1), (Level.L3, Level.L1)],
)
def test_a_shortfall_is_a_level_below_the_need(level: Level, lacking: Level | None) -> None:
    assert shortfall(profile(), LOGIC.id, level) == lacking


def test_unmeasured_is_neither_met_nor_a_gap() -> None:
    assert not is_measured(profile(), FORMAT.id)
    assert shortfall(profile(), FORMAT.id, Level.L3) is None
