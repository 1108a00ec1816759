"""The tasks of ``examples/more``: 1 by the book, 0 left alone, something in between with a slip."""

import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import anyio
import pytest

from skvm.evaluate.grading import Seal, check_criteria, grade
from skvm.evaluate.score import combine
from skvm.harness.confine import choose_sandbox
from skvm.harness.fake import FakeCell
from skvm.harness.trajectory import Trajectory
from skvm.skill.frontend import load_skill
from skvm.task.loader import load_task, read_task, skill_folders

MORE = Path(__file__).resolve().parents[3] / "examples" / "more"
TASKS = {path.parent.name: path.parent for path in sorted(MORE.glob("tasks/*/task.json"))}
EASY = ("release-notes-patch", "inventory-audit-shelf", "log-triage-quiet-night")
SLIPS = {
    "release-notes-patch": ("in the order of the files", "as a list of stars"),
    "release-notes-minor": ("in the order of the files", "only the first five files", "as a list of stars"),
    "release-notes-major": ("in the order of the files", "only the first five files", "reverts overlooked"),
    "inventory-audit-shelf": ("packs taken for pieces", "no tolerance"),
    "inventory-audit-store": ("packs taken for pieces", "no tolerance", "SKUs as they were typed"),
    "inventory-audit-year-end": ("earlier rounds added up", "no tolerance", "SKUs as they were typed"),
    "log-triage-quiet-night": ("the whole log", "no weights"),
    "log-triage-checkout": ("retries counted", "the whole log", "no stop"),
    "log-triage-storage": ("retries counted", "no weights", "no stop"),
}
OUTPUTS = {
    "release-notes-patch": ("RELEASE_NOTES.md",),
    "inventory-audit-shelf": ("audit.csv", "summary.json"),
    "log-triage-quiet-night": ("reports/search.json", "escalations.txt"),
}


@dataclass(frozen=True, slots=True)
class OpenCell(FakeCell):
    """A fake cell that knows the variables of its policy."""

    env: dict = field(default_factory=dict)

    async def execute(self, command, env=None, **options):
        return await FakeCell.execute(self, command, env={**self.env, **(env or {})}, **options)


class OpenSandbox:
    """Opens such cells: only the graders of this repository run in them."""

    name = "open"

    @asynccontextmanager
    async def open(self, policy):
        yield OpenCell(policy.work_dir, env=dict(policy.env))


def lay_out(name, work):
    shutil.copytree(TASKS[name] / "fixtures", work)
    return load_task(TASKS[name])


def solve(task, work, slip=None):
    skill = skill_folders(task)[0].name
    solver = import_module(f"tests.unit.examples.reference.{skill.replace('-', '_')}")
    assert slip is None or slip in solver.SLIPS
    solver.solve(work, task.prompt, slip)


def verdict(task, work, tmp_path, sandbox=None):
    """The score of a work directory and what every checkpoint said."""
    seal = Seal(sandbox or OpenSandbox(), tmp_path / "seal", work)
    trajectory = Trajectory(harness="h", model="m", prompt=task.prompt)
    verdicts = anyio.run(grade, task, trajectory, seal)
    assert (verdicts.fault, verdicts.notes) == (None, ())
    said = [(each.id, point.name, point.score) for each in verdicts.results for point in each.checkpoints]
    assert all(each.checkpoints for each in verdicts.results), said
    return combine(verdicts.results, task.grading_weights), said


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_well_formed(name):
    task, found = read_task(TASKS[name])
    assert (found, check_criteria(task)) == ((), ())
    assert sum(criterion.weight for criterion in task.criteria) == pytest.approx(1)
    skill = load_skill(skill_folders(task)[0])
    assert skill.id == skill_folders(task)[0].name
    assert not any(message.code.startswith("SKV3") for message in found)


def test_three_tasks_for_each_of_three_skills_with_one_grader_each():
    skills = [skill_folders(load_task(folder))[0].resolve() for folder in TASKS.values()]
    assert {skill: skills.count(skill) for skill in skills} == {
        skill.resolve(): 3 for skill in (MORE / "skills").iterdir()
    }
    graders = [(folder / "graders" / "check.py").read_bytes() for folder in TASKS.values()]
    assert len(set(zip(skills, graders, strict=True))) == len(set(graders)) == 3


@pytest.mark.parametrize("name", TASKS)
def test_a_careful_solution_meets_every_checkpoint(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    solve(task, tmp_path / "work")
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert [each for each in said if each[2] < 1] == []
    assert score == 1.0


@pytest.mark.parametrize("name", EASY)
def test_the_graders_work_in_the_cell_they_get(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    solve(task, tmp_path / "work")
    assert verdict(task, tmp_path / "work", tmp_path, choose_sandbox("auto"))[0] == 1.0


@pytest.mark.parametrize("name", TASKS)
def test_doing_nothing_scores_nothing(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert [each for each in said if each[2] > 0] == []
    assert score == 0.0


@pytest.mark.parametrize("name", EASY)
def test_a_directory_swept_clean_scores_nothing(name, tmp_path):
    (tmp_path / "work").mkdir()
    assert verdict(load_task(TASKS[name]), tmp_path / "work", tmp_path)[0] == 0.0


@pytest.mark.parametrize(("name", "slip"), [(name, slip) for name, slips in SLIPS.items() for slip in slips])
def test_a_slip_costs_some_of_the_score(name, slip, tmp_path):
    task = lay_out(name, tmp_path / "work")
    solve(task, tmp_path / "work", slip)
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert 0.2 < score < 0.99, said


@pytest.mark.parametrize("text", ["", "none\x00[[[[", '[null, {"a": 1e999}]\n', "## \n- #1\n,,\n"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_nonsense_is_graded_and_scores_next_to_nothing(name, text, tmp_path):
    task = lay_out(name, tmp_path / "work")
    for output in OUTPUTS[name]:
        (tmp_path / "work" / output).parent.mkdir(exist_ok=True)
        (tmp_path / "work" / output).write_text(text)
    assert verdict(task, tmp_path / "work", tmp_path)[0] < 0.2


@pytest.mark.parametrize("name", EASY)
def test_a_changed_input_costs_its_checkpoint(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    solve(task, tmp_path / "work")
    victim = next(path for path in sorted((TASKS[name] / "fixtures").rglob("*")) if path.is_file())
    (tmp_path / "work" / victim.relative_to(TASKS[name] / "fixtures")).write_text("tidied up\n")
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert [point for _, point, value in said if value < 1] in (
        ["fragments kept"],
        ["inputs kept"],
        ["log kept"],
    )
    assert 0.9 < score < 1


def test_forms_the_skills_do_not_forbid_are_as_good(tmp_path):
    task = lay_out("inventory-audit-shelf", tmp_path / "work")
    solve(task, tmp_path / "work")
    table = tmp_path / "work" / "audit.csv"
    rows = [",".join(f'"{cell}"' for cell in line.split(",")) for line in table.read_text().splitlines()]
    table.write_bytes(("\ufeff" + "\n".join(rows) + "\n\n").encode())
    assert verdict(task, tmp_path / "work", tmp_path)[0] == 1.0
    notes = lay_out("release-notes-patch", tmp_path / "notes")
    solve(notes, tmp_path / "notes")
    page = tmp_path / "notes" / "RELEASE_NOTES.md"
    page.write_bytes(page.read_bytes().replace(b"\n\n", b"\n").replace(b"\n", b"  \r\n"))
    assert verdict(notes, tmp_path / "notes", tmp_path)[0] == 1.0


def test_the_script_of_the_triage_cuts_out_the_span(tmp_path):
    """Start included, end not, stack traces with their line."""
    log = tmp_path / "app.log"
    lines = [
        "2026-01-01 00:59:59 ERROR a: x",
        "    at before",
        "2026-01-01 01:00:00 ERROR a: y",
        "    at inside",
        "2026-01-01 02:00:00 ERROR a: z",
    ]
    log.write_text("\n".join(lines) + "\n")
    script = MORE / "skills" / "log-triage" / "scripts" / "window.py"
    command = ["python3", str(script), str(log), "2026-01-01 01:00:00", "2026-01-01 02:00:00"]
    done = anyio.run(lambda: anyio.run_process(command))
    assert done.stdout.decode().splitlines() == lines[2:4]
