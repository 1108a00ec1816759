"""``gen.code.python``: a plain script, the standard library, a third-party library by its documentation.

A solution is run again in the grader's cell on inputs the agent never saw; the library of L3 has another
file encoding there, so that only programs that really call it can pass.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from skvm.harness.contract import Facility
from skvm.target.checks import file_text, rerun
from skvm.target.contract import (
    FILE_COATS,
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.program_jobs import PYTHON, Job, Slip, grade_with, guess_with, like, probe_of
from skvm.target.python_jobs import LIBRARY, STANDARD_LIBRARY_JOBS
from skvm.target.vocabulary import NAMES, NOUNS, TEAMS

_CASES = 3  # the sample the agent sees, and two it does not
# Of different lengths: Python tells a changed module from its cached form by time and size.
_VERSIONS = ("1.0", "1.0.1", "1.0.10")


_Solve = Callable[[str], str | None]


# --- L1: lines of text in, one value out ---------------------------------------------------------------


def _pairs(text: str, sign: str) -> list[tuple[str, int]]:
    return [(line.split(sign)[0], int(line.split(sign)[1])) for line in text.split("\n") if line]


def _plain(rng: random.Random) -> Probe:
    sign, limit = rng.choice(":;=,"), rng.randint(30, 70)
    source = f"{rng.choice(('input', 'scores', 'stock', 'points', 'list'))}.txt"
    team = rng.sample(NAMES, 9)

    def draw(rng: random.Random) -> str:
        # The limit itself always occurs, so that > and >= give different answers.
        values = [limit, *(rng.randint(1, 99) for _ in range(rng.randint(8, 18)))]
        rng.shuffle(values)
        return "".join(f"{rng.choice(team)}{sign}{value}\n" for value in values)

    def strongest(text: str) -> str | None:
        ranked = sorted(_pairs(text, sign), key=lambda pair: -pair[1])
        return ranked[0][0] if ranked[0][1] > ranked[1][1] else None

    def weakest(text: str) -> str:
        return min(_pairs(text, sign), key=lambda pair: (pair[1], pair[0]))[0]

    def numbers(text: str, of: str | None = None) -> list[int]:
        return [n for name, n in _pairs(text, sign) if of in {None, name}]

    # What to write; the oracle; an expression for it; what a typical slip gives, and its expression.
    choices: tuple[tuple[str, _Solve, str, _Solve, str], ...] = (
        (
            f"the number of lines whose number is at least {limit}.",
            lambda t: str(sum(n >= limit for n in numbers(t))),
            f"sum(1 for r in rows if int(r[1]) >= {limit})",
            lambda t: str(sum(n > limit for n in numbers(t))),
            f"sum(1 for r in rows if int(r[1]) > {limit})",
        ),
        (
            f"the sum of all numbers that are greater than {limit}.",
            lambda t: str(sum(n for n in numbers(t) if n > limit)),
            f"sum(int(r[1]) for r in rows if not int(r[1]) <= {limit})",
            lambda t: str(sum(n for n in numbers(t) if n >= limit)),
            f"sum(int(r[1]) for r in rows if int(r[1]) >= {limit})",
        ),
        (
            f"the sum of the numbers of all lines with the name {team[0]} (0 if there is none).",
            lambda t: str(sum(numbers(t, team[0]))),
            f"sum(int(r[1]) for r in rows if r[0] == {team[0]!r})",
            lambda t: str(len(numbers(t, team[0]))),
            f"sum(1 for r in rows if r[0] == {team[0]!r})",
        ),
        (
            "the number of different names.",
            lambda t: str(len({name for name, _ in _pairs(t, sign)})),
            "len(set(r[0] for r in rows))",
            lambda t: str(len(numbers(t))),
            "len(rows)",
        ),
        (
            "the name with the largest number.",
            strongest,
            "sorted((int(r[1]), r[0]) for r in rows)[-1][1]",
            weakest,
            "sorted((int(r[1]), r[0]) for r in rows)[0][1]",
        ),
        (
            "the largest number minus the smallest number.",
            lambda t: str(max(numbers(t)) - min(numbers(t))),
            "max(int(r[1]) for r in rows) - min(int(r[1]) for r in rows)",
            lambda t: str(max(numbers(t))),
            "max(int(r[1]) for r in rows)",
        ),
    )
    ask, solve, expression, gives, mistaken = rng.choice(choices)
    read = f"rows = [line.strip().split({sign!r}) for line in open({source!r}) if line.strip()]\n"
    write = "open('result.txt', 'w').write(str({}))\n"
    job = Job(
        form=f"whose lines are a name, `{sign}` and a whole number, like `{team[1]}{sign}42`",
        ask=ask,
        draw=draw,
        solve=solve,
        program=read + write.format(expression),
        also=(read + f"with open('result.txt', 'w') as out:\n    print({expression}, file=out)\n",),
        slips=(Slip(gives, read + write.format(mistaken)),),
    )
    return probe_of(rng, job, PYTHON, source=source, output="result.txt")


def _library(rng: random.Random) -> Probe:
    make = rng.choice(list(STANDARD_LIBRARY_JOBS))
    source = STANDARD_LIBRARY_JOBS[make]
    return probe_of(rng, make(rng), PYTHON, source=source, output="result.json")


# --- L3: a library known only from its documentation ---------------------------------------------------


def _encode(rows: list[dict[str, Any]], key: int) -> str:
    return base64.b64encode(bytes(byte ^ key for byte in json.dumps(rows).encode())).decode()


def _third_party(rng: random.Random) -> Probe:
    names = {
        "module": f"{rng.choice(NOUNS)}{rng.choice(('kit', 'table', 'store', 'frame'))}",
        "ending": "".join(rng.sample("bdfgkmnpqrtvz", 3)),
        "load": rng.choice(("load", "open_table", "read_table", "from_file")),
        "save": rng.choice(("save", "write_table", "dump_table", "to_file")),
        "where": rng.choice(("where", "only", "matching", "select")),
        "total": rng.choice(("total", "sum_by", "aggregate", "add_up")),
        "order": rng.choice(("order", "sorted_by", "arrange", "rank")),
    }
    group, value, flag = (
        rng.choice(("team", "city")),
        rng.choice(("hours", "units", "cost")),
        rng.choice(NOUNS[:9]),
    )
    keys = rng.sample(range(100, 250), _CASES)
    cases: list[dict[str, Any]] = []
    while len(cases) < _CASES:
        rows, totals = _draw_rows(rng, group, value, flag)
        if totals is not None and all(totals != case["expected"] for case in cases):
            key = keys[len(cases)]
            files = {
                f"{names['module']}.py": LIBRARY.format(key=key, version=_VERSIONS[len(cases)], **names),
                f"input.{names['ending']}": _encode(rows, key),
            }
            cases.append({"files": files, "expected": totals, "key": key})
    n = names
    head = f"import {n['module']} as lib\n"
    load, where = f"t = lib.{n['load']}('input.{n['ending']}')", f".{n['where']}('kind', {flag!r})"
    total = f"t = t.{n['total']}({group!r}, {value!r})"
    order, rising = (f".{n['order']}({value!r}{more})\n" for more in (", descending=True", ""))
    save = f"lib.{n['save']}(t, 'output.{n['ending']}')\n"
    by_hand = (
        f"import {n['module']} as lib\nsums = {{}}\nfor row in lib.{n['load']}('input.{n['ending']}').rows:\n"
        f"    if row['kind'] == {flag!r}:\n"
        f"        sums[row[{group!r}]] = sums.get(row[{group!r}], 0) + row[{value!r}]\n"
        f"rows = [{{{value!r}: s, {group!r}: g}} for g, s in sorted(sums.items(), key=lambda p: -p[1])]\n"
        f"lib.{n['save']}(lib.Table(rows), 'output.{n['ending']}')\n"
    )
    return Probe(
        prompt=(
            f"The library {n['module']} ({n['module']}.py in the work directory) reads and writes "
            f".{n['ending']} tables. Documentation:\n"
            f"- {n['module']}.{n['load']}(path) -> Table; table.rows is a list of dictionaries\n"
            f"- table.{n['where']}(column, value) -> Table with the rows whose column equals value\n"
            f"- table.{n['total']}(by, column) -> Table: one row per value of `by` with the sum of `column`\n"
            f"- table.{n['order']}(column, descending=False) -> Table, sorted\n"
            f"- {n['module']}.{n['save']}(table, path)\n\n"
            f"Create the file solution.py, a program that uses it: from input.{n['ending']} "
            f"(columns kind, {group}, {value}) take the rows of kind {flag}, sum {value} by {group}, "
            f"largest sum first, and save the table as output.{n['ending']}. "
            "It will be tested with other inputs and another version of the library, whose files are "
            "encoded differently."
        ),
        files=cases[0]["files"],
        reference=PYTHON.answer(f"{head}{load}{where}\n{total}{order}{save}"),
        secret={"output": f"output.{n['ending']}", "cases": cases[1:], "sample": cases[0]["expected"]},
        # Tables hold dictionaries, which have no order of their own.
        also=[PYTHON.answer(by_hand)],
        wrong=[
            PYTHON.answer(f"{head}{load}\n{total}{order}{save}"),
            PYTHON.answer(f"{head}{load}{where}\n{total}{rising}{save}"),
            PYTHON.answer(f"{head}{load}{where}{order}{save}"),
        ],
    )


def _draw_rows(
    rng: random.Random, group: str, value: str, flag: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
    groups, kinds = rng.sample(TEAMS, 4), [flag, *rng.sample(NOUNS[9:], 2)]
    rows = [
        {"kind": rng.choice(kinds), group: rng.choice(groups), value: rng.randint(1, 60)} for _ in range(24)
    ]
    totals = Counter[str]()
    for row in rows:
        if row["kind"] == flag:
            totals[str(row[group])] += int(str(row[value]))
    # Fewer than two groups need no order, and a tie would have two right ones.
    if len(totals) < 2 or len(set(totals.values())) < len(totals):
        return rows, None
    return rows, [{group: name, value: total} for name, total in totals.most_common()]


async def _grade_third_party(probe: Probe, work: Work) -> Verdict:
    if await file_text(work.cell, "solution.py") is None:
        return Verdict(False, "solution.py was not written")
    for number, case in enumerate(probe.secret["cases"], start=1):
        expected = _encode(case["expected"], case["key"])
        ran = await rerun(
            work.cell,
            PYTHON.command,
            files=case["files"],
            output=probe.secret["output"],
            expected=expected,
            label=f"hidden input {number}",
        )
        if ran.passed:
            continue
        # The same table may be encoded in other bytes (order of keys), so it is decoded before it is judged.
        said = _decode(await file_text(work.cell, probe.secret["output"]), case["key"])
        if said is None:
            return Verdict(False, ran.reason[:300])
        if said != case["expected"]:
            return Verdict(
                False, f"hidden input {number}: expected {case['expected']}, got {str(said)[:200]}"
            )
    return Verdict(True, "right on every hidden input, through the library")


def _guess_third_party(probe: Probe, rng: random.Random) -> Answer:
    case = probe.secret["cases"][0]
    rows = like(probe.secret["sample"], probe.prompt, rng)
    return PYTHON.answer(PYTHON.writing(probe.secret["output"], _encode(rows, case["key"])))


def _decode(text: str | None, key: int) -> Any:
    try:
        return json.loads(bytes(byte ^ key for byte in base64.b64decode(text or "", validate=True)))
    except ValueError:
        return None


GEN_CODE_PYTHON = primitive(
    Primitive(
        id="gen.code.python",
        description="Write Python programs that work on inputs nobody has shown.",
        levels={
            Level.L1: LevelSpec(
                claim="Plain scripts: read a text file, count, sum or compare, write one value.",
                generate=_plain,
                grade=grade_with(PYTHON),
                guess=guess_with(PYTHON),
                accepts=FILE_COATS,
            ),
            Level.L2: LevelSpec(
                claim="Programs that need the standard library: csv, json, datetime, collections, re.",
                generate=_library,
                grade=grade_with(PYTHON),
                guess=guess_with(PYTHON),
                accepts=FILE_COATS,
            ),
            Level.L3: LevelSpec(
                claim="Programs on third-party libraries, used by their documentation.",
                generate=_third_party,
                grade=_grade_third_party,
                guess=_guess_third_party,
                accepts=FILE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Show the import line and one simple call of each library function that is needed, with "
                "its arguments, and prefer the standard library where it can do the same."
            ),
            l2_to_l1=(
                "Do without imports: read with open(), take lines apart with split(), count in plain loops."
            ),
        ),
        needs=frozenset({Facility.FILES}),
        commands=("python3",),
        revision=2,
    )
)
