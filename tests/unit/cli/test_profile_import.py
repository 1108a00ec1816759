"""``skvm profile import``: told file by file, exit 1 where one was broken, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.cli.main import run

DOCUMENT = {
    "version": "1.0",
    "model": "prov/m",
    "harness": "openclaw",
    "profiledAt": "2026-03-04T05:06:07.890Z",
    "capabilities": {"gen.regex": "L2"},
}


def skvm(folder: Path, *arguments: str) -> int:
    return run(["profile", *arguments, "--skvm-cache", str(folder / "cache")])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "given" / "openclaw" / "prov--m"
    folder.mkdir(parents=True)
    (folder / "latest.json").write_text(json.dumps(DOCUMENT))
    return tmp_path / "given"


def test_what_is_imported_can_be_shown(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert skvm(tmp_path, "import", str(source)) == 0
    said = capsys.readouterr().out
    assert "prov/m in openclaw, measured 2026-03-04" in said
    assert "1 imported; profiles lie in" in said
    assert skvm(tmp_path, "show", "prov/m") == 0
    assert "1 measured (1 L2); 2026-03-04T05:06:07.890Z; the file holds no counts" in capsys.readouterr().out


def test_force_replaces_and_says_where_the_old_one_is(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert skvm(tmp_path, "import", str(source)) == 0
    older = {**DOCUMENT, "profiledAt": "2026-01-01T00:00:00Z"}
    (source / "openclaw" / "prov--m" / "latest.json").write_text(json.dumps(older))
    assert skvm(tmp_path, "import", str(source)) == 0
    assert "--force replaces it" in capsys.readouterr().out
    assert skvm(tmp_path, "import", str(source), "--force") == 0
    assert "the old one is now v_20260304T050607Z.json" in capsys.readouterr().out


def test_a_broken_file_is_named_with_line_and_field_and_exits_1(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = source / "openclaw" / "other" / "latest.json"
    broken.parent.mkdir()
    broken.write_text(json.dumps(DOCUMENT, indent=1).replace('"L2"', '"L\\u001b9"'))
    assert skvm(tmp_path, "import", str(source)) == 1
    captured = capsys.readouterr()
    assert f"{broken}:7: capabilities.gen.regex: " in captured.err
    assert "1 imported, 1 broken" in captured.out
    assert "1 file is broken" in captured.err
    assert "\x1b9" not in captured.err
    assert skvm(tmp_path, "import", str(source), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["summary"] == {"imported": 0, "history": 0, "skipped": 1, "broken": 1}
    (only,) = [each for each in told["files"] if each["action"] == "broken"]
    assert (only["source"], only["line"], only["field"]) == (str(broken), 7, "capabilities.gen.regex")


def test_an_unwritable_store_exits_3_and_what_was_done_is_told(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = source / "zeta" / "prov--m" / "latest.json"
    second.parent.mkdir(parents=True)
    second.write_text(json.dumps({**DOCUMENT, "harness": "zeta"}))
    (tmp_path / "cache" / "profiles").mkdir(parents=True)
    (tmp_path / "cache" / "profiles" / "zeta").write_text("in the way")
    assert skvm(tmp_path, "import", str(source), "--json") == 3
    captured = capsys.readouterr()
    assert "cannot be written" in captured.err
    assert json.loads(captured.out)["summary"]["imported"] == 1


def test_nothing_to_import_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert skvm(tmp_path, "import", str(tmp_path)) == 2
    assert "no profile below it" in capsys.readouterr().err
    assert skvm(tmp_path, "import") == 2
    assert "Missing argument 'DIR'" in capsys.readouterr().err
