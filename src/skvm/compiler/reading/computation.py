"""Computations described in prose: whether a sentence asks for one, how hard it is, which command does it.

The same reading serves the detector (which level does it need) and the ladder (which command does it), so
that what counts as a computation and what can be handed to a command cannot drift apart.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from skvm.compiler.reading.amounts import formulas_in, has_power
from skvm.compiler.reading.conditions import row_filter
from skvm.compiler.reading.formulas import (
    expression_in,
    formula_in,
    is_arithmetic,
    name_of,
    operator_count,
)
from skvm.compiler.reading.names import Names, column_of
from skvm.compiler.reading.spotting import TOLD
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

__all__ = [
    "Computation",
    "command_for",
    "definition_in",
    "kinds_in",
    "level_of",
    "without_kinds",
]

_WORK_OUT = r"(?:calculate|compute|work out|figure out|determine|derive|tally|estimate)"
_TELL = r"(?:find|report|give|state|list|show|record|take|return|print)"
_AGGREGATE = (
    r"(?:sums?|totals?|subtotals?|averages?|(?<!which )(?<!it )(?<!they )(?<!this )(?<!that )means?|medians?"
    r"|minimum|maximum|largest|smallest|highest|lowest)"
)
_QUANTITY = (
    rf"(?:{_AGGREGATE}|percent(?:age)?s?|ratios?|discounts?|margins?|"
    r"interest (?:due|rate|amount|payment)|growth(?: rate)?|tax|vat|"
    r"subtotal|difference|variance|standard deviation|weighted|compound|revenue|balance|markup|"
    r"(?:conversion|engagement|churn|retention|completion|hit|error|success|win|open|click-through) rates?)"
)
_FIGURE = (
    rf"(?:the|its|their|a|an|each)\s+(?:\w+\s+){{0,3}}?(?:(?!means\b){_AGGREGATE}|percentages?|ratios?"
    rf"|difference)\b"
    rf"|{_AGGREGATE}\s+(?:of|per|for|by|over|across|`|price|amount|cost|number|score)"
    r"|(?:ratio|difference|percentage) (?:of|between)\b|as (?:a )?percentages?\b"
)
_ASKS = sieved(
    rf"{TOLD}{_WORK_OUT}\b[^.;]{{0,80}}?\b{_QUANTITY}\b"
    rf"|\bby (?:calculat|comput)ing\b[^.;]{{0,80}}?\b{_QUANTITY}\b"
    rf"|{TOLD}{_TELL}\s[^.;]{{0,60}}?(?<![\w-])(?:{_FIGURE})"
    rf"|{TOLD}(?:(?:multiply|divide)(?=[^.;]{{0,60}}\b(?:by|with|and|into)\b)|subtract|add up|sum up|total up"
    rf"|deduct(?=[^.;(]{{0,30}}(?:\d|\bfrom\b)))\b\s+[^\s,;.]+"
    rf"|{TOLD}(?:sum|average|total)\s+(?:all\b|the\b|every\b|each\b|up\b|`)\s*\S+"
    rf"|(?<!above )\b{_AGGREGATE}\s+(?:of|over)\s+(?:the\s+|all\s+)?[`\w]"
    r"|\b(?:apply|take|deduct|charge|subtract)\b[^.;]{0,40}?\d(?:\.\d+)?\s?(?:%|percent\b)"
    r"|\b(?:add|grant|give)\b[^.;]{0,40}?\d(?:\.\d+)?\s?(?:%|percent)\s+(?:[\w-]+\s+){0,2}?"
    r"(?:tax|vat|fee|surcharge|markup|tip|charge|commission|discount|rebate|off|to|on|of|for)\b"
    r"|\b(?:is|are|equals?|charge|costs?|plus|minus|less)\s+\d+(?:\.\d+)?\s?(?:%|percent)\s+of\b"
    r"|计算(?!机)|求和|求出|算出|平均值|百分比|合计|总计|折扣",
    re.IGNORECASE,
)
_WORTH = sieved(
    rf"\b(?:{_QUANTITY}|multiply|divide|subtract|deduct|add up|sum up|total up)\b|\d\s?(?:%|percent)"
    r"|计算|求和|求出|算出|平均值|百分比|合计|总计|折扣",
    re.IGNORECASE,
)
"""What stands in every text that asks for a computation; quicker to look for than the asking."""
_HARD = sieved(
    r"\b(?:compound(?:ed|ing)?|standard deviation|variance|amorti[sz]\w+|net present value|NPV|IRR|"
    r"regression|correlation|CAGR|effective (?:annual )?rate|z-scores?|exponential|"
    r"square root)\b|复利|标准差",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\b(?:all|every|each|per|by|across|grouped|subtotals?|sums?|totals?|averages?|means?|medians?)\b|平均"
    r"|合计|总计|求和",
    re.IGNORECASE,
)
_OPERATIONS = (
    re.compile(r"\b(?:add|plus|sum|total)\b|\+", re.IGNORECASE),
    re.compile(r"\b(?:subtract|minus|deduct|less|difference|discount|off)\b", re.IGNORECASE),
    re.compile(r"\b(?:multipl\w+|times)\b|[×*]", re.IGNORECASE),
    re.compile(r"\b(?:divid\w+|ratio|per|average|mean)\b|÷", re.IGNORECASE),
    re.compile(r"%|\bpercent", re.IGNORECASE),
)
_DIGITS = re.compile(
    r"\b(?:(\d)|(one|two|three|four))\s+(?:decimals?|decimal places|digits after)", re.IGNORECASE
)
_ROUNDED = re.compile(r"\brounded to (?:the )?(?:cents?|(?:\d|one|two|three) decimals?)\b", re.IGNORECASE)
_TO_CENTS = re.compile(r"\brounded to (?:the )?cents?\b", re.IGNORECASE)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4}


@dataclass(frozen=True, slots=True)
class Computation:
    """A computation a command can do.

    Args:
        arguments: What follows ``calc.py``: operation, file or expression, options; not yet quoted.
        to_fill: Names or files in it the reader must replace by the real ones.
    """

    arguments: tuple[str, ...]
    to_fill: tuple[str, ...] = ()


def level_of(text: str) -> Level | None:
    """The level of ``reason.arithmetic`` a sentence needs; ``None`` where it asks for no computation.

    L1: one operation on given whole numbers. L2: several operations, one over many numbers, or decimals.
    L3: compound quantities: powers, roots, results that feed further formulas.
    """
    formula = formula_in(text) if "=" in text else None
    linked = formulas_in(text) if "=" in text else ()
    if formula is None and not linked and not (_WORTH.search(text) and _ASKS.search(text)):
        return None
    if _HARD.search(text) or any(has_power(found.expression) for found in linked):
        return Level.L3
    if linked:
        return Level.L2
    if formula is not None:
        return Level.L1 if operator_count(formula[1]) < 2 and not _ROUNDED.search(text) else Level.L2
    several = sum(bool(operation.search(text)) for operation in _OPERATIONS) > 1
    return Level.L2 if several or _MANY.search(text) or _DIGITS.search(text) else Level.L1


def definition_in(text: str) -> str | None:
    """The name a sentence only defines by a formula, asking for no value of it."""
    formula = formula_in(text) if "=" in text and not _ASKS.search(text) else None
    return formula[0] if formula else None


_KINDS = (
    ("mean", re.compile(r"\b(?:averages?|means?)\b|平均", re.IGNORECASE)),
    ("median", re.compile(r"\bmedians?\b", re.IGNORECASE)),
    ("max", re.compile(r"\b(?:largest|highest|maximum|biggest|most expensive)\b", re.IGNORECASE)),
    ("min", re.compile(r"\b(?:smallest|lowest|minimum|cheapest)\b", re.IGNORECASE)),
    ("sum", re.compile(r"\b(?:sums?|totals?|subtotals?|add(?:ing)? up)\b|求和|合计|总计", re.IGNORECASE)),
)
_GROUP = re.compile(
    r"\b(?:by|per|(?:for|of|in|within)\s+(?:each|every)|each|every|grouped by)\s+`?([A-Za-z_]\w*)`?",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"\b(?:where|with|whose|if|when)\s+(?:the\s+)?`?([A-Za-z_]\w*)`?\s+(?:is|=|==|equals|of)\s+"
    r"[\"'`“]?(?!over\b|above\b|more\b|greater\b|at\b|under\b|below\b|less\b|not\b)([A-Za-z][\w-]*)[\"'`”]?",
    re.IGNORECASE,
)
_BY_SIGN = re.compile(r"\b(?:negative|positive)\b", re.IGNORECASE)
"""Rows chosen by the sign of a value; a sum of all rows is not what is asked for."""
_OF_ITS_OWN = re.compile(r"\b(?:over|of|across) (?:its|their)\b", re.IGNORECASE)
"""One aggregate for each thing the text speaks of; a sum of the whole column is another one."""
_WORD = re.compile(r"`([^`]+)`|([A-Za-z_]\w*)")


def kinds_in(text: str) -> tuple[str, ...]:
    """The aggregates a text names, as ``calc.py`` calls them."""
    return tuple(name for name, words in _KINDS if words.search(text))


def without_kinds(text: str) -> str:
    """A text without the words that name an aggregate."""
    for _, words in _KINDS:
        text = words.sub(" ", text)
    return text


def command_for(text: str, names: Names, offset: int) -> Computation | None:
    """How ``calc.py`` does the computation a sentence asks for; ``None`` where the words leave that open.

    Args:
        text: The sentence.
        names: The names of its skill.
        offset: Where it stands, to tell which table it means.
    """
    digits = _digits(text)
    aggregate = _aggregate(text, names, offset)
    if aggregate is not None:
        return Computation((*aggregate.arguments, *digits), aggregate.to_fill)
    formula = formula_in(text)
    expression = formula[1] if formula else _binary(text, names) or _percent(text)
    if expression is None:
        return None
    return _applied(expression, names, offset, digits)


def _applied(expression: str, names: Names, offset: int, digits: tuple[str, ...]) -> Computation:
    """An expression for every row of a table where all its names are columns, else for given values."""
    expression = _expanded(expression, names)
    used = _names_in(expression)
    table = names.data_file(offset)
    if used and table and all(name.lower() in names.columns for name in used):
        return Computation(("each", table, _as_columns(expression, names), *digits))
    return Computation(("eval", expression, *(f"{name}=100" for name in used), *digits), used)


def _digits(text: str) -> tuple[str, ...]:
    found = _DIGITS.search(text)
    if found is None and _TO_CENTS.search(text):
        return ("--digits", "2")
    if found is None:
        return ("--digits", "0") if re.search(r"\bwhole (?:number|euro|dollar|unit)s?\b", text) else ()
    return ("--digits", found.group(1) or str(_WORDS[found.group(2).lower()]))


def _aggregate(text: str, names: Names, offset: int) -> Computation | None:
    kind = next((name for name, words in _KINDS if words.search(text)), None)
    table = names.data_file(offset)
    if kind is None or not (names.columns or names.formulas) or _BY_SIGN.search(text):
        return None
    group = next((column for word in _GROUP.findall(text) if (column := column_of(word, names))), None)
    if group is None and _OF_ITS_OWN.search(text):
        return None
    condition = row_filter(text, names) or next(
        (
            f"{column} == '{value}'"
            for word, value in _WHERE.findall(text)
            if (column := column_of(word, names))
        ),
        None,
    )
    tested = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'", "", condition or "")))
    formula = formula_in(text)
    # "The total of the amounts over 100" tests the column it adds up.
    target = (
        formula[1] if formula else _target(text, names, {group, *tested}) or _target(text, names, {group})
    )
    if target is None:
        return None
    expression = _expanded(target, names)
    if not all(name.lower() in names.columns for name in _names_in(expression)):
        return None
    arguments = [kind, table or "FILE.csv", _as_columns(_bare(expression), names)]
    arguments += ["--by", group] if group else []
    arguments += ["--where", condition] if condition else []
    return Computation(tuple(arguments), () if table else ("FILE.csv",))


def _target(text: str, names: Names, taken: set[str | None]) -> str | None:
    """The column or derived quantity a sentence speaks of, one in backticks first."""
    coded = [code or word for code, word in _WORD.findall(text) if code]
    plain = [word for code, word in _WORD.findall(text) if not code]
    compound = [name for name in (*names.formulas, *names.columns) if "_" in name]
    phrases = [
        name for name in compound if re.search(rf"\b{name.replace('_', '[ _]')}\b", text, re.IGNORECASE)
    ]
    for word in (*coded, *phrases, *plain):
        key: str = word.lower().replace(" ", "_")
        if key in names.formulas:
            return key
        column = column_of(word, names)
        if column is not None and column not in taken:
            return column
    return None


def _expanded(expression: str, names: Names, depth: int = 4) -> str:
    """Replace derived quantities by their formulas."""

    def formula(found: re.Match[str]) -> str:
        name = found.group()
        is_derived = name in names.formulas and name not in names.columns
        return f"({names.formulas[name]})" if is_derived else name

    for _ in range(depth):
        replaced = re.sub(r"[A-Za-z_]\w*", formula, expression)
        if replaced == expression:
            break
        expression = replaced
    return expression


def _bare(expression: str) -> str:
    """An expression without a pair of brackets around all of it."""
    return ast.unparse(ast.parse(expression, mode="eval")) if expression.startswith("(") else expression


def _names_in(expression: str) -> tuple[str, ...]:
    found = (node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name))
    return tuple(dict.fromkeys(sorted(found)))


def _as_columns(expression: str, names: Names) -> str:
    return re.sub(
        r"[A-Za-z_]\w*", lambda found: names.columns.get(found.group().lower(), found.group()), expression
    )


_OPERAND = (
    r"(?:the\s+|its\s+|their\s+)?"
    r"(`[^`]+`|\d+(?:\.\d+)?\s?%?|[a-z_]\w*(?:\s(?!by\b|from\b|to\b|with\b)[a-z_]\w*)?)"
)
_PAIRS = (
    (
        re.compile(rf"\bmultipl(?:y|ied|ying)\s+{_OPERAND}\s+(?:by|with)\s+{_OPERAND}", re.IGNORECASE),
        "{0} * {1}",
    ),
    (re.compile(rf"\bdivid(?:e|ed|ing)\s+{_OPERAND}\s+by\s+{_OPERAND}", re.IGNORECASE), "{0} / {1}"),
    (re.compile(rf"\bsubtract(?:ing)?\s+{_OPERAND}\s+from\s+{_OPERAND}", re.IGNORECASE), "{1} - {0}"),
    (re.compile(rf"\badd(?:ing)?\s+{_OPERAND}\s+to\s+{_OPERAND}", re.IGNORECASE), "{0} + {1}"),
)


def _binary(text: str, names: Names) -> str | None:
    for pattern, shape in _PAIRS:
        found = pattern.search(text)
        if found is None:
            continue
        operands = [expression_in(part) for part in found.groups()]
        made: str = shape.format(*(f"({part})" if part and " " in part else part for part in operands))
        return made if all(operands) and is_arithmetic(made) else None
    return None


_CUT = re.compile(
    r"(\d+(?:\.\d+)?)\s?(?:%|percent)\s+(?:\w+\s+)?(?:discount|off|rebate|reduction)", re.IGNORECASE
)
_RISE = re.compile(
    r"(\d+(?:\.\d+)?)\s?(?:%|percent)\s+(?:\w+\s+)?"
    r"(?:tax|vat|fee|surcharge|markup|tip|service charge|commission)",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"(\d+(?:\.\d+)?)\s?(?:%|percent)\s+of\s+(?:the\s+|their\s+|its\s+)?`?([A-Za-z_]\w*"
    r"(?: (?!and\b|or\b|to\b|for\b|if\b|when\b|above\b|below\b|from\b|in\b|on\b|with\b|is\b|as\b|by\b|at\b"
    r"|per\b|that\b)"
    r"[A-Za-z_]\w*){0,2})`?",
    re.IGNORECASE,
)


_PERCENT = re.compile(r"\d\s?(?:%|percent\b)", re.IGNORECASE)
_ELSE = re.compile(
    r"\b(?:times|multipl\w+|minus|plus|less|divided|per|for (?:those|members|orders|customers)|if|unless)\b",
    re.IGNORECASE,
)


def _percent(text: str) -> str | None:
    """Discounts and charges in the order they are named, or a share of something."""
    text = re.sub(r"[\"“][^\"”]*[\"”]", "", text)
    changes = [(found.start(), f"(1 - {found.group(1)}/100)") for found in _CUT.finditer(text)]
    changes += [(found.start(), f"(1 + {found.group(1)}/100)") for found in _RISE.finditer(text)]
    if changes and (len(changes) != len(_PERCENT.findall(text)) or _ELSE.search(text)):
        # A chain of which one link is not understood would be computed exactly and be wrong.
        return None
    if changes:
        return " * ".join(("amount", *(factor for _, factor in sorted(changes))))
    share = _SHARE.search(text)
    return f"{name_of(share.group(2))} * {share.group(1)}/100" if share else None
