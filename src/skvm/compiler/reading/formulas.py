"""Formulas of a text as expressions of names, numbers and the four signs."""

from __future__ import annotations

import ast
import re

__all__ = ["expression_in", "formula_in", "is_arithmetic", "name_of", "operator_count"]

_FORMULA = re.compile(
    r"(?:^|[(`*:,]|\b(?:is|the|as)\s)\s*`?\*{0,2}([A-Za-z][A-Za-z0-9_ ]{0,40}?)`?\*{0,2}"
    r"\s*=\s*([^=<>;,\n][^=<>;,\n]{2,120})"
)
_TERM = re.compile(
    r"\s*(?:(\d[\d_]*(?:\.\d+)?)\s*(%?)|([A-Za-z][A-Za-z0-9_]*(?: [a-z0-9_]+){0,3})|(\*(?!\*)|[-+/()]))"
)
_SIGNS = frozenset("*-+/(")
_ALLOWED = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Constant,
    ast.Name,
    ast.operator,
    ast.unaryop,
    ast.Load,
)


def formula_in(text: str) -> tuple[str, str] | None:
    """``name = expression`` in a sentence: the name and a Python expression of names, numbers and + - * /."""
    for found in _FORMULA.finditer(text):
        expression = expression_in(found.group(2))
        if expression is None or not operator_count(expression):
            continue
        # "Trust = candour + time" is a saying; a sum of plain words alone computes nothing.
        if re.search(r"[-*/\d]", expression) or "_" in found.group(2) or "`" in text:
            return name_of(found.group(1)), expression
    return None


def name_of(words: str) -> str:
    """The name of a quantity told in words: its last four."""
    return "_".join(words.strip().lower().split()[-4:])


def expression_in(text: str) -> str | None:
    """The longest arithmetic expression a text begins with; hyphens and slashes inside words are no signs."""
    if re.search(r"[A-Za-z][-/][A-Za-z]|\d\s?[–^]|\b(?:you|we|what|how|who)\b", text):
        return None
    for sign, plain in (
        ("×", "*"),
        ("÷", "/"),
        ("−", "-"),
        ("–", "-"),
        (" x ", " * "),
        ("`", " "),
    ):
        text = text.replace(sign, plain)
    parts: list[str] = []
    best: str | None = None
    position = 0
    while (found := _TERM.match(text, position)) and found.end() > position:
        number, percent, name, sign = found.groups()
        if number:
            parts.append(f"({number}/100)" if percent else number)
        elif name:
            parts.append(name_of(name))
        else:
            parts.append(sign)
        position = found.end()
        if len(parts) > 1 and (number or name) and parts[-2] not in _SIGNS:
            # A name longer than names are: half of it would be a quantity nobody spoke of.
            return None
        candidate = " ".join(parts)
        if is_arithmetic(candidate):
            best = candidate
    rest = text[position:].strip()
    return best if not rest or rest[0] in ".)*|—:([" or best is None else None


def is_arithmetic(expression: str) -> bool:
    """Whether a text is an expression of names, numbers and signs, and of nothing else."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(node, _ALLOWED) for node in ast.walk(tree))


def operator_count(expression: str) -> int:
    """How many operations an expression holds."""
    return sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(expression, mode="eval")))
