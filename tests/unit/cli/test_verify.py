from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.cli.main import run
from tests.unit.compiler.elimination.making import background, long_skill, target
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

BODY = "Orders: `orders.csv` with the columns `item`, `price`.\n\nCalculate the average `price`.\n"


@pytest.fixture
def variant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    make_skill(tmp_path, BODY)
    (tmp_path / "profile.json").write_text(make_profile("L1").model_dump_json(by_alias=True))
    assert compiled(tmp_path) == 0
    assert "written to" in capsys.readouterr().out
    return tmp_path / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"


def compiled(folder: Path, *more: str) -> int:
    return run(
        [
            "aot-compile",
            f"--skill={folder / 'sample'}",
            f"--model={MODEL}",
            f"--adapter={HARNESS}",
            f"--profile={folder / 'profile.json'}",
            f"--skvm-cache={folder / 'cache'}",
            *more,
        ]
    )


def checked(folder: Path, path: Path, *more: str) -> int:
    return run(["verify", str(path), f"--skvm-cache={folder / 'cache'}", *more])


def test_a_variant_its_files_and_the_lock_hold(
    variant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (f"--skill={tmp_path / 'sample'}", f"--profile={tmp_path / 'profile.json'}")
    for path in (variant, variant / "proof.json", variant / "meta.json", variant / "SKILL.md"):
        assert checked(tmp_path, path, *given) == 0
        assert "ok  without its 1 edit it is the original" in capsys.readouterr().out
    for path in (tmp_path / "sample" / "skvm.lock", tmp_path / "sample"):
        assert checked(tmp_path, path) == 0
        assert "ok  1 build and 0 recorded answers" in capsys.readouterr().out
    (tmp_path / "sample" / "skvm.lock").write_text("{")
    assert checked(tmp_path, tmp_path / "sample", "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "SKV285"


def test_a_touched_variant_is_named_and_exits_with_1(
    variant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (variant / "scripts/calc.py").write_text("print()")
    assert checked(tmp_path, variant) == 1
    said = capsys.readouterr()
    assert "SKV285 scripts/calc.py: is not as it was written" in said.err
    assert "1 finding" in said.err
    assert said.out == ""


def test_json(variant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(tmp_path, variant, "--json") == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["kind"], good["holds"], good["findings"]) == ("variant", True, [])
    (variant / "SKILL.md").write_text("x")
    assert checked(tmp_path, variant, "--json") == 1
    bad = json.loads(capsys.readouterr().out)
    assert (bad["holds"], bad["findings"][0]["code"]) == (False, "SKV285")


@pytest.mark.parametrize("name", ["nowhere", "empty", "file.txt"])
def test_what_is_neither_is_an_error(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    assert checked(tmp_path, tmp_path / name) == 2
    assert "name the folder of a variant, or a skvm.lock" in capsys.readouterr().err


def test_up_to_date_force_frozen_and_no_lock(
    variant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled(tmp_path) == 0
    assert f"up to date: {variant}" in capsys.readouterr().out
    assert compiled(tmp_path, "--explain") == 0
    assert "the target holds" in capsys.readouterr().out
    assert compiled(tmp_path, "--force") == 0
    assert "written to" in capsys.readouterr().out
    assert compiled(tmp_path, "--frozen") == 0
    (tmp_path / "sample/skvm.lock").unlink()
    assert compiled(tmp_path, "--frozen") == 1
    assert "SKV284" in capsys.readouterr().err
    assert compiled(tmp_path, "--no-lock", "--force") == 0
    assert not (tmp_path / "sample/skvm.lock").exists()


def test_nothing_leaves_where_that_is_not_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long_skill(tmp_path, background())
    (tmp_path / "profile.json").write_text(
        target().model_copy(update={"model": MODEL}).model_dump_json(by_alias=True)
    )
    keys = set()
    for more, moved in (((), True), (("--no-eliminate",), False)):
        assert compiled(tmp_path, "--json", "--force", *more) == 0
        capsys.readouterr()
        place = tmp_path / "cache/proposals/aot-compile/shell-agent/local--weak/sample/p1"
        assert (place / "references/background.md").exists() is moved
        proof = json.loads((place / "proof.json").read_text())
        keys.add(proof["build"]["key"])
    assert len(keys) == 2


def test_explain_tells_what_was_rolled_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_skill(tmp_path, BODY)
    (tmp_path / "profile.json").write_text(make_profile("L1").model_dump_json(by_alias=True))
    assert compiled(tmp_path, "--explain", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "rewrite-skill: 1 edit, 1 file, 0" in said
    assert "0 rolled back" in said
    assert not (tmp_path / "sample/skvm.lock").exists()


def test_the_home_of_nobody_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.certificate.json"
    file.write_text("{}")
    assert run(["verify", str(file), "--trust=~no.such.user/key"]) == 2
    assert run(["certify", "show", "~no.such.user/x.json"]) == 2
    assert run(["config", "init", "--route=openrouter", "--skvm-cache=~no.such.user/x"]) == 2
    assert capsys.readouterr().err.count("a path begins with ~ and the name of nobody here") == 3
