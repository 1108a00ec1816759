"""The check, tidy, join and figures scripts of the bundle, run as a variant tells to run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skvm.compiler.carried.bundled import shipped


def run(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    for name in (script, "calc.py"):
        (folder / name).write_bytes(shipped(name))
    return subprocess.run(
        [sys.executable, script, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


# fmt: off
WORDING: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "most", "unit": "words", "number": 4}, "It is 09:15 now.", "It is a long way to go."),
    ({"kind": "least", "unit": "sentences", "number": 2}, "One. Two.", "One only."),
    ({"kind": "exactly", "unit": "lines", "number": 1}, "one\n", "one\ntwo\n"),
    ({"kind": "most", "unit": "letters", "number": 4}, "你好，世界。", "你好，新的世界。"),
    ({"kind": "most", "unit": "characters", "number": 3}, "abc\n", "abcd\n"),
    ({"kind": "most", "unit": "paragraphs", "number": 1}, "a\nb\n", "a\n\nb\n"),
    ({"kind": "word", "word": "please"}, "Call, please.", "Be pleased to call."),
    ({"kind": "word", "word": "please", "times": 1}, "Please call.", "Please, please."),
    ({"kind": "word", "word": "cheap", "times": 0}, "It is good.", "It is Cheap."),
    ({"kind": "none", "form": "exclamation mark"}, "Well.", "Well!"),
    ({"kind": "none", "form": "emoji"}, "Well.", "Well \U0001f600"),
    ({"kind": "opens", "text": "Dear"}, "**Dear** Ann", "Hello, dear Ann"),
    ({"kind": "ends", "form": "phone number"}, "Call 0555 0142.", "Call 0555 0142 today."),
    ({"kind": "ends", "form": "question mark"}, "Is it?", "It is."),
    ({"kind": "ends", "text": "谢谢"}, "好的，谢谢。", "谢谢，好的。"),
]
# fmt: on


@pytest.mark.parametrize(("rule", "kept", "broken"), WORDING)
def test_check_tells_what_is_broken(rule: dict[str, Any], kept: str, broken: str, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps({"rules": [{"says": "the rule", **rule}]}))
    for text, code in ((kept, 0), (broken, 1)):
        (tmp_path / "answer.txt").write_text(text, encoding="utf-8")
        done = run(tmp_path, "check.py", "rules.json", "answer.txt")
        assert (done.returncode, done.stderr) == (code, ""), done
        assert done.stdout.startswith("OK" if code == 0 else "Broken: the rule: ")


def test_check_says_what_is_wrong_with_the_call(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('{"rules": []}')
    (tmp_path / "answer.txt").write_text(" \n")
    assert run(tmp_path, "check.py", "rules.json", "answer.txt").returncode == 2
    assert "No such file" in run(tmp_path, "check.py", "rules.json", "none.txt").stderr
    assert run(tmp_path, "check.py").returncode == 2


FORM = {
    "separator": "\t",
    "columns": ["source", "target"],
    "sort": [1, 0],
    "case": {"0": "lower"},
    "max_bytes": 30,
}
TIDIED = [
    ("Pump\tPumpe \n\n gasket\tDichtung\n", "gasket\tDichtung\npump\tPumpe\n", ""),
    ("Pump   Pumpe\n", "pump\tPumpe\n", ""),
    ("Pump\n", "", "line 1 has 1 parts, 2 (source, target) wanted"),
    ("A very long term\tEin sehr langer Begriff\n", "", "more than the 30 allowed"),
]


@pytest.mark.parametrize(("draft", "printed", "words"), TIDIED)
def test_tidy(draft: str, printed: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "form.json").write_text(json.dumps(FORM))
    (tmp_path / "draft.txt").write_text(draft, encoding="utf-8")
    done = run(tmp_path, "tidy.py", "form.json", "draft.txt")
    assert done.stdout == printed
    assert words in done.stderr
    assert (done.returncode == 0) == (not words)


JOINED = [
    (
        {"part-10.yaml": "- c: 3\n", "part-2.yaml": "- b: 2\n", "part-1.yaml": "- a: 1\n"},
        "- a: 1\n- b: 2\n- c: 3\n",
        "",
    ),
    (
        {"part-1.json": '[{"a": 1}]', "part-2.json": '{"b": 2}'},
        '[\n  {\n    "a": 1\n  },\n  {\n    "b": 2\n  }\n]\n',
        "",
    ),
    ({"part-1.md": "# A\n", "part-2.md": "B\n"}, "# A\n\nB\n", ""),
    ({"part-1.yaml": "```yaml\n- a: 1\n```\n"}, "- a: 1\n", ""),
    ({"part-1.yaml": "a: 1\n"}, "", "must be a list"),
    ({"part-1.json": "{"}, "", "is not JSON"),
    ({"part-1.md": ""}, "", "is empty"),
    ({"part-1.md": "a", "part-2.json": "[]"}, "", "different kinds"),
]


@pytest.mark.parametrize(("parts", "printed", "words"), JOINED)
def test_join(parts: dict[str, str], printed: str, words: str, tmp_path: Path) -> None:
    for name, text in parts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(tmp_path, "join.py", *parts)
    assert done.stdout == printed
    assert words in done.stderr
    assert (done.returncode == 0) == (not words)


def test_figures_of_every_column_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("day,ph,note\n2025-05-05,7.2,low\n2025-05-06,7.3,\n2025-05-07,,x\n")
    done = run(tmp_path, "figures.py", "t.csv")
    assert done.stdout == "ph: count 2, mean 7.25, sum 14.5, least 7.2, greatest 7.3\n"
    assert "has no column 'oxygen'" in run(tmp_path, "figures.py", "t.csv", "oxygen").stderr
    assert "no column of numbers" in run(tmp_path, "figures.py", "t.csv", "note").stderr
    assert run(tmp_path, "figures.py").returncode == 1
