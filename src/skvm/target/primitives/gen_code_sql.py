"""``gen.code.sql``: one table, joins and windows, common table expressions over several tables.

A query is run in the grader's cell on hidden data, a fresh database in memory for each: what the agent did
with a database file of its own does not matter. Data is drawn until no order has a tie.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from skvm.harness.contract import Facility
from skvm.target.answers import same_value
from skvm.target.checks import file_text
from skvm.target.contract import (
    FILE_COATS,
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.program_jobs import like
from skvm.target.sql_jobs import SQL_JOBS, SqlJob, script_of

_HIDDEN_DATA = 2
_RUN_TIMEOUT_S = 10.0
_QUERY = "query.sql"

_DRIVER = """
import json, sqlite3, sys
given, results = json.load(sys.stdin), []
for script in given["scripts"]:
    base = sqlite3.connect(":memory:", isolation_level=None)
    base.executescript(script)
    rows, statement = None, ""
    for piece in given["query"].replace(";", ";\\0").split("\\0"):
        statement += piece
        if sqlite3.complete_statement(statement):
            cursor, statement = base.execute(statement), ""
            rows = cursor.fetchall() if cursor.description else rows
    if statement.strip():
        cursor = base.execute(statement)
        rows = cursor.fetchall() if cursor.description else rows
    results.append(rows)
print(json.dumps(results))
"""


def _answer(query: str) -> Answer:
    return Answer(f"{_QUERY} is written.", {_QUERY: f"{query};\n"})


def _constant(rows: Sequence[Sequence[Any]]) -> str:
    quoted = ("(" + ", ".join(repr(value) for value in row) + ")" for row in rows)
    return f"VALUES {', '.join(quoted)}"


def _probe(level: Level, rng: random.Random) -> Probe:
    job: SqlJob = rng.choice(SQL_JOBS[level])(rng)
    cases: list[tuple[dict[str, list[list[Any]]], list[list[Any]]]] = []
    while len(cases) <= _HIDDEN_DATA:
        data = job.draw(rng)
        rows = job.solve(data)
        # No ties, and told apart from the sample's answer and from every typical slip.
        if not rows or any(rows == slip(data) for slip, _ in job.slips):
            continue
        if all(rows != other for _, other in cases):
            cases.append((data, rows))
    (sample, shown), *hidden = cases
    return Probe(
        prompt=(
            f"An SQLite database has these tables:\n{chr(10).join(job.schema)}\n\n"
            f"Create the file {_QUERY} with one SQL query that gives {job.ask} Give these columns "
            "in this order and no others; their names do not matter. The file setup.sql makes these tables "
            f"with sample data; {_QUERY} will be run on other data."
        ),
        files={"setup.sql": script_of(job.schema, sample)},
        reference=_answer(job.queries[0]),
        secret={
            "sample": shown,
            "cases": [{"script": script_of(job.schema, data), "rows": rows} for data, rows in hidden],
        },
        also=[_answer(query) for query in job.queries[1:]],
        wrong=[*(_answer(query) for _, query in job.slips), _answer(_constant(shown))],
    )


async def _grade(probe: Probe, work: Work) -> Verdict:
    query = await file_text(work.cell, _QUERY)
    if not query:
        return Verdict(False, f"{_QUERY} was not written")
    cases = probe.secret["cases"]
    given = json.dumps({"query": query, "scripts": [case["script"] for case in cases]})
    # Isolated, so that nothing in the work directory can stand in for a module.
    command = ["python3", "-I", "-c", _DRIVER]
    run = await work.cell.execute(command, timeout_s=_RUN_TIMEOUT_S, stdin=given.encode())
    if run.exit_code != 0:
        said = "ran too long" if run.is_timed_out else run.stderr.strip().rsplit("\n", 1)[-1][:300]
        return Verdict(False, f"{_QUERY}: {said}")
    for number, (case, rows) in enumerate(zip(cases, json.loads(run.stdout), strict=True), start=1):
        if not same_value(rows, case["rows"]):
            return Verdict(False, f"hidden data {number}: expected {case['rows']}, got {str(rows)[:200]}")
    return Verdict(True, "right on all hidden data")


def _guess(probe: Probe, rng: random.Random) -> Answer:
    """A query that gives rows of the right form and looks at no table."""
    return _answer(_constant(like(probe.secret["sample"], probe.files["setup.sql"], rng)))


def _level(level: Level, claim: str) -> LevelSpec:
    def generate(rng: random.Random) -> Probe:
        return _probe(level, rng)

    return LevelSpec(
        claim=claim, generate=generate, grade=_grade, guess=_guess, accepts=FILE_COATS, modules=("sqlite3",)
    )


GEN_CODE_SQL = primitive(
    Primitive(
        id="gen.code.sql",
        description="Write SQL queries that are right on data nobody has shown.",
        levels={
            Level.L1: _level(Level.L1, "SELECT with WHERE, ORDER BY and an aggregate on one table."),
            Level.L2: _level(Level.L2, "JOIN of two tables, groups, window functions."),
            Level.L3: _level(
                Level.L3, "Common table expressions, recursion, three tables, the best per group."
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Split the query: replace each common table expression by a subquery, or by a query of its "
                "own over two tables at a time."
            ),
            l2_to_l1=(
                "Query one table at a time, in a stated order, and carry the values over into the next "
                "query's WHERE."
            ),
        ),
        needs=frozenset({Facility.FILES}),
        commands=("python3",),
    )
)
