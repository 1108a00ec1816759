"""Repeated tasks: three workflows of a skill, each with as many tasks as are asked for, graded by value."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skvm.task.model import Criterion, Task

__all__ = ["WORKFLOWS", "Workflow"]

_TOTALS = (
    ("sales.csv", "region", "amount", "totals.json", ("north", "south", "east")),
    ("orders.csv", "customer", "price", "per_customer.json", ("ann", "bob", "cy")),
    ("hours.csv", "project", "minutes", "time.json", ("alpha", "beta")),
    ("stock.csv", "store", "units", "stock.json", ("a1", "b2", "c3")),
    ("fees.csv", "branch", "fee", "fees.json", ("york", "hull")),
    ("fuel.csv", "vehicle", "litres", "fuel.json", ("van", "truck")),
    ("gifts.csv", "donor", "value", "gifts.json", ("kim", "lee", "mo")),
    ("claims.csv", "office", "cost", "claims.json", ("rome", "oslo")),
)
_LOGS = (
    ("app.log", "levels.json"),
    ("web.log", "counts.json"),
    ("db.log", "db_levels.json"),
    ("mail.log", "mail.json"),
    ("cron.log", "cron.json"),
    ("auth.log", "auth.json"),
    ("proxy.log", "proxy.json"),
    ("build.log", "build.json"),
)
_LISTS = (
    ("names.txt", "names_sorted.txt"),
    ("tags.txt", "tags_clean.txt"),
    ("hosts.txt", "hosts_unique.txt"),
    ("mails.txt", "mails_out.txt"),
    ("words.txt", "words_sorted.txt"),
    ("towns.txt", "towns_unique.txt"),
    ("plants.txt", "plants_clean.txt"),
    ("users.txt", "users_sorted.txt"),
)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A chore that comes again with other names and other data.

    Args:
        name: Short, for tables.
        make: The task with an index; there are ``count`` of them.
        count: How many differ.
    """

    name: str
    make: Callable[[int], Task]
    count: int


def _totals(index: int) -> Task:
    source, group, column, target, names = _TOTALS[index]
    draw = random.Random(f"totals {index}")
    rows = [(draw.choice(names), draw.randint(5, 500)) for _ in range(12)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", group, column])
    table.writerows([number, *row] for number, row in enumerate(rows, 1))
    expected: Counter[str] = Counter()
    for name, amount in rows:
        expected[name] += amount
    prompt = (
        f"Sum the column `{column}` of {source} for each `{group}` and write the totals as a JSON object"
        f" to {target}."
    )
    return _task(f"totals-{index + 1}", prompt, {source: text.getvalue()}, target, dict(expected))


def _levels(index: int) -> Task:
    source, target = _LOGS[index]
    draw = random.Random(f"levels {index}")
    levels = [draw.choice(("INFO", "WARN", "ERROR")) for _ in range(20)]
    lines = (f"2026-03-{draw.randint(1, 28):02} {level} message {draw.randint(1, 99)}\n" for level in levels)
    prompt = (
        f"Each line of {source} is a date, a level and a message, split by spaces. Count the lines of each"
        f" level and write the counts as a JSON object to {target}."
    )
    return _task(f"levels-{index + 1}", prompt, {source: "".join(lines)}, target, dict(Counter(levels)))


def _unique(index: int) -> Task:
    source, target = _LISTS[index]
    draw = random.Random(f"unique {index}")
    lines = [draw.choice(("Pear", "apple", "fig", "Plum", "kiwi", "date")) for _ in range(15)]
    prompt = f"Write the unique lines of {source}, sorted, to {target}."
    expected = sorted(set(lines))
    return _task(f"unique-{index + 1}", prompt, {source: "".join(f"{x}\n" for x in lines)}, target, expected)


def _task(id: str, prompt: str, fixtures: dict[str, str], target: str, expected: Any) -> Task:
    """A task whose one criterion compares the file with what it should hold."""
    read = "json.load(file)" if target.endswith(".json") else "file.read().splitlines()"
    command = f"""python3 - <<'EOF'
import json
expected = json.loads({json.dumps(json.dumps(expected))})
try:
    with open({target!r}, encoding="utf-8") as file:
        found = {read}
except (OSError, ValueError) as error:
    found = str(error)
point = {{"name": "content", "score": float(found == expected), "reason": str(found)[:200]}}
print(json.dumps({{"checkpoints": [point]}}))
EOF"""
    return Task(
        id=id,
        prompt=prompt,
        eval=(Criterion(method="script", id="content", options={"command": command}),),
        name=id,
        category="boost",
        timeout_ms=600_000,
        max_steps=6,
        fixtures=fixtures,
    )


WORKFLOWS = (
    Workflow("totals", _totals, len(_TOTALS)),
    Workflow("levels", _levels, len(_LOGS)),
    Workflow("unique", _unique, len(_LISTS)),
)
