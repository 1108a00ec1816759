"""What import does with the drafts: exclude, twins, whole folders, failures of the disk, kills."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.unit.bench.importers.sources import harbor, pinchbench, skvm_data, write

from skvm.bench.importing import IMPORTERS, Draft, import_from, marked, why_not_here
from skvm.bench.source_files import TaskFile
from skvm.errors import InfrastructureError, UsageError
from skvm.task.loader import read_task
from skvm.task.model import Task, TaskOrigin


class Given:
    """An importer of the drafts it is given."""

    def __init__(self, *drafts):
        self.drafts = drafts

    def recognise(self, path):
        return False

    def read(self, source):
        return iter(self.drafts)


@pytest.fixture
def run(tmp_path):
    def run(*drafts, **more):
        with IMPORTERS.temporarily("given", lambda: Given(*drafts)):
            return import_from("given", tmp_path, tmp_path / "data" / "tasks", **more)

    return run


def draft(task_id="t", *files, **more):
    return Draft(Task(id=task_id, prompt="p"), tuple(files), **more)


def test_ids_are_left_out_by_name_or_pattern(run):
    report = run(draft("a1"), draft("a2"), draft("b1"), exclude=["a*", "b2"])
    assert [(item.task_id, item.status) for item in report.items] == [
        ("a1", "excluded"),
        ("a2", "excluded"),
        ("b1", "written"),
    ]


def test_the_second_of_two_tasks_of_an_id_is_refused(run):
    report = run(draft("a"), draft("a", TaskFile("x", b"")))
    assert [item.status for item in report.items] == ["written", "refused"]


@pytest.mark.parametrize(
    "name", ["../out", "/etc/out", "a/../../out", "", "x\0y", "n" * 300, "fixtures/" + "n" * 300]
)
def test_no_file_leaves_the_folder(run, tmp_path, name):
    # Beside it lie the folders of all tests before.
    def everything():
        return {*tmp_path.rglob("*"), *tmp_path.parent.iterdir()}

    before = everything()
    (item,) = run(draft("t", TaskFile(name, b"x"))).items
    assert item.status == "refused"
    assert item.reason
    assert sorted((tmp_path / "data" / "tasks").iterdir()) == []
    assert everything() - before == {tmp_path / "data", tmp_path / "data" / "tasks"}


@pytest.mark.parametrize("task_id", ["..", ".x", "_x", "a/b", "a b", "", "x" * 200, "é"])
def test_only_names_become_folders(run, task_id):
    assert [item.status for item in run(draft(task_id)).items] == ["refused"]


def test_a_task_is_not_larger_than_the_limit(run, tmp_path):
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(600 << 20)
    (item,) = run(draft("t", TaskFile("fixtures/big", big))).items
    assert (item.status, "MiB" in item.reason) == ("refused", True)


def test_executable_files_and_empty_folders_are_kept(run, tmp_path):
    run(
        draft(
            "t", TaskFile("fixtures/_setup.sh", b"true\n", is_executable=True), TaskFile("fixtures/out", None)
        )
    )
    fixtures = tmp_path / "data/tasks/t/fixtures"
    assert os.access(fixtures / "_setup.sh", os.X_OK)
    assert (fixtures / "out").is_dir()


def test_unknown_names_and_sources_are_errors(tmp_path):
    with pytest.raises(UsageError, match="unknown importer") as caught:
        import_from("pinchbenhc", pinchbench(tmp_path / "s"), tmp_path / "t")
    assert "pinchbench" in caught.value.help
    with pytest.raises(UsageError, match="no such file"):
        import_from(None, tmp_path / "absent", tmp_path / "t")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no importer recognises it"):
        import_from("auto", tmp_path / "empty", tmp_path / "t")
    with pytest.raises(UsageError, match="finds no task"):
        import_from("harbor", tmp_path / "empty", tmp_path / "t")


def test_skillsbench_is_in_the_harbor_format(tmp_path):
    assert import_from("skillsbench", harbor(tmp_path / "s"), tmp_path / "t").importer == "harbor"


def test_a_source_of_two_kinds_must_be_named(tmp_path):
    source = skvm_data(harbor(tmp_path / "s" / "tasks").parent)
    with pytest.raises(UsageError, match="harbor and skvm-data both fit"):
        import_from(None, source, tmp_path / "t")
    assert import_from("harbor", source, tmp_path / "t").count("written") == 1


def test_a_target_that_is_no_folder_is_an_error_of_the_machine(tmp_path):
    (tmp_path / "t").write_text("")
    with pytest.raises(InfrastructureError, match="cannot be written"):
        import_from(None, pinchbench(tmp_path / "s"), tmp_path / "t")


def test_a_link_in_the_place_of_a_task_is_not_followed(tmp_path):
    write(tmp_path, {"mine/keep.txt": "mine"})
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "task_01_note").symlink_to(tmp_path / "mine")
    source = pinchbench(tmp_path / "s")
    assert import_from(None, source, tmp_path / "t").items[0].status == "kept"
    assert import_from(None, source, tmp_path / "t", force=True).items[0].status == "replaced"
    assert not (tmp_path / "t" / "task_01_note").is_symlink()
    assert (tmp_path / "mine" / "keep.txt").read_text() == "mine"


def test_marks_add_up_and_read_back():
    task = Task(id="t", prompt="p", origin=TaskOrigin(source="s", notes="From a friend"))
    assert marked(task, []) is task
    once = marked(task, ["a GPU", "a GPU", "a database"])
    assert why_not_here(once) == "a GPU; a database. From a friend"
    assert why_not_here(task) == ""


_ENDLESS = """
import sys
from pathlib import Path
from skvm.bench.importing import import_from
print("ready", flush=True)
while True:
    import_from("skvm-data", Path(sys.argv[1]), Path(sys.argv[3]) / "tasks", force=True)
    import_from("skvm-data", Path(sys.argv[2]), Path(sys.argv[3]) / "tasks", force=True)
"""


def test_a_kill_at_any_moment_leaves_whole_tasks(tmp_path):
    """Two versions replace each other without end; whenever it is killed, one of them stands whole."""
    one, two = (skvm_data(tmp_path / name, "task", prompt=name) for name in ("one", "two"))
    for source in (one, two):
        files = {f"tasks/task/fixtures/{n}.txt": source.name for n in range(8)}
        write(source, files)
    for pause_s in (0.0, 0.01, 0.02, 0.05, 0.08):
        command = [sys.executable, "-c", _ENDLESS, str(one), str(two), str(tmp_path / "data")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(pause_s)
            process.send_signal(signal.SIGKILL)
        folder = tmp_path / "data" / "tasks" / "task"
        if folder.exists():
            task, found = read_task(folder)
            assert task is not None, found
            assert {path.read_text() for path in (folder / "fixtures").glob("*.txt")} == {task.prompt}
            assert len(list((folder / "fixtures").iterdir())) == 9
