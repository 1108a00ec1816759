"""Small tasks of an agent: the prompt, the files before and after, and a candidate made of some code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.unit.runtime.boost.proving.examples import PROMPT, SALES, TOTALS, totals_candidate

from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.model import (
    Candidate,
    Check,
    Language,
    Origin,
    Param,
    ParamType,
    Place,
    Skeleton,
    Template,
)

PYTHON, SHELL = Language.PYTHON, Language.SHELL


@dataclass(frozen=True)
class Example:
    """A candidate with the run it was made from: prompt, files before, files after."""

    candidate: Candidate
    prompt: str
    before: dict[str, bytes]
    made: dict[str, bytes] = field(default_factory=dict)
    final_text: str = "Done."

    @property
    def after(self) -> dict[str, bytes]:
        return {**self.before, **self.made}


def an_example(
    code: str,
    language: Language,
    texts: tuple[str, ...],
    holes: dict[str, tuple[ParamType, Any]],
    before: dict[str, bytes],
    made: dict[str, bytes],
    *,
    shape: dict[str, Any] | None = None,
    closing: str = "",
    final_text: str = "Done.",
) -> Example:
    """A candidate whose skeleton has these holes, in the order of the prompt, with their values.

    A parameter whose value is a file of ``before`` names an input, one of ``made`` an output. Inputs keep the
    shape they have; so do outputs, but that JSON objects may have any keys, unless a shape is given.
    """
    params = [
        Param(
            name=name,
            type=type,
            seen=(value if type is not ParamType.LIST else tuple(value),),
            values=(value, "descending") if type is ParamType.ENUM else (),
        )
        for name, (type, value) in sorted(holes.items())
    ]

    def checks(files: dict[str, bytes], loosened: dict[str, Any] | None) -> tuple[Check, ...]:
        found = []
        for path, data in files.items():
            name = next((name for name, (_, value) in holes.items() if value == path), None)
            place = Place(param=name) if name else Place(path=path)
            found.append(Check(place=place, shape=loosened or shapes.describe(data, path)))
        return tuple(found)

    opened = shape or next(
        (shapes.opened(shapes.describe(data, path), "") for path, data in made.items()), {}
    )
    spoken = [", ".join(value) if isinstance(value, list) else str(value) for _, value in holes.values()]
    prompt = "".join(text + word for text, word in zip(texts, [*spoken, ""], strict=True))
    candidate = Candidate(
        purpose_id="example",
        skeletons=(Skeleton(texts=texts, params=tuple(holes)),),
        template=Template(
            language=language,
            code=code,
            params=tuple(params),
            inputs=checks(before, None),
            outputs=checks(made, opened),
            timeout_s=10,
        ),
        is_terminal=True,
        closing=closing,
        origin=Origin(kind="runs"),
    )
    return Example(candidate, prompt, before, made, final_text)


def totals(code: str, language: Language = PYTHON, *, guard: Check | None = None) -> Example:
    """The task of ``examples``."""
    candidate = totals_candidate(code, language, guard=guard)
    return Example(candidate, PROMPT, {"sales.csv": SALES}, {"totals.json": json.dumps(TOTALS).encode()})


LOG = b"".join(
    f"2026-03-{day:02} {level} message {day}\n".encode()
    for day, level in enumerate(["INFO", "WARN", "INFO", "ERROR", "INFO", "WARN", "INFO"], 1)
)
NAMES = b"Pear\napple\n\nfig\nPear\nkiwi\n\nfig\n"
PEOPLE = json.dumps(
    [{"name": f"p{index}", "age": 20 + index * 7 % 30, "town": "Oslo"} for index in range(8)]
).encode()

LEVELS_PYTHON = """\
import collections, json
counts = collections.Counter()
for line in open(P["source"]):
    counts[line.split()[1]] += 1
json.dump(counts, open(P["target"], "w"))
"""
UNIQUE_SHELL = 'grep -v "^$" -- "$P_source" | LC_ALL=C sort -u > "$P_target"\n'
AWK_TOTALS = """\
set -eu
awk -F, -v column="$P_column" '
  NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; c = at[column]; v = at["amount"]
            if (!c || !v) exit 3; next }
  { total[$c] += $v }
  END { printf "{"; for (k in total) { printf "%s\\"%s\\": %d", s, k, total[k]; s = ", " }; print "}" }
' < "$P_source" > "$P_target"
"""
OLDER_PYTHON = """\
import json
with open(P["source"]) as file:
    people = json.load(file)
older = [person for person in people if person["age"] > P["age"]]
with open(P["target"], "w") as file:
    json.dump(older, file, indent=1)
"""
COLUMNS_PYTHON = """\
import csv
with open(P["source"], newline="") as file, open(P["target"], "w", newline="") as out:
    writer = csv.DictWriter(out, P["columns"], extrasaction="ignore", lineterminator="\\n")
    writer.writeheader()
    writer.writerows(csv.DictReader(file))
"""
LARGEST_SHELL = "tail -n +2 < sales.csv | cut -d, -f4 | sort -n | tail -n 1\n"


def levels(code: str, language: Language = PYTHON) -> Example:
    """How many lines of each level a log has."""
    return an_example(
        code,
        language,
        ("Count the levels of ", " in ", "."),
        {"source": (ParamType.PATH, "app.log"), "target": (ParamType.PATH, "levels.json")},
        {"app.log": LOG},
        {"levels.json": b'{"INFO": 4, "WARN": 2, "ERROR": 1}'},
    )


def unique(code: str, language: Language = SHELL, *, names: bytes = NAMES) -> Example:
    """The unique lines of a file, sorted."""
    return an_example(
        code,
        language,
        ("Write the unique lines of ", ", sorted and without empty lines, to ", "."),
        {"source": (ParamType.PATH, "names.txt"), "target": (ParamType.PATH, "sorted.txt")},
        {"names.txt": names},
        {"sorted.txt": b"Pear\napple\nfig\nkiwi\n"},
    )


def older(code: str) -> Example:
    """Those of a list who are older than a number."""
    people = [person for person in json.loads(PEOPLE) if person["age"] > 30]
    return an_example(
        code,
        PYTHON,
        ("Write who is older than ", " in ", " to ", "."),
        {
            "age": (ParamType.INTEGER, 30),
            "source": (ParamType.PATH, "people.json"),
            "target": (ParamType.PATH, "older.json"),
        },
        {"people.json": PEOPLE},
        {"older.json": json.dumps(people).encode()},
    )


def columns(code: str) -> Example:
    """Some columns of a table."""
    rows = [line.split(b",") for line in SALES.splitlines()]
    return an_example(
        code,
        PYTHON,
        ("Keep the columns ", " of ", " in ", "."),
        {
            "columns": (ParamType.LIST, ["product", "amount"]),
            "source": (ParamType.PATH, "sales.csv"),
            "target": (ParamType.PATH, "short.csv"),
        },
        {"sales.csv": SALES},
        {"short.csv": b"".join(row[2] + b"," + row[3] + b"\n" for row in rows)},
        shape={"kind": "csv"},
    )


def largest(code: str) -> Example:
    """A number that is only said."""
    return an_example(
        code,
        SHELL,
        ("What is the largest amount in sales.csv?",),
        {},
        {"sales.csv": SALES},
        {},
        closing="The largest amount is {stdout}.",
        final_text="The largest amount is 19.",
    )
