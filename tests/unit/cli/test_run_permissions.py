"""``skvm run --permissions`` with a scripted model that does more than its skill says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from skvm.cli.main import run as skvm
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall

WRITE = FakeToolCall("write_file", {"path": "a.txt", "content": "hi"})
STRAY = FakeToolCall("write_file", {"path": "stray.txt", "content": "hi"})
CALL = FakeToolCall("execute_command", {"command": "od a.txt"})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A cache with a route to a fake server, a task, and a variant that may write a.txt alone."""
    cache, task, skill = tmp_path / "cache", tmp_path / "t", tmp_path / "variant"
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    for folder in (cache, task, skill):
        folder.mkdir()
    criterion = {"method": "file-check", "id": "there", "path": "a.txt", "mode": "exact", "expected": "hi"}
    (task / "task.json").write_text(
        json.dumps({"id": "t", "prompt": "Write hi into a.txt", "eval": [criterion]})
    )
    (skill / "SKILL.md").write_text("---\nname: variant\ndescription: D.\n---\n\nWrite `a.txt`.\n")
    (skill / "permissions.json").write_text(json.dumps({"schema": 1, "skill": "variant"}))
    answers = [FakeAnswer("", [WRITE, STRAY, CALL]), FakeAnswer("done\x1b[2J")]
    with FakeServer.running(answers) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield SimpleNamespace(skill=skill, work=tmp_path / "work")


def go(*more: str) -> int:
    return skvm(["run", "--task=t", "--model=fake/m", "--no-auto-probe", "--json", "--workdir=work", *more])


def notes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = json.loads(capsys.readouterr().out)
    assert shown["score"] == 1.0
    return [note for note in shown["notes"] if note.startswith("permissions:")]


def test_a_variant_is_reported_on_by_default(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go("--skill=variant") == 0
    told = notes(capsys)
    assert [note.split(" not permitted")[0] for note in told] == [
        "permissions: writing stray.txt",
        "permissions: program od",
    ]
    assert (place.work / "stray.txt").exists()


def test_enforced_a_stray_file_is_refused(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert go("--skill=variant", "--permissions=enforce") == 0
    assert all(note.endswith("refused") for note in notes(capsys))
    assert (place.work / "a.txt").exists()
    assert not (place.work / "stray.txt").exists()


def test_off_tells_nothing(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert go("--skill=variant", "--permissions=off") == 0
    assert notes(capsys) == []


def test_enforcing_without_a_record_is_refused(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.skill / "permissions.json").unlink()
    assert go("--skill=variant", "--permissions=enforce") == 2
    assert "permissions.json" in capsys.readouterr().err
    assert go("--permissions=report") == 2


def test_enforcing_without_walls_is_refused(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go("--skill=variant", "--permissions=enforce", "--sandbox=none") == 2
    assert "sandbox" in capsys.readouterr().err


def test_a_damaged_record_is_refused(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    (place.skill / "permissions.json").write_text("{")
    assert go("--skill=variant") == 2
    assert "not a permissions record" in capsys.readouterr().err


def test_a_variant_is_called_by_its_original_and_its_condition(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.skill / "compilation-plan.json").write_text("{}")
    meta = {"schema": 1, "provenance": {"skillId": "greeting"}}
    (place.skill / "meta.json").write_text(json.dumps(meta))
    assert go("--skill=variant") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["skill_id"], shown["condition"]) == ("greeting", "aot-compiled")


def test_nothing_of_a_run_reaches_the_terminal_as_a_command(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.skill / "SKILL.md").write_text("---\nname: variant\ndescription: D.\n---\n\nText.\n")
    record = {"schema": 1, "skill": "variant", "write": [{"name": "a\x1b[2J.txt"}]}
    (place.skill / "permissions.json").write_text(json.dumps(record))
    assert go("--skill=variant") == 2
    assert "\x1b[2J" not in capsys.readouterr().err

    record = {"schema": 1, "skill": "variant"}
    (place.skill / "permissions.json").write_text(json.dumps(record))
    arguments = ["run", "--task=t", "--model=fake/m", "--no-auto-probe", "--workdir=work", "--skill=variant"]
    assert skvm(arguments) == 0
    told = capsys.readouterr().out
    assert "permissions: writing stray" in told
    assert "done" in told
    assert "\x1b[2J" not in told
