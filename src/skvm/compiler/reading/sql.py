"""SQL in a skill: which constructs a query needs, and whether it is complete."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skvm.compiler.reading.commands import PLACEHOLDER
from skvm.compiler.reading.javascript import without_comments

__all__ = ["SQL_LANGUAGES", "SqlCode", "read_sql"]

SQL_LANGUAGES = frozenset(
    {
        "sql",
        "mysql",
        "postgresql",
        "postgres",
        "pgsql",
        "plpgsql",
        "psql",
        "sqlite",
        "tsql",
        "duckdb",
        "bigquery",
    }
)
"""Info strings of SQL."""
_COMMENT = re.compile(r"--[^\n]*")
_STRING = re.compile(r"'(?:[^'\n]|'')*'")
_WITH = re.compile(
    r"\bWITH\s+(?:RECURSIVE\s+)?\w+(?:\s*\([^)]*\))?\s+AS\s+(?:NOT\s+MATERIALIZED\s+|MATERIALIZED\s+)?\(",
    re.IGNORECASE,
)
_BEST = re.compile(r"\bQUALIFY\b|\bDISTINCT\s+ON\b|\bRECURSIVE\b", re.IGNORECASE)
_TABLE = re.compile(r"\b(?:FROM|JOIN|USING|INTO|UPDATE)\s+([\w.\"`$]+)", re.IGNORECASE)
_MORE = re.compile(
    r"\bJOIN\b|\bGROUP\s+BY\b|\bOVER\s*\(|\bUNION\b|\bINTERSECT\b|\bEXCEPT\b|\bMERGE\s+INTO\b"
    r"|\(\s*SELECT\b|\bFROM\s+[\w.]+(?:\s+(?:AS\s+)?\w+)?\s*,\s*[\w.]+",
    re.IGNORECASE,
)
_QUERY = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)
_STATEMENT = re.compile(
    r"^\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|BEGIN|PRAGMA|SET|EXPLAIN|GRANT)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SqlCode:
    """What a piece of SQL needs.

    Args:
        has_steps: Whether it has common table expressions, recursion, three tables or the best of each group.
        combines: Whether it joins, groups, nests or uses windows.
        is_query: Whether it reads or changes rows.
        is_complete: Whether it is whole statements with nothing left to fill in.
    """

    has_steps: bool
    combines: bool
    is_query: bool
    is_complete: bool


def read_sql(code: str) -> SqlCode:
    """Read SQL of any dialect by its words; statements are looked at one by one."""
    bare = _STRING.sub("''", _COMMENT.sub(" ", without_comments(code)))
    statements = [part for part in bare.split(";") if part.strip()]
    has_steps = any(_WITH.search(part) or _BEST.search(part) or len(_tables(part)) > 2 for part in statements)
    return SqlCode(
        has_steps,
        _MORE.search(bare) is not None,
        _QUERY.search(bare) is not None,
        bool(statements)
        and all(_STATEMENT.match(part) for part in statements)
        and bare.count("(") == bare.count(")")
        and "..." not in code
        and not PLACEHOLDER.search(code),
    )


def _tables(statement: str) -> set[str]:
    if not re.search(r"\bSELECT\b|\bMERGE\b", statement, re.IGNORECASE):
        return set()
    return {found.strip('"`').lower() for found in _TABLE.findall(statement)}
