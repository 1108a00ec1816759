from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of
from tests.unit.compiler.making import make_skill

READS = "import sys\nprint(open(sys.argv[1]).read())\n"


def plan(folder: Path, *steps: str) -> Plan:
    body = "# Flow\n\n" + "".join(f"{number}. {step}\n" for number, step in enumerate(steps, 1))
    return plan_of(make_skill(folder, body, scripts__t_dot_py=READS)).plan


def fence(code: str) -> str:
    lines = "".join(f"   {line}\n" for line in code.splitlines())
    return f"Do it:\n\n   ```bash\n{lines}   ```\n"


@pytest.mark.parametrize(
    ("step", "commands"),
    [
        ("Run `sort a > b`.", ["sort a > b"]),
        ("Count the words with `wc -w a`.", ["wc -w a"]),
        ("Tidy up: `sort a > b`", ["sort a > b"]),
        ("Run `sort a > b`. It writes `b`, one line a name.", ["sort a > b"]),
        (fence("sort a | uniq > b\nwc b > c"), ["sort a | uniq > b", "wc b > c"]),
        (fence("sort a > b && wc b > c"), ["sort a > b && wc b > c"]),
        (fence("if [ -f a ]; then\n  sort a > b\nfi"), ["if [ -f a ]; then\n  sort a > b\nfi"]),
        (fence("N=3\nhead -n $N a > b"), ["N=3\nhead -n $N a > b"]),
        (fence("( cd x && sort a > b )\nwc x/b > c"), ["( cd x && sort a > b )", "wc x/b > c"]),
        (fence("awk '{print $1}' a > b"), ["awk '{print $1}' a > b"]),
        (fence("# sort them\nsort a > b"), ["sort a > b"]),
        (fence("$ sort a > b\n$ wc b > c"), ["sort a > b", "wc b > c"]),
        (fence("cat > b <<'END'\nhello\nEND"), ["cat > b <<'END'\nhello\nEND"]),
    ],
)
def test_commands_that_are_all_a_step_asks(tmp_path: Path, step: str, commands: list[str]) -> None:
    found = plan(tmp_path, step, "Read `z`.").steps[0]
    assert [action.command.replace("\n   ", "\n") for action in found.actions] == commands
    assert found.executable


@pytest.mark.parametrize(
    "step",
    [
        "Run `sort a > b` and fix what is wrong in it.",
        "Run `sort a > b` or do it by hand.",
        "Run `sort <file> > b`.",
        "Run `sort FILE > b`.",
        "Run `scripts/t.py [file] [word]`.",
        "Run `sort a > b` with your own list in the place of a.",
        "Run `sort a > b` if there is no b.",
        "Run `sort a > b` for each name.",
        "Run `sort a > b` on the files chosen above.",
        "Verify `wc -l a` against the list.",
        "Run `sort a > b`. Check that it is right.",
        "Run `sort a > b`. Then tell the user.",
        "Run `sort a > b`.\n   Improve the wording of everything.",
        fence("sort $LIST > b"),
        fence("# with sort\nsort a > b\n# or with awk\nawk 1 a > b"),
        fence("# macOS\nbrew install x\n# Linux\napt-get install x"),
        fence("sort a > b\n# look through it\n# mend what is wrong"),
        fence("mystery a\nmystery a --fast"),
        fence("sort a > b &"),
        fence("cd x\nsort a > b"),
        fence("source .venv/bin/activate"),
        fence("$ sort a > b\n3 lines written"),
        fence("sort a > b ) ("),
        "Explain `sort a > b`.",
    ],
)
def test_what_is_left_to_somebody_is_no_step_of_commands(tmp_path: Path, step: str) -> None:
    assert not plan(tmp_path, step, "Read `z`.").steps[0].executable


def test_a_step_that_moves_the_shell_moves_those_behind_it(tmp_path: Path) -> None:
    found = plan(tmp_path, "Run `sort a > b`.", fence("mkdir -p x\ncd x"), "Run `sort c > d`.")
    assert [step.executable for step in found.steps] == [True, False, False]
