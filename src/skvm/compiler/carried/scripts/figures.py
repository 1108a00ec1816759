"""Print the count, sum, mean, least and greatest value of the columns of a table.

figures.py FILE [COLUMN ...]        all columns of numbers where none is named
"""

import importlib
import statistics
import sys
from decimal import Decimal, localcontext
from typing import Any, NoReturn

# The calculator lies beside this script; nothing is to be written there.
sys.dont_write_bytecode = True
calc: Any = importlib.import_module("calc")


def stop(message: str) -> NoReturn:
    """End with a line that says what is wrong."""
    sys.exit(f"figures.py: {message}")


def line(name: str, cells: list[str]) -> str:
    """What is known of one column; empty cells do not count, and no number means no line."""
    values = [calc.value_of(cell) for cell in cells if cell.strip()]
    if not values or not all(isinstance(value, Decimal) for value in values):
        return ""
    mean = calc.shown(statistics.mean(values), 4).rstrip("0").rstrip(".")
    figures = {"sum": sum(values), "least": min(values), "greatest": max(values)}
    told = ", ".join(f"{key} {calc.shown(value, None)}" for key, value in figures.items())
    return f"{name}: count {len(values)}, mean {mean}, {told}"


def main(words: list[str]) -> None:
    """Read the table, print a line a column."""
    if not words:
        stop("call it with the file of the table")
    rows = calc.read_rows(words[0])
    if not rows:
        stop(f"{words[0]} has no rows")
    known = [key for key in rows[0] if key]
    if missing := [name for name in words[1:] if name not in known]:
        stop(f"{words[0]} has no column {missing[0]!r}; it has: {', '.join(known)}")
    with localcontext() as context:
        context.prec = 40
        made = {name: line(name, [row.get(name) or "" for row in rows]) for name in words[1:] or known}
    if bare := [name for name in words[1:] if not made[name]]:
        stop(f"{bare[0]} is no column of numbers")
    lines = [text for text in made.values() if text]
    sys.stdout.write("\n".join(lines or [f"{words[0]} has no column of numbers"]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
