"""``skvm env`` and what ``skvm run`` makes of it, as a user calls them; installs come from a local wheel."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from skvm.cli.commands import env
from skvm.cli.main import COMMANDS
from skvm.cli.main import run as skvm
from skvm.harness.environment.manifest import Manifest
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.unit.harness.environment.making import entry, manifest, wheel

SKILL = """\
---
name: demo
description: Runs the demo tool.
---
# Demo

`pip install demo-tool`, then run `demo-run`.
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A cache, a skill, a variant of it, and the only source of packages."""
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    wheel(tmp_path / "wheels", "demo_tool", "2.1", script="demo-run")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    skill, variant = tmp_path / "demo", tmp_path / "variant"
    for folder in (skill, variant):
        folder.mkdir()
        (folder / "SKILL.md").write_text(SKILL)
    write(variant, manifest(entry("demo-tool", spec=">=2")))
    return SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", skill=skill, variant=variant)


def write(variant: Path, wanted: Manifest) -> None:
    (variant / "env-manifest.json").write_bytes(wanted.to_bytes())
    (variant / "compilation-plan.json").write_text("{}")


def test_the_help_line_is_the_listed_one() -> None:
    assert (env.command.help or "").splitlines()[0] == COMMANDS["env"]


def test_no_name_is_cut_short_where_it_is_narrow(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "demo-tool-with-a-long-name-of-its-own"
    write(place.variant, manifest(entry("demo-tool"), entry(name)))
    assert skvm(["env", "check", "variant"]) == 1
    said = capsys.readouterr().out
    assert name in said
    assert "2 of 2 are required and missing" in said


def test_check_apply_check_rm(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert skvm(["env", "check", "variant"]) == 1
    assert "demo-tool" in capsys.readouterr().out

    assert skvm(["env", "apply", "variant", "--install", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["missing"] == []
    assert {"demo_tool": "2.1"}.items() <= {
        item["name"]: item["version"] for item in shown["packages"]
    }.items()

    assert skvm(["env", "check", "variant", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["environment"] == shown["environment"]
    assert skvm(["env", "apply", "variant"]) == 0
    assert "nothing to install" in capsys.readouterr().err

    assert skvm(["env", "rm", "variant", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is True
    assert not Path(shown["environment"]).exists()
    assert skvm(["env", "rm", "variant"]) == 0
    assert "nothing is bound" in capsys.readouterr().out


def test_nothing_is_installed_unasked(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert skvm(["env", "apply", "variant"]) == 2
    said = capsys.readouterr().err
    assert "demo-tool>=2" in said
    assert "--install" in said
    assert not (place.cache / "environments").exists()


def test_what_is_asked_cannot_be_hidden_from_a_terminal(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place.variant, manifest(entry("demo-tool", evidence="SKILL.md:1\x1b[2K\x1b[1A\r")))

    assert skvm(["env", "apply", "variant"]) == 2
    assert skvm(["env", "check", "variant"]) == 1

    told = capsys.readouterr()
    assert "SKILL.md:1" in told.err
    assert "\x1b[2K" not in told.err + told.out
    assert "\r" not in told.err + told.out


def test_installers_without_walls_are_told_of_before_they_start(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert skvm(["env", "apply", "variant", "--sandbox", "none"]) == 2
    assert "nothing confines the installers" in capsys.readouterr().err
    assert skvm(["env", "apply", "variant"]) == 2
    assert "nothing confines" not in capsys.readouterr().err


def test_a_failed_install_is_told_and_leaves_nothing(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place.variant, manifest(entry("demo-tool", spec=">=9")))

    assert skvm(["env", "apply", "variant", "--yes"]) == 1

    assert "pip install failed" in capsys.readouterr().err
    assert [path.suffix for path in (place.cache / "environments").iterdir()] == [".lock"]


def test_a_plain_skill_is_read_on_the_spot(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert skvm(["env", "check", "demo", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["missing"] == ["pip:demo-tool"]


@pytest.mark.parametrize("text", ["{", '{"schema": 9, "skill": "x"}'])
def test_a_damaged_manifest(place: SimpleNamespace, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (place.variant / "env-manifest.json").write_text(text)

    for verb in ("check", "apply", "rm"):
        assert skvm(["env", verb, "variant"]) == 2
    assert skvm(["env", "check", "nowhere"]) == 2
    assert "env-manifest.json" in capsys.readouterr().err


@pytest.fixture
def served(place: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The same with a task, and a model whose agent runs the tool it was bound."""
    task = place.root / "t"
    task.mkdir()
    criterion = {
        "method": "file-check",
        "id": "made",
        "path": "said.txt",
        "mode": "contains",
        "expected": "made by",
    }
    (task / "task.json").write_text(json.dumps({"id": "t", "prompt": "Run the tool", "eval": [criterion]}))
    command = "demo-run > said.txt; ls -A > listed.txt"
    answers = [
        FakeAnswer(f"```bash\n{command}\n```", [FakeToolCall("execute_command", {"command": command})]),
        FakeAnswer("done"),
        FakeAnswer("done"),
    ]
    with FakeServer.running(answers) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        place.cache.mkdir(exist_ok=True)
        (place.cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        place.server = server
        yield place


def go(*more: str) -> int:
    return skvm(
        ["run", "--task", "t", "--model=fake/m", "--no-auto-probe", "--skill=variant", "--json", *more]
    )


def test_what_is_missing_is_told_before_a_token_is_spent(
    served: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go() == 1
    said = capsys.readouterr().err
    assert "pip:demo-tool>=2" in said
    assert "skvm env apply" in said
    assert served.server.requests == []

    assert go("--allow-missing") == 0
    assert json.loads(capsys.readouterr().out)["score"] == 0.0
    assert served.server.requests


@pytest.mark.parametrize("harness", ["bare-agent", "shell-agent"])
def test_agents_find_what_is_bound_and_none_of_our_files(
    served: SimpleNamespace, capsys: pytest.CaptureFixture[str], harness: str
) -> None:
    assert skvm(["env", "apply", "variant", "--install"]) == 0
    capsys.readouterr()

    assert go(f"--adapter={harness}", "--workdir=work") == 0

    assert json.loads(capsys.readouterr().out)["score"] == 1.0
    assert "env-manifest.json" not in (served.root / "work" / "listed.txt").read_text()
