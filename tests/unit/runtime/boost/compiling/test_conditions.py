"""What a step reads and writes, and what must hold of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from skvm.runtime.boost.compiling.conditions import NoStepError, Step, conditions_of, misfit, reads_unnamed
from skvm.runtime.boost.model import Language, Place


def step(before: dict[str, str], after: dict[str, str], params: dict[str, Any], code: str) -> Step:
    return Step(
        run_id="r",
        before={path: text.encode() for path, text in before.items()},
        after={path: text.encode() for path, text in {**before, **after}.items()},
        params=params,
        paths=frozenset(name for name, value in params.items() if isinstance(value, str) and "." in value),
        language=Language.PYTHON,
        code=code,
    )


def total(source: str, amounts: list[int]) -> Step:
    text = "id,amount\n" + "".join(f"{at},{each}\n" for at, each in enumerate(amounts))
    result = json.dumps({"total": sum(amounts)})
    code = f"import csv, json\nopen('{source}')"
    return step({source: text}, {"t.json": result}, {"source": source, "column": "amount"}, code)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfor p in os.listdir('.'): pass",
        "from glob import glob\nglob('*.csv')",
        "from pathlib import Path\nlist(Path('.').rglob('*'))",
        "import sys\nopen(sys.argv[1])",
        "not python (",
    ],
)
def test_python_that_looks_for_files(code: str) -> None:
    assert reads_unnamed(Language.PYTHON, code)


@pytest.mark.parametrize(
    "code",
    [
        "# find the files and walk the list\nx = open('a.txt').read().find('b')",
        "import sys\nsys.argv = ['program.py', 'a.csv']\nopen(sys.argv[1])",
        "import ast\nfor node in ast.walk(ast.parse('1')): pass",
        "rows = [r['glob'] for r in ()]",
    ],
)
def test_python_that_names_them(code: str) -> None:
    assert not reads_unnamed(Language.PYTHON, code)


@pytest.mark.parametrize(
    "code", ["cat *.txt > all", "find . -name x", "for f in $(ls); do cat $f; done", "wc -l a*"]
)
def test_shell_that_looks_for_files(code: str) -> None:
    assert reads_unnamed(Language.SHELL, code)


@pytest.mark.parametrize(
    "code",
    [
        "grep -v '^$' a.txt | sort -u > b.txt",
        "awk -F, '{ n += $2 * 2 } END { print n }' a.csv > n.txt",
        "sed 's/x.*y/z/' a.txt > b.txt",
        'grep "a*" a.txt > b.txt',
        "python3 scripts/count.py a.csv b.json",
    ],
)
def test_shell_that_names_them(code: str) -> None:
    assert not reads_unnamed(Language.SHELL, code)


def test_guard_and_postcondition_of_two_runs() -> None:
    steps = [total("a.csv", [10, 20, 31]), total("b.csv", [7, 99])]
    found = conditions_of(steps)
    assert [check.place for check in found.inputs] == [Place(param="source")]
    assert [relation.name for relation in found.inputs[0].relations] == ["has-column"]
    assert [check.place for check in found.outputs] == [Place(path="t.json")]
    assert "aggregate" in {relation.name for relation in found.outputs[0].relations}
    assert misfit(found, total("c.csv", [5, 6])) is None


def test_what_does_not_fit_is_told() -> None:
    found = conditions_of([total("a.csv", [10, 20, 31]), total("b.csv", [7, 99])])
    wrong = total("c.csv", [5, 6])
    assert "t.json" in str(
        misfit(
            found,
            step({"c.csv": "id,amount\n1,5\n"}, {"t.json": '{"total": 6}'}, dict(wrong.params), wrong.code),
        )
    )
    missing = step({"d.csv": "x"}, {"t.json": "{}"}, dict(wrong.params), wrong.code)
    assert misfit(found, missing) == "c.csv was not there"
    more = step({"c.csv": "id,amount\n1,5\n"}, {"t.json": '{"total": 5}', "x": "y"}, dict(wrong.params), "")
    assert misfit(found, more) == "it wrote other files"
    other = step({"c.csv": "id;amount\n1;5\n"}, {"t.json": '{"total": 5}'}, dict(wrong.params), "")
    assert str(misfit(found, other)).startswith("c.csv: ")


def test_an_input_changed_in_place_is_an_output_too() -> None:
    steps = [
        step({name: '{"a": 1}'}, {name: f'{{"a": {at}}}'}, {"file": name}, f"open('{name}')")
        for at, name in ((5, "x.json"), (6, "y.json"))
    ]
    found = conditions_of(steps)
    assert found.inputs[0].place == found.outputs[0].place == Place(param="file")


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([step({"a.txt": "x"}, {}, {}, "open('a.txt')")], "no file"),
        ([step({}, {"b.txt": "x"}, {}, ""), step({}, {"c.txt": "x"}, {}, "")], "some runs only"),
        ([step({"a.txt": "x"}, {"b.txt": "x"}, {}, "import json\njson.load(stream)")], "does not name"),
    ],
)
def test_what_cannot_be_named_is_no_step(steps: list[Step], reason: str) -> None:
    with pytest.raises(NoStepError, match=reason):
        conditions_of(steps)


def test_relations_that_hold_by_chance_are_dropped() -> None:
    code = "open('a.csv')"
    table = "name,points\nann,10\nbob,37\ncy,22\n"
    listing = "ann 10\nbob 37\ncy 22\n"
    found = conditions_of([step({"a.csv": table}, {"out.txt": listing}, {}, code)])
    assert all(relation.name != "aggregate" for relation in found.outputs[0].relations)


def test_what_stands_in_a_column_that_a_value_names_is_looked_at() -> None:
    (check,) = conditions_of([total("a.csv", [1, 2]), total("b.csv", [3, 4])]).inputs
    (relation,) = check.relations
    assert relation.arguments == {"column": "$column", "classes": ["decimal", "integer"]}
    assert misfit(conditions_of([total("a.csv", [1, 2])]), total("c.csv", [7])) is None
    odd = total("c.csv", [7])
    before = {"c.csv": odd.before["c.csv"].replace(b"0,7", b"0,1_000")}
    found = misfit(conditions_of([total("a.csv", [1, 2])]), replace(odd, before=before))
    assert found is not None
    assert "column 'amount' holds text" in found
