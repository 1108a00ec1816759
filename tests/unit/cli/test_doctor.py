"""``skvm doctor`` as a user starts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.cli.commands import doctor
from skvm.cli.main import COMMANDS, run
from skvm.harness.confine import choose
from skvm.harness.programs.catalogue import find_entry

KEYS = {"schema", "ok", "sandbox", "checks", "sandboxes", "diagnostics"}


def test_help_is_the_line_of_the_table() -> None:
    assert (doctor.command.help or "").splitlines()[0] == COMMANDS["doctor"]


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-key-1")
    monkeypatch.setenv("MINE", "planted-key-2")
    cache = tmp_path / "cache"
    cache.mkdir()
    routes = [
        {"match": "a/*", "kind": "openrouter", "apiKeyEnv": "MINE"},
        {"match": "b/*", "kind": "openrouter", "apiKeyEnv": "NOT_SET_ANYWHERE"},
        {"match": "c/*", "kind": "openrouter", "apiKey": "planted-key-3", "typo": 1},
        {"match": "d/*", "kind": "openai-compatible", "baseUrl": "http://127.0.0.1:1/v1"},
    ]
    (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": routes}}))
    (cache / "skvm.config.json").chmod(0o600)
    code = run(["doctor", "--json", f"--skvm-cache={cache}", f"--tmp-dir={tmp_path}"])
    printed = capsys.readouterr().out
    assert "planted" not in printed
    answer = json.loads(printed)
    assert set(answer) == KEYS
    assert code == (0 if answer["ok"] else 1)
    assert answer["ok"] == all(check["status"] != "failed" for check in answer["checks"])
    found = {(check["group"], check["name"]): check for check in answer["checks"]}
    assert "MINE is set" in found["providers", "a/*"]["detail"]
    assert found["providers", "b/*"]["status"] == "warning"
    assert "NOT_SET_ANYWHERE" in found["providers", "b/*"]["help"]
    assert found["providers", "c/*"]["status"] == "ok"
    assert "ANTHROPIC_API_KEY is set" in found["providers", "anthropic/*"]["detail"]
    assert str(cache) in found["folders", "cache"]["detail"]
    assert found["embedded model", "local/smollm2-135m"]["detail"].startswith("absent")
    assert [item["code"] for item in answer["diagnostics"]] == ["SKV401"]
    assert {report["name"] for report in answer["sandboxes"]} == set(choose.SANDBOXES)


def test_harnesses_are_named_without_being_started(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("SKVM_CODEX_CMD", "/nowhere/codex")
    folder = tmp_path / "harnesses" / "pi" / find_entry("pi").version
    folder.mkdir(parents=True)
    (folder / "install.json").write_text("{}")
    run(["doctor", "--json", f"--skvm-cache={tmp_path}"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    (found,) = [check for check in checks if check["group"] == "harnesses"]
    assert found["detail"] == f"pi {find_entry('pi').version}, codex (named)"


def test_table_names_the_sandbox_that_auto_takes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(["doctor", f"--skvm-cache={tmp_path / 'not-there'}"])
    printed = capsys.readouterr().out
    for name in (*choose.SANDBOXES, "Python", "python3", "not made yet"):
        assert name in printed
    assert not (tmp_path / "not-there").exists()


def test_without_a_sandbox_it_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skvm.harness.sandbox import SandboxReport

    broken = {name: SandboxReport(name, name == "none", "switched off") for name in choose.SANDBOXES}
    monkeypatch.setattr(choose, "_reports", broken)
    assert run(["doctor", "--json", f"--skvm-cache={tmp_path}"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["sandbox"] is None
    failed = [check for check in answer["checks"] if check["status"] == "failed"]
    assert ["bubblewrap" in check["help"] for check in failed] == [True]


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # Nobody can make a file there, root included.
    code = run(["doctor", "--json", "--skvm-cache=/proc/not-there", f"--tmp-dir={tmp_path}"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [check["name"] for check in answer["checks"] if check["status"] == "failed"] == ["cache"]


def test_unknown_flag_is_usage() -> None:
    assert run(["doctor", "--jsn"]) == 2
