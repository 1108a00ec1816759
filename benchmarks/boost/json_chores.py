"""Chores on JSON: records of one status, one setting changed in place."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from benchmarks.boost.chores import WORDS, Family, Right, Values, heredoc, lessons_of, some_name

__all__ = ["CONFIG", "FILTER"]


def _filter_code(v: Values, way: int) -> str:
    name, each = ("data", "item") if way else ("records", "entry")
    return heredoc(
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
    told = [states[(n * n + n // 3) % len(states)] for n in range(1, 13)]
    return [{"id": n, "status": status, "name": some_name(draw)} for n, status in enumerate(told, 1)]


def _config_code(v: Values, way: int) -> str:
    name = "config" if way else "settings"
    return heredoc(
        f"import json\nwith open('{v['source']}') as f:\n    {name} = json.load(f)\n"
        f"{name}['{v['key']}'] = {v['count']}\n"
        f"with open('{v['source']}', 'w') as f:\n    json.dump({name}, f, indent=2)\n"
    )


def _configured(config: dict[str, Any], v: Values) -> Right:
    return Right(v["source"], "json", {**config, v["key"]: json.loads(v["count"])})


def _config(draw: Random, v: Values) -> dict[str, Any]:
    made = {"name": some_name(draw), "retries": 3, "timeout": 30, "port": 80, "level": draw.randint(1, 9)}
    return made if v["key"] in made else {**made, v["key"]: 1}


FILTER = Family(
    "filter",
    "From {source}, take the records whose status is {status} and write their id and name to {target} as"
    " CSV.",
    lessons_of(
        "source status target",
        "tickets.json|open|open.csv",
        "bills.json|paid|paid_bills.csv",
        "cases.json|lost|lost.csv",
        "loans.json|late|late.csv",
    ),
    lambda draw: {
        "source": f"{some_name(draw)}.json",
        "status": draw.choice(WORDS),
        "target": f"{some_name(draw)}.csv",
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
)
CONFIG = Family(
    "config",
    "Set {key} to {count} in {source} and change nothing else.",
    lessons_of(
        "source key count",
        "app.json|retries|5",
        "svc.json|timeout|60",
        "web.json|port|8080",
        "log.json|level|7",
    ),
    lambda draw: {
        "source": f"{some_name(draw)}.json",
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
)
