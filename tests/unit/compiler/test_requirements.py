from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.ladder import LADDERS
from skvm.compiler.need import DETECTORS
from skvm.compiler.requirements import analyse, scr_of
from skvm.target.contract import LEVELS, PRIMITIVES
from tests.unit.compiler.making import make_skill

CASES = [
    ("reason.arithmetic", "L1", "Subtract 12 from 40."),
    ("reason.arithmetic", "L2", "Calculate the total of `amount` for each `category`."),
    ("reason.arithmetic", "L2", "Apply a 15% discount, then add 8% tax."),
    ("reason.arithmetic", "L3", "Calculate the compound growth rate over five years."),
    ("reason.arithmetic", None, "The total is shown on the first page."),
    ("reason.arithmetic", None, "Calculate the total with `python3 scripts/sum.py data.csv`."),
    ("follow.format", "L1", "Return the result as JSON."),
    ("follow.format", "L2", "Write JSON with the keys `name` and `age`."),
    ("follow.format", "L3", "Write valid JSON with the keys `name` and `age`, in this order."),
    ("follow.format", None, "The API returns JSON."),
    ("gen.text.structured", "L1", "Write JSON with the keys `name` and `age`."),
    ("gen.text.structured", "L2", "Write a JSON array of objects with the keys `name` and `age`."),
    ("gen.code.python", "L1", "```python\nprint(1)\n```"),
    ("gen.code.python", "L2", "```python\nimport json\nprint(json.dumps(1))\n```"),
    ("gen.code.python", "L3", "```python\nimport pandas\n```"),
    ("gen.code.python", "L2", "Write a Python script that counts the words."),
    ("tool.exec", "L1", "```bash\nmake test\n```"),
    ("tool.exec", "L3", "```bash\nOUT=x.txt\nsort a.txt > $OUT\nuniq $OUT\n```"),
    ("tool.exec", "L2", "Run the test suite."),
    ("tool.file.write", "L1", "Save the answer to `answer.txt`."),
    ("tool.file.write", "L3", "Create `a.txt`, `b.txt` and `c.txt`."),
    ("tool.file.write", None, "Read `answer.txt`."),
    ("reason.logic", "L1", "If the name is empty, use the id."),
    ("reason.logic", "L1", "If the name is empty and the id is short, use the id, otherwise use the name."),
    ("reason.logic", "L2", "Find an order such that Ann is first, Bob is not last, and Cy sits by Ann."),
    ("reason.logic", "L3", "Minimise the cost of the trip given the constraints above."),
    ("reason.logic", None, "The name is on the form."),
    ("follow.procedure", "L1", "1. Read the file.\n2. Sort it.\n3. Write it.\n"),
    ("follow.procedure", "L2", "1. Read the file.\n2. Sort it.\n3. Write it.\n4. Check it.\n"),
    ("follow.procedure", "L2", "1. Read the file.\n2. If it is empty, stop.\n"),
    ("follow.procedure", "L3", "1. Read the file.\n2. Repeat until nothing is left.\n"),
    ("follow.procedure", None, "1. Gold\n2. Silver\n3. Bronze\n"),
]


@pytest.mark.parametrize(("primitive_id", "level", "body"), CASES)
def test_level_of_a_place(primitive_id: str, level: str | None, body: str, tmp_path: Path) -> None:
    found = analyse(make_skill(tmp_path, body + "\n")).requirements
    levels = [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    assert levels == ([level] if level else [])


def test_evidence_stands_where_the_span_says(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "# A\n\nÄußerst: calculate the total of all rows.\n\n# B\n\nReturn JSON.\n")
    for needed in analyse(skill).requirements:
        assert needed.evidence
        assert skill.text(needed.span).startswith(needed.evidence)


def test_scr_has_the_compatible_form(tmp_path: Path) -> None:
    body = "## Sums\n\nCalculate the total of all rows. Subtract 1 from 2.\n\n## Out\n\nReturn JSON.\n\n## Out\n\nReturn CSV.\n"  # noqa: E501
    skill = make_skill(tmp_path, body)
    scr = scr_of(skill, analyse(skill))
    assert scr["skillName"] == "sample"
    assert [purpose["id"] for purpose in scr["purposes"]] == ["sums", "out", "out-2"]
    first = scr["purposes"][0]
    assert first["currentPath"]["primitives"] == [
        {"id": "reason.arithmetic", "minLevel": "L2", "evidence": "Calculate the total of all rows."}
    ]
    assert first["alternativePaths"] == []


def test_a_skill_that_needs_nothing_known_has_one_purpose(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Be kind.\n")
    assert [
        len(purpose["currentPath"]["primitives"]) for purpose in scr_of(skill, analyse(skill))["purposes"]
    ] == [0]


def test_every_detector_has_rules_a_ladder_and_a_primitive() -> None:
    assert set(DETECTORS.names()) == set(LADDERS.names()) == set(PRIMITIVES.names())
    for name in DETECTORS.names():
        assert set(DETECTORS.get(name).rules) == set(LEVELS) == set(PRIMITIVES.get(name).levels)
        assert LADDERS.get(name).moves
