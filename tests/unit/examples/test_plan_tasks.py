"""The skills of ``examples/plans``: their plans do what their tasks ask for, in every order they allow."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.unit.examples.test_more_tasks import verdict

from skvm.compiler.effects.patterns import filled
from skvm.compiler.plans.planning import plan_of
from skvm.evaluate.grading import check_criteria
from skvm.evaluate.workspace import lay_bundle, lay_fixtures
from skvm.skill.frontend import load_skill
from skvm.task.loader import load_task, read_task, skill_folders

PLANS = Path(__file__).resolve().parents[3] / "examples" / "plans"
TASKS = {path.parent.name: path.parent for path in sorted(PLANS.glob("tasks/*/task.json"))}
SLIPS = {
    "ticket-labels-monday": ("labels/lamp.json", '{"ticket": "T-1041", "label": "broken"}\n'),
    "ticket-labels-release-day": ("labels/atlas.json", "```json\n{}\n```\n"),
    "shift-report-mill": (
        "report/morning.json",
        '{"lead": "Clara", "machine": "cutter 3", "minutes": "45"}\n',
    ),
    "shift-report-bottling": (
        "report/evening.txt",
        "The conveyor 5 stood still for 70 minutes, says Jonas.\n",
    ),
    "build-checks-handbook": ("build/links.csv", "page,line,to\n"),
    "build-checks-harbour": ("build/titles.csv", "page,title,other page,other title\n"),
}
KEPT = {"inbox kept", "notes kept", "pages kept"}


def lay_out(name, work):
    """The work directory as an agent finds it: fixtures, then the skill's bundle."""
    task = load_task(TASKS[name])
    work.mkdir()
    lay_fixtures(task, work)
    assert lay_bundle(load_skill(skill_folders(task)[0]), task, work) == []
    return task


def plan_for(task):
    return plan_of(load_skill(skill_folders(task)[0])).plan


def shell(command, work):
    subprocess.run(["bash", "-c", command], cwd=work, check=True, capture_output=True)


def answers(task):
    """What a model that makes no mistake answers, by file."""
    expected = json.loads((task.root / "graders" / "expected.json").read_text())
    found = {f"labels/{name}.json": json.dumps(said) for name, said in expected.get("labels", {}).items()}
    for shift, said in expected.get("shifts", {}).items():
        line = (
            f"{shift.title()}: {said['machine']} stood still for {said['minutes']} minutes ({said['lead']})."
        )
        found |= {f"report/{shift}.json": json.dumps(said), f"report/{shift}.txt": line}
    return found


def do(step, task, work):
    """One step: its commands, or the files a model gives for it."""
    for action in step.actions:
        shell(action.command, work)
    for name, text in answers(task).items() if not step.executable else ():
        if any((work / name).match(pattern) for pattern in step.writes):
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_text(text + "\n")


def orders(plan):
    """The order of the text, and the one that begins with what comes last in it."""
    yield [step.id for step in plan.steps]
    waits = {step.id: {found.step for found in step.depends_on} for step in plan.steps}
    done = []
    while len(done) < len(waits):
        done.append(max(step for step in waits if step not in done and waits[step] <= set(done)))
    yield done


def tree(work):
    return {
        str(path.relative_to(work)): path.read_bytes() for path in sorted(work.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_well_formed(name):
    task, found = read_task(TASKS[name])
    assert (found, check_criteria(task)) == ((), ())
    assert sum(criterion.weight for criterion in task.criteria) == pytest.approx(1)
    assert load_skill(skill_folders(task)[0]).id == skill_folders(task)[0].name


def test_every_skill_has_two_tasks_and_one_grader():
    skills = [skill_folders(load_task(folder))[0].name for folder in TASKS.values()]
    assert {name: skills.count(name) for name in skills} == dict.fromkeys(
        ("build-checks", "shift-report", "ticket-labels"), 2
    )
    graders = {(folder / "graders" / "check.py").read_bytes() for folder in TASKS.values()}
    assert len(graders) == 3


@pytest.mark.parametrize("name", TASKS)
def test_the_plan_does_the_task_in_every_order_it_allows(name, tmp_path):
    made = []
    for number, order in enumerate(orders(plan_for(load_task(TASKS[name])))):
        work = tmp_path / f"work{number}"
        task = lay_out(name, work)
        steps = {step.id: step for step in plan_for(task).steps}
        for step in order:
            do(steps[step], task, work)
        score, said = verdict(task, work, tmp_path / str(number))
        assert [each for each in said if each[2] < 1] == []
        assert score == 1.0
        made.append(tree(work))
    assert made[0] == made[1]


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("build-checks")])
def test_the_command_for_one_page_does_for_all_what_the_loop_does(name, tmp_path):
    task = lay_out(name, tmp_path / "loop")
    lay_out(name, tmp_path / "items")
    plan = plan_for(task)
    (group,) = [group for group in plan.groups if group.items is not None]
    (step,) = [step for step in plan.steps if step.id in group.steps]
    do(step, task, tmp_path / "loop")
    pages = sorted((tmp_path / "items").glob(group.items.over), reverse=True)
    assert len(pages) > 5
    for page in pages:
        item = shlex.quote(str(page.relative_to(tmp_path / "items")))
        shell(filled(group.items.command, item), tmp_path / "items")
    assert tree(tmp_path / "loop") == tree(tmp_path / "items")


@pytest.mark.parametrize("name", TASKS)
def test_doing_nothing_scores_nothing(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert [each for each in said if each[2] > 0] == []
    assert score == 0.0


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_costs_some_of_the_score(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    for step in plan_for(task).steps:
        do(step, task, tmp_path / "work")
    path, text = SLIPS[name]
    assert (tmp_path / "work" / path).is_file()
    (tmp_path / "work" / path).write_text(text)
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert 0.2 < score < 0.99, said


@pytest.mark.parametrize("name", TASKS)
def test_a_changed_input_costs_its_checkpoint(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    for step in plan_for(task).steps:
        do(step, task, tmp_path / "work")
    victim = next(path for path in sorted((TASKS[name] / "fixtures").rglob("*")) if path.is_file())
    (tmp_path / "work" / victim.relative_to(TASKS[name] / "fixtures")).write_text("tidied up\n")
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert {point for _, point, value in said if value < 1} <= KEPT
    assert 0.9 < score < 1


@pytest.mark.parametrize("text", ["", "none\x00[[[[", '[null, {"a": 1e999}]\n', "## \n- #1\n,,\n"])
@pytest.mark.parametrize("name", TASKS)
def test_nonsense_is_graded_and_scores_next_to_nothing(name, text, tmp_path):
    task = lay_out(name, tmp_path / "work")
    for step in plan_for(task).steps:
        do(step, task, tmp_path / "work")
    for folder in ("labels", "report", "build"):
        for path in (tmp_path / "work" / folder).rglob("*"):
            if path.is_file():
                path.write_text(text)
    if (tmp_path / "work" / "tally.csv").exists():
        (tmp_path / "work" / "tally.csv").write_text(text)
    assert verdict(task, tmp_path / "work", tmp_path)[0] < 0.2


def test_the_plans_have_the_groups_they_are_there_for():
    plans = {path.name: plan_of(load_skill(path)).plan for path in sorted((PLANS / "skills").iterdir())}
    groups = {name: [(group.type, group.steps) for group in plan.groups] for name, plan in plans.items()}
    assert groups == {
        "build-checks": [("ilp", ("1.1", "1.4")), ("ilp", ("1.2", "1.3")), ("dlp", ("1.4",))],
        "shift-report": [("ilp", ("1.1", "1.3")), ("ilp", ("1.2", "1.4"))],
        "ticket-labels": [("dlp", ("1.1",))],
    }
    assert all(not step.open and step.idempotent for plan in plans.values() for step in plan.steps)
    assert all(step.executable for step in plans["build-checks"].steps)
