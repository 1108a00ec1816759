"""The files of a skill beside its work, and which back end is used."""

import pytest

from skvm.compiler.plans.plan import Plan
from skvm.errors import InfrastructureError
from skvm.runtime.plan.running.place import DIRECT, lay_scripts, sandbox_name
from tests.unit.cli.plans import plan, step

SKILL = "---\nname: greeter\ndescription: Greets.\n---\n\n1. Run `python scripts/a.py`.\n"


@pytest.fixture
def folders(tmp_path):
    skill, work = tmp_path / "skill", tmp_path / "work"
    (skill / "scripts").mkdir(parents=True)
    work.mkdir()
    (skill / "scripts" / "a.py").write_text("import b")
    (skill / "scripts" / "b.py").write_text("")
    (skill / "data.csv").write_text("skill's")
    return skill, work


def plan_of(*commands):
    return Plan.model_validate(plan(*(step(f"1.{index}", line) for index, line in enumerate(commands))))


def test_what_a_command_names_is_laid_with_the_rest_of_the_skill(folders):
    skill, work = folders
    (skill / "SKILL.md").write_text(SKILL)
    (work / "data.csv").write_text("mine")
    assert lay_scripts(plan_of("python scripts/a.py"), skill, work) == ("scripts/a.py", "scripts/b.py")
    assert (work / "data.csv").read_text() == "mine"
    assert lay_scripts(plan_of("python scripts/a.py"), skill, work) == ()


def test_beside_a_bare_plan_only_what_is_named_is_laid(folders):
    skill, work = folders
    assert lay_scripts(plan_of("python scripts/a.py x"), skill, work) == ("scripts/a.py",)


@pytest.mark.parametrize(
    "command", ["echo hi", "cat data.csv", "cat ../skill/data.csv", "cat /etc/hostname", "cat 'scripts/"]
)
def test_nothing_is_laid_for_commands_that_name_no_file_of_the_skill(folders, command):
    skill, work = folders
    assert lay_scripts(plan_of(command), skill, work) == ()
    assert list(work.iterdir()) == []


def test_a_link_that_leads_out_of_the_skill_is_not_laid(folders, tmp_path):
    skill, work = folders
    (tmp_path / "secret").write_text("secret")
    (skill / "scripts" / "c.py").symlink_to(tmp_path / "secret")
    assert lay_scripts(plan_of("cat scripts/c.py"), skill, work) == ()


def test_a_link_in_the_work_directory_is_not_written_through(folders, tmp_path):
    skill, work = folders
    (tmp_path / "outside").mkdir()
    (work / "scripts").symlink_to(tmp_path / "outside")
    with pytest.raises(InfrastructureError, match=r"scripts/a\.py"):
        lay_scripts(plan_of("python scripts/a.py"), skill, work)
    assert list((tmp_path / "outside").iterdir()) == []


def test_in_a_cell_of_ours_there_is_no_second_one():
    assert sandbox_name("auto", {"SKVM_IN_CELL": "1"}) == DIRECT
    assert sandbox_name("auto", {"SKVM_IN_CELL": "0"}) == "auto"
    assert sandbox_name("none", {}) == "none"
