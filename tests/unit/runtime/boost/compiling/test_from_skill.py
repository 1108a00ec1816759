"""Templates from a skill's own scripts and fences, before any run has used them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out

from skvm.evidence.blobs import BlobStore
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.compiling.from_skill import candidates_of
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate, ParamType
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

SCRIPT = """import csv, json, sys

source, target = sys.argv[1], sys.argv[2]
rows = list(csv.DictReader(open(source)))
json.dump(len(rows), open(target, "w"))
"""
TEXT = """---
name: tables
description: Count the rows of tables.
---
# Tables

## Count rows

Run the script:

```bash
python3 scripts/count_rows.py <input.csv> <output.json>
```

## Unique lines

```bash
sort -u names.txt > unique.txt
```

## Fetch

```bash
curl -o data.csv https://example.com/data.csv
```

## Write a note

```python
text = open("note.txt").read()
open("loud.txt", "w").write(text.upper())
```

Expected output:

```text
HELLO
```
"""


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    folder = tmp_path / "tables"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text(TEXT, encoding="utf-8")
    (folder / "scripts" / "count_rows.py").write_text(SCRIPT, encoding="utf-8")
    return load_skill(folder)


def by_start(skill: Skill) -> dict[str, Candidate]:
    candidates, _ = candidates_of(skill)
    return {each.purpose_id.rsplit("-", 1)[0]: each for each in candidates}


def test_scripts_and_fences_become_templates_that_answer_nothing(skill: Skill) -> None:
    found = by_start(skill)
    assert {"count-rows", "unique-lines", "write-a-note"} <= set(found)
    assert all(each.skeletons == () and each.origin.kind == "skill" for each in found.values())
    assert Matcher(tuple(found.values())).match("Count the rows of a.csv") == ()


def test_the_files_of_a_command_are_parameters(skill: Skill) -> None:
    script = by_start(skill)["count-rows"]
    assert script.origin.note == "scripts/count_rows.py"
    assert [(param.name, param.type) for param in script.template.params] == [
        ("input", ParamType.PATH),
        ("output", ParamType.PATH),
    ]
    assert "python3 scripts/count_rows.py " in script.template.code
    assert '"$P_input"' in script.template.code
    unique = by_start(skill)["unique-lines"]
    assert [check.place.param for check in unique.template.outputs] == ["unique"]
    note = by_start(skill)["write-a-note"]
    assert [check.place.param for check in note.template.inputs] == ["note"]
    assert "P['note']" in note.template.code


def test_what_reaches_out_is_told_and_left_out(skill: Skill) -> None:
    candidates, findings = candidates_of(skill)
    assert not any("curl" in each.template.code for each in candidates)
    assert any("network" in finding for finding in findings)


def test_what_only_shows_an_output_is_no_code(skill: Skill) -> None:
    assert not any("HELLO" in each.template.code for each in candidates_of(skill)[0])


def test_a_run_that_calls_the_script_stands_for_it(skill: Skill, tmp_path: Path) -> None:
    def chore(source: str, target: str) -> Chore:
        return Chore(
            f"Count the rows of {source} into {target}.",
            {source: "a\n1\n2\n", "scripts/count_rows.py": SCRIPT},
            [f"python3 scripts/count_rows.py {source} {target}"],
        )

    blobs = BlobStore(tmp_path / "blobs")
    chores = (chore("a.csv", "n.json"), chore("b.csv", "m.json"))
    runs = [carried_out(each, tmp_path, blobs, number) for number, each in enumerate(chores)]
    compiled = compile_candidates(runs, skill=skill)
    bound = compiled.candidates[0]
    assert bound.skeletons
    assert "scripts/count_rows.py" in bound.template.code
    rest = {each.purpose_id.rsplit("-", 1)[0] for each in compiled.candidates[1:]}
    assert "count-rows" not in rest
    assert "unique-lines" in rest


def test_the_same_skill_gives_the_same_candidates(skill: Skill) -> None:
    assert candidates_of(skill) == candidates_of(skill)
