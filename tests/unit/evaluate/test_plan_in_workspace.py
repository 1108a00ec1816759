"""A variant's plan is laid beside the work where the text tells the agent to run it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plan_skills import plan_skill

from skvm.evaluate.workspace import bundle_files, lay_bundle, runs_plan
from skvm.skill.frontend import load_skill
from skvm.task.model import Task

TASK = Task(id="t", prompt="p")
OURS = {"meta.json": "{}", "workflow-dag.md": "#", "helper.sh": "echo"}


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("Run `skvm plan run plan.json`.", True),
        ("skvm plan run plan.json --jobs 4", True),
        ("用 `skvm  plan run plan.json` 完成", True),
        ("`skvm plan run`", True),
        ("Run `skvm plan show plan.json`.", False),
        ("See my-skvm plan run, or skvm plan runner.", False),
        ("No command at all.", False),
    ],
)
def test_the_plan_is_laid_where_the_text_names_the_command(
    tmp_path: Path, text: str, *, is_named: bool
) -> None:
    skill = plan_skill(tmp_path, text=text, files=OURS)
    assert runs_plan(skill) is is_named
    work = tmp_path / "work"
    work.mkdir()
    assert lay_bundle(skill, TASK, work) == []
    laid = {path.name for path in work.iterdir()}
    assert laid == ({"plan.json", "helper.sh"} if is_named else {"helper.sh"})


def test_a_skill_that_is_no_variant_keeps_its_own_files(tmp_path: Path) -> None:
    root = plan_skill(tmp_path, text="Nothing of ours.", files=OURS).root
    assert root is not None
    (root / "compilation-plan.json").unlink()
    assert {each.path for each in bundle_files(load_skill(root))} == {"plan.json", *OURS}


def test_a_command_without_a_plan_is_none(tmp_path: Path) -> None:
    root = plan_skill(tmp_path).root
    assert root is not None
    (root / "plan.json").unlink()
    assert not runs_plan(load_skill(root))


def test_a_plan_of_the_task_stays_and_it_is_said(tmp_path: Path) -> None:
    skill = plan_skill(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    (work / "plan.json").write_text("the task's")
    [note] = lay_bundle(skill, TASK, work)
    assert "plan.json was left out" in note
    assert (work / "plan.json").read_text() == "the task's"
