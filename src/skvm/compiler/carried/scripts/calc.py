"""Exact arithmetic over values and tables.

calc.py sum|mean|median|min|max FILE EXPRESSION [--by COLUMN] [--where CONDITION] [--digits N]
calc.py each FILE EXPRESSION [--where CONDITION] [--digits N]     the value of every row
calc.py rows|count FILE [--by COLUMN] [--where CONDITION]         the rows, or how many there are
calc.py eval EXPRESSION [NAME=VALUE ...] [--digits N]
calc.py columns FILE
"""

import argparse
import ast
import csv
import json
import operator
import re
import statistics
import sys
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from pathlib import Path
from typing import Any

BINARY: dict[Any, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
COMPARE: dict[Any, Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
TOTALS: dict[str, Any] = {
    "sum": sum,
    "mean": statistics.mean,
    "median": statistics.median,
    "min": min,
    "max": max,
}


def value_of(text: str) -> Any:
    """A cell as a number where it is one (12, 1,234.50, $5, 12 EUR, 30%), else as text; empty is 0."""
    bare = re.sub(r"^[^\d.+-]{0,4}\s*(?=[\d.+-])|\s*(?:[A-Za-z]{3}|%|[^\w\s.])$", "", text.strip())
    try:
        return Decimal(re.sub(r",(?=\d{3}\b)", "", bare)) if text.strip() else Decimal(0)
    except InvalidOperation:
        return text.strip()


def evaluate(node: Any, values: dict[str, Any]) -> Any:
    """The value of a parsed expression; only arithmetic, comparisons, and/or/not."""
    if isinstance(node, ast.Expression):
        return evaluate(node.body, values)
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        return BINARY[type(node.op)](evaluate(node.left, values), evaluate(node.right, values))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        return COMPARE[type(node.ops[0])](evaluate(node.left, values), evaluate(node.comparators[0], values))
    if isinstance(node, ast.BoolOp):
        join = all if isinstance(node.op, ast.And) else any
        return join([evaluate(part, values) for part in node.values])
    if isinstance(node, ast.UnaryOp):
        value = evaluate(node.operand, values)
        return (
            not value if isinstance(node.op, ast.Not) else -value if isinstance(node.op, ast.USub) else value
        )
    return leaf(node, values)


def leaf(node: Any, values: dict[str, Any]) -> Any:
    """The value of a number, a text in quotes or a name."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else Decimal(str(node.value))
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    if isinstance(node, ast.Name):
        sys.exit(f"calc.py: nothing is called {node.id!r}; there are: {', '.join(values) or 'no names'}")
    sys.exit("calc.py: only + - * / % **, comparisons, and, or, not are understood")


def shown(value: Any, digits: int | None) -> str:
    """A value as text, rounded half up."""
    if not isinstance(value, Decimal):
        return str(value)
    if digits is not None:
        value = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    else:
        value = value.quantize(Decimal("1e-6"), rounding=ROUND_HALF_UP).normalize()
    return f"{value:f}"


def read_rows(path: str) -> list[dict[str, str]]:
    """The rows of a CSV, TSV or JSON list."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        sys.exit(f"calc.py: {path}: {error.strerror}")
    if path.endswith(".json"):
        rows = json.loads(text)
        return [{key: str(cell) for key, cell in row.items()} for row in rows]
    lines = [line for line in text.splitlines() if line.strip()]
    head = lines[0] if lines else ""
    delimiter = max(",;\t", key=head.count)
    return list(csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True))


def table(options: argparse.Namespace) -> list[str]:
    """Run an operation over the rows of a table."""
    rows = read_rows(options.source)
    if options.operation == "columns":
        return [", ".join(rows[0]) if rows else ""]
    typed = [{key: value_of(cell or "") for key, cell in row.items() if key} for row in rows]
    if options.where:
        test = ast.parse(options.where, mode="eval")
        typed = [row for row in typed if evaluate(test, row)]
    if options.operation == "rows":
        return [", ".join(f"{key}={shown(cell, None)}" for key, cell in row.items()) for row in typed]
    expression = ast.parse(options.expression or "1", mode="eval")
    if options.operation == "each":
        return [
            f"{', '.join(cell for cell in row.values() if isinstance(cell, str)) or index}: "
            f"{shown(evaluate(expression, row), options.digits)}"
            for index, row in enumerate(typed, 1)
        ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in typed:
        groups.setdefault(str(row.get(options.by, "")) if options.by else "", []).append(row)
    lines = []
    for name, members in groups.items():
        if options.operation == "count":
            result = str(len(members))
        else:
            values = [evaluate(expression, row) for row in members]
            result = shown(TOTALS[options.operation](values), options.digits)
            if options.operation in {"min", "max"}:
                chosen = members[values.index(TOTALS[options.operation](values))]
                result += (
                    "  (" + ", ".join(f"{key}={shown(cell, None)}" for key, cell in chosen.items()) + ")"
                )
        lines.append(f"{name}: {result}" if options.by else result)
    return lines or ["0"]


def main() -> None:
    """Read the command line and print the result."""
    parser = argparse.ArgumentParser(prog="calc.py", usage=__doc__)
    parser.add_argument("operation", choices=[*TOTALS, "each", "rows", "count", "eval", "columns"])
    parser.add_argument("source")
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--by")
    parser.add_argument("--where")
    parser.add_argument("--digits", type=int)
    options = parser.parse_intermixed_args()
    options.expression = options.rest[0] if options.rest else None
    try:
        with localcontext() as context:
            context.prec = 40
            if options.operation == "eval":
                given = dict(item.split("=", 1) for item in options.rest)
                values = {key.strip(): value_of(text) for key, text in given.items()}
                tree = ast.parse(options.source, mode="eval")
                lines = [shown(evaluate(tree, values), options.digits)]
            else:
                lines = table(options)
    except (SyntaxError, TypeError, ValueError, ArithmeticError) as error:
        sys.exit(f"calc.py: {error}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
