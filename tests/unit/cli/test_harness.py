"""``skvm harness`` as a user meets it, without a network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skvm.cli.commands import harness
from skvm.cli.harness_check import present
from skvm.cli.main import COMMANDS, run
from skvm.errors import InfrastructureError
from skvm.harness.confine import choose_sandbox
from skvm.harness.programs.catalogue import PROGRAMS, find_entry
from skvm.settings import load_settings
from tests.unit.harness.programs.packaging import fake_npm


@pytest.fixture(autouse=True)
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm on PATH whose packages are not those we know, and nothing of the user's."""
    folder = fake_npm(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def confined() -> None:
    try:
        choose_sandbox("auto")
    except InfrastructureError as error:
        pytest.skip(error.message)


def test_help_is_the_line_of_the_table() -> None:
    assert (harness.command.help or "").splitlines()[0] == COMMANDS["harness"]


@pytest.mark.usefixtures("confined")
def test_list_shows_builtin_ones_and_programs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "my-codex"
    mine.write_text("#!/bin/sh\necho codex-cli 0.100.1\n")
    mine.chmod(0o755)
    monkeypatch.setenv("SKVM_CODEX_CMD", str(mine))
    monkeypatch.setenv("SKVM_CLAUDE_CMD", "/nowhere/claude")
    assert run(["harness", "list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["harnesses"]}
    assert {entry.name for entry in PROGRAMS} < set(listed)
    assert listed["bare-agent"]["state"] == "built-in"
    assert listed["pi"]["state"] == "absent"
    assert listed["codex"] | {"version": None} == {
        "name": "codex",
        "kind": "harness",
        "state": "found",
        "origin": "variable",
        "version": None,
        "pinned": find_entry("codex").version,
        "tested": False,
        "modes": ["managed", "native"],
        "path": str(mine),
        "detail": None,
    }
    assert listed["claude-code"]["state"] == "misconfigured"
    assert "/nowhere/claude is not there" in listed["claude-code"]["detail"]
    assert run(["harness", "list"]) == 0
    shown = capsys.readouterr().out
    assert "skvm harness install NAME" in shown
    assert "codex: 0.100.1 is not tested with us, 0.169.0 is" in shown
    assert "claude-code: SKVM_CLAUDE_CMD: /nowhere/claude is not there" in shown


@pytest.mark.usefixtures("confined")
def test_a_program_whose_files_do_not_tell_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "my-codex"
    mine.write_text("#!/bin/sh\necho codex-cli 0.169.0\n")
    mine.chmod(0o755)
    monkeypatch.setenv("SKVM_CODEX_CMD", str(mine))
    assert run(["harness", "list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["harnesses"]}
    assert (listed["codex"]["version"], listed["codex"]["tested"]) == ("0.169.0", True)


@pytest.mark.usefixtures("confined")
def test_install_goes_on_after_a_failure_and_tells_all(
    capsys: pytest.CaptureFixture[str], npm: Path, tmp_path: Path
) -> None:
    assert run(["harness", "install", "ripgrep", "codex", "--json"]) == 3
    said = capsys.readouterr()
    told = json.loads(said.out)["installed"]
    assert [(each["name"], each["ok"]) for each in told] == [("ripgrep", False), ("codex", False)]
    assert all("not the package we know" in each["error"] for each in told)
    (npm / "mode").write_text("fail")
    assert run(["harness", "install", "codex"]) == 3
    error = capsys.readouterr().err
    assert "nobody home" in error
    assert "nothing was left behind" in error
    left = [place.name for place in (tmp_path / "cache" / "harnesses").glob("*/*")]
    assert all(name.endswith(".lock") for name in left)


@pytest.mark.usefixtures("confined")
def test_what_failed_is_not_tried_again(npm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (npm / "mode").write_text("fail")
    assert run(["harness", "install", "claude-code", "claude-agent-acp", "--json"]) == 3
    first, second = json.loads(capsys.readouterr().out)["installed"]
    assert "npm install failed" in first["error"]
    assert "needs claude-code, which could not be installed" in second["error"]


def test_names_are_checked_before_anything_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["harness", "install", "pi", "opencod"]) == 2
    assert "did you mean 'opencode'" in capsys.readouterr().err
    assert run(["harness", "rm", "opencod"]) == 2
    assert run(["harness", "instal", "pi"]) == 2


def test_rm_of_what_is_not_there_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["harness", "rm", "pi", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "name": "pi", "freedBytes": 0}


@pytest.mark.usefixtures("confined")
@pytest.mark.parametrize("name", ["bare-agent", "shell-agent"])
def test_check_runs_a_prompt_to_its_end(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["harness", "check", name, "--json"]) == 0
    (checked,) = json.loads(capsys.readouterr().out)["checks"]
    assert checked["ok"]
    assert checked["modelCalls"] == 2
    assert checked["detail"].startswith("wrote a file with")


@pytest.mark.usefixtures("confined")
@pytest.mark.parametrize(
    ("name", "checked_as", "help_says"),
    [
        ("codex-acp", "acp:codex", "skvm harness install codex-acp"),
        ("acp:qwen-code", "acp:qwen-code", "skvm harness install qwen-code"),
        ("acp:no-such-agent", "acp:no-such-agent", "acp:opencode"),
    ],
)
def test_check_of_what_is_not_there_says_how_to_get_it(
    name: str, checked_as: str, help_says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["harness", "check", name, "--json"]) == 1
    (checked,) = json.loads(capsys.readouterr().out)["checks"]
    assert (checked["name"], checked["ok"]) == (checked_as, False)
    assert help_says in checked["help"]


def test_a_bridge_that_is_there_is_among_what_is_checked(tmp_path: Path) -> None:
    agent = tmp_path / "bin/qwen"
    agent.write_text("#!/bin/sh\n")
    agent.chmod(0o755)
    assert present(load_settings()) == ["acp:qwen-code", "bare-agent", "shell-agent"]


def test_check_of_an_unknown_one_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["harness", "check", "bare-agen"]) == 2
    assert "did you mean 'bare-agent'" in capsys.readouterr().err
