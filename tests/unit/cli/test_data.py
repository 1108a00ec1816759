"""``skvm data``: get, path, check, import, and their exit codes."""

import json
import shutil

import pytest

from skvm.cli.main import run
from tests.unit.bench.importers.sources import harbor, pinchbench, skvm_data, write
from tests.unit.bench.test_dataset import repository


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def skvm(data, capsys):
    def call(*args):
        code = run(["data", *map(str, args), f"--skvm-data-dir={data}"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_path_says_where_it_is_or_what_to_do(skvm, data):
    code, out, err = skvm("path")
    assert (code, out) == (1, "")
    assert f"no dataset at {data}" in err
    assert "skvm data get" in err
    assert json.loads(skvm("path", "--json")[1]) == {"schema": 1, "path": str(data), "tasks": 0}
    skvm_data(data)
    assert skvm("path") == (0, f"{data}\n", "")


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_get_fetches_once(skvm, data, tmp_path):
    source = repository(skvm_data(tmp_path / "source"))
    code, out, _ = skvm("get", "--url", source, "--json")
    told = json.loads(out)
    assert (code, told["tasks"], told["path"], len(told["revision"])) == (0, 1, str(data), 40)
    code, _, err = skvm("get", "--url", source)
    assert (code, "there already" in err) == (2, True)


def test_get_without_a_source_is_exit_3_and_nothing_half(skvm, data, tmp_path):
    code, _, err = skvm("get", "--url", tmp_path / "absent")
    assert (code, "cannot be fetched" in err) == (3, True)
    assert not data.exists()


def test_check_lists_every_task_with_its_reason(skvm, data):
    skvm_data(data, "runs")
    skvm_data(
        data, "marked", hostReady=False, origin={"source": "own", "notes": "cannot run here: needs a GPU"}
    )
    skvm_data(data, "judged", eval=[{"method": "llm-judge", "rubric": "r"}])
    code, out, _ = skvm("check")
    assert code == 0
    assert "needs a GPU" in out
    assert "1 of 3 tasks (33 %) run here" in out
    told = json.loads(skvm("check", "--json")[1])
    assert (told["total"], told["runs"]) == (3, 1)
    assert [(row["id"], row["runs"]) for row in told["tasks"]] == [
        ("judged", False), ("marked", False), ("runs", True),
    ]  # fmt: skip
    assert all(row["reason"] for row in told["tasks"] if not row["runs"])
    assert json.loads(skvm("check", "--judge", "--json")[1])["runs"] == 2
    assert json.loads(skvm("check", "runs", "--json")[1])["total"] == 1
    assert json.loads(skvm("check", "--source=own", "--json")[1])["total"] == 3


def test_check_fails_where_a_task_cannot_be_read(skvm, data):
    write(skvm_data(data), {"tasks/broken/task.json": "{"})
    code, out, _ = skvm("check")
    assert (code, "SKV301" in out) == (1, True)
    code, _, err = skvm("check", "sum_tas")
    assert (code, "did you mean 'sum_task'" in err) == (2, True)


def test_import_says_what_became_of_each_task(skvm, data, tmp_path):
    source = pinchbench(tmp_path / "source")
    write(source, {"tasks/task_02_bad.md": "no block"})
    code, out, _ = skvm("import", source, "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["importer"], told["dryRun"], data.exists()) == (1, "pinchbench", True, False)
    assert [(row["id"], row["status"]) for row in told["tasks"]] == [
        ("task_01_note", "written"), ("task_02_bad", "refused"),
    ]  # fmt: skip
    code, out, _ = skvm("import", source)
    assert (code, "1 of 2 tasks at" in out, "1 can run here" in out) == (1, True, True)
    assert (data / "tasks/task_01_note/task.json").is_file()
    assert skvm("import", source, "--exclude=task_02*,nothing")[0] == 0
    (data / "tasks/task_01_note/grade.py").write_text("mine")
    code, out, _ = skvm("import", source, "--from", "pinchbench")
    assert (code, "--force replaces it" in out) == (1, True)
    assert "replaced" in skvm("import", source, "--force")[1]


def test_a_marked_task_is_no_failure_of_the_import(skvm, tmp_path):
    source = harbor(tmp_path / "source", environment__Dockerfile="FROM postgres:16\n")
    code, out, _ = skvm("import", source)
    assert (code, "does not run here: needs a database" in out) == (0, True)


def test_usage_is_checked(skvm, tmp_path):
    assert skvm("import", tmp_path / "absent")[0] == 2
    assert skvm("import", tmp_path, "--from=pinchbenhc")[0] == 2
    code, _, err = skvm("chek")
    assert (code, "'check'" in err) == (2, True)
