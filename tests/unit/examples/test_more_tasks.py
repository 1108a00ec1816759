"""The tasks of ``examples/more``: 1 by the book, 0 left alone, something in between with a slip."""

import json
import re
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import anyio
import pytest

from skvm.evaluate.grading import Seal, check_criteria, grade
from skvm.evaluate.score import combine
from skvm.evaluate.workspace import lay_bundle, lay_fixtures
from skvm.harness.confine import choose_sandbox
from skvm.harness.fake import FakeCell
from skvm.harness.trajectory import Trajectory
from skvm.skill.frontend import load_skill
from skvm.task.loader import load_task, read_task, skill_folders

MORE = Path(__file__).resolve().parents[3] / "examples" / "more"
TASKS = {path.parent.name: path.parent for path in sorted(MORE.glob("tasks/*/task.json"))}
EASY = (
    "release-notes-patch",
    "inventory-audit-shelf",
    "log-triage-quiet-night",
    "fleet-fuel-two-vans",
    "service-config-mail-relay",
    "scan-names-week",
    "tide-table-mid-july",
    "ladder-standings-editor",
    "stage-turnover-evening",
)
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
    "fleet-fuel-two-vans": ("every litre counted", "diesel alone paid for", "no tanks"),
    "fleet-fuel-april": ("every litre counted", "the last reading for the kilometres", "no tanks"),
    "service-config-mail-relay": ("settings as the brief spells them", "no ini"),
    "service-config-invoice-api": ("owners without addresses", "limits of another size", "no ini"),
    "scan-names-week": ("every file listed", "no sizes", "kinds not looked at"),
    "scan-names-quarter": ("every file listed", "kinds not looked at", "findings alone counted"),
    "tide-table-mid-july": ("with a heading", "all predictions printed"),
    "tide-table-late-july": ("with a heading",),
    "ladder-standings-lost": (
        "no semicolon",
        "teams left out",
        "the best ever, not of the season",
        "fences kept",
    ),
    "ladder-standings-editor": ("no semicolon", "teams left out", "the best ever, not of the season"),
    "stage-turnover-evening": (
        "minutes added up",
        "one after the other",
        "names shortened",
        "a line too many a job",
    ),
}
OUTPUTS = {
    "release-notes-patch": ("RELEASE_NOTES.md",),
    "inventory-audit-shelf": ("audit.csv", "summary.json"),
    "log-triage-quiet-night": ("reports/search.json", "escalations.txt"),
    "fleet-fuel-two-vans": ("fuel_report.json",),
    "service-config-mail-relay": (
        "config/service.ini",
        "config/settings.env",
        "config/health.json",
        "config/OWNERS",
    ),
    "scan-names-week": ("findings.txt",),
    "tide-table-mid-july": ("table.txt",),
    "tide-table-late-july": ("table.txt",),
    "ladder-standings-lost": ("standings.sql",),
    "ladder-standings-editor": ("editor/standings.sql",),
    "stage-turnover-evening": ("plan.txt",),
    "stage-turnover-rain": ("plan.txt",),
}
MODERATE = {
    "fleet-fuel-two-vans": "fleet-fuel-april",
    "service-config-mail-relay": "service-config-invoice-api",
    "scan-names-week": "scan-names-quarter",
}
OTHERS = {
    **MODERATE,
    "tide-table-mid-july": "tide-table-late-july",
    "stage-turnover-evening": "stage-turnover-rain",
}
THREEFOLD = ("release-notes", "inventory-audit", "log-triage")
SHOWN = {
    "fleet-fuel": ("fuel_report.json",),
    "service-config": ("config/settings.env", "config/health.json", "config/OWNERS"),
    "scan-names": ("findings.txt",),
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
    """The work directory as an agent finds it: fixtures, then the skill's bundle."""
    task = load_task(TASKS[name])
    work.mkdir()
    lay_fixtures(task, work)
    assert lay_bundle(load_skill(skill_folders(task)[0]), task, work) == []
    return task


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


def test_every_skill_has_its_tasks_and_one_grader():
    skills = [skill_folders(load_task(folder))[0].resolve() for folder in TASKS.values()]
    assert {skill: skills.count(skill) for skill in skills} == {
        skill.resolve(): 3 if skill.name in THREEFOLD else 2 for skill in (MORE / "skills").iterdir()
    }
    graders = [(folder / "graders" / "check.py").read_bytes() for folder in TASKS.values()]
    assert len(set(zip(skills, graders, strict=True))) == len(set(graders)) == len(set(skills)) == 9


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


@pytest.mark.parametrize("name", [name for name in EASY if (TASKS[name] / "fixtures").is_dir()])
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
        ["statement kept"],
        ["brief kept"],
        ["folder kept"],
        ["page kept"],
    )
    assert 0.9 < score < 1


@pytest.mark.parametrize(("one", "other"), [*OTHERS.items(), *((b, a) for a, b in OTHERS.items())])
def test_the_right_work_for_another_request_scores_low(one, other, tmp_path):
    done = lay_out(other, tmp_path / "done")
    solve(done, tmp_path / "done")
    outputs = OUTPUTS[one] if one in OUTPUTS else OUTPUTS[other]
    task = lay_out(one, tmp_path / "work")
    for output in outputs:
        (tmp_path / "work" / output).parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "done" / output, tmp_path / "work" / output)
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert score < 0.35, said


@pytest.mark.parametrize("name", [*MODERATE, *MODERATE.values()])
def test_the_example_of_the_skill_copied_scores_low(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    skill = skill_folders(task)[0]
    shown = re.findall(r"^```\w+\n(.*?)^```$", (skill / "SKILL.md").read_text(), re.DOTALL | re.MULTILINE)
    for output, text in zip(SHOWN[skill.name], shown[-len(SHOWN[skill.name]) :], strict=True):
        (tmp_path / "work" / output).parent.mkdir(exist_ok=True)
        (tmp_path / "work" / output).write_text(text)
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert 0 < score < 0.35, said


@pytest.mark.parametrize("rule", ["empty", "kind", "letters"])
@pytest.mark.parametrize("name", ["scan-names-week", "scan-names-quarter"])
def test_every_file_called_wrong_for_one_reason_scores_low(name, rule, tmp_path):
    task = lay_out(name, tmp_path / "work")
    files = [path.name for path in sorted((tmp_path / "work").glob("*/*"))]
    lines = [*(f"{file}: {rule}" for file in files), f"{len(files)} findings in {len(files)} files"]
    (tmp_path / "work" / "findings.txt").write_text("\n".join(lines))
    score, said = verdict(task, tmp_path / "work", tmp_path)
    assert score < 0.45, said


def test_forms_the_moderate_skills_do_not_forbid_are_as_good(tmp_path):
    task = lay_out("service-config-mail-relay", tmp_path / "work")
    solve(task, tmp_path / "work")
    config = tmp_path / "work" / "config"
    text = (config / "service.ini").read_text()
    (config / "service.ini").write_text("; from the brief\n" + text.replace(" = ", "="))
    (config / "OWNERS").write_bytes((config / "OWNERS").read_bytes().rstrip().replace(b"\n", b"\r\n"))
    health = json.loads((config / "health.json").read_text())
    (config / "health.json").write_text(json.dumps(dict(reversed(health.items())), indent=4))
    assert verdict(task, tmp_path / "work", tmp_path)[0] == 1.0
    scans = lay_out("scan-names-quarter", tmp_path / "scans")
    solve(scans, tmp_path / "scans")
    *found, counts = (tmp_path / "scans" / "findings.txt").read_text().splitlines()
    (tmp_path / "scans" / "findings.txt").write_text("\n".join([*reversed(found), "", counts]))
    assert verdict(scans, tmp_path / "scans", tmp_path)[0] == 1.0


def test_the_script_of_the_scans_prints_sizes_and_names(tmp_path):
    """Names with blanks and empty files too."""
    (tmp_path / "Scan 1.pdf").write_text("four")
    (tmp_path / "a.pdf").touch()
    script = MORE / "skills" / "scan-names" / "scripts" / "listing.sh"
    done = anyio.run(lambda: anyio.run_process(["sh", str(script), str(tmp_path)]))
    assert sorted(done.stdout.decode().splitlines()) == ["0 a.pdf", "4 Scan 1.pdf"]


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
