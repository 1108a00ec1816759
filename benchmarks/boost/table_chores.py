"""Chores on tables: sums by group, the highest rows, rows by month."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from random import Random

from benchmarks.boost.chores import WORDS, Family, Right, Values, heredoc, lessons_of, some_name, two_names

__all__ = ["MONTHS", "SUMS", "TOP"]


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


def _sum_code(v: Values, way: int) -> str:
    if way:
        return heredoc(
            f"import csv, json\ntotals = {{}}\nwith open('{v['source']}', newline='') as f:\n"
            f"    for row in csv.DictReader(f):\n        key = row['{v['group']}']\n"
            f"        totals[key] = totals.get(key, 0) + float(row['{v['column']}'])\n"
            f"with open('{v['target']}', 'w') as f:\n    json.dump(totals, f, indent=2)\n"
        )
    return heredoc(
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
    return {"source": f"{first}.csv", "group": group, "column": column, "target": f"{some_name(draw)}.json"}


def _top_code(v: Values, way: int) -> str:
    name = "rows" if way else "people"
    return heredoc(
        f"import csv\nwith open('{v['source']}', newline='') as f:\n    {name} = list(csv.DictReader(f))\n"
        f"{name}.sort(key=lambda r: -int(r['points']))\nwith open('{v['target']}', 'w', newline='') as f:\n"
        "    w = csv.DictWriter(f, fieldnames=['id', 'name', 'points'], lineterminator='\\n')\n"
        f"    w.writeheader()\n    w.writerows({name}[:{v['count']}])\n"
    )


def _top(table: list[list[str]], v: Values) -> Right:
    return Right(v["target"], "top", (table, table[0].index("points"), int(v["count"])))


def _fresh_top(draw: Random) -> dict[str, str]:
    return {**two_names("csv", "csv")(draw), "count": str(draw.randint(1, 8))}


def _months_code(v: Values, way: int) -> str:
    name = "months" if way else "counts"
    return heredoc(
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
    return {"column": draw.choice(WORDS), **two_names("csv", "json")(draw)}


SUMS = Family(
    "sums",
    "Sum the column {column} of {source} for each {group} and write the totals as a JSON object to {target}.",
    lessons_of(
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
)
TOP = Family(
    "top",
    "Write the {count} rows of {source} with the most points to {target}, highest first.",
    lessons_of(
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
)
MONTHS = Family(
    "months",
    "Count the rows of {source} for each month of the column {column} (as YYYY-MM) and write the counts"
    " as a JSON object to {target}.",
    lessons_of(
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
)
