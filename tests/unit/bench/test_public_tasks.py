"""All public tasks load; the share that runs here is printed, and every skip has its reason."""

import sys

import pytest

from skvm.bench.importing import import_from
from skvm.bench.selection import tasks_of
from skvm.settings import load_settings
from skvm.task.dataset import task_folders
from skvm.task.loader import read_task

COUNTS = {"skvm-data": 27, "pinchbench": 11, "skillsbench": 8}


def told(capsys, title, selection):
    with capsys.disabled():
        lines = [f"\n{title}: {selection.share} run here"]
        lines += [f"  {skip.task_id}: {skip.reason}" for skip in selection.skipped]
        sys.stdout.write("\n".join(lines) + "\n")


def test_all_tasks_of_skvm_data_load_where_they_are(public_data, capsys):
    folders = task_folders(public_data / "skvm-data" / "tasks")
    assert len(folders) == COUNTS["skvm-data"]
    assert [folder.name for folder in folders if read_task(folder)[0] is None] == []
    settings = load_settings(data_dir=str(public_data / "skvm-data"), env={})
    told(capsys, "skvm-data, without a judge", tasks_of(settings))
    selection = tasks_of(settings, has_judge=True)
    told(capsys, "skvm-data, with a judge", selection)
    assert len(selection.tasks) + len(selection.skipped) == COUNTS["skvm-data"]
    assert all(skip.reason and not skip.reason.startswith("cannot be read") for skip in selection.skipped)


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_all_tasks_are_imported_and_load(public_data, tmp_path, capsys, name):
    report = import_from("auto", public_data / name, tmp_path / "tasks")
    assert report.count("written") == len(report.items) == COUNTS[name]
    assert all(item.reason for item in report.items if not item.runs_here)
    selection = tasks_of(load_settings(data_dir=str(tmp_path), env={}), has_judge=True)
    told(capsys, f"{name}, imported, with a judge", selection)
    assert len(selection.tasks) + len(selection.skipped) == COUNTS[name]
    assert all(skip.reason and not skip.reason.startswith("cannot be read") for skip in selection.skipped)


def test_imported_files_are_byte_true(public_data, tmp_path):
    import_from("skvm-data", public_data / "skvm-data", tmp_path / "tasks")
    for path in sorted((public_data / "skvm-data" / "tasks").rglob("*")):
        if path.is_file():
            copy = tmp_path / path.relative_to(public_data / "skvm-data")
            assert copy.read_bytes() == path.read_bytes(), path
    import_from("pinchbench", public_data / "pinchbench", tmp_path / "tasks")
    inline = sorted((tmp_path / "tasks").glob("task_*/fixtures/**/*.txt"))
    assert len(inline) >= 15
    assert [path.name for path in inline if not path.read_bytes().endswith(b"\n")] == []
