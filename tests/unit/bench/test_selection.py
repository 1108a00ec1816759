"""Which tasks run, and a reason for each that does not."""

import pytest
from tests.unit.bench.importers.sources import skvm_data, write

from skvm.bench.selection import Selection, Skip, tasks_of
from skvm.errors import UsageError
from skvm.settings import load_settings

SCRIPT = {"method": "script", "command": "true"}
JUDGE = {"method": "llm-judge", "rubric": "fine?"}


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "data"
    skvm_data(root, "b_runs")
    skvm_data(root, "a_other", origin={"source": "elsewhere"})
    skvm_data(root, "c_judged", eval=[JUDGE])
    skvm_data(root, "d_partly", eval=[SCRIPT, JUDGE])
    skvm_data(root, "e_marked", hostReady=False, origin={"source": "own", "notes": "cannot run here: a GPU"})
    skvm_data(root, "f_unmarked", hostReady=False)
    skvm_data(root, "g_skill", skill="../../skills/gone")
    skvm_data(root, "h_empty", eval=[])
    skvm_data(root, "i_method", eval=[{"method": "telepathy"}])
    skvm_data(root, "j_broken_criterion", eval=[{"method": "script"}])
    write(root, {"tasks/k_broken/task.json": "{", "tasks/.hidden/task.json": "{", "tasks/no_task/x": ""})
    return root


@pytest.fixture
def select(dataset):
    def run(*names, source=(), **more):
        return tasks_of(load_settings(data_dir=str(dataset), env={}), names, source, **more)

    return run


def reasons(selection):
    return {skip.task_id: skip.reason for skip in selection.skipped}


def test_every_task_runs_or_has_a_reason(select):
    selection = select()
    assert [task.id for task in selection.tasks] == ["a_other", "b_runs", "d_partly"]
    assert list(reasons(selection)) == sorted(reasons(selection))
    said = reasons(selection)
    assert said["e_marked"] == "a GPU"
    assert "container" in said["f_unmarked"]
    assert said["g_skill"] == "its skill gone is not there"
    assert "no criteria" in said["h_empty"]
    assert "telepathy" in said["i_method"]
    assert "SKV312" in said["j_broken_criterion"]
    assert "SKV301" in said["k_broken"]
    assert "judge" in said["c_judged"]
    assert set(said) == {f"{c}" for c in said}
    assert len(said) == 8
    assert selection.share == "3 of 11 tasks (27 %)"
    assert "judge" in selection.ungraded["d_partly"]
    assert "b_runs" not in selection.ungraded


def test_a_judge_makes_more_of_them_run(select):
    selection = select(has_judge=True)
    assert [task.id for task in selection.tasks] == ["a_other", "b_runs", "c_judged", "d_partly"]
    assert not selection.ungraded


def test_without_conditions_that_need_it_a_skill_may_be_missing(select):
    assert "g_skill" in [task.id for task in select(needs_skill=False).tasks]


def test_tasks_are_named_by_id_or_path_and_sorted(select, dataset):
    selection = select("d_partly", str(dataset / "tasks/b_runs"), str(dataset / "tasks/a_other/task.json"))
    assert [task.id for task in selection.tasks] == ["a_other", "b_runs", "d_partly"]


def test_a_named_task_that_cannot_run_is_skipped_with_its_reason(select):
    assert reasons(select("e_marked", "b_runs")) == {"e_marked": "a GPU"}


@pytest.mark.parametrize(
    ("name", "said"),
    [("b_run", "no task 'b_run'"), ("zzz", "no task 'zzz'"), ("k_broken", "SKV301"), (".hidden", "no task")],
)
def test_a_named_task_must_be_there_and_readable(select, name, said):
    with pytest.raises(UsageError, match=said) as caught:
        select(name)
    assert name != "b_run" or caught.value.help == "did you mean 'b_runs'?"


def test_a_task_is_named_once(select, dataset):
    with pytest.raises(UsageError, match="two tasks are called 'b_runs'"):
        select("b_runs", str(dataset / "tasks/b_runs"))


def test_of_two_tasks_of_an_id_the_one_in_its_own_folder_runs(select, dataset):
    twin = write(dataset, {"tasks/aa_twin/task.json": (dataset / "tasks/b_runs/task.json").read_text()})
    selection = select()
    assert [task.root for task in selection.tasks if task.id == "b_runs"] == [twin / "tasks/b_runs"]
    assert "is that of the task in b_runs" in reasons(selection)["aa_twin"]


def test_sources_filter_and_must_exist(select):
    assert [task.id for task in select(source=["elsewhere"]).tasks] == ["a_other"]
    assert "a_other" not in [*reasons(select(source=["own"])), *(t.id for t in select(source=["own"]).tasks)]
    with pytest.raises(UsageError, match="no task has the source 'elsewere'") as caught:
        select(source=["elsewere"])
    assert caught.value.help == "did you mean 'elsewhere'?"


def test_no_dataset_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="no dataset") as caught:
        tasks_of(load_settings(data_dir=str(tmp_path / "none"), env={}))
    assert "skvm data get" in caught.value.help


def test_nothing_selected_has_a_share_too():
    assert Selection().share == "0 of 0 tasks"
    assert Selection((), (Skip(task_id="x", reason="y"),)).share == "0 of 1 tasks (0 %)"
