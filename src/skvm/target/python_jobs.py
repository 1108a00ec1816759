"""What ``gen.code.python`` asks for: programs on the standard library, and a library of its own.

Every job carries an oracle and a reference program that work in different ways.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from skvm.target.program_jobs import Job, Slip
from skvm.target.vocabulary import CITIES, NAMES, NOUNS, TEAMS

__all__ = ["LIBRARY", "STANDARD_LIBRARY_JOBS"]


def _sales(rng: random.Random) -> Job:
    group, value = rng.choice(("team", "region", "shop")), rng.choice(("units", "amount", "hours"))

    def draw(rng: random.Random) -> str:
        # Quoted fields with commas: splitting at commas is not enough, the csv module is.
        places = [f"{rng.choice(TEAMS)}, {city}" for city in rng.sample(CITIES, 4)]
        rows = [f'"{rng.choice(places)}",{rng.randint(1, 500)}' for _ in range(rng.randint(8, 16))]
        return f"{group},{value}\n" + "\n".join(rows) + "\n"

    def solve(text: str) -> dict[str, int]:
        totals: dict[str, int] = defaultdict(int)
        for line in text.split("\n")[1:]:
            if line:
                place, _, number = line.rpartition(",")
                totals[place.strip('"')] += int(number)
        return dict(totals)

    return Job(
        form=f"a CSV file with the columns {group} and {value} in which fields may be quoted and hold commas",
        ask=f"a JSON object: for every {group}, the sum of {value} as a number.",
        draw=draw,
        solve=solve,
        program=(
            "import csv, json\nfrom collections import Counter\ntotals = Counter()\n"
            "with open('data.csv', newline='') as f:\n    for row in csv.DictReader(f):\n"
            f"        totals[row[{group!r}]] += int(row[{value!r}])\n"
            "json.dump(dict(totals), open('result.json', 'w'))\n"
        ),
        also=(
            "import csv, json\nrows = list(csv.reader(open('data.csv')))[1:]\n"
            "sums = {r[0]: sum(int(v) for k, v in rows if k == r[0]) for r in rows}\n"
            "with open('result.json', 'w') as f:\n    print(json.dumps(sums, indent=2), file=f)\n",
        ),
        slips=(
            # Taken apart at every comma, the second column is a city.
            Slip(
                lambda text: None,
                "import json\ntotals = {}\nfor line in open('data.csv').read().split('\\n')[1:]:\n"
                "    if line:\n        parts = line.split(',')\n"
                "        totals[parts[0]] = totals.get(parts[0], 0) + int(parts[1])\n"
                "json.dump(totals, open('result.json', 'w'))\n",
            ),
            Slip(
                lambda text: dict(Counter(line.split('"')[1] for line in text.split("\n")[1:] if line)),
                "import csv, json\nfrom collections import Counter\n"
                f"rows = csv.DictReader(open('data.csv'))\ntotals = Counter(r[{group!r}] for r in rows)\n"
                "json.dump(totals, open('result.json', 'w'))\n",
            ),
        ),
    )


def _events(rng: random.Random) -> Job:
    wanted = rng.choice(("ERROR", "WARN", "INFO"))

    def draw(rng: random.Random) -> str:
        # Days apart, so that the difference crosses midnights and months.
        now = datetime(rng.randint(2001, 2024), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), 0)
        rows = []
        for _ in range(rng.randint(9, 16)):
            now += timedelta(minutes=rng.randint(3, 9000))
            rows.append(f"{now:%Y-%m-%d %H:%M} {rng.choice(('ERROR', 'WARN', 'INFO'))} {rng.choice(NOUNS)}")
        return "\n".join(rows) + "\n"

    def solve(text: str) -> dict[str, int] | None:
        times = [
            datetime.fromisoformat(line[:16])
            for line in text.split("\n")
            if len(line.split()) == 4 and line.split()[2] == wanted
        ]
        if len(times) < 2:
            return None
        return {"count": len(times), "minutes": int((max(times) - min(times)).total_seconds()) // 60}

    def without_days(text: str) -> dict[str, int]:
        right = solve(text) or {"count": 0, "minutes": 0}
        return right | {"minutes": right["minutes"] % 1440}

    program = (
        "import json, re\nfrom datetime import datetime\n"
        f"found = re.findall(r'^(\\S+ \\S+) {wanted} ', open('data.log').read(), re.M)\n"
        "times = [datetime.strptime(t, '%Y-%m-%d %H:%M') for t in found]\n"
        "span = times[-1] - times[0]\n"
        "json.dump({'count': len(times), 'minutes': span.days * 1440 + span.seconds // 60}, "
        "open('result.json', 'w'))\n"
    )
    return Job(
        form="a log whose lines look like `2024-02-28 23:59 WARN kettle`",
        ask=(
            f'a JSON object with two numbers: "count", how many lines have the level {wanted}, and '
            f'"minutes", the minutes from the first to the last of these lines.'
        ),
        draw=draw,
        solve=solve,
        program=program,
        slips=(
            Slip(without_days, program.replace("span.days * 1440 + ", "")),
            Slip(
                lambda text: (solve(text) or {"count": 0}) | {"count": text.count("\n")},
                program.replace("len(times)", "sum(1 for _ in open('data.log'))"),
            ),
        ),
    )


def _orders(rng: random.Random) -> Job:
    key = rng.choice(("customer", "buyer", "client"))

    def draw(rng: random.Random) -> str:
        people = rng.sample(NAMES, 4)
        orders = [
            {
                key: rng.choice(people),
                "items": [
                    {"sku": rng.choice(NOUNS[:12]), "price": rng.randint(2, 90), "count": rng.randint(1, 6)}
                    for _ in range(rng.randint(1, 3))
                ],
            }
            for _ in range(rng.randint(6, 10))
        ]
        return json.dumps(orders, indent=1)

    def solve(text: str) -> list[dict[str, Any]] | None:
        totals: dict[str, int] = defaultdict(int)
        for order in json.loads(text):
            totals[order[key]] += sum(item["price"] * item["count"] for item in order["items"])
        ranked = sorted(totals.items(), key=lambda pair: -pair[1])
        if len(set(totals.values())) < len(totals):
            return None  # a tie has two right orders
        return [{"name": name, "total": total} for name, total in ranked]

    def without_counts(text: str) -> list[dict[str, Any]]:
        totals: dict[str, int] = defaultdict(int)
        for order in json.loads(text):
            totals[order[key]] += sum(item["price"] for item in order["items"])
        return [{"name": n, "total": t} for n, t in sorted(totals.items(), key=lambda pair: -pair[1])]

    program = (
        "import json\ntotals = {}\nfor order in json.load(open('data.json')):\n"
        "    for item in order['items']:\n"
        f"        old = totals.get(order[{key!r}], 0)\n"
        f"        totals[order[{key!r}]] = old + item['price'] * item['count']\n"
        "rows = [{'name': n, 'total': t} for n, t in totals.items()]\n"
        "rows.sort(key=lambda r: r['total'], reverse=True)\njson.dump(rows, open('result.json', 'w'))\n"
    )
    return Job(
        form=f'a JSON array of orders, each with "{key}" and "items" (objects with "sku", "price", "count")',
        ask=(
            f'a JSON array of objects with "name" and "total": for every {key}, the sum of price × count '
            "over all items of all orders, largest total first."
        ),
        draw=draw,
        solve=solve,
        program=program,
        slips=(
            Slip(without_counts, program.replace(" * item['count']", "")),
            Slip(lambda text: list(reversed(solve(text) or [])), program.replace(", reverse=True", "")),
        ),
    )


def _words(rng: random.Random) -> Job:
    top = rng.randint(3, 5)

    def draw(rng: random.Random) -> str:
        pool = rng.sample(NOUNS, 12)
        words = [rng.choice(pool[: rng.randint(2, 12)]) for _ in range(rng.randint(60, 110))]
        text = " ".join(
            word.title() + rng.choice((",", ".", "!", "")) if rng.random() < 0.4 else word for word in words
        )
        return text + "\n"

    def solve(text: str) -> list[list[Any]]:
        counts = Counter("".join(c if c.isalpha() else " " for c in text.lower()).split())
        return [[word, n] for word, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:top]]

    def with_case(text: str) -> list[list[Any]]:
        counts = Counter("".join(c if c.isalpha() else " " for c in text).split())
        return [[word, n] for word, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:top]]

    program = (
        "import json, re\nfrom collections import Counter\n"
        "c = Counter(re.findall(r'[a-z]+', open('data.txt').read().lower()))\n"
        "rows = sorted(c.items())\nrows.sort(key=lambda p: p[1], reverse=True)\n"
        f"json.dump(rows[:{top}], open('result.json', 'w'))\n"
    )
    return Job(
        form="a text of words and punctuation",
        ask=(
            f"a JSON array with the {top} most frequent words as pairs [word, count]: upper and lower case "
            "count as the same word and are written in lower case, punctuation is not part of a word, most "
            "frequent first, equally frequent ones in alphabetical order."
        ),
        draw=draw,
        solve=solve,
        program=program,
        slips=(
            Slip(with_case, program.replace("[a-z]+", "[A-Za-z]+").replace(".lower()", "")),
            Slip(lambda text: (solve(text) or [])[:-1], program.replace(f"[:{top}]", f"[:{top - 1}]")),
        ),
    )


STANDARD_LIBRARY_JOBS: dict[Callable[[random.Random], Job], str] = {
    _sales: "data.csv",
    _events: "data.log",
    _orders: "data.json",
    _words: "data.txt",
}
"""Maker of a job → the name of its input."""

LIBRARY = '''"""{module}: tables in .{ending} files."""

import base64
import json

__version__ = "{version}"
_KEY = {key}


class Table:
    """Rows (dictionaries) with methods that return new tables."""

    def __init__(self, rows):
        self.rows = list(rows)

    def {where}(self, column, value):
        return Table(row for row in self.rows if row[column] == value)

    def {total}(self, by, column):
        sums = {{}}
        for row in self.rows:
            sums[row[by]] = sums.get(row[by], 0) + row[column]
        return Table({{by: key, column: value}} for key, value in sums.items())

    def {order}(self, column, descending=False):
        return Table(sorted(self.rows, key=lambda row: row[column], reverse=descending))


def {load}(path):
    with open(path) as file:
        data = base64.b64decode(file.read())
    return Table(json.loads(bytes(byte ^ _KEY for byte in data)))


def {save}(table, path):
    data = json.dumps(table.rows).encode()
    with open(path, "w") as file:
        file.write(base64.b64encode(bytes(byte ^ _KEY for byte in data)).decode())
'''
