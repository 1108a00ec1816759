"""The analyser and the ladders against labels made by hand before they were written."""

from __future__ import annotations

import anyio
import pytest

from skvm.compiler.builds.proof import remaining_gaps
from skvm.compiler.contract import CompileOptions, PassContext
from skvm.compiler.need import DETECTORS
from skvm.compiler.pipeline import resolve_passes, run_passes
from skvm.compiler.requirements import analyse
from skvm.target.contract import PRIMITIVES
from tests.unit.compiler.labelled import Labelled, labelled_skills, target_for

SKILLS = labelled_skills()
IDS = [f"{label.primitive_id}-{label.level}" for label in SKILLS]


def test_every_primitive_is_labelled_and_detected() -> None:
    assert {label.primitive_id for label in SKILLS} == set(PRIMITIVES.names()) == set(DETECTORS.names())


@pytest.mark.parametrize("label", SKILLS, ids=IDS)
def test_the_place_needs_its_level(label: Labelled) -> None:
    found = [need for need in analyse(label.skill).requirements if need.primitive_id == label.primitive_id]
    there = [need.level for need in found if need.span.overlaps(label.span)]
    elsewhere = [need for need in found if not need.span.overlaps(label.span) and need.level.rank > 1]
    assert max(there, default=None, key=lambda level: level.rank) == label.level
    assert not elsewhere


@pytest.mark.parametrize("label", SKILLS, ids=IDS)
def test_nothing_else_is_needed_above_its_label(label: Labelled) -> None:
    above = [
        (need.primitive_id, str(need.level), need.evidence)
        for need in analyse(label.skill).requirements
        if need.primitive_id != label.primitive_id
        and need.level.rank
        > (label.others[need.primitive_id].rank if need.primitive_id in label.others else 1)
    ]
    assert not above


@pytest.mark.parametrize(
    "label",
    [label for label in SKILLS if label.is_mechanical],
    ids=[name for label, name in zip(SKILLS, IDS, strict=True) if label.is_mechanical],
)
def test_a_mechanical_ladder_closes_the_gap(label: Labelled) -> None:
    assert label.lowered_to is not None
    profile = target_for(label)
    context = PassContext(profile.model, profile.harness, profile, options=CompileOptions(eliminate=False))
    result = anyio.run(run_passes, label.skill, resolve_passes(["1"]), context)
    assert result.steps[0].edits
    assert not remaining_gaps(result.skill, profile)
    left = [
        need.level.rank
        for need in analyse(result.skill).requirements
        if need.primitive_id == label.primitive_id
    ]
    assert max(left, default=0) <= max(label.lowered_to.rank, 1)
