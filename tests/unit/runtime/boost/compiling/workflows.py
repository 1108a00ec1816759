"""Chores that come again, and a scripted model that words its code a bit differently each time.

Each run is really carried out in a folder of its own, so that what it left is what its code does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from skvm.evidence.blobs import BlobStore
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Trajectory, Turn
from skvm.runtime.boost.watching import WatchedRun, read_tree

__all__ = ["FAMILIES", "Chore", "Family", "carried_out", "runs_of"]

_START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Chore:
    """One run to be: what is asked, what lies there, what the model does.

    Args:
        commands: What it runs, a turn each; ``("write", path, content)`` writes a file.
        said: Its last words.
    """

    prompt: str
    files: Mapping[str, str]
    commands: Sequence[str | tuple[str, str, str]]
    said: str = "Done."
    score: float = 1.0


@dataclass(frozen=True)
class Family:
    """Chores of one kind.

    Args:
        chores: As many as one asks for, by index from 0.
        params: The names the parameters should get, in order of name.
        strangers: Prompts that look alike and must not be answered, beside none of the chores.
    """

    name: str
    chores: tuple[Chore, ...]
    params: frozenset[str]
    strangers: tuple[str, ...] = field(default=())


def carried_out(chore: Chore, folder: Path, blobs: BlobStore, number: int) -> WatchedRun:
    """Do a chore, and watch."""
    work = folder / f"work-{number}"
    work.mkdir(parents=True)
    for path, text in chore.files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text, encoding="utf-8")
    states = [_state(work, blobs)]
    turns = []
    for index, command in enumerate(chore.commands):
        turns.append(_turn(index, command, work))
        states.append(_state(work, blobs))
    turns.append(Turn(index=len(turns), text=chore.said, dialect=Dialect.TEXT))
    states.append(states[-1])
    trajectory = Trajectory(
        harness="fake", model="test/m", prompt=chore.prompt, turns=tuple(turns), final_text=chore.said
    )
    at = _START + timedelta(minutes=number)
    record = RunRecord(
        run_id=f"run-{number:02}",
        task_id=f"task-{number}",
        condition="original",
        model="test/m",
        harness="fake",
        skill_id="chores",
        skill_digest="sha256:" + "0" * 64,
        task_digest="sha256:" + f"{number:064}",
        outcome=Outcome.SCORED,
        score=chore.score,
        started_at=at,
        finished_at=at,
    )
    return WatchedRun(record, trajectory, tuple(states), blobs)


def _state(work: Path, blobs: BlobStore) -> dict[str, str]:
    found = read_tree(work)
    assert found is not None
    return {path: blobs.put(data) for path, data in found.items()}


def _turn(index: int, command: str | tuple[str, str, str], work: Path) -> Turn:
    if isinstance(command, tuple):
        _, path, content = command
        (work / path).write_text(content, encoding="utf-8")
        call = ToolCall(
            id=f"c{index}",
            name="write_file",
            kind=ToolKind.WRITE,
            arguments={"path": path, "content": content},
        )
        seen = Observation(tool_call_id=call.id, text=f"wrote {path}")
        return Turn(index=index, dialect=Dialect.NATIVE, tool_calls=(call,), observations=(seen,))
    done = subprocess.run(
        ["bash", "-c", command], cwd=work, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    call = ToolCall(id=f"c{index}", name="execute_command", kind=ToolKind.RUN, arguments={"command": command})
    seen = Observation(tool_call_id=call.id, text=done.stdout, exit_code=0)
    return Turn(index=index, dialect=Dialect.NATIVE, tool_calls=(call,), observations=(seen,))


def runs_of(family: Family, folder: Path, count: int | None = None) -> tuple[WatchedRun, ...]:
    """The family's chores, done; the first ``count`` of them."""
    blobs = BlobStore(folder / "blobs")
    return tuple(
        carried_out(chore, folder, blobs, number) for number, chore in enumerate(family.chores[:count])
    )


def heredoc(code: str) -> str:
    return f"python3 - <<'EOF'\n{code.strip()}\nEOF"


def script(code: str, name: str = "solve.py") -> tuple[tuple[str, str, str], str]:
    return ("write", name, code.strip() + "\n"), f"python3 {name}"


def _family(
    name: str,
    rows: Sequence[tuple[str, ...]],
    chore: Callable[..., Chore],
    params: set[str],
    strangers: Sequence[str] = (),
) -> Family:
    made = tuple(chore(index, *row) for index, row in enumerate(rows))
    return Family(name, made, frozenset(params), tuple(strangers))


def _csv(index: int, columns: Sequence[str], names: Sequence[str]) -> str:
    lines = [",".join(columns)]
    for number in range(8 + index):
        values = [str(number + 1), names[(number * 7 + index) % len(names)], str(10 + (number * 13) % 37)]
        lines.append(",".join(values))
    return "\n".join(lines) + "\n"


def _group_sum(index: int, source: str, group: str, column: str, target: str) -> Chore:
    spellings = (
        "import csv, json\nfrom collections import defaultdict\ntotals = defaultdict(int)\n"
        "with open('{source}') as f:\n    for row in csv.DictReader(f):\n"
        "        totals[row['{group}']] += int(row['{column}'])\n"
        "with open('{target}', 'w') as f:\n    json.dump(totals, f, indent=2)\n",
        "import json\nimport csv\nfrom collections import defaultdict\nsums = defaultdict(int)  # by group\n"
        'with open("{source}") as handle:\n    for record in csv.DictReader(handle):\n'
        '        sums[record["{group}"]] += int(record["{column}"])\n'
        'with open("{target}", "w") as out:\n    json.dump(sums, out, indent=2)\n',
    )
    values = {"source": source, "group": group, "column": column, "target": target}
    return Chore(
        f"Sum the column {column} of {source} for each {group} and write the totals as a JSON object to"
        f" {target}.",
        {source: _csv(index, ("id", group, column), ("north", "south", "east"))},
        [heredoc(spellings[index % 2].format(**values))],
        f"The totals for each {group} were written to {target}.",
    )


def _filter(index: int, source: str, status: str, target: str) -> Chore:
    states = ("open", "closed", "paid", "lost")
    items = ", ".join(
        f'{{"id": {number}, "status": "{states[number % 4]}", "name": "n{number}"}}'
        for number in range(1, 9 + index)
    )
    code = (
        f"import json, csv\ndata = json.load(open('{source}'))\n"
        f"rows = [item for item in data if item['status'] == '{status}']\n"
        f"with open('{target}', 'w', newline='') as f:\n"
        "    w = csv.DictWriter(f, fieldnames=['id', 'name'])\n    w.writeheader()\n"
        "    for r in rows:\n        w.writerow({'id': r['id'], 'name': r['name']})\n"
    )
    if index % 2:
        code = code.replace("data", "records").replace("item", "entry")
    return Chore(
        f"From {source}, take the records whose status is {status} and write their id and name to {target}"
        " as CSV.",
        {source: f"[{items}]\n"},
        [*script(code)],
    )


def _levels(index: int, source: str, target: str) -> Chore:
    lines = "".join(
        f"2026-03-0{1 + number % 9} {('INFO', 'WARN', 'ERROR')[(number * index + number) % 3]} m{number}\n"
        for number in range(12 + index)
    )
    code = (
        "import json\nfrom collections import Counter\n"
        f"counts = Counter(line.split()[1] for line in open('{source}') if line.strip())\n"
        f"json.dump(dict(counts), open('{target}', 'w'))\n"
    )
    if index == 1:
        code = code.replace("counts =", "levels =").replace("dict(counts)", "dict(levels)")
    return Chore(
        f"Count the lines of {source} for each level (the second word of a line) and write the counts"
        f" as a JSON object to {target}.",
        {source: lines},
        [heredoc(code)],
    )


def _rename(index: int, source: str, old: str, new: str) -> Chore:
    code = (
        f"import csv\nwith open('{source}', newline='') as f:\n    rows = list(csv.reader(f))\n"
        f"rows[0] = ['{new}' if name == '{old}' else name for name in rows[0]]\n"
        f"with open('{source}', 'w', newline='') as f:\n"
        "    csv.writer(f, lineterminator='\\n').writerows(rows)\n"
    )
    return Chore(
        f'In {source}, rename the column "{old}" to "{new}" and leave everything else as it is.',
        {source: _csv(index, ("id", old, "qty"), ("x", "y"))},
        [heredoc(code)],
    )


def _markdown(index: int, source: str, target: str) -> Chore:
    code = (
        f"import csv\nrows = list(csv.reader(open('{source}')))\n"
        "lines = ['| ' + ' | '.join(rows[0]) + ' |', '|' + ' --- |' * len(rows[0])]\n"
        "lines += ['| ' + ' | '.join(row) + ' |' for row in rows[1:]]\n"
        f"open('{target}', 'w').write('\\n'.join(lines) + '\\n')\nprint('wrote {target}')\n"
    )
    if index % 2:
        code = code.replace("row in rows", "cells in rows").replace("join(row)", "join(cells)")
    return Chore(
        f"Turn {source} into a Markdown table and save it as {target}.",
        {source: _csv(index, ("id", "name", "points"), ("ann", "bob", "cy"))},
        [heredoc(code)],
    )


def _config(index: int, source: str, key: str, value: str) -> Chore:
    code = (
        f"import json\nwith open('{source}') as f:\n    config = json.load(f)\nconfig['{key}'] = {value}\n"
        f"with open('{source}', 'w') as f:\n    json.dump(config, f, indent=2)\n"
    )
    return Chore(
        f"Set {key} to {value} in {source} and change nothing else.",
        {source: f'{{"name": "svc{index}", "retries": 3, "timeout": 30, "port": 80}}\n'},
        [heredoc(code)],
    )


def _letter(index: int, name: str, city: str, target: str) -> Chore:
    code = (
        "text = open('template.txt').read()\n"
        f"text = text.replace('NAME', '{name}').replace('CITY', '{city}')\n"
        f"open('{target}', 'w').write(text)\n"
    )
    return Chore(
        f"Fill template.txt: NAME is '{name}' and CITY is '{city}'. Save the letter as {target}.",
        {"template.txt": "Dear NAME,\nwe shall be in CITY soon.\n"},
        [heredoc(code)],
    )


def _unique(index: int, source: str, target: str) -> Chore:
    words = ("Pear", "apple", "fig", "Plum", "kiwi", "", "date")
    text = "".join(f"{words[(number * 5 + index) % 7]}\n" for number in range(15))
    commands = (
        f"grep -v '^$' {source} | LC_ALL=C sort -u > {target}",
        f"grep -v '^$' '{source}' | LC_ALL=C sort -u > '{target}'",
    )
    return Chore(
        f"Write the unique lines of {source}, sorted and without empty lines, to {target}.",
        {source: text},
        [commands[index % 2]],
    )


def _top(index: int, source: str, count: str, target: str) -> Chore:
    code = (
        f"import csv\nwith open('{source}') as f:\n    rows = list(csv.DictReader(f))\n"
        f"rows.sort(key=lambda r: -int(r['points']))\nwith open('{target}', 'w', newline='') as f:\n"
        "    w = csv.DictWriter(f, fieldnames=['id', 'name', 'points'], lineterminator='\\n')\n"
        f"    w.writeheader()\n    w.writerows(rows[:{count}])\n"
    )
    return Chore(
        f"{source} has 3 columns. Write the {count} rows with the most points to {target}, highest first.",
        {source: _csv(index, ("id", "name", "points"), ("ann", "bob", "cy"))},
        [heredoc(code)],
    )


FAMILIES = (
    _family(
        "group-sum",
        [
            ("sales.csv", "region", "amount", "totals.json"),
            ("orders.csv", "customer", "price", "per_customer.json"),
            ("hours.csv", "project", "minutes", "time.json"),
            ("stock.csv", "store", "units", "stock.json"),
        ],
        _group_sum,
        {"source", "column", "column_2", "target"},
        [
            "Sum the column amount of sales.csv for each region and write the totals as a "
            "CSV file to totals.csv.",
            "Average the column amount of sales.csv for each region and write the totals as "
            "a JSON object to a.json.",
            "Sum the column amount of sales.csv for each region and write the totals as a "
            "JSON object to a.json. "
            "Leave out refunds.",
            "Sum the columns amount of sales.csv for each region and write the totals as a "
            "JSON object to a.json.",
        ],
    ),
    _family(
        "filter",
        [
            ("tickets.json", "open", "open.csv"),
            ("bills.json", "paid", "paid_bills.csv"),
            ("cases.json", "lost", "lost.csv"),
        ],
        _filter,
        {"source", "status", "target"},
        [
            "From tickets.json, take the records whose status is not open and write their id "
            "and name to a.csv as CSV.",
            "From tickets.json, take the records whose status is open and write their id and "
            "status to a.csv as CSV.",
        ],
    ),
    _family(
        "levels",
        [("app.log", "levels.json"), ("web.log", "counts.json"), ("db.log", "db_levels.json")],
        _levels,
        {"source", "target"},
        [
            "Count the lines of app.log for each level (the third word of a line) and write "
            "the counts as a JSON "
            "object to a.json.",
        ],
    ),
    _family(
        "rename",
        [("a.csv", "sku", "item"), ("list.csv", "who", "name"), ("b.csv", "unit price", "price")],
        _rename,
        {"file", "column", "text"},
        ['In a.csv, rename the column "sku" to "item" and drop everything else.'],
    ),
    _family(
        "markdown",
        [("team.csv", "team.md"), ("scores.csv", "table.md"), ("players.csv", "out.md")],
        _markdown,
        {"source", "target"},
        ["Turn team.csv into an HTML table and save it as team.md."],
    ),
    _family(
        "config",
        [
            ("app.json", "retries", "5"),
            ("svc.json", "timeout", "60"),
            ("web.json", "port", "8080"),
        ],
        _config,
        {"file", "text", "count"},
        ["Set retries to five in app.json and change nothing else.", "Set retries to 5 in app.json."],
    ),
    _family(
        "letter",
        [
            ("Ann Lee", "Oslo", "ann.txt"),
            ("Bob", "New York", "letter_bob.txt"),
            ("Cy O-Hara", "Rome", "cy.txt"),
        ],
        _letter,
        {"name", "city", "target"},
        ["Fill template.txt: NAME is 'Ann' and TOWN is 'Oslo'. Save the letter as a.txt."],
    ),
    _family(
        "unique",
        [
            ("names.txt", "sorted.txt"),
            ("tags.txt", "tags_clean.txt"),
            ("hosts.txt", "hosts_unique.txt"),
        ],
        _unique,
        {"source", "target"},
        ["Write the unique lines of names.txt, sorted and without comments, to a.txt."],
    ),
    _family(
        "top",
        [("a.csv", "3", "best.csv"), ("b.csv", "5", "top.csv"), ("c.csv", "2", "c_top.csv")],
        _top,
        {"source", "rows", "target"},
        ["a.csv has 4 columns. Write the 3 rows with the most points to best.csv, highest first."],
    ),
)
