"""What several runs wrote alike, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.scripted import Call, carry_out

from skvm.runtime.boost.compiling.drafts import Draft, Ref, UnfillableError, drafts_of
from skvm.runtime.boost.model import Language, ParamType
from skvm.runtime.boost.watching import WatchedRun

PLAIN = """\
import csv, json
totals = {}
with open('{source}') as f:
    for row in csv.DictReader(f):
        totals[row['{group}']] = totals.get(row['{group}'], 0) + int(row['{column}'])
with open('{target}', 'w') as f:
    json.dump(totals, f)
"""
FUNCTION = """\
import json
import csv
def main():
    # Sum it up.
    sums = {}
    with open("{source}", "r", encoding="utf-8") as handle:
        for record in csv.DictReader(handle):
            sums[record["{group}"]] = sums.get(record["{group}"], 0) + int(record["{column}"])
    with open("{target}", "w") as out:
        json.dump(sums, out, indent=2)
    print(f"Wrote {target}")
if __name__ == "__main__":
    main()
"""
VALUES = (
    {"source": "sales.csv", "group": "region", "column": "amount", "target": "totals.json"},
    {"source": "orders.csv", "group": "city", "column": "price", "target": "out.json"},
    {"source": "in.csv", "group": "shop", "column": "units", "target": "sums.json"},
)


def written(form: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        form = form.replace("{" + name + "}", value)
    return form


def run_of(folder: Path, number: int, calls: list[Call]) -> WatchedRun:
    values = VALUES[number]
    data = f"{values['group']},{values['column']}\na,1\nb,2\na,3\n"
    return carry_out(
        folder, "Sum it.", {values["source"]: data, "x.csv": data}, calls, run_id=f"run-{number}"
    )


def three_runs(folder: Path) -> list[WatchedRun]:
    """The same done as a here-document, as a script, and as an argument."""
    return [
        run_of(folder, 0, [f"python3 - <<'EOF'\n{written(PLAIN, VALUES[0])}EOF"]),
        run_of(folder, 1, [("write", "sum.py", written(FUNCTION, VALUES[1])), "ls", "python3 sum.py"]),
        run_of(folder, 2, ['python3 -c "' + written(PLAIN, VALUES[2]) + '"']),
    ]


def by_value(draft: Draft) -> dict[object, list[int]]:
    found: dict[object, list[int]] = {}
    for constant in draft.constants:
        found.setdefault(constant.values, []).append(constant.index)
    return found


def test_runs_that_do_the_same_are_one_draft(tmp_path: Path) -> None:
    drafts = drafts_of(three_runs(tmp_path))
    assert len(drafts[0].actions) == 3
    assert drafts[0].language is Language.PYTHON
    values = {name: tuple(each[name] for each in VALUES) for name in VALUES[0]}
    varying = {constant.values for constant in drafts[0].constants if len(set(constant.values)) > 1}
    assert varying == set(values.values())
    read = {constant.values for constant in drafts[0].constants if constant.is_path_read}
    made = {constant.values for constant in drafts[0].constants if constant.is_path_written}
    assert read == {values["source"]}
    assert made == {values["target"]}


def test_the_largest_draft_comes_first_and_no_run_is_in_one_twice(tmp_path: Path) -> None:
    drafts = drafts_of(three_runs(tmp_path))
    sizes = [len(draft.actions) for draft in drafts]
    assert sizes == sorted(sizes, reverse=True)
    for draft in drafts:
        ids = [action.run.record.run_id for action in draft.actions]
        assert len(set(ids)) == len(ids)


def test_a_draft_is_rendered_with_parameters(tmp_path: Path) -> None:
    draft = drafts_of(three_runs(tmp_path))[0]
    places = by_value(draft)
    fills = {
        index: [Ref(name, ParamType.PATH)]
        for name in VALUES[0]
        for index in places[tuple(each[name] for each in VALUES)]
    }
    code = draft.render(fills)
    for value in VALUES[0].values():
        assert repr(value) not in code
    assert code.count("P['group']") == 2
    assert draft.render({}) == draft.render(
        {index: [str(constant.values[0])] for index, constant in enumerate(draft.constants)}
    )


def test_a_part_of_a_constant_can_be_a_parameter(tmp_path: Path) -> None:
    draft = drafts_of(three_runs(tmp_path))[0]
    index = by_value(draft)["totals.json", "out.json", "sums.json"][0]
    assert "open(P['stem'] + '.json', 'w')" in draft.render({index: [Ref("stem", ParamType.STRING), ".json"]})


def test_lists_of_different_lengths_are_one_constant(tmp_path: Path) -> None:
    code = "open('o.txt', 'w').write(','.join({names}))\n"
    runs = [
        carry_out(tmp_path, "Join.", {}, [f"python3 - <<'EOF'\n{code.format(names=names)}EOF"], run_id=f"r{number}")  # noqa: E501
        for number, names in enumerate(["['a', 'b']", "['c']", "['d', 'e', 'f']"])
    ]  # fmt: skip
    draft = drafts_of(runs)[0]
    constant = next(constant for constant in draft.constants if constant.kind == "list")
    assert constant.values == (("a", "b"), ("c",), ("d", "e", "f"))
    assert "','.join([*P['names']])" in draft.render({constant.index: [Ref("names", ParamType.LIST)]})
    with pytest.raises(UnfillableError):
        draft.render({constant.index: [Ref("names", ParamType.STRING)]})
    same = drafts_of([runs[0], runs[0]])[0]
    assert [each.values for each in same.constants if each.kind == "string"][-2:] == [("a",), ("b",)]


def test_what_can_be_no_template_is_no_draft(tmp_path: Path) -> None:
    run = carry_out(tmp_path, "Now.", {}, ["date > now.txt"])
    assert drafts_of([run]) == ()


def test_a_script_of_the_skill_is_called_with_parameters(tmp_path: Path) -> None:
    script = "import sys\nopen(sys.argv[1], 'w').write(sys.argv[3])\n"
    runs = [
        carry_out(
            tmp_path, "Fill.", {"scripts/fill.py": script}, [f"python3 scripts/fill.py {out} --who {who}"], run_id=out  # noqa: E501
        )
        for out, who in (("a.json", "'Jo B'"), ("b.json", "Ann"))
    ]  # fmt: skip
    draft = drafts_of(runs)[0]
    assert [constant.values for constant in draft.constants] == [
        ("scripts/fill.py",) * 2, ("a.json", "b.json"), ("Jo B", "Ann"),
    ]  # fmt: skip
    assert [constant.is_path_read for constant in draft.constants] == [True, False, False]
    assert [constant.is_path_written for constant in draft.constants] == [False, True, False]
    assert draft.render({2: [Ref("who", ParamType.STRING)]}).endswith(
        'scripts/fill.py a.json --who "$P_who"\n'
    )
    with pytest.raises(UnfillableError):
        draft.render({0: [Ref("who", ParamType.PATH)]})


def test_drafts_are_the_same_every_time(tmp_path: Path) -> None:
    runs = three_runs(tmp_path)
    first, again = drafts_of(runs), drafts_of(runs)
    assert [draft.constants for draft in first] == [draft.constants for draft in again]
    assert [draft.render({}) for draft in first] == [draft.render({}) for draft in again]


def test_a_text_in_code_that_is_written_is_no_parameter(tmp_path: Path) -> None:
    prompt = "Write greet.py that greets Ann."
    run = carry_out(
        tmp_path, prompt, {}, [("write", "greet.py", "print('Ann')\n"), "python3 greet.py > said.txt"]
    )
    draft = drafts_of([run])[0]
    place = next(c.index for c in draft.constants if isinstance(c.values[0], str) and "Ann" in c.values[0])
    with pytest.raises(UnfillableError, match=r"greet\.py"):
        draft.render({place: ["print('", Ref("name", ParamType.STRING), "')\n"]})
