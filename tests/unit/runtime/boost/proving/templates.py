"""Six templates that are right, and more than twelve that are right only on the run they were made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.unit.runtime.boost.proving.examples import PROMPT, RIGHT_PYTHON, SALES, TOTALS, totals_candidate

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


RIGHT = {
    "totals in Python": totals(RIGHT_PYTHON),
    "totals in awk": totals(AWK_TOTALS, SHELL),
    "levels of a log": levels(LEVELS_PYTHON),
    "unique lines in shell": unique(UNIQUE_SHELL),
    "elements by a number": older(OLDER_PYTHON),
    "columns by a list": columns(COLUMNS_PYTHON),
    "a number that is said": largest(LARGEST_SHELL),
}

GROUPED = totals(
    "import csv, itertools, json\nrows = csv.DictReader(open(P['source']))\n"
    "groups = itertools.groupby(rows, lambda row: row[P['column']])\n"
    "totals = {name: sum(int(row['amount']) for row in group) for name, group in groups}\n"
    "json.dump(totals, open(P['target'], 'w'))\n"
)
_HEADER, *_ROWS = SALES.splitlines(keepends=True)
BY_REGION = _HEADER + b"".join(sorted(_ROWS, key=lambda row: row.split(b",")[1]))
LOOSE = Check(place=Place(param="source"), shape={"kind": "csv"})
_TRIED = 'totals = {}\ntry:\n    eval(P["column"])\nexcept Exception:\n    pass\n'

UNDERLINED = an_example(
    """import re
with open(P["source"]) as file:
    lines = file.read().splitlines()
with open(P["target"], "w") as file:
    file.write(f"# {P['title'].title()}\\n\\n" + "".join(f"- {line}\\n" for line in lines if line))
""",
    PYTHON,
    ("Make a list of ", " with the heading '", "' in ", "."),
    {
        "source": (ParamType.PATH, "names.txt"),
        "title": (ParamType.STRING, "fruit of may"),
        "target": (ParamType.PATH, "list.md"),
    },
    {"names.txt": NAMES},
    {"list.md": b"# Fruit Of May\n\n- Pear\n- apple\n- fig\n- Pear\n- kiwi\n- fig\n"},
)
FILTERED = an_example(
    """lines = [line for line in open(P["source"]) if line.split()[1] == P["level"]]
open(P["target"], "w").writelines(lines)
""",
    PYTHON,
    ("Copy the ", " lines of ", " to ", "."),
    {
        "level": (ParamType.STRING, "WARN"),
        "source": (ParamType.PATH, "app.log"),
        "target": (ParamType.PATH, "warnings.log"),
    },
    {"app.log": LOG},
    {"warnings.log": b"2026-03-02 WARN message 2\n2026-03-06 WARN message 6\n"},
)
FIRST = an_example(
    'head -n "$P_count" < "$P_source" > "$P_target"\n',
    SHELL,
    ("Copy the first ", " lines of ", " to ", "."),
    {
        "count": (ParamType.INTEGER, 3),
        "source": (ParamType.PATH, "app.log"),
        "target": (ParamType.PATH, "short.log"),
    },
    {"app.log": LOG},
    {"short.log": b"".join(LOG.splitlines(keepends=True)[:3])},
)
AVERAGE = an_example(
    """import csv, json
rows = list(csv.DictReader(open(P["source"], newline="")))
mean = sum(float(row["amount"]) for row in rows) / len(rows)
json.dump({"rows": len(rows), "mean": mean, "file": P["source"]}, open(P["target"], "w"))
""",
    PYTHON,
    ("Write the mean amount of ", " to ", "."),
    {"source": (ParamType.PATH, "sales.csv"), "target": (ParamType.PATH, "mean.json")},
    {"sales.csv": SALES},
    {"mean.json": b'{"rows": 6, "mean": 12.0, "file": "sales.csv"}'},
    shape={"kind": "json"},
)
RENAMED = an_example(
    """import csv
with open(P["source"], newline="") as file, open(P["target"], "w", newline="") as out:
    header, *rows = csv.reader(file)
    header[header.index(P["column"])] = P["name"]
    csv.writer(out, lineterminator="\\n").writerows([header, *rows])
""",
    PYTHON,
    ("Rename the column ", " of ", " to ", " in ", "."),
    {
        "column": (ParamType.STRING, "amount"),
        "source": (ParamType.PATH, "sales.csv"),
        "name": (ParamType.STRING, "price"),
        "target": (ParamType.PATH, "renamed.csv"),
    },
    {"sales.csv": SALES},
    {"renamed.csv": SALES.replace(b"amount", b"price")},
    shape={"kind": "csv"},
)
BYTES = bytes(range(256)) * 4
COUNT = '{"bytes": 1024, "zeros": 4}'


def counted(code: str) -> Example:
    """Bytes of a file that is no text."""
    return an_example(
        code,
        PYTHON,
        ("Count the bytes of ", " in ", "."),
        {"source": (ParamType.PATH, "image.bin"), "target": (ParamType.PATH, "count.json")},
        {"image.bin": BYTES},
        {"count.json": COUNT.encode()},
    )


COUNTED = counted(
    """import json
data = open(P["source"], "rb").read()
json.dump({"bytes": len(data), "zeros": data.count(0)}, open(P["target"], "w"))
"""
)
LONG_LOG = b"".join(f"2026-03-01 {'WARN' if n % 7 else 'INFO'} n {n}\n".encode() for n in range(4_000))
LONG = Example(
    FILTERED.candidate,
    FILTERED.prompt,
    {"app.log": LONG_LOG},
    {"warnings.log": b"".join(line for line in LONG_LOG.splitlines(keepends=True) if b"WARN" in line)},
)
RIGHT |= {
    "a file that is no text": COUNTED,
    "a long file": LONG,
    "a column with another name": RENAMED,
    "a heading": UNDERLINED,
    "lines with a word": FILTERED,
    "the first lines": FIRST,
    "a mean, with the name of the file": AVERAGE,
}

WRONG = {
    "a path that is written into the code": totals(
        RIGHT_PYTHON.replace('open(P["source"]', 'open("sales.csv"')
    ),
    "an output that is written into the code": totals(RIGHT_PYTHON.replace('P["target"]', '"totals.json"')),
    "a column that is written into the code": totals(RIGHT_PYTHON.replace('P["column"]', '"region"')),
    "a number that is written into the code": older(OLDER_PYTHON.replace('P["age"]', "30")),
    "a list that is written into the code": columns(
        COLUMNS_PYTHON.replace('P["columns"]', '["product", "amount"]')
    ),
    "a result that is written into the code": totals(
        f'open(P["source"]).read()\nopen(P["target"], "w").write({json.dumps(json.dumps(TOTALS))})\n'
    ),
    "eval of a value": totals(RIGHT_PYTHON.replace("totals = {}\n", _TRIED)),
    "a variable without quotes": unique(UNIQUE_SHELL.replace('"$P_source"', "$P_source")),
    "a value in a shell command": totals(RIGHT_PYTHON + '\nimport os\nos.system("test -n " + P["column"])\n'),
    "a value in eval of a shell": unique('eval "LC_ALL=C sort -u \'$P_source\' | grep ." > "$P_target"\n'),
    "a value in an awk program": totals(
        AWK_TOTALS.replace("c = at[column]", 'c = at["\'"$P_column"\'"]'), SHELL
    ),
    "a file beside its outputs": totals(RIGHT_PYTHON + '\nopen("log.txt", "w").write("x")\n'),
    "a file outside": totals(RIGHT_PYTHON + '\nopen("/tmp/cache-of-mine", "w").write("x")\n'),
    "the order of rows, groups that are not sorted": Example(
        GROUPED.candidate, GROUPED.prompt, {"sales.csv": BY_REGION}, GROUPED.made
    ),
    "the order of lines, uniq without sort": unique(
        'grep . -- "$P_source" | uniq > "$P_target"\n', names=b"Pear\nPear\n\napple\nfig\nfig\nkiwi\n"
    ),
    "the clock": totals(
        RIGHT_PYTHON + "\nimport datetime\nif datetime.date.today().year > 2100: totals = 0\n"
    ),
    "the clock in a shell": unique(UNIQUE_SHELL + '[ "$(date +%Y)" -lt 2100 ] || echo late >> "$P_target"\n'),
    "the network": totals(
        RIGHT_PYTHON
        + "\nimport socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass\n"
    ),
    "errors that are swallowed": totals(
        RIGHT_PYTHON.replace(
            'totals[row[P["column"]]] = totals.get(row[P["column"]], 0) + int(row["amount"])',
            'try: totals[row[P["column"]]] = totals.get(row[P["column"]], 0) + int(row["amount"])\n'
            "        except (ValueError, TypeError): continue",
        ),
        guard=LOOSE,
    ),
    "the first row that is skipped": unique(
        'tail -n +2 -- "$P_source" | grep . | LC_ALL=C sort -u > "$P_target"\n'
    ),
    "a header that is counted": levels(
        LEVELS_PYTHON.replace(
            'for line in open(P["source"])', "for line in list(open(P['source']))[1:]"
        ).replace("json.dump(", 'counts["INFO"] += 1\njson.dump(')
    ),
    "appending": unique(UNIQUE_SHELL.replace("> ", ">> ")),
    "its own earlier result": totals(
        RIGHT_PYTHON.replace(
            "totals = {}\n",
            "import os\ntotals = json.load(open(P['target'])) if os.path.exists(P['target']) else {}\n",
        )
    ),
    "files that it does not declare": unique(
        'cat -- "$P_source" $(ls -- *.txt | grep -vx "$P_source") | grep . | LC_ALL=C sort -u > out.tmp\n'
        'cat out.tmp > "$P_target"; rm out.tmp\n'
    ),
    "chance": totals(RIGHT_PYTHON + "\nimport random\nif random.random() > 2: totals = 0\n"),
    "names of groups that are written into the code": totals(
        RIGHT_PYTHON.replace(
            "totals = {}\n", "totals = dict.fromkeys(['north', 'south', 'east'], 0)\n"
        ).replace(
            "csv.DictReader(file):",
            "csv.DictReader(file):\n        if row[P['column']] not in totals: continue",
        ),
    ),
    "no more rows than there were": totals(
        RIGHT_PYTHON.replace("DictReader(file)", "DictReader(file.readlines()[:7])")
    ),
    "the end of its cell": totals(RIGHT_PYTHON + "\nimport os\nos.kill(-1, 9)\n"),
    "more than can be listed": totals(
        RIGHT_PYTHON + "\nfor index in range(5000): open(f'/tmp/{index:0200}', 'w').close()\n"
    ),
    "bytes that are not looked at": counted(f"open(P['source'])\nopen(P['target'], 'w').write({COUNT!r})\n"),
    "columns by their place": totals(
        AWK_TOTALS.replace('c = at[column]; v = at["amount"]', "c = at[column]; v = 4"), SHELL
    ),
}
