from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.compiler.making import make_skill

from skvm.compiler.effects.exclusive import exclusive_of, in_words
from skvm.compiler.plans.plan import PlanStep
from skvm.compiler.plans.planning import plan_of

ADDS = "import sys\nopen('log.txt', 'a').write(sys.argv[1])\n"
MAKES = "import sys\nopen('made.txt', 'x').write(sys.argv[1])\n"
BROWSES = "from playwright.sync_api import sync_playwright\n"
STOCK = "import sqlite3\nsqlite3.connect('stock.sqlite').execute('select 1')\n"


def first(folder: Path, step: str) -> PlanStep:
    skill = make_skill(
        folder,
        f"# Flow\n\n1. {step}\n2. Read `z.md`.\n",
        scripts__add_dot_py=ADDS,
        scripts__make_dot_py=MAKES,
        scripts__shot_dot_py=BROWSES,
        scripts__stock_dot_py=STOCK,
    )
    return plan_of(skill).plan.steps[0]


@pytest.mark.parametrize(
    "step",
    [
        "Read `a.md`.",
        "Read `a.csv` and write `a.md`.",
        "For each `in/*.txt`, write `out/<name>.md`.",
        "Run `sort a > b`.",
        "Run `mkdir -p out`.",
        "Run `rm -f old.txt`.",
        "Run `curl https://api.example.org/x -o x.json`.",
        "Count:\n\n   ```bash\n   sort a > b\n   wc b > c\n   ```\n",
        "Count:\n\n   ```bash\n   for f in in/*.txt; do sort $f > out/$(basename $f); done\n   ```\n",
    ],
)
def test_what_may_be_repeated(tmp_path: Path, step: str) -> None:
    found = first(tmp_path, step)
    assert found.idempotent
    assert all(action.idempotent for action in found.actions)


@pytest.mark.parametrize(
    "step",
    [
        "Run `sort a >> b`.",
        "Run `sort a | tee -a b`.",
        "Run `sort -o a a`.",
        "Run `sed -i s/a/b/ a`.",
        "Run `mv a b`.",
        "Run `mkdir out`.",
        "Run `rm old.txt`.",
        "Run `pip install rich`.",
        "Run `git commit -m x`.",
        "Run `mystery a`.",
        "Run `curl -X POST https://api.example.org/x`.",
        "Run `sqlite3 stock.db 'insert into x values (1)'`.",
        "Run `python3 scripts/add.py x`.",
        "Run `python3 scripts/make.py x`.",
        "Run `python3 scripts/gone.py x`.",
        "Update `a.md`.",
        "Append the total to `a.md`.",
        "Delete `a.md`.",
        "Improve the world.",
        "Ask the user to confirm.",
        "Tell the user what stands in `a.md`.",
        "Change it:\n\n   ```bash\n   wc a > n\n   sort n > a\n   ```\n",
    ],
)
def test_what_may_not_be_repeated(tmp_path: Path, step: str) -> None:
    assert not first(tmp_path, step).idempotent


@pytest.mark.parametrize(
    ("step", "things"),
    [
        ("Run `python3 scripts/shot.py`.", ("browser",)),
        ("Run `npx playwright test`.", ("browser",)),
        ("Take a picture of the page in the browser.", ("browser",)),
        ("Run `python3 scripts/stock.py`.", ("db:stock.sqlite",)),
        ("Run `sqlite3 -csv data/stock.db 'select 1'`.", ("db:data/stock.db",)),
        ("Run `pip install rich`.", ("packages",)),
        ("Run `npm ci`.", ("packages",)),
        ("Run `git add -A && git commit -m x`.", ("git",)),
        ("Run `git log > log.txt`.", ()),
        ("Run `sort a > b`.", ()),
        ("Read `playwright.md`.", ()),
    ],
)
def test_what_a_step_must_have_for_itself(tmp_path: Path, step: str, things: tuple[str, ...]) -> None:
    assert first(tmp_path, step).exclusive == things


def test_exclusive_programs_behind_others() -> None:
    assert exclusive_of(("npx", "-y", "playwright@1.49", "test")) == ("browser",)
    assert exclusive_of(("python3", "-m", "playwright", "install")) == ("browser",)
    assert exclusive_of(("uv", "run", "python", "x.py")) == ()
    assert exclusive_of(("git", "-C", "repo", "status")) == ()
    assert exclusive_of(("sqlite3",)) == ("db:*",)
    assert exclusive_of(()) == ()
    assert in_words("Look into `stock.sqlite3` and into orders.db.") == ("db:orders.db", "db:stock.sqlite3")
