"""Nine chores that come again: how they are asked for, what a scripted model does, and what is right.

What is right is worked out from the data as they were meant, by code that shares nothing with the scripted
model's: a file is only one way to write them down.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["FAMILIES", "Data", "Family", "Right", "Values", "wrong_with"]

Values = Mapping[str, str]
Data = Any
"""A table (rows of texts, the header first), lines, or a JSON value."""


@dataclass(frozen=True, slots=True)
class Right:
    """What has to stand in the one file that may change.

    Args:
        path: The file.
        form: ``json``, ``csv``, ``lines``, ``text``; ``top`` for rows of which ties may stand in any order.
        value: What it says.
    """

    path: str
    form: str
    value: Any


@dataclass(frozen=True, slots=True)
class Family:
    """A chore that comes again.

    Args:
        name: Short, for tables.
        wording: The prompt, with names of values in braces.
        lessons: Values of the runs it is learnt from.
        fresh: Other values of the same kind.
        data: What is to be worked on.
        form: How data are written down: ``csv``, ``json``, ``lines`` or ``text``.
        code: What the scripted model runs; it words it in two ways.
        right: What is right.
        others: Words of the prompt and what makes another request of it.
        foreign: The request in other languages and in another order.
        source: The value that names the file that is read.
    """

    name: str
    wording: str
    lessons: tuple[dict[str, str], ...]
    fresh: Callable[[Random], dict[str, str]]
    data: Callable[[Random, Values], Data]
    form: str
    code: Callable[[Values, int], str]
    right: Callable[[Data, Values], Right]
    others: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...]

    @property
    def changes_source(self) -> bool:
        """Whether the file that is read is the one that is written."""
        return "target" not in self.lessons[0]

    def prompt(self, values: Values) -> str:
        return self.wording.format(**values)

    def source(self, values: Values) -> str:
        return values.get("source", "template.txt")

    def written(self, data: Data) -> bytes:
        """The data as the lessons have them."""
        return written(self.form, data)


def written(form: str, data: Data, delimiter: str = ",") -> bytes:
    if form == "csv":
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(data)
        return text.getvalue().encode()
    if form == "json":
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"
    return (data if form == "text" else "".join(f"{line}\n" for line in data)).encode()


def wrong_with(right: Right, data: bytes) -> str:
    """Why bytes do not say what is right; ``""`` where they do."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "no UTF-8"
    if right.form == "json":
        try:
            value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
        except ValueError as error:
            return str(error)
        return "" if _same(value, right.value) else f"{value!r} is not {right.value!r}"
    if right.form in ("csv", "top"):
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        if right.form == "top":
            return _wrong_top(right.value, rows)
        return "" if rows == right.value else f"{rows!r} is not {right.value!r}"
    found: Any = text.rstrip("\n")
    if right.form == "lines":
        found = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    wanted = right.value.rstrip("\n") if right.form == "text" else right.value
    return "" if found == wanted else f"{found!r} is not {wanted!r}"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _wrong_top(wanted: tuple[list[list[str]], int, int], rows: list[list[str]]) -> str:
    table, place, count = wanted
    header, *body = table
    if rows[:1] != [header]:
        return f"header {rows[:1]!r}"
    points = [float(row[place]) for row in rows[1:] if len(row) == len(header)]
    expected = sorted((float(row[place]) for row in body), reverse=True)[:count]
    if points != expected or len(points) != len(rows) - 1:
        return f"points {points!r} are not {expected!r}"
    taken = Counter(map(tuple, rows[1:]))
    return "" if taken <= Counter(map(tuple, body)) else "a row that is not in the table"


WORDS = [
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty", "kayak",
    "lemon", "maple", "north", "ocean", "pearl", "quartz", "ridge", "stone", "tulip", "umber", "vapor",
    "willow", "xenon", "yarrow", "zephyr", "birch", "coral", "dune", "elm", "flint", "gable", "heath",
    "iris",
]  # fmt: skip


def _name(draw: Random) -> str:
    return f"{draw.choice(WORDS)}{draw.randint(1, 99)}"


def _heredoc(code: str) -> str:
    return f"python3 - <<'EOF'\n{code}EOF"


def _table_for(*columns: str) -> Callable[[Random, Values], list[list[str]]]:
    """A table of a number, a name and points; ``{…}`` in a column is a value."""

    def made(draw: Random, values: Values) -> list[list[str]]:
        header = [column.format(**values) for column in columns]
        names = draw.sample(WORDS, 3)
        rows = [[str(number), draw.choice(names), str(draw.randint(3, 400))] for number in range(1, 10)]
        return [header, *rows]

    return made


def _column(table: list[list[str]], name: str) -> list[str]:
    place = table[0].index(name)
    return [row[place] for row in table[1:]]


# Each family below: its code, then what is right.


def _sum_code(v: Values, way: int) -> str:
    if way:
        return _heredoc(
            f"import csv, json\ntotals = {{}}\nwith open('{v['source']}', newline='') as f:\n"
            f"    for row in csv.DictReader(f):\n        key = row['{v['group']}']\n"
            f"        totals[key] = totals.get(key, 0) + float(row['{v['column']}'])\n"
            f"with open('{v['target']}', 'w') as f:\n    json.dump(totals, f, indent=2)\n"
        )
    return _heredoc(
        f'import csv\nimport json\nsums = {{}}\nwith open("{v["source"]}", newline="") as handle:\n'
        f'    for record in csv.DictReader(handle):\n        name = record["{v["group"]}"]\n'
        f'        sums[name] = sums.get(name, 0) + float(record["{v["column"]}"])\n'
        f'with open("{v["target"]}", "w") as out:\n    json.dump(sums, out, indent=2)\n'
    )


def _sums(table: list[list[str]], v: Values) -> Right:
    groups, numbers = _column(table, v["group"]), [float(text) for text in _column(table, v["column"])]
    parts: dict[str, list[float]] = {}
    for group, number in zip(groups, numbers, strict=True):
        parts.setdefault(group, []).append(number)
    return Right(v["target"], "json", {group: math.fsum(each) for group, each in parts.items()})


def _fresh_sums(draw: Random) -> dict[str, str]:
    first, group, column = draw.sample(WORDS, 3)
    return {"source": f"{first}.csv", "group": group, "column": column, "target": f"{_name(draw)}.json"}


def _levels_code(v: Values, way: int) -> str:
    name = "counts" if way else "levels"
    return _heredoc(
        f"import json\nfrom collections import Counter\nwith open('{v['source']}') as f:\n"
        f"    {name} = Counter(line.split()[1] for line in f if line.strip())\n"
        f"with open('{v['target']}', 'w') as f:\n    json.dump(dict({name}), f)\n"
    )


def _levels(lines: list[str], v: Values) -> Right:
    return Right(v["target"], "json", dict(Counter(line.split()[1] for line in lines if line.strip())))


def _log(draw: Random, _: Values) -> list[str]:
    return [
        f"2026-03-{draw.randint(1, 28):02} {draw.choice(('INFO', 'WARN', 'ERROR'))} {_name(draw)} done"
        for _ in range(14)
    ]


def _unique_code(v: Values, way: int) -> str:
    quote = "'" if way else ""
    return f"grep -v '^$' {quote}{v['source']}{quote} | LC_ALL=C sort -u > {quote}{v['target']}{quote}"


def _unique(lines: list[str], v: Values) -> Right:
    kept = sorted({line.encode() for line in lines if line})
    return Right(v["target"], "lines", [line.decode() for line in kept])


def _list(draw: Random, _: Values) -> list[str]:
    some = draw.sample(WORDS, 6)
    return [draw.choice((*some, "")) for _ in range(15)]


def _two_names(first: str, second: str) -> Callable[[Random], dict[str, str]]:
    return lambda draw: {"source": f"{_name(draw)}.{first}", "target": f"{_name(draw)}_out.{second}"}


def _filter_code(v: Values, way: int) -> str:
    name, each = ("data", "item") if way else ("records", "entry")
    return _heredoc(
        f"import json, csv\nwith open('{v['source']}') as f:\n    {name} = json.load(f)\n"
        f"rows = [{each} for {each} in {name} if {each}['status'] == '{v['status']}']\n"
        f"with open('{v['target']}', 'w', newline='') as f:\n"
        "    w = csv.DictWriter(f, fieldnames=['id', 'name'])\n    w.writeheader()\n"
        "    for r in rows:\n        w.writerow({'id': r['id'], 'name': r['name']})\n"
    )


def _filtered(records: list[dict[str, Any]], v: Values) -> Right:
    rows = [[str(each["id"]), str(each["name"])] for each in records if each.get("status") == v["status"]]
    return Right(v["target"], "csv", [["id", "name"], *rows])


def _records(draw: Random, v: Values) -> list[dict[str, Any]]:
    states = sorted({v["status"], "open", "paid", "lost", "late"})
    return [
        {"id": n, "status": states[(n * n + n // 3) % len(states)], "name": _name(draw)} for n in range(1, 13)
    ]


def _config_code(v: Values, way: int) -> str:
    name = "config" if way else "settings"
    return _heredoc(
        f"import json\nwith open('{v['source']}') as f:\n    {name} = json.load(f)\n"
        f"{name}['{v['key']}'] = {v['count']}\n"
        f"with open('{v['source']}', 'w') as f:\n    json.dump({name}, f, indent=2)\n"
    )


def _configured(config: dict[str, Any], v: Values) -> Right:
    return Right(v["source"], "json", {**config, v["key"]: json.loads(v["count"])})


def _config(draw: Random, v: Values) -> dict[str, Any]:
    made = {"name": _name(draw), "retries": 3, "timeout": 30, "port": 80, "level": draw.randint(1, 9)}
    return made if v["key"] in made else {**made, v["key"]: 1}


def _letter_code(v: Values, way: int) -> str:
    name = "text" if way else "letter"
    return _heredoc(
        f"with open('template.txt') as f:\n    {name} = f.read()\n"
        f"{name} = {name}.replace('NAME', '{v['name']}').replace('CITY', '{v['city']}')\n"
        f"with open('{v['target']}', 'w') as f:\n    f.write({name})\n"
    )


def _filled(text: str, v: Values) -> Right:
    parts = [v["city"].join(part.split("CITY")) for part in text.split("NAME")]
    return Right(v["target"], "text", v["name"].join(parts))


def _fresh_letter(draw: Random) -> dict[str, str]:
    name, family, city = (word.capitalize() for word in draw.sample(WORDS, 3))
    return {"name": f"{name} {family}", "city": city, "target": f"{_name(draw)}.txt"}


def _top_code(v: Values, way: int) -> str:
    name = "rows" if way else "people"
    return _heredoc(
        f"import csv\nwith open('{v['source']}', newline='') as f:\n    {name} = list(csv.DictReader(f))\n"
        f"{name}.sort(key=lambda r: -int(r['points']))\nwith open('{v['target']}', 'w', newline='') as f:\n"
        "    w = csv.DictWriter(f, fieldnames=['id', 'name', 'points'], lineterminator='\\n')\n"
        f"    w.writeheader()\n    w.writerows({name}[:{v['count']}])\n"
    )


def _top(table: list[list[str]], v: Values) -> Right:
    return Right(v["target"], "top", (table, table[0].index("points"), int(v["count"])))


def _fresh_top(draw: Random) -> dict[str, str]:
    return {**_two_names("csv", "csv")(draw), "count": str(draw.randint(1, 8))}


def _months_code(v: Values, way: int) -> str:
    name = "months" if way else "counts"
    return _heredoc(
        f"import csv, json\n{name} = {{}}\nwith open('{v['source']}', newline='') as f:\n"
        f"    for row in csv.DictReader(f):\n        month = row['{v['column']}'][:7]\n"
        f"        {name}[month] = {name}.get(month, 0) + 1\n"
        f"with open('{v['target']}', 'w') as f:\n    json.dump({name}, f)\n"
    )


def _months(table: list[list[str]], v: Values) -> Right:
    days = [text.split("T")[0].split("-") for text in _column(table, v["column"])]
    return Right(v["target"], "json", dict(Counter(f"{int(day[0]):04}-{int(day[1]):02}" for day in days)))


def _dated(draw: Random, v: Values) -> list[list[str]]:
    months = draw.sample([f"{year}-{month:02}" for year in (2024, 2025, 2026) for month in range(1, 13)], 4)
    days = [f"{draw.choice(months)}-{draw.randint(1, 28):02}" for _ in range(12)]
    return [["id", v["column"], "note"], *([str(n), day, draw.choice(WORDS)] for n, day in enumerate(days))]


def _fresh_months(draw: Random) -> dict[str, str]:
    return {"column": draw.choice(WORDS), **_two_names("csv", "json")(draw)}


def _search_code(v: Values, way: int) -> str:
    line = "line" if way else "text"
    return _heredoc(
        f"with open('{v['source']}') as f:\n    found = [{line} for {line} in f if '{v['word']}' in {line}]\n"
        f"with open('{v['target']}', 'w') as f:\n    f.writelines(found)\n"
    )


def _search(lines: list[str], v: Values) -> Right:
    return Right(v["target"], "lines", [line for line in lines if v["word"] in line])


def _notes(draw: Random, v: Values) -> list[str]:
    lines = [f"{draw.choice(WORDS)} {draw.choice(WORDS)} {draw.randint(1, 99)}" for _ in range(12)]
    return [f"{line} {v['word']} end" if draw.random() < 0.4 else line for line in lines] + [v["word"]]


def _fresh_search(draw: Random) -> dict[str, str]:
    return {"word": f"{draw.choice(WORDS)} {draw.choice(WORDS)}", **_two_names("txt", "txt")(draw)}


def _rows(names: str, *rows: str) -> tuple[dict[str, str], ...]:
    return tuple(dict(zip(names.split(), row.split("|"), strict=True)) for row in rows)


FAMILIES = (
    Family(
        "sums",
        "Sum the column {column} of {source} for each {group} and write the totals as a JSON object to"
        " {target}.",
        _rows(
            "source group column target",
            "sales.csv|region|amount|totals.json",
            "orders.csv|customer|price|per_customer.json",
            "hours.csv|project|minutes|time.json",
            "stock.csv|store|units|stock.json",
        ),
        _fresh_sums,
        _table_for("id", "{group}", "{column}"),
        "csv",
        _sum_code,
        _sums,
        (
            ("Sum", "Average"),
            ("Sum", "Count"),
            ("Sum the column", "Sum the absolute values of the column"),
            ("column", "columns"),
            ("a JSON object", "a CSV file"),
            ("a JSON object", "a JSON array"),
            ("totals", "averages"),
            ("for each {group}", "for each {group} except north"),
            ("for each {group}", "for each {group} with more than 3 rows"),
            ("for each {group}", "for each {group} and id"),
            ("for each {group}", "for every second {group}"),
            ("{source}", "{source} and other.csv"),
            ("{column} of", "{column} rounded of"),
            ("{column} of", "negated {column} of"),
            ("to {target}", "to {target} sorted by name"),
            ("to {target}", "to {target} or print them"),
        ),
        (
            "Summiere die Spalte {column} von {source} je {group} und schreibe das als JSON nach {target}.",
            "Write to {target}, as JSON, the totals of the column {column} of {source} for each {group}.",
        ),
    ),
    Family(
        "levels",
        "Count the lines of {source} for each level (the second word of a line) and write the counts as a"
        " JSON object to {target}.",
        _rows(
            "source target",
            "app.log|levels.json",
            "web.log|counts.json",
            "db7.log|db_levels.json",
            "mail.log|mail.json",
        ),
        _two_names("log", "json"),
        _log,
        "lines",
        _levels_code,
        _levels,
        (
            ("second word", "third word"),
            ("second word", "last word"),
            ("Count the lines", "Count the words"),
            ("Count the lines", "Count the distinct lines"),
            ("Count the lines", "Count the last 5 lines"),
            ("each level", "each level but INFO"),
            ("{source}", "{source} except the first"),
            ("a JSON object", "a CSV table"),
            ("the counts", "the shares"),
            ("to {target}", "to {target} without ERROR"),
        ),
        (
            "Zähle die Zeilen von {source} je Stufe und schreibe die Zahlen als JSON nach {target}.",
            "For each level of {source}, count the lines and write the counts to {target}.",
        ),
    ),
    Family(
        "unique",
        "Write the unique lines of {source}, sorted and without empty lines, to {target}.",
        _rows(
            "source target",
            "names.txt|sorted.txt",
            "tags.txt|tags_clean.txt",
            "hosts.txt|hosts_unique.txt",
            "mails2.txt|mails_out.txt",
        ),
        _two_names("txt", "txt"),
        _list,
        "lines",
        _unique_code,
        _unique,
        (
            ("unique lines", "repeated lines"),
            ("unique lines", "lines"),
            ("sorted", "unsorted"),
            ("sorted", "sorted backwards"),
            ("sorted", "sorted by length"),
            ("without empty", "with empty"),
            ("without empty lines", "without comments"),
            ("{source}", "{source} and more.txt"),
            ("to {target}", "to {target} in capitals"),
        ),
        (
            "Schreibe die verschiedenen Zeilen von {source} sortiert nach {target}.",
            "To {target}, write the unique lines of {source}, sorted and without empty lines.",
        ),
    ),
    Family(
        "filter",
        "From {source}, take the records whose status is {status} and write their id and name to {target} as"
        " CSV.",
        _rows(
            "source status target",
            "tickets.json|open|open.csv",
            "bills.json|paid|paid_bills.csv",
            "cases.json|lost|lost.csv",
            "loans.json|late|late.csv",
        ),
        lambda draw: {
            "source": f"{_name(draw)}.json",
            "status": draw.choice(WORDS),
            "target": f"{_name(draw)}.csv",
        },
        _records,
        "json",
        _filter_code,
        _filtered,
        (
            ("status is", "status is not"),
            ("status is {status}", "status is {status} or lost"),
            ("status is {status}", "status is {status} and id is even"),
            ("status is {status}", "status is anything but {status}"),
            ("status is {status}", "status is like {status}"),
            ("whose status", "whose name"),
            ("id and name", "id and status"),
            ("id and name", "name and id"),
            ("take", "drop"),
            ("take the records", "take the first 2 records"),
            ("as CSV", "as JSON"),
            ("{source},", "{source} and b.json,"),
        ),
        (
            "Nimm aus {source} die mit Status {status} und schreibe id und name nach {target} als CSV.",
            "Write to {target} as CSV the id and name of the records of {source} whose status is {status}.",
        ),
    ),
    Family(
        "config",
        "Set {key} to {count} in {source} and change nothing else.",
        _rows(
            "source key count",
            "app.json|retries|5",
            "svc.json|timeout|60",
            "web.json|port|8080",
            "log.json|level|7",
        ),
        lambda draw: {
            "source": f"{_name(draw)}.json",
            "key": draw.choice(("retries", "timeout", "port", "level")),
            "count": str(draw.randint(2, 9000)),
        },
        _config,
        "json",
        _config_code,
        _configured,
        (
            ("Set", "Unset"),
            ("Set", "Do not set"),
            ("{key} to", "{key} and port to"),
            ("to {count}", "to at least {count}"),
            ("to {count}", "to {count} percent"),
            ("in {source}", "in {source} and b.json"),
            ("change nothing else", "change everything else"),
            ("and change nothing else", "and sort the keys"),
            ("Set {key}", "Set the default of {key}"),
        ),
        (
            "Setze {key} auf {count} in {source} und ändere sonst nichts.",
            "In {source} set {key} to {count} and change nothing else.",
        ),
    ),
    Family(
        "letter",
        "Fill template.txt: NAME is '{name}' and CITY is '{city}'. Save the letter as {target}.",
        _rows(
            "name city target",
            "Ann Lee|Oslo|ann.txt",
            "Bob May|New York|letter_bob.txt",
            "Cy O-Hara|Rome|cy.txt",
            "Dora Orr|Bergen|dora.txt",
        ),
        _fresh_letter,
        lambda draw, _: f"Dear NAME,\nwe shall be in CITY on day {draw.randint(1, 28)}.\nSee you, NAME!\n",
        "text",
        _letter_code,
        _filled,
        (
            ("Fill", "Translate"),
            ("NAME is", "NAME is not"),
            ("CITY is", "TOWN is"),
            ("Save", "Do not save"),
            ("Save the letter", "Save two copies of the letter"),
            ("template.txt", "template.md"),
            ("as {target}", "as {target} in capitals"),
            ("CITY is '{city}'.", "CITY is '{city}' and DAY is 'Monday'."),
        ),
        (
            "Fülle template.txt: NAME ist '{name}' und CITY ist '{city}'. Speichere ihn als {target}.",
            "Save as {target} the letter template.txt, filled: NAME is '{name}' and CITY is '{city}'.",
        ),
    ),
    Family(
        "top",
        "Write the {count} rows of {source} with the most points to {target}, highest first.",
        _rows(
            "source count target",
            "a.csv|3|best.csv",
            "teams.csv|5|top.csv",
            "cup2.csv|2|c_top.csv",
            "league.csv|4|first.csv",
        ),
        _fresh_top,
        _table_for("id", "name", "points"),
        "csv",
        _top_code,
        _top,
        (
            ("most points", "fewest points"),
            ("most points", "most goals"),
            ("highest first", "lowest first"),
            ("rows", "columns"),
            ("{count} rows", "{count} percent"),
            ("{count} rows", "{count} rows per name"),
            ("{count} rows", "{count} last rows"),
            ("to {target}", "to {target} without ties"),
            ("{source}", "{source} except id 3"),
        ),
        (
            "Schreibe die {count} Zeilen von {source} mit den meisten Punkten nach {target}.",
            "To {target} write, highest first, the {count} rows of {source} with the most points.",
        ),
    ),
    Family(
        "months",
        "Count the rows of {source} for each month of the column {column} (as YYYY-MM) and write the counts"
        " as a JSON object to {target}.",
        _rows(
            "source column target",
            "visits.csv|day|visits.json",
            "posts.csv|posted|posts.json",
            "logins.csv|date|per_month.json",
            "bills.csv|due|bills.json",
        ),
        _fresh_months,
        _dated,
        "csv",
        _months_code,
        _months,
        (
            ("each month", "each year"),
            ("each month", "each week"),
            ("Count the rows", "Sum the rows"),
            ("YYYY-MM", "MM-YYYY"),
            ("YYYY-MM", "MM"),
            ("the column {column}", "the column {column} since 2026-02"),
            ("{source}", "{source} without note"),
            ("a JSON object", "a JSON list"),
        ),
        (
            "Zähle die Zeilen von {source} je Monat der Spalte {column} und schreibe sie nach {target}.",
            "Write to {target} as a JSON object how many rows {source} has for each month of {column}.",
        ),
    ),
    Family(
        "search",
        "Copy the lines of {source} that contain '{word}' to {target}.",
        _rows(
            "source word target",
            "notes.txt|red fox|fox.txt",
            "diary.txt|rain|rain.txt",
            "songs.txt|blue moon|moon.txt",
            "poems2.txt|long night|night.txt",
        ),
        _fresh_search,
        _notes,
        "lines",
        _search_code,
        _search,
        (
            ("contain", "do not contain"),
            ("contain", "begin with"),
            ("contain '{word}'", "contain '{word}' or 'end'"),
            ("contain '{word}'", "contain '{word}' in any case"),
            ("Copy", "Move"),
            ("Copy the lines", "Count the lines"),
            ("Copy the lines", "Copy the line numbers"),
            ("to {target}", "to the end of {target}"),
            ("{source}", "{source} and b.txt"),
        ),
        (
            "Kopiere die Zeilen von {source}, die '{word}' enthalten, nach {target}.",
            "To {target} copy the lines of {source} that contain '{word}'.",
        ),
    ),
)
