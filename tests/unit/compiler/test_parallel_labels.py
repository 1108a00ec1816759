"""The planner's groups against hand-made labels: one that has a dependence in it is never accepted."""

from __future__ import annotations

import pytest
from benchmarks.compiler.parallelism import DATA, labelled

from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of
from skvm.skill.frontend import load_skill


@pytest.mark.skipif(not DATA.is_dir(), reason="SKVM_TEST_DATA names no folder of skills")
def test_no_accepted_group_has_a_dependence() -> None:
    scores = labelled()
    assert len(scores) == 40
    assert {score.name: score.errors for score in scores if score.errors} == {}
    # Chances missed are allowed; taking none at all would make the test above empty.
    assert sum(score.found for score in scores) >= 10


@pytest.mark.skipif(not DATA.is_dir(), reason="SKVM_TEST_DATA names no folder of skills")
def test_every_fourth_skill_is_planned_and_its_plan_holds() -> None:
    for file in sorted(DATA.rglob("SKILL.md"))[::4]:
        plan = plan_of(load_skill(file.parent)).plan
        known = {step.id: {found.step for found in step.depends_on} for step in plan.steps}
        assert len(known) == len(plan.steps), file
        assert all(waits <= set(known) for waits in known.values()), file
        for group in plan.groups:
            assert set(group.steps) <= set(known), file
            assert all(not known[step] & set(group.steps) for step in group.steps), file
        assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan
