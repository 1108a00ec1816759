"""``skvm analyze`` as a user meets it."""

from __future__ import annotations

import json

import pytest

from skvm.cli.main import run

GOOD = "---\nname: demo\ndescription: Counts. Use when asked.\n---\n1. Read `a.csv`.\n2. Run `wc -l a.csv`.\n"


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / "skills" / name).mkdir(parents=True)
        (tmp_path / "skills" / name / "SKILL.md").write_text(GOOD.replace("demo", name))
    return tmp_path / "skills"


def test_tables(corpus, capsys):
    assert run(["analyze", "skills"]) == 0
    shown = capsys.readouterr().out
    assert "tool-reference 2" in shown
    assert "tool.exec" in shown
    assert "2 skills in" in shown


def test_json(corpus, capsys):
    assert run(["analyze", "--json", "--skills", "skills"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["skills"], found["unreadable"]) == (1, 2, [])
    assert [entry["id"] for entry in found["entries"]] == ["one", "two"]
    assert found["primitives"]["tool.exec"]["skills"] == 2


def test_chart(corpus, capsys):
    assert run(["analyze", "skills", "--chart", "out/c.svg"]) == 0
    assert (corpus.parent / "out/c.svg").read_text().startswith("<svg")
    assert run(["analyze", "skills", "--chart", "c.gif"]) == 2
    assert "ends in .png or .svg" in capsys.readouterr().err


def test_bad_input(corpus, capsys):
    (corpus / "empty").mkdir()
    assert run(["analyze", "gone"]) == 2
    assert run(["analyze", "skills/empty"]) == 2
    assert run(["analyze", "--skills", "skills"]) == 2
    assert "--skills needs --json" in capsys.readouterr().err


def test_a_skill_that_cannot_be_read_is_told_and_the_rest_counted(corpus, capsys):
    (corpus / "two/SKILL.md").unlink()
    (corpus / "two/SKILL.md").symlink_to("/nonexistent/file")
    assert run(["analyze", "skills"]) == 1
    shown = capsys.readouterr()
    assert "leaves its folder" in shown.err
    assert "tool.exec" in shown.out
