"""What ``gen.code.sql`` asks for: tables, data at random, questions, and right and wrong queries.

Oracles are plain Python over the rows; they give ``None`` where an order would have a tie.
"""

# ruff: noqa: E501, S608 (queries made of our own words, each on one line)
from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.target.contract import Level
from skvm.target.vocabulary import CITIES, NAMES, NOUNS

__all__ = ["SQL_JOBS", "SqlJob", "script_of"]

Rows = list[list[Any]]
Data = dict[str, Rows]


@dataclass(frozen=True, slots=True)
class SqlJob:
    """One question to a database.

    Args:
        schema: ``CREATE TABLE`` statements.
        ask: What the query gives, from the article to the full stop.
        draw: Rows for every table, at random.
        solve: The rows of the answer; ``None`` where there is no one right answer.
        queries: Right queries of different kinds.
        slips: Typical mistakes: what each gives, and the query.
    """

    schema: Sequence[str]
    ask: str
    draw: Callable[[random.Random], Data]
    solve: Callable[[Data], Rows | None]
    queries: Sequence[str]
    slips: Sequence[tuple[Callable[[Data], Rows | None], str]]


def script_of(schema: Sequence[str], data: Mapping[str, Rows]) -> str:
    """SQL that makes the tables and fills them."""
    lines = [f"{statement};" for statement in schema]
    for table, rows in data.items():
        values = ",\n  ".join(
            "(" + ", ".join("NULL" if v is None else repr(v) for v in row) + ")" for row in rows
        )
        lines.append(f"INSERT INTO {table} VALUES\n  {values};")
    return "\n".join(lines) + "\n"


def _distinct(values: Sequence[Any]) -> bool:
    return len(set(values)) == len(values)


def _single(rng: random.Random) -> SqlJob:
    table, value = (
        rng.choice(("players", "workers", "members", "drivers")),
        rng.choice(("score", "salary", "points")),
    )
    limit, city, few = rng.randint(35, 65), rng.choice(CITIES), rng.randint(3, 4)

    def draw(rng: random.Random) -> Data:
        cities = [city, *rng.sample([each for each in CITIES if each != city], 2)]
        values = [limit, *rng.sample([n for n in range(1, 100) if n != limit], 13)]
        people = zip(rng.sample(NAMES, 14), rng.sample(values, 14), strict=True)
        return {table: [[id, name, rng.choice(cities), n] for id, (name, n) in enumerate(people, start=1)]}

    def rows(data: Data, *, here: bool = False, least: int = 0) -> Rows:
        return [row for row in data[table] if row[3] >= least and (row[2] == city or not here)]

    def names(chosen: Rows, *, falling: bool = True) -> Rows:
        return [[row[1]] for row in sorted(chosen, key=lambda row: -row[3] if falling else row[3])]

    where = f"FROM {table} WHERE city = '{city}'"
    choices: tuple[
        tuple[str, Callable[[Data], Rows], Sequence[str], tuple[Callable[[Data], Rows], str]], ...
    ] = (
        (
            f"one number: how many rows of {table} have at least {limit} as {value}.",
            lambda d: [[len(rows(d, least=limit))]],
            (f"SELECT COUNT(*) FROM {table} WHERE {value} >= {limit}",),
            (
                lambda d: [[len(rows(d, least=limit + 1))]],
                f"SELECT COUNT(*) FROM {table} WHERE {value} > {limit}",
            ),
        ),
        (
            f"one number: the sum of {value} over the rows of {table} whose city is {city}.",
            lambda d: [[sum(row[3] for row in rows(d, here=True))]],
            (f"SELECT SUM({value}) {where}", f"SELECT TOTAL({value}) {where}"),
            (lambda d: [[len(rows(d, here=True))]], f"SELECT COUNT({value}) {where}"),
        ),
        (
            f"the name of each row of {table} whose city is {city}, the largest {value} first.",
            lambda d: names(rows(d, here=True)),
            (f"SELECT name {where} ORDER BY {value} DESC", f"SELECT name {where} ORDER BY -{value}"),
            (lambda d: names(rows(d, here=True), falling=False), f"SELECT name {where} ORDER BY {value}"),
        ),
        (
            f"the names of the {few} rows of {table} with the smallest {value}, the smallest first.",
            lambda d: names(rows(d), falling=False)[:few],
            (f"SELECT name FROM {table} ORDER BY {value} LIMIT {few}",),
            (
                lambda d: names(rows(d))[:few],
                f"SELECT name FROM {table} ORDER BY {value} DESC LIMIT {few}",
            ),
        ),
        (
            f"one row with two numbers: the smallest and the largest {value} of the rows of {table} whose city is "
            f"{city}.",
            lambda d: [[f([row[3] for row in rows(d, here=True)] or [0]) for f in (min, max)]],
            (f"SELECT MIN({value}), MAX({value}) {where}",),
            (
                lambda d: [[f([row[3] for row in rows(d)]) for f in (min, max)]],
                f"SELECT MIN({value}), MAX({value}) FROM {table}",
            ),
        ),
    )
    ask, solve, queries, slip = rng.choice(choices)

    def answer(data: Data) -> Rows | None:
        return solve(data) if len(rows(data, here=True)) > 1 else None

    schema = (f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT, city TEXT, {value} INTEGER)",)
    return SqlJob(schema, ask, draw, answer, queries, (slip,))


def _joined(rng: random.Random) -> SqlJob:
    people, things = rng.choice((("customers", "orders"), ("clients", "bookings"), ("members", "payments")))
    value, key = rng.choice(("amount", "price", "units")), f"{people[:-1]}_id"
    schema = (
        f"CREATE TABLE {people} (id INTEGER PRIMARY KEY, name TEXT)",
        f"CREATE TABLE {things} (id INTEGER PRIMARY KEY, {key} INTEGER, day INTEGER, {value} INTEGER)",
    )

    def draw(rng: random.Random) -> Data:
        days = rng.sample(range(1, 60), 10)
        buyers = rng.choices(range(1, 5), k=10)
        return {
            people: [[id, name] for id, name in enumerate(rng.sample(NAMES, 5), start=1)],
            things: [
                [id, who, day, rng.randint(1, 90)]
                for id, (who, day) in enumerate(zip(buyers, days, strict=True), start=1)
            ],
        }

    def totals(data: Data) -> dict[str, int]:
        names = {row[0]: row[1] for row in data[people]}
        sums = dict.fromkeys(names.values(), 0)
        for row in data[things]:
            sums[names[row[1]]] += row[3]
        return sums

    def ranked(data: Data) -> Rows | None:
        sums = totals(data)
        in_order = [[name, sums[name]] for name in sorted(sums, key=lambda name: -sums[name])]
        return in_order if _distinct(list(sums.values())) else None

    def bought(data: Data) -> Rows:
        return [row for row in ranked(data) or [] if row[1]]

    def running(data: Data, *, by: int = 2, whole: bool = False) -> Rows:
        names, sums, out = {row[0]: row[1] for row in data[people]}, defaultdict[int, int](int), []
        for row in sorted(data[things], key=lambda row: row[by]):
            sums[0 if whole else row[1]] += row[3]
            out.append([row[2], names[row[1]], sums[0 if whole else row[1]]])
        return sorted(out)

    def latest(data: Data, *, first: bool = False) -> Rows:
        rows = sorted(data[things], key=lambda row: row[2], reverse=first)
        last = {row[1]: row[3] for row in rows}
        return sorted([name, last[id]] for id, name in data[people] if id in last)

    both = f"FROM {people} p {{}}JOIN {things} t ON t.{key} = p.id"
    grouped = "SELECT p.name, {} " + both + " GROUP BY p.id ORDER BY 2 DESC"
    window = f"SELECT t.day, p.name, SUM(t.{value}) OVER ({{}}) {both.format('')} ORDER BY t.day"
    last = f"SELECT p.name, t.{value} {both.format('')} WHERE t.day = (SELECT {{}}(x.day) FROM {things} x WHERE x.{key} = p.id) ORDER BY p.name"
    choices: tuple[
        tuple[str, Callable[[Data], Rows | None], Sequence[str], tuple[Callable[[Data], Rows | None], str]],
        ...,
    ] = (
        (
            f"one row for every row of {people}, those without {things} too: the name, and the sum of {value} of "
            f"the {things} that belong to it (0 if there are none). The largest sum is first.",
            ranked,
            (
                grouped.format(f"COALESCE(SUM(t.{value}), 0)", "LEFT "),
                f"SELECT name, (SELECT TOTAL({value}) FROM {things} WHERE {key} = p.id) AS s FROM {people} p ORDER BY s DESC",
            ),
            (bought, grouped.format(f"SUM(t.{value})", "")),
        ),
        (
            f"one row for every row of {things}: its day, the name from {people}, and the running total, that is "
            f"the sum of {value} of all {things} of the same {key} up to and including this day. Order the rows by "
            f"day. No two {things} have the same day.",
            running,
            (
                window.format(f"PARTITION BY t.{key} ORDER BY t.day"),
                f"SELECT t.day, p.name, (SELECT SUM(x.{value}) FROM {things} x WHERE x.{key} = t.{key} "
                f"AND x.day <= t.day) {both.format('')} ORDER BY t.day",
            ),
            (lambda d: running(d, whole=True), window.format("ORDER BY t.day")),
        ),
        (
            f"one row for every row of {people} that has {things}: the name, and the {value} of the one of its "
            f"{things} with the largest day. Order the rows by name. No two {things} have the same day.",
            latest,
            (
                last.format("MAX"),
                f"SELECT name, {value} FROM (SELECT p.name, t.{value}, ROW_NUMBER() OVER (PARTITION BY p.id "
                f"ORDER BY t.day DESC) AS n {both.format('')}) WHERE n = 1 ORDER BY name",
            ),
            (lambda d: latest(d, first=True), last.format("MIN")),
        ),
    )
    ask, solve, queries, slip = rng.choice(choices)
    return SqlJob(schema, ask, draw, solve, queries, (slip,))


def _three_tables(rng: random.Random) -> SqlJob:
    group, item, sale = rng.choice((("shops", "products", "sales"), ("farms", "crops", "harvests")))
    value, few = rng.choice(("units", "amount")), 2
    one, single = group[:-1], item[:-1]
    schema = (
        f"CREATE TABLE {group} (id INTEGER PRIMARY KEY, name TEXT)",
        f"CREATE TABLE {item} (id INTEGER PRIMARY KEY, name TEXT)",
        f"CREATE TABLE {sale} ({one}_id INTEGER, {single}_id INTEGER, {value} INTEGER)",
    )

    def draw(rng: random.Random) -> Data:
        return {
            group: [[id, name] for id, name in enumerate(rng.sample(CITIES, 3), start=1)],
            item: [[id, name] for id, name in enumerate(rng.sample(NOUNS, 4), start=1)],
            sale: [[rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 90)] for _ in range(20)],
        }

    def sums(data: Data) -> dict[str, dict[str, int]]:
        groups, items = dict(map(tuple, data[group])), dict(map(tuple, data[item]))
        table: dict[str, dict[str, int]] = {name: defaultdict(int) for name in groups.values()}
        for where, what, number in data[sale]:
            table[groups[where]][items[what]] += number
        return table

    def best(data: Data, *, worst: bool = False) -> Rows | None:
        out: Rows = []
        for name, row in sorted(sums(data).items()):
            if len(row) <= few or not _distinct(list(row.values())):
                return None
            ranked = sorted(row, key=lambda what: row[what] if worst else -row[what])
            out += [[name, what, row[what]] for what in ranked[:few]]
        return out

    def above(data: Data, *, least: bool = False) -> Rows | None:
        totals = {name: sum(row.values()) for name, row in sums(data).items()}
        mean = sum(totals.values()) / len(totals)
        if not _distinct(list(totals.values())) or mean in totals.values():
            return None
        kept = {name: n for name, n in totals.items() if (n > mean) is not least}
        return [[name, kept[name]] for name in sorted(kept, key=lambda name: -kept[name])]

    joined = f"FROM {sale} s JOIN {group} g ON g.id = s.{one}_id JOIN {item} i ON i.id = s.{single}_id"
    sums_of = f"SELECT g.name AS place, i.name AS what, SUM(s.{value}) AS total {joined} GROUP BY g.id, i.id"
    top = (
        f"WITH sums AS ({sums_of}), ranked AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY place ORDER BY total {{}}) "
        f"AS n FROM sums) SELECT place, what, total FROM ranked WHERE n <= {few} ORDER BY place, n"
    )
    counted = (
        f"WITH sums AS ({sums_of}) SELECT place, what, total FROM sums a WHERE (SELECT COUNT(*) FROM sums b "
        f"WHERE b.place = a.place AND b.total > a.total) < {few} ORDER BY place, total DESC"
    )
    whole = (
        f"WITH sums AS (SELECT g.name, SUM(s.{value}) AS total FROM {sale} s JOIN {group} g ON g.id = s.{one}_id "
        "GROUP BY g.id) SELECT name, total FROM sums WHERE total {} (SELECT AVG(total) FROM sums) ORDER BY total DESC"
    )
    if rng.random() < 0.6:
        ask = (
            f"for every {one} the {few} {item} with the largest sum of {value}: one row for each, with the name of "
            f"the {one}, the name of the {single} and the sum. Order the rows by the name of the {one}, and within "
            f"one {one} the largest sum first."
        )
        return SqlJob(
            schema,
            ask,
            draw,
            best,
            (top.format("DESC"), counted),
            ((lambda d: best(d, worst=True), top.format("ASC")),),
        )
    ask = (
        f"one row, with the name of the {one} and its sum of {value}, for every {one} whose sum of {value} is "
        f"larger than the average of these sums over all {group}. The largest sum is first."
    )
    also = f"SELECT g.name, SUM(s.{value}) AS total FROM {sale} s, {group} g WHERE g.id = s.{one}_id GROUP BY g.id HAVING total * (SELECT COUNT(*) FROM {group}) > (SELECT SUM({value}) FROM {sale}) ORDER BY total DESC"

    def each_present(data: Data) -> Rows | None:
        return above(data) if all(sums(data).values()) else None

    return SqlJob(
        schema,
        ask,
        draw,
        each_present,
        (whole.format(">"), also),
        ((lambda d: above(d, least=True), whole.format("<")),),
    )


def _hierarchy(rng: random.Random) -> SqlJob:
    table, boss = rng.choice((("staff", "boss_id"), ("parts", "parent_id"), ("folders", "parent_id")))
    value = rng.choice(("cost", "weight", "size"))
    schema = (f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT, {boss} INTEGER, {value} INTEGER)",)

    def draw(rng: random.Random) -> Data:
        names, numbers = rng.sample(NOUNS, 11), rng.sample(range(1, 90), 11)
        # Two or three roots, whose parent is NULL.
        return {
            table: [
                [id, name, None if id < 3 else rng.randint(1, id - 1), number]
                for id, (name, number) in enumerate(zip(names, numbers, strict=True), start=1)
            ]
        }

    def solve(data: Data, *, deep: bool = True) -> Rows | None:
        above = {row[0]: row[2] for row in data[table]}
        totals = {row[1]: 0 for row in data[table] if row[2] is None}
        names = {row[0]: row[1] for row in data[table]}
        for id, _, parent, number in data[table]:
            if not deep and parent is not None and above[parent] is not None:
                continue
            root = id
            while above[root] is not None:
                root = above[root]
            totals[names[root]] += number
        ordered = sorted(totals, key=lambda name: -totals[name])
        return [[name, totals[name]] for name in ordered] if _distinct(list(totals.values())) else None

    ask = (
        f"for every row of {table} whose {boss} is NULL one row: its name, and the sum of {value} over itself and "
        f"all rows below it, at any depth ({boss} is the id of the row above). The largest sum is first."
    )
    recursive = (
        f"WITH RECURSIVE tree(root, id) AS (SELECT name, id FROM {table} WHERE {boss} IS NULL UNION ALL "
        f"SELECT tree.root, t.id FROM {table} t JOIN tree ON t.{boss} = tree.id) SELECT root, SUM({value}) "
        f"FROM tree JOIN {table} t ON t.id = tree.id GROUP BY root ORDER BY 2 DESC"
    )
    one_step = (
        f"SELECT r.name, r.{value} + (SELECT TOTAL(t.{value}) FROM {table} t WHERE t.{boss} = r.id) AS s "
        f"FROM {table} r WHERE r.{boss} IS NULL ORDER BY s DESC"
    )
    return SqlJob(schema, ask, draw, solve, (recursive,), ((lambda d: solve(d, deep=False), one_step),))


SQL_JOBS: Mapping[Level, Sequence[Callable[[random.Random], SqlJob]]] = {
    Level.L1: (_single,),
    Level.L2: (_joined,),
    Level.L3: (_three_tables, _three_tables, _hierarchy),
}
"""Makers of jobs, by level."""
