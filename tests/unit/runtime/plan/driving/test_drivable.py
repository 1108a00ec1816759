from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.runtime.plan.driving.drivable import drivable_plan
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from tests.unit.runtime.plan.driving.skills import (
    LABEL,
    LABELS,
    SKILL,
    TALLY,
    a_plan,
    a_step,
    lay_skill,
    needs,
    ticket_plan,
)


def test_the_plan_beside_a_skill_is_taken_where_it_fits(tmp_path: Path):
    skill = lay_skill(tmp_path)

    found = drivable_plan(skill)

    assert found.plan is not None
    assert [step.id for step in found.plan.steps] == ["1.1", "1.2"]
    assert found.plan.groups[0].items is not None


def test_a_plan_of_another_text_is_not_taken(tmp_path: Path):
    lay_skill(tmp_path)
    (tmp_path / "SKILL.md").write_text(SKILL.replace("its label", "its kind"))

    found = drivable_plan(load_skill(tmp_path))

    assert found.plan is None or found.plan.skill_digest != ticket_plan().skill_digest


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 2}', "[" * 5000, "\udcff"])
def test_a_plan_nobody_can_read_is_made_anew(tmp_path: Path, content: str):
    lay_skill(tmp_path)
    (tmp_path / "plan.json").write_bytes(content.encode("utf-8", "surrogateescape"))

    found = drivable_plan(load_skill(tmp_path))

    assert found.plan is not None
    assert found.plan.skill_digest == skill_digest(load_skill(tmp_path))


def test_the_plan_of_a_variant_is_the_compilers(tmp_path: Path):
    lay_skill(tmp_path)
    (tmp_path / "SKILL.md").write_text(f"{SKILL}\nA hint that was added after the plan.\n")
    (tmp_path / "meta.json").write_text(json.dumps({"schema": 1}))
    (tmp_path / "compilation-plan.json").write_text("{}")

    found = drivable_plan(load_skill(tmp_path))

    assert found.plan is not None
    assert found.plan.groups[0].id == "g1"


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (a_plan(LABEL, TALLY, groups=[]), "at once"),
        (a_plan(LABEL, a_step("1.3", kind="ask", confirmation=True), groups=[LABELS]), "person"),
        (
            ticket_plan().model_copy(
                update={
                    "procedures": (
                        *ticket_plan().procedures,
                        ticket_plan().procedures[0].model_copy(update={"id": "2", "steps": ("1.2",)}),
                    )
                }
            ),
            "several",
        ),
        (
            a_plan(
                LABEL | {"dependsOn": needs("1.2")},
                TALLY,
                groups=[LABELS],
            ),
            "circle",
        ),
    ],
)
def test_what_cannot_be_followed_says_why(tmp_path: Path, plan, why: str):
    found = drivable_plan(lay_skill(tmp_path, plan))

    assert found.plan is None
    assert why in found.reason
