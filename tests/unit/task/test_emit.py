"""A task written and read again is the same task; a dataset's folders are listed in order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.task.dataset import task_folders, tasks_dir
from skvm.task.emit import task_json
from skvm.task.loader import load_task
from skvm.task.model import Criterion, Task, TaskOrigin

FULL = Task(
    id="full",
    prompt="Ünïcode\r\nand lines",
    eval=(
        Criterion(method="script", id="s", weight=0.5, options={"command": "true", "expectedExitCode": 3}),
        Criterion(method="file-check", name="n", options={"path": "x", "mode": "exact", "expected": ""}),
    ),
    name="Full",
    category="c",
    grading_type="hybrid",
    timeout_ms=7,
    max_steps=3,
    fixtures={"a/b.txt": "x\r\n"},
    grading_weights={"automated": 0.5},
    skill=("skills/a", "skills/b"),
    origin=TaskOrigin(source="s", notes="n"),
    host_ready=False,
    difficulty="easy",
    network=True,
)


def read_back(tmp_path, task):
    folder = tmp_path / task.id
    folder.mkdir(exist_ok=True)
    (folder / "task.json").write_bytes(task_json(task))
    return load_task(folder).model_copy(update={"root": None})


@pytest.mark.parametrize("task", [FULL, Task(id="bare", prompt="p")], ids=lambda task: task.id)
def test_a_task_survives_writing_and_reading(tmp_path, task):
    assert read_back(tmp_path, task) == task


def test_what_is_at_its_default_is_not_written():
    assert json.loads(task_json(Task(id="t", prompt="p"))) == {"id": "t", "prompt": "p", "eval": []}


@given(prompt=st.text(min_size=1))
def test_any_text_survives(tmp_path_factory, prompt):
    task = Task(id="t", prompt=prompt)
    assert read_back(tmp_path_factory.mktemp("t"), task) == task


def test_half_a_surrogate_pair_is_escaped(tmp_path):
    task = Task(id="t", prompt="\ud800x")
    assert b"\\ud800" in task_json(task)
    assert read_back(tmp_path, task) == task


def test_task_folders_are_listed_in_order(tmp_path):
    for name in ("b", "a", "_off", ".hidden", "no-task"):
        (tmp_path / "tasks" / name).mkdir(parents=True)
    for name in ("b", "a", "_off", ".hidden"):
        (tmp_path / "tasks" / name / "task.json").write_text("{}")
    assert [path.name for path in task_folders(tasks_dir(tmp_path))] == ["a", "b"]
    assert task_folders(tmp_path / "absent") == ()
