"""``skvm-data``: task folders byte for byte, their skills beside them."""

import pytest
from tests.unit.bench.importers.sources import skvm_data, write

from skvm.bench.importing import import_from
from skvm.task.loader import load_task, skill_folders


def test_a_task_is_taken_as_it_is(tmp_path):
    source = skvm_data(tmp_path / "source")
    import_from("skvm-data", source, tmp_path / "data" / "tasks")
    for path in sorted((source / "tasks/sum_task").rglob("*")):
        copy = tmp_path / "data" / path.relative_to(source)
        assert copy.exists()
        assert path.is_dir() or copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("named", ["../../skills/adder", "adder", ["adder"]])
def test_a_skill_is_found_in_the_dataset_by_path_or_by_name(tmp_path, named):
    source = skvm_data(tmp_path / "source", skill=named)
    (item,) = import_from("skvm-data", source, tmp_path / "data" / "tasks").items
    assert (item.status, item.notes) == ("written", ())
    task = load_task(tmp_path / "data/tasks/sum_task")
    assert [folder.resolve() for folder in skill_folders(task)] == [tmp_path / "data/skills/adder"]
    assert (tmp_path / "data/skills/adder/SKILL.md").is_file()


def test_another_skill_of_the_name_is_kept_and_told(tmp_path):
    source = skvm_data(tmp_path / "source")
    write(tmp_path / "data", {"skills/adder/SKILL.md": "mine"})
    (item,) = import_from("skvm-data", source, tmp_path / "data" / "tasks").items
    assert item.status == "written"
    assert "skill adder: another of that name" in item.notes[0]
    assert (tmp_path / "data/skills/adder/SKILL.md").read_text() == "mine"


def test_a_skill_outside_the_source_stays_there(tmp_path):
    write(tmp_path, {"secret/SKILL.md": "---\nname: secret\ndescription: d\n---\n"})
    source = skvm_data(tmp_path / "source", skill="../../../secret")
    (item,) = import_from("skvm-data", source, tmp_path / "data" / "tasks").items
    assert item.notes == ("its skill secret lies outside the source and was left there",)
    assert not (tmp_path / "data/skills").exists()


def test_a_fixture_that_leads_out_refuses_the_task(tmp_path):
    source = skvm_data(tmp_path / "source", fixtures={"../x": "y"})
    (item,) = import_from("skvm-data", source, tmp_path / "data" / "tasks").items
    assert (item.status, "SKV304" in item.reason) == ("refused", True)
