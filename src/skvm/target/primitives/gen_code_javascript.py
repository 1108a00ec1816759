"""``gen.code.javascript``: a plain script, Node's built-in modules, asynchronous calls that overlap.

A solution is run again in the grader's cell on inputs the agent never saw. The store of L3 answers only once
every part was asked for, so that a program that waits for one after another never ends.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from skvm.harness.contract import Facility
from skvm.target.contract import (
    FILE_COATS,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    primitive,
)
from skvm.target.javascript_jobs import BUILT_IN_JOBS, STORE
from skvm.target.program_jobs import JAVASCRIPT, Job, Slip, grade_with, guess_with, probe_of
from skvm.target.vocabulary import NOUNS

_CASES = 3  # the sample the agent sees, and two it does not
_PARTS = 4

_Solve = Callable[[str], str | None]
_Records = list[dict[str, Any]]


# --- L1: lines of text in, one value out ---------------------------------------------------------------


def _words(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n") if line]


def _longest(text: str) -> str | None:
    ranked = sorted((line for line in text.split("\n") if line), key=len)
    return ranked[-1] if len(ranked[-1]) > len(ranked[-2]) else None


def _plain(rng: random.Random) -> Probe:
    letter, size = rng.choice("abdegiklmnoprstu"), rng.randint(12, 15)
    source = f"{rng.choice(('input', 'words', 'list', 'lines', 'items'))}.txt"

    def draw(rng: random.Random) -> str:
        rows = [" ".join(rng.sample(NOUNS[:40], rng.randint(2, 3))) for _ in range(rng.randint(8, 14))]
        return "\n".join(rows) + "\n"

    # What to write; the oracle; an expression for it; what a typical slip gives, and its expression.
    choices: tuple[tuple[str, _Solve, str, _Solve, str], ...] = (
        (
            f"the number of lines that contain the letter {letter}.",
            lambda t: str(sum(any(letter in word for word in row) for row in _words(t))),
            f"lines.filter((line) => line.includes('{letter}')).length",
            lambda t: str(t.count(letter)),
            f"lines.join('').split('{letter}').length - 1",
        ),
        (
            f"the number of lines that are longer than {size} characters (spaces count, the line end does "
            "not).",
            lambda t: str(sum(len(" ".join(row)) > size for row in _words(t))),
            f"lines.filter((line) => line.length > {size}).length",
            lambda t: str(sum(len(" ".join(row)) >= size for row in _words(t))),
            f"lines.filter((line) => line.length >= {size}).length",
        ),
        (
            "the longest line.",
            _longest,
            "lines.sort((a, b) => b.length - a.length)[0]",
            lambda t: min((" ".join(row) for row in _words(t)), key=len),
            "lines.sort((a, b) => a.length - b.length)[0]",
        ),
        (
            "the number of words in the whole file.",
            lambda t: str(len(t.split())),
            "lines.map((line) => line.split(' ').length).reduce((a, b) => a + b)",
            lambda t: str(len(_words(t))),
            "lines.length",
        ),
        (
            "the number of different words in the whole file.",
            lambda t: str(len(set(t.split()))),
            "new Set(lines.join(' ').split(' ')).size",
            lambda t: str(len(t.split())),
            "lines.join(' ').split(' ').length",
        ),
        (
            "the number of lines whose first word has more letters than their last word.",
            lambda t: str(sum(len(row[0]) > len(row[-1]) for row in _words(t))),
            "rows.filter((row) => row[0].length > row[row.length - 1].length).length",
            lambda t: str(sum(len(row[0]) >= len(row[-1]) for row in _words(t))),
            "rows.filter((row) => row[0].length >= row[row.length - 1].length).length",
        ),
    )
    ask, solve, expression, gives, mistaken = rng.choice(choices)
    program = (
        f"const fs = require('fs');\nconst lines = fs.readFileSync('{source}', 'utf8').trim().split('\\n');\n"
        "const rows = lines.map((line) => line.split(' '));\n"
        "fs.writeFileSync('result.txt', String(%s));\n"
    )
    job = Job(
        form="whose lines are two or three words in lower case with a space between them",
        ask=ask,
        draw=draw,
        solve=solve,
        program=program % expression,
        also=(f"void async function () {{\n{program % expression}}}();\n",),
        slips=(Slip(gives, program % mistaken),),
    )
    return probe_of(rng, job, JAVASCRIPT, source=source, output="result.txt")


def _built_in(rng: random.Random) -> Probe:
    job = rng.choice(BUILT_IN_JOBS)(rng)
    return probe_of(rng, job, JAVASCRIPT, source="data.txt", output="result.json")


# --- L3: overlapping calls, merged in an order of the data's own ---------------------------------------


def _merged(names: list[str], parts: Mapping[str, _Records | None]) -> _Records:
    merged: dict[int, dict[str, Any]] = {}
    for name in names:
        merged |= {record["id"]: record for record in parts[name] or []}
    return [merged[id] for id in sorted(merged)]


def _draw_parts(rng: random.Random, field: str) -> tuple[list[str], dict[str, _Records | None], _Records]:
    while True:
        names, ids = rng.sample(NOUNS, _PARTS), rng.sample(range(2, 300), 7)
        parts: dict[str, _Records | None] = {
            name: [{"id": id, field: rng.randint(1, 99)} for id in rng.sample(ids, 4)]
            for name in rng.sample(names, _PARTS)
        }
        parts[rng.choice(names)] = None
        expected = _merged(names, parts)
        # Keeping the first, or whichever comes last by time or by name, must be told from what is asked.
        others = [names[::-1], list(parts), list(parts)[::-1], sorted(names)]
        by_text = sorted(expected, key=lambda record: str(record["id"]))
        if by_text != expected and all(_merged(order, parts) != expected for order in others):
            return names, parts, expected


def _overlapping(rng: random.Random) -> Probe:
    names = {
        "module": f"{rng.choice(NOUNS)}-{rng.choice(('store', 'parts', 'source', 'depot'))}",
        "list": rng.choice(("names", "listParts", "partNames", "index")),
        "get": rng.choice(("load", "getPart", "fetchPart", "readPart")),
    }
    field = rng.choice(("units", "price", "hours", "points"))
    cases: list[dict[str, Any]] = []
    for _ in range(_CASES):
        order, parts, expected = _draw_parts(rng, field)
        text = STORE.format(**names, names=json.dumps(order), parts=json.dumps(parts))
        cases.append({"files": {f"{names['module']}.js": text}, "expected": expected})
    module, get = names["module"], names["get"]
    head = (
        f"const fs = require('fs');\nconst store = require('./{module}.js');\n\n"
        f"async function main() {{\n  const names = await store.{names['list']}();\n"
    )
    settle = f"  const parts = await Promise.allSettled(names.map((name) => store.{get}(name)));\n"
    merge = (
        "  const merged = new Map();\n  for (const part of parts) {\n"
        "    for (const record of part.value || []) merged.set(record.id, record);\n  }\n"
    )
    write = (
        "  const records = [...merged.values()].sort((a, b) => a.id - b.id);\n"
        "  fs.writeFileSync('result.json', JSON.stringify(records));\n}\nmain();\n"
    )
    right = head + settle + merge + write
    caught = f"  const parts = await Promise.all(names.map((n) => store.{get}(n).catch(() => [])));\n"
    waiting = (
        "  const parts = [];\n  for (const name of names) {\n"
        f"    parts.push({{ value: await store.{get}(name).catch(() => []) }});\n  }}\n"
    )
    arriving = (
        "  const parts = [];\n  await Promise.all(names.map((name) =>\n"
        f"    store.{get}(name).then((value) => parts.push({{ value }}), () => 0)));\n"
    )
    return Probe(
        prompt=(
            f"The module {module}.js in the work directory holds a list in parts:\n"
            f"- {names['list']}() returns a promise of an array: the names of the parts, in their order\n"
            f'- {get}(name) returns a promise of an array of records like {{"id": 7, "{field}": 31}}; it '
            "rejects if the part is broken\n"
            f"The module starts to answer calls of {get} only when every part has been asked for, so call it "
            "for all of them before you wait for any. Answers come in any order.\n\n"
            "Create the file solution.js, a Node.js program (CommonJS, no packages to install) without "
            f"arguments, that calls {get} once for each part, leaves broken parts out and writes to "
            "result.json a JSON array with one record for each id: the one from the last part, in the order "
            f"of {names['list']}(), that has this id. Sort the records by id, smallest number first. It will "
            "be tested with the same module holding other parts."
        ),
        files=cases[0]["files"],
        reference=JAVASCRIPT.answer(right),
        secret={"output": "result.json", "cases": cases[1:], "sample": cases[0]["expected"]},
        also=[JAVASCRIPT.answer(head + caught + merge.replace("part.value || []", "part") + write)],
        wrong=[
            JAVASCRIPT.answer(head + waiting + merge + write),
            JAVASCRIPT.answer(head + arriving + merge + write),
            JAVASCRIPT.answer(right.replace("of parts)", "of parts.reverse())")),
            JAVASCRIPT.answer(right.replace("a.id - b.id", "(String(a.id) < String(b.id) ? -1 : 1)")),
        ],
    )


GEN_CODE_JAVASCRIPT = primitive(
    Primitive(
        id="gen.code.javascript",
        description="Write JavaScript programs for Node.js that work on inputs nobody has shown.",
        levels={
            Level.L1: LevelSpec(
                claim="Plain scripts: read a text file with fs, count or compare, write one value.",
                generate=_plain,
                grade=grade_with(JAVASCRIPT),
                guess=guess_with(JAVASCRIPT),
                accepts=FILE_COATS,
            ),
            Level.L2: LevelSpec(
                claim="Programs that need what Node brings along: crypto, path, URL, Date, JSON.",
                generate=_built_in,
                grade=grade_with(JAVASCRIPT),
                guess=guess_with(JAVASCRIPT),
                accepts=FILE_COATS,
            ),
            Level.L3: LevelSpec(
                claim="Asynchronous programs: promises that overlap, failures among them, results merged.",
                generate=_overlapping,
                grade=grade_with(JAVASCRIPT),
                guess=guess_with(JAVASCRIPT),
                accepts=FILE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Do without promises: read one input after another with the synchronous calls of fs, and "
                "merge them in a plain loop."
            ),
            l2_to_l1=(
                "Use fs alone: read the file as text, take it apart with split() and string methods, count "
                "in plain loops."
            ),
        ),
        needs=frozenset({Facility.FILES}),
        commands=("node",),
    )
)
