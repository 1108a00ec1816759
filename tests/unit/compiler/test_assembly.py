"""One command for a whole output: when the rule applies, what it computes, and that nothing is guessed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.compiler.builds.proof import proof_of, remaining_gaps
from skvm.compiler.carried.assembly import assemble
from skvm.compiler.contract import PassContext, PassResult
from skvm.compiler.gaps import find_gaps
from skvm.compiler.guard import enforce
from skvm.compiler.ladder import Ground
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.compiler.reading.norms import normative_sentences
from skvm.compiler.reading.prose import Prose
from skvm.compiler.requirements import analyse, read
from skvm.skill.emit import emit_skill, rewrite_skill, skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.profile import Profile
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

LEDGER = """Hours stand in `work.csv`, one day a row, columns `day`, `client`, `hours`, `rate` and `note`.

fee = hours * rate

Calculate the total `fee` for each `client`, with two decimals.

Always check every day where `hours` is over 10: such days break the rules of the house.

Save it to `bill.json`, JSON with exactly these keys:

- `consultant`: the name, as the request gives it
- `due_days`: number, as the request gives it
- `fees`: object, the total fee for each client
- `sum`: number, the total fee
- `broken_rules`: list of the notes of the days that break the rules

Never change `work.csv`.
"""
SURVEY = """Answers stand in `answers.csv` with the columns `team`, `person`, `score` and `hours`.

- Work out the mean `score` for each `team`, with one decimal.
- Give the median of `hours`.
- Flag every person whose `score` is below 3.

Save the outcome as `out/summary.json`, a JSON object with these keys:

| key | meaning |
|---|---|
| `mean_by_team` | object, the mean score per team |
| `answers_by_team` | object, the number of answers per team |
| `answers` | number of rows |
| `low` | the number of answers where score is below 3 |
| `unhappy` | list of the persons whose score is below 3 |
| `median_hours` | number |
| `happiest` | the person with the highest score |
"""
PARTLY = """Read `stock.csv` (columns: item, warehouse, quantity, unit_price).

stock value = quantity * unit_price

Calculate the total stock value with two decimals.

Create `stock.json` as JSON with the fields `auditor` (string), `total_value` (number, total stock value),
`northern` (number, the total quantity in the north warehouse), `remarks` (list of strings) and
`cleared` (boolean).
"""
NESTED = """Orders stand in `orders.csv` with the columns `item`, `region`, `price` and `count`.

Calculate the average `price` where `region` is "north".

Reject every order where `price` is over 100 and `count` is at least 2.

Write `result.json` as JSON with:

- `totals`: object with
  - `orders`: number of orders
  - `north_price`: number, the average price
- `rejected`: list of objects with `item` and `price`, the rejected orders
- `extra`: object of further figures
"""
TABLES = {
    "work.csv": "day,client,hours,rate,note\n"
    "1,ACME,8,90.50,on site\n2,Zeta,11,80,night\n3,ACME,0.5,90.5,call\n",
    "answers.csv": "team,person,score,hours\nred,Ann,4,8\nred,Bo,2,6\nblue,Cy,5,7\n",
    "stock.csv": "item,warehouse,quantity,unit_price\nbolt,north,10,0.105\nnut,south,5,2\n",
    "orders.csv": "item,region,price,count\npen,north,2,1\ndesk,south,250,2\nink,north,5,9\n",
}


def compiled(skill: Skill, profile: Profile) -> PipelineResult:
    return anyio.run(run_passes, skill, resolve_passes(["1"]), PassContext(MODEL, HARNESS, profile))


def weak() -> Profile:
    return make_profile("L0", tool_exec="L1")


def fields_of(result: PipelineResult, name: str) -> Any:
    return json.loads(result.steps[0].files[f"scripts/{name}.fields.json"])["fields"]


def run(result: PipelineResult, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the shipped script in a variant that stands beside the tables."""
    variant = folder / "variant"
    if not variant.exists():
        emit_skill(result.skill, variant)
        for name, text in TABLES.items():
            (variant / name).write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "scripts/fill.py", *arguments],
        cwd=variant,
        capture_output=True,
        text=True,
        check=False,
    )


WRITES = [
    (
        LEDGER,
        "bill.json",
        "--consultant 'TEXT' --due_days 'NUMBER'",
        ("--consultant", "Ida", "Holm", "--due_days", "30"),
        {
            "consultant": "Ida Holm",
            "due_days": 30,
            "fees": {"ACME": 769.25, "Zeta": 880},
            "sum": 1649.25,
            "broken_rules": ["night"],
        },
    ),
    (
        SURVEY,
        "out/summary.json",
        "",
        (),
        {
            "mean_by_team": {"red": 3, "blue": 5},
            "answers_by_team": {"red": 2, "blue": 1},
            "answers": 3,
            "low": 1,
            "unhappy": ["Bo"],
            "median_hours": 7,
            "happiest": "Cy",
        },
    ),
    (
        PARTLY,
        "stock.json",
        "--auditor 'TEXT' --northern 'NUMBER' --remarks 'TEXT' 'TEXT' --cleared 'TRUE_OR_FALSE'",
        ("--auditor=Kai", "--northern", "10.5", "--remarks", "--cleared", "false"),
        {"auditor": "Kai", "total_value": 11.05, "northern": 10.5, "remarks": [], "cleared": False},
    ),
    (
        NESTED,
        "result.json",
        """--extra '{"NAME": "TEXT"}'""",
        ("--extra", '{"a": 1}'),
        {
            "totals": {"orders": 3, "north_price": 3.5},
            "rejected": [{"item": "desk", "price": 250}],
            "extra": {"a": 1},
        },
    ),
]


@pytest.mark.parametrize(("body", "output", "options", "arguments", "written"), WRITES)
def test_one_command_writes_the_file(
    body: str, output: str, options: str, arguments: tuple[str, ...], written: Any, tmp_path: Path
) -> None:
    skill = make_skill(tmp_path, body)
    result = compiled(skill, weak())
    commands = [line for line in result.skill.text().splitlines() if line.startswith("python3 ")]
    assert commands == [f"python3 scripts/fill.py {output} {options}".rstrip()]
    done = run(result, tmp_path, output, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads((tmp_path / "variant" / output).read_text(encoding="utf-8"))
    assert made == written
    assert list(made) == list(written)


@pytest.mark.parametrize("body", [case[0] for case in WRITES])
def test_the_gaps_are_closed_and_the_proof_says_so(body: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body)
    result = compiled(skill, weak())
    assert not result.steps[0].dropped
    left = {gap.requirement.primitive_id for gap in remaining_gaps(result.skill, weak())}
    assert not left & {"reason.arithmetic", "reason.logic", "follow.format", "tool.file.write"}
    before = normative_sentences(Prose(skill))
    assert before == [text for text in normative_sentences(Prose(result.skill)) if text in before]
    main = result.steps[0].edits[0]
    assert main.rule == "assemble"
    assert set(main.files) <= set(result.steps[0].files)
    answered = proof_of(skill, result, weak())["edits"][0]["answers"]
    closed = {main.primitive_id, *(entry["primitive"] for entry in answered)}
    assert {"follow.format", "tool.file.write"} <= closed


def test_the_proof_holds_when_the_variant_is_read_from_disk(tmp_path: Path) -> None:
    result = compiled(make_skill(tmp_path, LEDGER), weak())
    emit_skill(result.skill, tmp_path / "variant")
    again = load_skill(tmp_path / "variant")
    assert [str(found) for found in analyse(again).requirements] == [
        str(found) for found in analyse(result.skill).requirements
    ]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("scripts/fill.py", b"import json", b"import json "),
        ("scripts/calc.py", b"import ast", b"import ast "),
        ("scripts/bill.fields.json", b'"of": "hours * rate"', b'"of": "hours"'),
        ("scripts/bill.fields.json", b"{", b"["),
    ],
)
def test_a_bundle_that_computes_something_else_answers_nothing(
    path: str, old: bytes, new: bytes, tmp_path: Path
) -> None:
    result = compiled(make_skill(tmp_path, LEDGER), weak())
    data = result.steps[0].files[path]
    assert old in data
    forged = rewrite_skill(result.skill, [], {path: data.replace(old, new)})
    needed = {found.primitive_id for found in analyse(forged).requirements}
    assert "reason.arithmetic" not in {found.primitive_id for found in analyse(result.skill).requirements}
    assert "reason.arithmetic" in needed


def test_the_guard_drops_a_command_whose_fields_do_not_answer(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, LEDGER)
    made = assemble(find_gaps(analyse(skill).requirements, weak()), Ground(read(skill), weak()))
    path = "scripts/bill.fields.json"
    files = {**made.files, path: made.files[path].replace(b'"digits": 2', b'"digits": 0')}
    kept = enforce(skill, PassResult(tuple(made.edits), files), profile=weak())
    assert not kept.edits
    assert kept.skill == skill
    assert "would still need" in kept.dropped[0][1]


SPOILED = [
    ("another table", LEDGER.replace("Never", "Clients stand in `clients.csv`. Never")),
    ("no file", LEDGER.replace("`bill.json`, JSON", "JSON")),
    ("YAML", LEDGER.replace("`bill.json`, JSON", "`bill.yaml`, YAML")),
    ("a list", LEDGER.replace("JSON with", "a JSON array of objects with")),
    (
        "figures of no field",
        SURVEY.split("| `mean_by_team`", maxsplit=1)[0] + "| `title` | string |\n| `by` | string |\n",
    ),
]


@pytest.mark.parametrize(("why", "body"), SPOILED, ids=[why for why, _ in SPOILED])
def test_where_it_does_not_apply_the_other_rules_stay(why: str, body: str, tmp_path: Path) -> None:
    result = compiled(make_skill(tmp_path, body), weak())
    assert "scripts/fill.py" not in result.skill.text()
    assert "scripts/fill.py" not in result.steps[0].files
    assert "python3 scripts/calc.py" in result.skill.text()


def test_only_a_target_that_runs_commands_gets_one(tmp_path: Path) -> None:
    assert b"fill.py" not in compiled(make_skill(tmp_path, LEDGER), make_profile("L0")).skill.source


def test_a_target_without_such_gaps_gets_none(tmp_path: Path) -> None:
    profile = make_profile("L3", follow_format="L0")
    assert b"fill.py" not in compiled(make_skill(tmp_path, LEDGER), profile).skill.source


def test_a_place_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, LEDGER, scripts__fill_dot_py="print('mine')\n")
    assert "scripts/fill.py bill.json" not in compiled(skill, weak()).skill.text()


HEAD = (
    "`rate` is in euros. Hours stand in `work.csv` with the columns `day`, `client`, `hours` and `rate`.\n\n"
)
OPEN = [
    "number, the total hours of the northern branch",
    "number, the total hours expected next year",
    "number, the total hours, as the request gives it",
    "string, the total hours in words",
    "object, the total hours",
    "number, the total hours for each client",
    "number of clients",
    "the client with the largest budget",
    "list of the clients that complained",
    "list of all the clients",
    "number, the total hours of the two largest",
    "the two largest rates",
    "number, the mean of the totals of hours for each client",
    "number, the total rate in dollars",
    "list of strings",
    "number, the average and the median of hours",
    "whether the total hours are right",
]


@pytest.mark.parametrize("says", OPEN)
def test_a_word_left_over_is_never_computed_away(says: str, tmp_path: Path) -> None:
    body = (
        f"{HEAD}Calculate the total `rate`.\n\nWrite `a.json`, JSON with these keys:\n\n"
        f"- `rates`: number, the total rate\n- `x`: {says}\n"
    )
    result = compiled(make_skill(tmp_path, body), weak())
    fields = fields_of(result, "a")
    assert "compute" in fields["rates"]
    assert "given" in fields["x"]


def test_a_list_may_be_shorter_than_its_placeholder(tmp_path: Path) -> None:
    result = compiled(make_skill(tmp_path, PARTLY), weak())
    given = ("stock.json", "--auditor", "K", "--northern", "1", "--cleared", "true", "--remarks", "one")
    left = run(result, tmp_path, *given, "TEXT")
    assert "--remarks still holds TEXT: put the real value in its place or leave it out" in left.stderr
    assert run(result, tmp_path, *given).returncode == 0


def test_a_best_choice_is_not_answered_by_a_filter(tmp_path: Path) -> None:
    body = LEDGER.replace("Always check", "Find the cheapest client subject to the budget, given")
    result = compiled(make_skill(tmp_path, body), weak())
    assert "L3" in {str(found.level) for found in analyse(result.skill).requirements}


def test_compiles_to_the_same_bytes(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, SURVEY)
    assert len({skill_digest(compiled(skill, weak()).skill) for _ in range(2)}) == 1


def test_crlf_and_lists_in_lists(tmp_path: Path) -> None:
    result = compiled(make_skill(tmp_path, LEDGER.replace("\n", "\r\n")), weak())
    assert "python3 scripts/fill.py bill.json" in result.skill.text()


WRONG = [
    ((), "this writes bill.json"),
    (("other.json",), "nothing is known of other.json; this writes bill.json"),
    (("bill.json",), "--consultant is missing: add --consultant 'TEXT'"),
    (("bill.json", "--consultant", "TEXT", "--due_days", "3"), "--consultant still holds TEXT"),
    (("bill.json", "--consultant", "A", "--due_days", "soon"), "--due_days: 'soon' is no number"),
    (("bill.json", "--consultant", "A", "--due_days"), "--due_days is missing"),
    (("bill.json", "--name", "A"), "'--name' is no argument; there are: --consultant --due_days"),
    (("bill.json", "A"), "'A' is no argument"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_the_script_says_what_is_wrong(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = run(compiled(make_skill(tmp_path, LEDGER), weak()), tmp_path, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "variant" / "bill.json").exists()


BAD_TABLES = [
    (None, "work.csv: No such file"),
    ("day,client,rate,note\n1,A,2,x\n", "work.csv has no column 'hours'; it has: day, client, rate, note"),
    ("day,client,hours,rate,note\n1,A,many,2,x\n", "fill.py: "),
    ("day,client,hours,rate,note\n1,A\n", None),
    ("", "work.csv is empty"),
    ("day,client,hours,rate,note\n", None),
]


@pytest.mark.parametrize(("table", "words"), BAD_TABLES)
def test_a_bad_table_ends_in_one_line(table: str | None, words: str | None, tmp_path: Path) -> None:
    result = compiled(make_skill(tmp_path, LEDGER), weak())
    given = ("bill.json", "--consultant", "A", "--due_days", "3")
    run(result, tmp_path)
    place = tmp_path / "variant" / "work.csv"
    if table is None:
        place.unlink()
    else:
        place.write_text(table, encoding="utf-8")
    done = run(result, tmp_path, *given)
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if words is None else 1)
    assert (words or "") in done.stderr
    assert (tmp_path / "variant" / "bill.json").exists() == (words is None)


def test_a_computed_field_is_not_taken_from_the_reader(tmp_path: Path) -> None:
    result = compiled(make_skill(tmp_path, LEDGER), weak())
    done = run(result, tmp_path, "bill.json", "--sum", "1", "--consultant", "A", "--due-days", "3")
    assert done.returncode == 0
    assert "--sum is computed" in done.stderr
    assert json.loads((tmp_path / "variant" / "bill.json").read_text())["sum"] == 1649.25
    assert not list((tmp_path / "variant").rglob("__pycache__"))
