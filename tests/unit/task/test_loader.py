import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.errors import UsageError
from skvm.task.digest import task_digest
from skvm.task.loader import escapes, find_task, load_task, read_task, skill_folders

GOOD = {"id": "t", "prompt": "Do it"}


def write(tmp_path, task, name="t"):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    text = task if isinstance(task, bytes) else json.dumps(task).encode()
    (folder / "task.json").write_bytes(text)
    return folder


def codes(path):
    return [found.code for found in read_task(path)[1]]


def test_defaults_and_the_compatible_names(tmp_path):
    task = load_task(write(tmp_path, GOOD))
    assert (task.timeout_ms, task.max_steps, task.category, task.criteria) == (120_000, 30, "general", ())
    assert task.root == tmp_path / "t"
    full = {**GOOD, "timeoutMs": 5, "maxSteps": 2, "gradingWeights": {"automated": 0.5}, "hostReady": False}
    task = load_task(write(tmp_path, full))
    assert (task.timeout_s, task.max_steps, task.host_ready) == (0.005, 2, False)


def test_what_only_a_grader_reads_goes_into_its_options(tmp_path):
    criterion = {"method": "script", "id": "a", "weight": 0.5, "command": "true", "expectedExitCode": 3}
    task = load_task(write(tmp_path, {**GOOD, "eval": [criterion]}))
    assert task.criteria[0].options == {"command": "true", "expectedExitCode": 3}
    assert (task.criteria[0].id, task.criteria[0].weight) == ("a", 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[1]", "must hold a JSON object"),
        (b'{"id": NaN}', "NaN"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"id": "t",\n "prompt" "x"}', "not JSON"),
        (b'{"id": "t"}', "prompt: field required"),
        (b'{"id": "t", "prompt": "x", "timeoutMs": 0}', "timeoutMs"),
        (b'{"id": "t", "prompt": "x", "eval": [{"id": "a"}]}', "method"),
        (b'{"id": "t", "prompt": "x", "eval": "all"}', "eval"),
        (b'{"id": "../t", "prompt": "x"}', "is not a name"),
        (b'{"id": "t", "prompt": "x", "fixtures": {"../a": "x"}}', "leads out"),
        (b'{"id": "t", "prompt": "x", "fixtures": {"/etc/a": "x"}}', "leads out"),
        (b'{"id": "t", "prompt": "x", "fixtures": {"a": 1}}', "fixtures.a"),
    ],
)
def test_bad_tasks_are_said_to_be_bad(tmp_path, text, said):
    folder = write(tmp_path, text)
    assert read_task(folder)[0] is None
    with pytest.raises(UsageError) as caught:
        load_task(folder)
    assert said in caught.value.message
    assert "task.json" in caught.value.message


def test_every_error_is_listed_and_a_syntax_error_has_its_place(tmp_path):
    _, found = read_task(write(tmp_path, b'{"prompt": 1, "maxSteps": -1, "maxStep": 2}'))
    assert [each.code for each in found] == ["SKV306", "SKV302", "SKV302", "SKV302"]
    _, found = read_task(write(tmp_path, b'{"id": "t",\n "prompt" "x"}'))
    assert (found[0].line, found[0].column) == (2, 11)


def test_missing_files_folders_and_sizes(tmp_path):
    assert codes(tmp_path / "none") == ["SKV301"]
    assert codes(tmp_path) == ["SKV301"]
    (tmp_path / "task.json").mkdir()
    assert codes(tmp_path) == ["SKV301"]
    folder = write(tmp_path, b" " * ((16 << 20) + 1))
    assert codes(folder) == ["SKV301"]


def test_warnings_do_not_stop_a_task(tmp_path):
    folder = write(tmp_path, {**GOOD, "skill": ["../skills/a"], "extra": 1}, name="other")
    task, found = read_task(folder)
    assert task is not None
    assert sorted(each.code for each in found) == ["SKV303", "SKV305", "SKV306"]
    assert skill_folders(task) == (folder / "../skills/a",)


def test_fixture_links_stay_inside(tmp_path):
    folder = write(tmp_path, GOOD)
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "a").write_text("x")
    (folder / "fixtures" / "inside").symlink_to("a")
    assert codes(folder) == []
    (folder / "fixtures" / "outside").symlink_to("/etc/passwd")
    assert codes(folder) == ["SKV304"]


@given(st.text(alphabet="ab./\0", max_size=12))
def test_no_path_that_climbs_is_let_through(name):
    from pathlib import PurePosixPath

    if not escapes(name):
        assert ".." not in PurePosixPath("/base", name).parts
        assert str(PurePosixPath("/base", name)).startswith("/base/")


def test_the_digest_follows_what_matters_and_nothing_else(tmp_path):
    folder = write(tmp_path, {**GOOD, "fixtures": {"a": "b"}})
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "data.txt").write_text("1")
    (folder / "graders").mkdir()
    before = task_digest(load_task(folder))
    write(tmp_path, json.dumps({"prompt": "Do it", "fixtures": {"a": "b"}, "id": "t"}, indent=4).encode())
    (folder / "REFERENCE").mkdir()
    (folder / "REFERENCE" / "solution.py").write_text("x")
    assert task_digest(load_task(folder)) == before
    seen = {before}
    for change in (
        lambda: (folder / "fixtures" / "data.txt").write_text("2"),
        lambda: (folder / "fixtures" / "data.txt").chmod(0o755),
        lambda: (folder / "fixtures" / "link").symlink_to("data.txt"),
        lambda: (folder / "grade.py").write_text("x"),
        lambda: (folder / "graders" / "check.py").write_text("x"),
        lambda: write(tmp_path, {**GOOD, "fixtures": {"a": "c"}}),
    ):
        change()
        seen.add(task_digest(load_task(folder)))
    assert len(seen) == 7


def test_a_bare_file_has_no_folder_of_its_own(tmp_path):
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "one.json").write_text(json.dumps(GOOD))
    task = load_task(tmp_path / "one.json")
    assert task.root is None


def test_tasks_are_found_by_path_or_by_id(tmp_path):
    folder = write(tmp_path, GOOD)
    (tmp_path / "data" / "tasks" / "listed").mkdir(parents=True)
    assert find_task(str(folder), tmp_path / "data") == folder
    assert find_task("listed", tmp_path / "data") == tmp_path / "data" / "tasks" / "listed"
    for name in ("absent", "../tasks/listed"):
        with pytest.raises(UsageError, match="there is no task"):
            find_task(name, tmp_path / "data")


def test_every_public_task_loads(public_data):
    folders = sorted((public_data / "skvm-data" / "tasks").iterdir())
    assert len(folders) == 27
    for folder in folders:
        task = load_task(folder)
        assert task.id == folder.name
        assert task.criteria


def test_a_link_that_leads_in_a_circle_is_told(tmp_path):
    (tmp_path / "task.json").write_text('{"id": "t", "prompt": "p", "eval": []}')
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "a").symlink_to("a")
    _, found = read_task(tmp_path)
    assert "SKV304" in [each.code for each in found] or any("link" in each.message for each in found), found
