"""Templates that are right, and templates that are right only on the run they were made from."""

from __future__ import annotations

import json

from tests.unit.runtime.boost.proving.examples import RIGHT_PYTHON, SALES, TOTALS
from tests.unit.runtime.boost.proving.tasks import (
    AWK_TOTALS,
    COLUMNS_PYTHON,
    LARGEST_SHELL,
    LEVELS_PYTHON,
    LOG,
    NAMES,
    OLDER_PYTHON,
    PYTHON,
    SHELL,
    UNIQUE_SHELL,
    Example,
    an_example,
    columns,
    largest,
    levels,
    older,
    totals,
    unique,
)

from skvm.runtime.boost.model import Check, ParamType, Place

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
