"""A step is taken whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.model import Check, ParamType, Place, Relation
from tests.unit.runtime.boost.inside.steps import TICKET, python_step, shell_step, take, tree_of

SALES = b"region,amount\nnorth,10.5\nsouth,20\nnorth,3\n"
TOTALS = """
import csv, json
totals = {}
for row in csv.DictReader(open(P["source"], newline="")):
    totals[row["region"]] = totals.get(row["region"], 0) + float(row["amount"])
json.dump(totals, open("totals.json", "w"))
print("regions:", len(totals))
"""
SUMS = Relation(
    name="groups",
    input=0,
    arguments={"at": "", "by": "region", "field": None, "op": "sum", "of": "amount", "digits": 2},
)
PATH = {"source": ParamType.PATH}


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    return folder


def totals(code: str = TOTALS, **more: object):
    source = Check(place=Place(param="source"), shape=shapes.describe(SALES, "sales.csv"))
    made = Check(place=Place(path="totals.json"), relations=(SUMS,))
    return python_step(code, made, params=PATH, inputs=(source,), **more)


def test_a_step_whose_checks_hold_leaves_its_outputs_and_nothing_else(work_dir: Path) -> None:
    taken = take(totals(), work_dir, {"source": "sales.csv"})
    assert taken.verdict is not None
    assert taken.verdict.is_done
    assert taken.verdict.stdout == "regions: 2"
    assert taken.verdict.outputs == "wrote totals.json (2 keys)"
    assert taken.code == 0
    assert sorted(tree_of(work_dir)) == ["sales.csv", "totals.json"]
    assert json.loads((work_dir / "totals.json").read_text()) == {"north": 13.5, "south": 20}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (TOTALS.replace("+ float", "- float"), "output: totals.json: north is not sum"),
        (TOTALS + "\nraise SystemExit(3)", "code: exit code 3"),
        (TOTALS + "\nraise ValueError('odd')", "code: exit code 1: ValueError: odd"),
        (TOTALS + "\nopen('more.txt', 'w').close()", "output: more.txt was written, and is no output"),
        (TOTALS + "\nopen('sales.csv', 'a').write('x')", "output: sales.csv was written, and is no output"),
        (TOTALS + "\nimport os; os.remove('sales.csv')", "output: sales.csv was removed"),
        (TOTALS + "\nimport os; os.mkdir('deep')", "output: deep was made"),
        (TOTALS + "\nimport os; os.chmod('sales.csv', 0o600)", "output: sales.csv was written"),
        (TOTALS + "\nimport os; os.link('sales.csv', 'twin.csv')", "output: sales.csv was changed"),
        ("print('nothing')", "output: totals.json was not written"),
        ("import os; os.symlink('/etc/passwd', 'totals.json')", "output: totals.json was changed"),
        ("import os; os.mkfifo('totals.json')", "output: totals.json was changed"),
        ("import os; os.mkdir('totals.json')", "output: totals.json was made"),
        ("import os; os.link('sales.csv', 'totals.json')", "output: sales.csv was changed"),
        ("print('x' * 3_000_000)", "code: it printed too much"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code: exit code -9"),
        ("this is no code", "code: exit code 1: SyntaxError"),
        ("open('totals.json', 'wb').write(bytes(17 << 20))", "output: totals.json is larger than 16 MB"),
        ("import sys; sys.stdin.read() or sys.exit('no input')", "code: exit code 1: no input"),
    ],
)
def test_a_step_that_does_not_hold_changes_nothing(work_dir: Path, code: str, why: str) -> None:
    (work_dir / "totals.json").write_text("old") if "mk" not in code and "link" not in code else None
    before = tree_of(work_dir)
    taken = take(totals(code), work_dir, {"source": "sales.csv"})
    assert taken.reason.startswith(why)
    assert taken.code == 75
    assert tree_of(work_dir) == before
