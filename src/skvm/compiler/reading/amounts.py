"""Amounts told in words: a product, then percentages taken off and added; and formulas that feed each other.

A reading counts only where every clause of the sentence is understood; a chain read in part would be computed
exactly and be wrong.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from skvm.compiler.reading.spotting import number_in

__all__ = ["Amount", "amounts_in", "formulas_in", "has_power"]


@dataclass(frozen=True, slots=True)
class Amount:
    """One expression to be computed.

    Args:
        label: What it is, or when it holds; ``""`` where that is clear.
        expression: Names, numbers and operators, as ``calc.py`` reads them.
        digits: Decimals to round to; ``None`` where the sentence says none.
    """

    label: str
    expression: str
    digits: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the reader supplies, in order."""
        walked = ast.walk(ast.parse(self.expression, mode="eval"))
        found = [(node.col_offset, node.id) for node in walked if isinstance(node, ast.Name)]
        return tuple(dict.fromkeys(name for _, name in sorted(found)))


_CLAUSE = re.compile(r"\s*(?:;|,\s*(?:and\s+)?then\b|\bthen\b|,\s*and\b|,)\s*", re.IGNORECASE)
_UNIT = r"(?:\s?(?:euros?|eur|dollars?|usd|pounds?|gbp|francs?|chf|yen|€|\$|£))?"
_NUMBER = rf"(?:[$€£]\s?)?(\d+(?:\.\d+)?){_UNIT}"
_WORDS = (
    r"((?:the |its |their |number of )*[a-z][a-z_]*(?: (?!times\b|plus\b|minus\b|multiplied\b"
    r"|divided\b)[a-z_]+){0,2})"
)
_OPERAND = re.compile(rf"\s*(?:{_NUMBER}|{_WORDS})\s*", re.IGNORECASE)
_OPERATORS = {
    "times": "*",
    "multiplied by": "*",
    "x": "*",
    "×": "*",
    "*": "*",
    "plus": "+",
    "minus": "-",
    "divided by": "/",
}
_OPERATOR = re.compile(r"\s*(times|multiplied by|divided by|plus|minus|[x×*](?=\s))\s*", re.IGNORECASE)
_BASE = re.compile(
    r"(?:the\s+|an?\s+)?[a-z][a-z ]{0,30}?\s+(?:is|equals|costs|=)\s+(?P<rest>.+)", re.IGNORECASE
)
_CHANGE = re.compile(
    r"(?:(?P<off>take off|deduct|subtract|take away|give|apply|less|minus)|(?P<on>add|charge"
    r"|plus))\s+(?:an?\s+|another\s+|a further\s+)?"
    r"(?P<number>\d+(?:\.\d+)?)\s?(?:%|percent|per cent)(?P<kind>(?:\s+(?!for\b|if\b|when\b)[a-z]+){0,3})"
    r"(?:\s+(?P<when>(?:for|if|when)\s+.+))?",
    re.IGNORECASE,
)
_OFF = re.compile(r"\b(?:off|discount|rebate|reduction)\b", re.IGNORECASE)
_ON = re.compile(r"\b(?:tax|vat|fee|surcharge|markup|tip|charge|commission)\b", re.IGNORECASE)
_ROUND = re.compile(
    r"(?:round|give|state|show|report|write)\s+(?:the\s+)?(?:\w+\s+)?(?:it\s+)?(?:rounded\s+)?(?:to|in"
    r"|with)\s+"
    r"(?:the\s+(?P<cent>cent|penny)|(?P<whole>whole\s+\w+)|(?P<digits>\w+)\s+decimals?(?:\s+places)?)",
    re.IGNORECASE,
)


def amounts_in(text: str) -> tuple[Amount, ...]:
    """What a sentence tells to compute: a chain of percentages by case, or formulas; empty where unclear."""
    return _chain(text) or formulas_in(text)


def _chain(text: str) -> tuple[Amount, ...]:
    clauses = [clause for clause in _CLAUSE.split(text.strip().rstrip(".")) if clause]
    base = _BASE.fullmatch(clauses[0]) if clauses else None
    product = _product(base.group("rest")) if base else None
    if product is None or not ("%" in text or "percent" in text.lower()):
        return ()
    digits: int | None = None
    changes: list[tuple[str, str]] = []
    for clause in clauses[1:]:
        rounding = _ROUND.fullmatch(clause)
        change = _change(clause)
        if rounding:
            digits = 2 if rounding["cent"] else 0 if rounding["whole"] else number_in(rounding["digits"])
        elif change:
            changes.append(change)
        else:
            return ()
    conditions = [when for _, when in changes if when]
    if not changes or len(conditions) > 1:
        return ()
    whole = " * ".join((product, *(factor for factor, _ in changes)))
    if not conditions:
        return (Amount("", whole, digits),)
    plain = " * ".join((product, *(factor for factor, when in changes if not when)))
    return Amount(conditions[0], whole, digits), Amount("otherwise", plain, digits)


def _product(text: str) -> str | None:
    parts: list[str] = []
    position = 0
    while operand := _OPERAND.match(text, position):
        words = re.sub(
            r"^(?:the |its |their |number of )+", "", (operand[2] or "").strip(), flags=re.IGNORECASE
        )
        parts.append(operand[1] or words.lower().replace(" ", "_"))
        position = operand.end()
        operator = _OPERATOR.match(text, position)
        if operator is None:
            break
        parts.append(_OPERATORS[operator[1].lower()])
        position = operator.end()
    if position < len(text) or len(parts) < 3 or len(parts) % 2 == 0:
        return None
    made = " ".join(parts)
    return made if set(parts[1::2]) <= {"*"} else f"({made})"


def _change(clause: str) -> tuple[str, str] | None:
    """The factor of a percentage taken off or added, and when it holds."""
    found = _CHANGE.fullmatch(clause)
    if found is None:
        return None
    kind = found["kind"] or ""
    is_off = bool(found["off"]) if found["off"] not in ("give", "apply") else bool(_OFF.search(kind))
    if not is_off and found["off"] and not _ON.search(kind):
        return None
    return f"(1 {'-' if is_off else '+'} {found['number']}/100)", (found["when"] or "").strip()


_SIGNS = {"×": "*", "·": "*", "÷": "/", "−": "-", "（": "(", "）": ")", "^": "**", "²": "**2", "³": "**3"}
_DEFINES = re.compile(r"(?<![\w=<>!])([A-Za-z][A-Za-z0-9_]{0,20}|[\u4e00-\u9fff]{1,8})\s*=(?![=<>])\s*")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*|[\u4e00-\u9fff]{1,8})"
    r"|(?P<sign>(?<=\s)\*\*(?=\s)|(?<=\w)\*\*(?=[\w(])|[-+/^×·÷−²³]|\*(?!\*))|"
    r"(?P<open>[(（])|(?P<close>[)）]))"
)


_EULER = re.compile(r"\be \*\*")


def formulas_in(text: str) -> tuple[Amount, ...]:
    """Formulas a sentence strings together, each written out in what is given; empty for a plain one."""
    if "=" not in text or "`" in text:
        return ()
    known: dict[str, str] = {}
    found: list[Amount] = []
    feeds = False
    for definition in _DEFINES.finditer(text):
        if text[: definition.start()].rstrip().endswith("("):
            # In brackets it explains what was said.
            return ()
        expression = _expression(text, definition.end())
        if expression is None:
            return ()
        used = {
            node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)
        }
        feeds = feeds or bool(used & known.keys())
        written = re.sub(
            r"[^\W\d]\w*", lambda hit: f"({known[hit[0]]})" if hit[0] in known else hit[0], expression
        )
        known[definition[1]] = written = _EULER.sub("2.718281828459045 **", written)
        found.append(Amount(definition[1], ast.unparse(ast.parse(written, mode="eval"))))
    if not found or not (feeds or (len(found) == 1 and has_power(found[0].expression))):
        return ()
    digits = _digits(text)
    return tuple(Amount(amount.label, amount.expression, digits) for amount in found)


def _digits(text: str) -> int | None:
    found = re.search(r"\b(\w+)\s+decimals?\b|([一两二三四五\d])位小数", text, re.IGNORECASE)
    return number_in(found[1] or found[2]) if found else None


def _expression(text: str, position: int) -> str | None:
    """The arithmetic expression that begins at a position: operands and signs in turn."""
    parts: list[str] = []
    depth, wants = 0, True
    while token := _TOKEN.match(text, position):
        kind, sign = token.lastgroup, token[0].strip()
        if (wants and kind == "close") or (not wants and kind in {"number", "name", "open"}):
            break
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            break
        parts.append(_SIGNS.get(sign, sign))
        wants = kind == "open" or (kind == "sign" and sign not in "²³")
        position = token.end()
    made = " ".join(parts)
    try:
        tree = ast.parse(made, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not any(isinstance(node, ast.BinOp) for node in ast.walk(tree)):
        return None
    return made


def has_power(expression: str) -> bool:
    """Whether an expression raises to a power."""
    return "**" in expression
