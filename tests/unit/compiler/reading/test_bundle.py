from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.reading.bundle import Bundle
from skvm.compiler.requirements import analyse
from skvm.errors import UsageError
from tests.unit.compiler.making import make_skill

NAMED = """import csv
import sys

first, second = sys.argv[1], sys.argv[2]
"""
PARSED = """import argparse
p = argparse.ArgumentParser()
p.add_argument("folder", metavar="FOLDER")
p.add_argument("maybe", nargs="?")
p.add_argument("--out", "-o", required=True)
p.add_argument("--fast", action="store_true")
p.parse_args()
"""


@pytest.mark.parametrize(
    ("name", "code", "command"),
    [
        ("a_dot_py", "print(1)\n", "python3 a.py"),
        ("a_dot_py", "import sys\nday = sys.argv[1]\nprint(day)\n", "python3 a.py <day>"),
        ("a_dot_py", NAMED + "print(first, second)\n", "python3 a.py <argument-1> <argument-2>"),
        ("a_dot_py", PARSED, "python3 a.py <folder> --out <out>"),
        ("a_dot_py", "import sys\nfor name in sys.argv[1:]:\n    print(name)\n", None),
        ("a_dot_py", "import sys\nif sys.argv[1] == 'x':\n    print(1)\n", None),
        (
            "a_dot_py",
            "import sys\nname = sys.argv[1] if len(sys.argv) > 1 else 'x'\nprint(name)\n",
            "python3 a.py",
        ),
        ("a_dot_py", "import click\nclick.echo(1)\n", None),
        ("a_dot_py", "def f():\n    return 1\n", None),
        ("a_dot_py", "import argparse\np = argparse.ArgumentParser()\np.add_subparsers()\nprint(1)\n", None),
        ("a_dot_py", "this is no Python", None),
        ("a_dot_sh", "SOURCE=$1\nOUT=${2:-.}\ncp $SOURCE $OUT\n", "sh a.sh <source>"),
        ("a_dot_sh", "#!/usr/bin/env bash\ngo() {\n  echo $1\n}\ngo x\n", "bash a.sh"),
        ("a_dot_sh", 'for name in "$@"; do echo $name; done\n', None),
        ("a_dot_js", "const file = process.argv[2];\nconsole.log(file);\n", "node a.js <file>"),
        ("a_dot_js", "const rest = process.argv.slice(2);\n", None),
        ("a_dot_sql", "SELECT 1;\n", None),
    ],
)
def test_the_command_of_a_script(name: str, code: str, command: str | None, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "x\n", **{name: code})
    script = next(Bundle(skill).scripts())
    assert script.command == command


def test_modules_and_open_places(tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path,
        "x\n",
        scripts__a_dot_py="import csv\nimport pandas\nimport helper\nprint(1)  # TODO: implement the rest\n",
        scripts__helper_dot_py="X = 1\n",
        b_dot_mjs="import { x } from 'lodash/fp';\nimport path from 'node:path';\nimport './c.js';\n",
        notes_dot_md="import csv\n",
    )
    bundle = Bundle(skill)
    first = bundle.script("scripts/a.py")
    assert first is not None
    assert (first.standard, first.third_party, first.is_open) == (("csv",), ("pandas",), True)
    module = bundle.script("b.mjs")
    assert module is not None
    assert (module.standard, module.third_party, module.is_open) == (("path",), ("lodash",), False)
    assert bundle.script("notes.md") is None
    assert bundle.script("gone.py") is None
    assert [script.path for script in bundle.scripts()] == ["b.mjs", "scripts/a.py", "scripts/helper.py"]
    assert bundle.holds("python")
    assert not bundle.holds("shell")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("scripts/a.py", "scripts/a.py"),
        ("./scripts/a.py", "scripts/a.py"),
        ("a.py", "scripts/a.py"),
        ("{baseDir}/scripts/a.py", "scripts/a.py"),
        ("skills/sample/scripts/a.py", "scripts/a.py"),
        ("b.py", None),
        ("c.py", None),
    ],
)
def test_a_name_means_one_file(name: str, path: str | None, tmp_path: Path) -> None:
    files = dict.fromkeys(("scripts__a_dot_py", "x__b_dot_py", "y__b_dot_py"), "print(1)\n")
    script = Bundle(make_skill(tmp_path, "x\n", **files)).find(name)
    assert (script.path if script else None) == path


def test_what_is_no_text_or_too_large_is_no_script(tmp_path: Path) -> None:
    make_skill(tmp_path, "x\n", b_dot_py="#" * 200_001)
    (tmp_path / "sample" / "a.py").write_bytes(b"print(1)\0")
    skill = make_skill(tmp_path, "x\n")
    assert {found.path for found in skill.resources} == {"a.py", "b.py"}
    assert list(Bundle(skill).scripts()) == []


def test_a_file_that_changed_since_is_told(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Edit `a.py`.\n", a_dot_py="print('never read before')\n")
    (tmp_path / "sample" / "a.py").write_text("print(2)\n")
    with pytest.raises(UsageError, match="has changed"):
        analyse(skill)


def test_a_run_names_its_file(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Run `a.py` on the data.\n", scripts__a_dot_py="print(1)\n")
    found = [need for need in analyse(skill).requirements if need.primitive_id == "tool.exec"]
    assert [(str(need.level), need.path) for need in found] == [("L2", "scripts/a.py")]
