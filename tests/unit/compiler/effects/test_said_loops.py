from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of
from tests.unit.compiler.making import make_skill

SUM = "import sys\nopen(sys.argv[3], 'w').write(open(sys.argv[1]).read())\n"
RUN = "run `python3 scripts/sum.py <file> --output out/<name>.json`"
EACH = "python3 scripts/sum.py {item} --output out/{name}.json"
ALL = 'for f in in/*.csv; do python3 scripts/sum.py "$f" --output out/"$(basename "$f" .csv)".json; done'


def plan(folder: Path, step: str) -> Plan:
    return plan_of(
        make_skill(folder, f"# Flow\n\n1. {step}\n2. Read `z.md`.\n", scripts__sum_dot_py=SUM)
    ).plan


@pytest.mark.parametrize(
    "step",
    [
        "For each `in/*.csv`, run `python3 scripts/sum.py <file> --output out/<name>.json`.",
        "For every file in `in/` (`*.csv`), run `python3 scripts/sum.py {file} --output out/{name}.json`.",
        "Run `python3 scripts/sum.py <file> --output out/<name>.json` for each `in/*.csv`.",
        "For each CSV file in `in/`: run `python3 scripts/sum.py <path> --output out/<stem>.json`.",
        "For each `in/<day>.csv`, run `python3 scripts/sum.py <file> --output out/<name>.json`.",
    ],
)
def test_a_loop_in_words_is_the_loop_it_stands_for(tmp_path: Path, step: str) -> None:
    found = plan(tmp_path, step)
    first = found.steps[0]
    assert (first.executable, first.open, first.idempotent) == (True, False, True)
    assert [action.command for action in first.actions] == [ALL]
    assert first.writes == ("out/*.json",)
    assert "in/*.csv" in first.reads
    (group,) = [group for group in found.groups if group.items is not None]
    assert (group.type, group.steps) == ("dlp", ("1.1",))
    assert group.items is not None
    assert (group.items.kind, group.items.over, group.items.command) == ("glob", "in/*.csv", EACH)


@pytest.mark.parametrize(
    "step",
    [
        f"For each `in/*.csv`, {RUN} and mend what is wrong.",
        f"For each `in/*.csv`, one after the other, {RUN}.",
        "For each `in/*.csv`, run `python3 scripts/sum.py <file> --output out.json`.",
        "For each `in/*.csv`, run `python3 scripts/sum.py <file> --output out/<customer>.json`.",
        "For each `in/*.csv` that is new, run `python3 scripts/sum.py <file> --output out/<name>.json`.",
        "For each `in/*.csv`, run `mystery <file> --output out/<name>.json`.",
        "For each `in/*/a.csv`, run `python3 scripts/sum.py <file> --output out/<name>.json`.",
        "For each customer, run `python3 scripts/sum.py <file> --output out/<name>.json`.",
        "Run `python3 scripts/sum.py <file> --output out/<name>.json`.",
    ],
)
def test_a_doubt_leaves_it_to_the_agent(tmp_path: Path, step: str) -> None:
    found = plan(tmp_path, step)
    assert not found.steps[0].executable
    assert all(group.items is None or group.items.command is None for group in found.groups)
