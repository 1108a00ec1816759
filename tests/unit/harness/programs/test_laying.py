from __future__ import annotations

import os
import socket
import stat
from pathlib import Path, PurePosixPath

import pytest

from skvm.errors import ConfigError
from skvm.harness.programs import native
from skvm.harness.programs.laying import lay, tame
from skvm.harness.programs.native import copy_native

NAMES = (PurePosixPath(".tool"), PurePosixPath(".toolrc"), PurePosixPath(".absent"))


def copied(root: Path) -> dict[str, str]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_text() for path in paths}


@pytest.fixture
def user(tmp_path: Path) -> Path:
    user = tmp_path / "user"
    (user / ".tool").mkdir(parents=True)
    (user / ".tool/settings.json").write_text("{}")
    return user


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


def test_what_is_laid_out_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    laid = lay(tmp_path, {"a": b"1", "kept/b": b"2", "new/deep/c": b"3"}, file_mode=0o640, folder_mode=0o750)
    assert copied(tmp_path) == {"a": "1", "kept/b": "2", "new/deep/c": "3"}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "new/deep").stat().st_mode) == 0o750
    laid.take_away()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_was_changed_or_added_stays(tmp_path: Path) -> None:
    laid = lay(tmp_path, {"d/a": b"1", "d/b": b"2", "e/c": b"3"}, file_mode=0o644, folder_mode=0o755)
    (tmp_path / "d/a").write_text("an agent's")
    (tmp_path / "e/more").write_text("of an agent")
    laid.take_away()
    assert copied(tmp_path) == {"d/a": "an agent's", "e/more": "of an agent"}


def test_links_put_there_meanwhile_are_not_followed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (outside / "a").write_bytes(b"1")
    (outside / "b").write_bytes(b"2")
    laid = lay(work, {"d/a": b"1", "b": b"2"}, file_mode=0o644, folder_mode=0o755)
    (work / "d/a").unlink()
    (work / "d").rmdir()
    (work / "d").symlink_to(outside)
    (work / "b").unlink()
    (work / "b").symlink_to(outside / "b")
    laid.take_away()
    assert copied(outside) == {"a": "1", "b": "2"}
    with pytest.raises(OSError, match="d"):
        lay(work, {"d/c": b"3"}, file_mode=0o644, folder_mode=0o755)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ""])
def test_nothing_is_laid_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="leads out"):
        lay(tmp_path, {name: b""}, file_mode=0o600, folder_mode=0o700)


def test_what_stands_is_left_alone_or_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("there")
    laid = lay(tmp_path, {"a": b"new", "b": b"2"}, file_mode=0o600, folder_mode=0o700)
    assert (laid.standing, copied(tmp_path)) == (["a"], {"a": "there", "b": "2"})
    lay(tmp_path, {"a": b"new"}, file_mode=0o600, folder_mode=0o700, is_replacing=True)
    assert (tmp_path / "a").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_tamed_tree_holds_files_and_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_text("x")
    (tmp_path / "d/link").symlink_to("/etc/passwd")
    (tmp_path / "to-folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "d/pipe")
    tame(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["d", "d/file"]


def test_links_are_taken_as_what_they_lead_to(user: Path, home: Path, tmp_path: Path) -> None:
    dots = tmp_path / "dotfiles"
    dots.mkdir()
    (dots / "rc").write_text("mine")
    (user / ".toolrc").symlink_to(dots / "rc")
    (user / "own/skills").mkdir(parents=True)
    (user / "own/skills/one").write_text("1")
    (user / ".tool/skills").symlink_to(user / "own/skills")
    (user / ".tool/everything").symlink_to("/")
    (user / ".tool/again").symlink_to(user / ".tool")
    (user / ".tool/broken").symlink_to("nowhere")
    copy_native("tool", user, home, NAMES)
    assert copied(home) == {".tool/settings.json": "{}", ".tool/skills/one": "1", ".toolrc": "mine"}
    assert not any(path.is_symlink() for path in home.rglob("*"))
    assert stat.S_IMODE((home / ".tool/settings.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".tool/skills").stat().st_mode) == 0o700


def test_what_is_no_configuration_is_left_out(
    user: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "MAX_FILE_BYTES", 100)
    for name in ("cache", "Cache", "logs", "kept"):
        (user / ".tool" / name).mkdir()
        (user / ".tool" / name / "f").write_text(name)
    (user / ".tool/history").write_text("x" * 101)
    os.mkfifo(user / ".tool/pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(user / ".tool/sock"))
        copy_native("tool", user, home, NAMES)
    assert copied(home) == {".tool/kept/f": "kept", ".tool/settings.json": "{}"}


def test_too_much_is_refused(user: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "MAX_FILES", 3)
    for number in range(4):
        (user / f".tool/{number}").write_text("x")
    with pytest.raises(ConfigError, match="too much"):
        copy_native("tool", user, home, NAMES)
    assert copied(home) == {}


def test_no_configuration_is_told(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tool has no configuration of yours to run with \(~/.tool, "):
        copy_native("tool", tmp_path / "nobody", home, NAMES)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(0o755, 0o700), (0o700, 0o700), (0o4755, 0o700), (0o644, 0o600), (0o655, 0o600), (0o400, 0o600)],
)
def test_a_copied_script_can_be_executed_by_its_owner_alone(
    user: Path, home: Path, theirs: int, ours: int
) -> None:
    hook = user / ".tool/hooks/before.sh"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\n")
    hook.chmod(theirs)
    copy_native("tool", user, home, NAMES)
    assert stat.S_IMODE((home / ".tool/hooks/before.sh").stat().st_mode) == ours
    assert stat.S_IMODE((home / ".tool/settings.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".tool/hooks").stat().st_mode) == 0o700


def test_a_link_is_as_executable_as_what_it_leads_to(user: Path, home: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (user / ".tool/linked.sh").symlink_to(script)
    copy_native("tool", user, home, NAMES)
    assert stat.S_IMODE((home / ".tool/linked.sh").lstat().st_mode) == 0o700
