"""What was imported is graded: PinchBench's own graders, which give a dict, on what an agent left."""

import anyio
import pytest

from skvm.bench.importing import import_from
from skvm.evaluate.grading import Seal, grade
from skvm.evaluate.workspace import lay_fixtures
from skvm.harness.confine import choose_sandbox
from skvm.harness.trajectory import Trajectory
from skvm.task.loader import load_task

SOLVED = {
    "task_09_files": {
        "src/main.py": "print('Hello, World!')\n",
        "README.md": "# Project\n",
        ".gitignore": "__pycache__/\n",
    },
}
AUTOMATED = ("task_01_calendar", "task_09_files", "task_11_clawdhub", "task_17_email_search")


@pytest.fixture(scope="module")
def tasks(public_data, tmp_path_factory):
    target = tmp_path_factory.mktemp("data") / "tasks"
    import_from("pinchbench", public_data / "pinchbench", target)
    return target


def graded(task, tmp_path, files):
    work = tmp_path / "work"
    work.mkdir()
    lay_fixtures(task, work)
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    seal = Seal(sandbox=choose_sandbox("auto"), tmp_dir=tmp_path / "tmp", left=work)
    trajectory = Trajectory(harness="h", model="m", prompt=task.prompt)
    return anyio.run(grade, task, trajectory, seal)


@pytest.mark.parametrize("name", AUTOMATED)
def test_nothing_done_is_a_low_score_and_no_fault(tasks, tmp_path, name):
    verdicts = graded(load_task(tasks / name), tmp_path, {})
    assert verdicts.fault is None
    assert verdicts.results[0].method == "custom"
    assert verdicts.results[0].score < 0.2
    assert len(verdicts.results[0].checkpoints) > 2


@pytest.mark.parametrize("name", sorted(SOLVED))
def test_the_work_done_is_a_full_score(tasks, tmp_path, name):
    assert graded(load_task(tasks / name), tmp_path, SOLVED[name]).results[0].score == 1.0
