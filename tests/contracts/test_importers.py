"""What holds for every registered importer."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from tests.unit.bench.importers.sources import SOURCES

from skvm.bench.importing import IMPORTERS, Draft, Refused, import_from
from skvm.errors import UsageError
from skvm.task.loader import load_task, read_task

NAMES = IMPORTERS.names()
SECRET = "the secret of the host"


@pytest.fixture
def source(tmp_path, request):
    name = request.node.callspec.params["name"]
    make, ids = SOURCES[name]
    folder = tmp_path / "outer" / "counter"
    folder.mkdir(parents=True)
    return make(folder), ids


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_all_task_sets_have_an_importer():
    assert set(NAMES) == set(SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_an_importer_is_called_after_its_file(name):
    assert type(IMPORTERS.get(name)()).__module__.rsplit(".", 1)[1] == name.replace("-", "_")


@pytest.mark.parametrize("name", NAMES)
def test_only_its_own_source_is_recognised(name, source, tmp_path):
    assert [each for each in NAMES if IMPORTERS.get(each)().recognise(source[0])] == [name]
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for odd in ("empty", "file", "loop", "pipe", "absent"):
        assert IMPORTERS.get(name)().recognise(tmp_path / odd) is False


@pytest.mark.parametrize("name", NAMES)
def test_reading_writes_nothing_and_gives_drafts_or_reasons(name, source):
    before = content(source[0])
    found = list(IMPORTERS.get(name)().read(source[0]))
    assert content(source[0]) == before
    assert [each.task.id for each in found if isinstance(each, Draft)] == source[1]
    assert all(each.name and each.reason for each in found if isinstance(each, Refused))


@pytest.mark.parametrize("name", NAMES)
def test_imported_tasks_load_and_a_second_import_changes_nothing(name, source, tmp_path):
    target = tmp_path / "data" / "tasks"
    report = import_from(None, source[0], target)
    assert report.importer == name
    assert [item.task_id for item in report.items if item.status == "written"] == source[1]
    for task_id in source[1]:
        task, found = read_task(target / task_id)
        assert task is not None
        assert not found, found
        assert task.criteria
        assert task.origin.source
    before = content(tmp_path / "data")
    again = import_from(name, source[0], target)
    assert [item.task_id for item in again.items if item.status == "unchanged"] == source[1]
    assert content(tmp_path / "data") == before
    assert not list(target.glob(".*"))


@pytest.mark.parametrize("name", NAMES)
def test_two_imports_give_the_same_bytes(name, source, tmp_path):
    import_from(name, source[0], tmp_path / "one" / "tasks")
    moved = tmp_path / "elsewhere" / source[0].name
    shutil.copytree(source[0], moved)
    import_from(name, moved, tmp_path / "two" / "tasks")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert str(tmp_path).encode() not in b"".join(filter(None, content(tmp_path / "one").values()))


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_says_the_same_and_writes_nothing(name, source, tmp_path):
    target = tmp_path / "data" / "tasks"
    dry = import_from(name, source[0], target, dry_run=True)
    assert not (tmp_path / "data").exists()
    assert import_from(name, source[0], target).items == dry.items


@pytest.mark.parametrize("name", NAMES)
def test_another_task_of_the_name_is_kept_unless_forced(name, source, tmp_path):
    target = tmp_path / "data" / "tasks"
    import_from(name, source[0], target)

    def of(report):
        return [item for item in report.items if item.task_id == source[1][0]]

    mine = target / source[1][0] / "mine.txt"
    mine.write_text("mine")
    dry = import_from(name, source[0], target, dry_run=True, force=True)
    kept = import_from(name, source[0], target)
    assert [(item.status, bool(item.reason)) for item in of(kept)] == [("kept", True)]
    assert mine.read_text() == "mine"
    forced = import_from(name, source[0], target, force=True)
    assert of(forced)[0].status == of(dry)[0].status == "replaced"
    assert not mine.exists()
    assert load_task(target / source[1][0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", [b"", b"\xff\xfe\x00", b"\x00" * 100, b"---\n\tx: [\n", b"[" * 100_000])
def test_spoilt_files_are_refused_with_a_reason(name, source, tmp_path, spoil):
    """Every text file of the source in turn is spoilt; nothing escapes but reasons."""
    for path in sorted(path for path in source[0].rglob("*") if path.is_file()):
        kept = path.read_bytes()
        path.write_bytes(spoil)
        report = import_from(name, source[0], tmp_path / "data" / "tasks", dry_run=True)
        assert all(item.reason for item in report.items if item.status == "refused")
        path.write_bytes(kept)


@pytest.mark.parametrize("name", NAMES)
def test_no_link_brings_a_file_of_the_host(name, source, tmp_path):
    """Every file and folder of the source in turn is a link to one of the host."""
    host = tmp_path / "host"
    host.mkdir()
    for path in sorted(source[0].rglob("*")):
        if not os.path.lexists(path):
            continue
        kept = tmp_path / "kept"
        path.rename(kept)
        target = host / "folder" if kept.is_dir() else host / "secret.txt"
        shutil.rmtree(host)
        host.mkdir()
        (host / "secret.txt").write_text(f"---\nid: x\n---\n## Prompt\n{SECRET}\n")
        if kept.is_dir():
            shutil.copytree(kept, target)
            for inner in [each for each in target.rglob("*") if each.is_file()]:
                inner.write_bytes(inner.read_bytes() + f"\n# {SECRET}\n".encode())
        path.symlink_to(target)
        out = tmp_path / "out"
        with contextlib.suppress(UsageError):  # nothing is left of the source
            report = import_from(name, source[0], out / "tasks")
            assert SECRET not in str(report)
        for written in out.rglob("*"):
            assert not written.is_symlink(), written
            if written.is_file():
                assert SECRET.encode() not in written.read_bytes(), (path, written)
        shutil.rmtree(out, ignore_errors=True)
        path.unlink()
        kept.rename(path)


def test_importers_leave_the_current_folder_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, (make, _) in SOURCES.items():
        source = make(tmp_path / "in" / name / "counter")
        import_from(name, source, tmp_path / "out" / name / "tasks")
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["in", "out"]
