"""``skvm`` in a cell: it starts in every kind, keeps to the cell's home, and sees nothing of ours."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import skvm
from skvm.errors import InfrastructureError
from skvm.evidence.journal import Journal
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.harness.sandbox import Cell, Policy
from skvm.runtime.plan.outfit import hook as hook_module
from skvm.runtime.plan.outfit import laying
from skvm.runtime.plan.outfit.hook import PlanCommand
from skvm.runtime.plan.outfit.laying import Outfit, lay_outfit, python_line
from skvm.settings import Settings, load_settings
from skvm.skill.ir import Skill
from tests.confinement import ALL, CONFINING, make_ground, working
from tests.plan_skills import plan_skill

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def policy_of(work: Path, laid: Outfit) -> Policy:
    return Policy(work_dir=work, read_only=laid.packages, path_prefix=(laid.programs,))


async def said(cell: Cell, command: str) -> str:
    done = await cell.execute(command, timeout_s=60)
    assert done.exit_code == 0, done
    return done.stdout


@pytest.mark.parametrize("name", ALL)
async def test_the_command_starts_in_every_kind_of_cell(name: str) -> None:
    sandbox = working(name)
    with make_ground() as ground:
        laid = lay_outfit(ground.outside.parent / "outfit")
        async with sandbox.open(policy_of(ground.work, laid)) as cell:
            assert await said(cell, "skvm --version") == f"skvm, version {skvm.__version__}\n"
            # Also where a program hands on next to nothing.
            line = f"env -i HOME=/nowhere PATH=/usr/bin:/bin {laid.programs}/skvm --version"
            assert await said(cell, line) == f"skvm, version {skvm.__version__}\n"
        assert [*ground.work.iterdir()] == []


@pytest.mark.parametrize("name", CONFINING)
async def test_what_lies_beside_the_packages_stays_out_of_sight(name: str) -> None:
    sandbox = working(name)
    # A file that is no secret, of a folder that holds ours.
    beside = Path(skvm.__file__).parents[2] / "pyproject.toml"
    if not beside.is_file():
        pytest.skip("skvm runs from no source tree")
    with make_ground() as ground:
        laid = lay_outfit(ground.outside.parent / "outfit")
        async with sandbox.open(policy_of(ground.work, laid)) as cell:
            for path in (beside, ground.secret):
                assert (await cell.execute(f"cat {path}", timeout_s=20)).exit_code != 0
            for folder in (laid.programs, *laid.packages):
                assert (await cell.execute(f"echo x > {folder}/new", timeout_s=20)).exit_code != 0


@pytest.mark.parametrize("name", ALL)
async def test_what_it_keeps_lies_in_the_home_whatever_is_set(name: str) -> None:
    sandbox = working(name)
    with make_ground() as ground:
        laid = lay_outfit(ground.outside.parent / "outfit")
        (ground.work / "show.json").write_text("{}")
        async with sandbox.open(policy_of(ground.work, laid)) as cell:
            elsewhere = "SKVM_CACHE=$PWD/c SKVM_LOGS_DIR=$PWD/l SKVM_IN_CELL=0"
            await cell.execute(f"HOME=$PWD/home {elsewhere} skvm logs list", timeout_s=60)
            assert not {"c", "l"} & {path.name for path in ground.work.iterdir()}


def test_laying_it_again_changes_nothing(tmp_path: Path) -> None:
    first = lay_outfit(tmp_path / "outfit")
    before = (first.programs / "skvm").stat()
    assert lay_outfit(tmp_path / "outfit") == first
    after = (first.programs / "skvm").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in first.programs.iterdir()] == ["skvm"]


@pytest.mark.parametrize("harm", ["text", "mode", "link", "absent"])
def test_a_launcher_that_was_tampered_with_is_laid_anew(tmp_path: Path, harm: str) -> None:
    launcher = lay_outfit(tmp_path / "outfit").programs / "skvm"
    text = launcher.read_bytes()
    match harm:
        case "text":
            launcher.write_text("#!/bin/sh\necho ours now\n")
        case "mode":
            launcher.chmod(0o777)
        case "link":
            launcher.rename(tmp_path / "moved")
            launcher.symlink_to(tmp_path / "moved")
        case _:
            launcher.unlink()
    laid = lay_outfit(tmp_path / "outfit").programs / "skvm"
    assert laid.read_bytes() == text
    assert not laid.is_symlink()
    assert laid.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("harm", ["link", "open", "file"])
def test_a_folder_that_is_not_ours_alone_is_refused(tmp_path: Path, harm: str) -> None:
    root = tmp_path / "outfit"
    match harm:
        case "link":
            (tmp_path / "other").mkdir()
            root.symlink_to(tmp_path / "other")
        case "open":
            root.mkdir()
            root.chmod(0o777)
        case _:
            root.write_text("")
    with pytest.raises(InfrastructureError):
        lay_outfit(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outfit").mkdir()
    os.chown(tmp_path / "outfit", 12345, 12345)
    with pytest.raises(InfrastructureError, match="somebody else"):
        lay_outfit(tmp_path / "outfit")


def test_without_a_python_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laying, "_pythons", lambda: [str(tmp_path / "gone")])
    launcher = lay_outfit(tmp_path / "outfit").programs / "skvm"
    done = subprocess.run([launcher, "plan", "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "carry out the steps yourself" in done.stderr


def hook_for(skill: Skill | None, settings: Settings, sandbox: str = "bubblewrap") -> Hook:
    run = HookRun("r", "t", "a/m", "bare-agent", Path("/nowhere"), skill=skill)
    return PlanCommand(settings, sandbox, Journal(settings.journal_path)).of_run(run)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})


def test_only_skills_that_say_so_are_given_it(tmp_path: Path, settings: Settings) -> None:
    hook = hook_for(plan_skill(tmp_path), settings)
    assert [[each.name for each in folder.iterdir()] for folder in hook.shown_programs()] == [["skvm"]]
    assert Path(skvm.__file__).parent in {*hook.shown_folders()} | {
        each / "skvm" for each in hook.shown_folders()
    }
    for name, text in (
        ("other", "Count the words, then `skvm plan show plan.json`."),
        ("talk", "See docs/skvm plan runner and ./skvm plan run plan.json."),
    ):
        (tmp_path / name).mkdir()
        silent = hook_for(plan_skill(tmp_path / name, text=text), settings)
        assert (*silent.shown_programs(), *silent.shown_folders(), *silent.notes()) == ()
    without = hook_for(None, settings)
    assert Hooks((without,)).shown_programs() == ()


def test_a_run_that_cannot_have_it_is_told_why(tmp_path: Path, settings: Settings) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "cache").mkdir()
    (tmp_path / "tmp").mkdir()
    for place in ("cache/outfit", "tmp/skvm-outfit"):
        (tmp_path / place).write_text("in the way")
    hook = hook_for(plan_skill(tmp_path), settings)
    assert hook.shown_programs() == ()
    [note] = hook.notes()
    assert note.startswith("the skill's plan could not be run in the cell: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only cells of root's are another user's")
def test_packages_a_landlock_cell_cannot_reach_are_not_shown(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = plan_skill(tmp_path)
    closed = lay_outfit(tmp_path / "outfit").packages[-1]
    monkeypatch.setattr(hook_module, "is_reachable", lambda path: path != closed)
    hook = hook_for(skill, settings, "landlock")
    assert (*hook.shown_programs(), *hook.shown_folders()) == ()
    assert str(closed) in hook.notes()[0]
    # Bubblewrap shows what lies below closed folders, too.
    assert hook_for(skill, settings, "bubblewrap").shown_programs()


def test_a_closed_cache_is_not_where_the_launcher_lies(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = plan_skill(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for is_open, root in ((True, settings.cache_dir / "outfit"), (False, settings.tmp_dir / "skvm-outfit")):
        monkeypatch.setattr(hook_module, "is_reachable", lambda path, is_open=is_open: is_open)
        [folder] = hook_for(skill, settings).shown_programs()
        assert folder.parent == root


def test_many_lay_it_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        laid = [*pool.map(lambda _: lay_outfit(tmp_path / "deep" / "outfit"), range(40))]
    assert len(set(laid)) == 1
    assert [path.name for path in laid[0].programs.iterdir()] == ["skvm"]


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@given(st.lists(WORDS, max_size=5))
@examples(max_examples=30)
def test_any_path_stands_in_the_launcher_as_it_is(names: list[str]) -> None:
    program = f"import sys; print(ascii({names!r})); print(ascii(sys.argv[1:]))"
    done = subprocess.run(
        ["/bin/sh", "-c", python_line(program), "skvm", *names], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{names!a}\n" * 2
