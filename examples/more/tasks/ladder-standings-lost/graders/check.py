"""Grade the query's file: ``check.py form|content|rows``, run in the work directory."""

import hashlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

COLUMNS = {
    "teams": "id INTEGER, title TEXT",
    "players": "id INTEGER, name TEXT, team_id INTEGER",
    "games": "player_id INTEGER, season TEXT, points INTEGER",
}
READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
LONG_STEPS = 1_000_000  # of SQLite's machine: far beyond what a query on a dozen rows takes
MOST_ROWS = 1000

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_query() -> str:
    """What the file holds; nothing if there is none."""
    try:
        return Path(expected["file"]).read_text(encoding="utf-8-sig", errors="replace").strip()
    except OSError:
        return ""


def squeeze(text: str) -> str:
    """A text with one blank for every run of white space."""
    return " ".join(text.split())


def run_query() -> tuple[list[str], list[list[Any]], str]:
    """Columns and rows of the query on the ladder of a club, and what went wrong."""
    base = sqlite3.connect(":memory:")
    for table, rows in expected["tables"].items():
        base.execute(f"CREATE TABLE {table} ({COLUMNS[table]})")
        base.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)  # noqa: S608
    base.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY,
    )
    base.set_progress_handler(lambda: 1, LONG_STEPS)
    try:
        cursor = base.execute(query)
        rows = [list(row) for row in cursor.fetchmany(MOST_ROWS)]
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as error:
        return [], [], str(error)
    return [each[0] for each in cursor.description or ()], rows, ""


def is_input_kept() -> bool:
    """Whether the files of the page are there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_form() -> None:
    """The file holds one query that runs; what else the folder held is as it was."""
    columns, _, fault = run_query()
    check("one query that runs", bool(columns), fault)
    check("page kept", bool(columns) and is_input_kept(), "changed, or no query to speak of")


def grade_content() -> None:
    """The query as the skill has it, but for white space: its lines, and the whole."""
    text = squeeze(query)
    telling = [line for line in map(squeeze, expected["query"]) if " " in line]
    missing = [line for line in telling if line not in text]
    check("lines of the query", 1 - len(missing) / len(telling), missing)
    check("exactly this query", text == squeeze(" ".join(expected["query"])), text)


def grade_rows() -> None:
    """What the query gives: its columns, its rows, their order."""
    columns, rows, fault = run_query()
    check("columns", columns == expected["columns"], fault or columns)
    same = sorted(map(repr, rows)) == sorted(map(repr, expected["rows"]))
    check("rows", same, fault or rows)
    check("rows in their order", rows == expected["rows"], fault or rows)


query = read_query()
GRADES = {"form": grade_form, "content": grade_content, "rows": grade_rows}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
