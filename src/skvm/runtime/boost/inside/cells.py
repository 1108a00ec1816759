"""What one text of a column, or one string of a JSON file, looks like: its class.

``integer``, ``decimal`` (1234.5), ``text``, ``empty``, ``boolean:true`` (the words and their case), ``time``,
``date:Y-m-d`` (the order of its parts; ``~`` behind it where one
has a single digit), ``marked:%:decimal``; and what can be read in two ways, or is written
in another country: ``decimal-comma`` (1.234,5), ``grouped`` (1,234.5), ``grouped-or-comma`` (1,234),
``decimal-or-grouped`` (1.234, where a column has nothing else). ``padded`` comes beside the class of a value
with spaces around it.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["classes_of", "is_covered", "loosened", "number"]

_WORDS = {"true": "true", "false": "true", "yes": "yes", "no": "yes"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FORMS = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("integer", r"[+-]?(?:0|[1-9]\d{0,17})"),
        ("short-decimal", r"[+-]?[1-9]\d{0,2}\.\d{3}"),
        ("decimal", r"[+-]?(?:\d{1,30}\.\d{0,30}|\.\d{1,30}|\d{1,30}(?=[eE]))(?:[eE][+-]?\d{1,3})?"),
        ("grouped-or-comma", r"[+-]?[1-9]\d{0,2},\d{3}"),
        ("grouped", r"[+-]?[1-9]\d{0,2}(?:,\d{3}){1,8}(?:\.\d{0,30})?"),
        ("decimal-comma", r"[+-]?\d{1,3}(?:\.\d{3}){0,8},\d{1,30}|[+-]?\d{1,30},\d{1,30}"),
        ("dot-grouped", r"[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,8}"),
        ("time", r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp][Mm])?"),
    )
)
_DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<x>[-/. ])(?P<b>\d{1,2}|[A-Za-z]{3,9})(?P=x)(?P<c>\d{1,4})"
    r"(?:(?P<t>[T ])\d{1,2}:\d\d(?P<s>:\d\d(?P<f>[.,]\d{1,9})?)?(?P<z>Z|[ ]?[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_SPOKEN = re.compile(r"(?P<m>[A-Za-z]{3,9})\.? (?P<d>\d{1,2})(?P<x>,?) (?P<y>\d{4})", re.ASCII)
_MARKED = re.compile(r"(?P<before>[$€£¥]? ?)(?P<number>[+-]?[\d.,]{1,40})(?P<after> ?[$€£¥%]?)", re.ASCII)
_NUMBERS = (
    "integer",
    "decimal",
    "decimal-or-grouped",
    "grouped",
    "grouped-or-comma",
    "decimal-comma",
    "dot-grouped",
)
_NUMERIC = (
    "integer",
    "decimal",
    "decimal-comma",
    "grouped",
    "grouped-or-comma",
    "dot-grouped",
    "date:",
    "marked:",
)


def classes_of(texts: Iterable[str]) -> list[str]:
    """The classes of a column's values, each once, in order of name."""
    known: dict[str, str] = {}
    for text in texts:
        if text not in known:
            known[text] = _class_of(text.strip())
    found = set(known.values())
    if any(text and (text[0].isspace() or text[-1].isspace()) for text in known):
        found.add("padded")
    if "short-decimal" in found:
        found.remove("short-decimal")
        found.add("decimal" if "decimal" in found else "decimal-or-grouped")
    return sorted(_with_dates_settled(found))


def is_covered(name: str, known: Sequence[str]) -> bool:
    """Whether a class is one of those known, or says no more than one of them."""
    if name in known:
        return True
    if name == "integer" and "decimal" in known:
        return True
    if name.startswith("date:") and not name.endswith("~") and is_covered(f"{name}~", known):
        return True
    if name.startswith("date:?"):
        return "date:dm" + name[7:] in known or "date:md" + name[7:] in known
    is_free = "text" in known and not any(each.startswith(_NUMERIC) for each in known)
    return is_free and name not in ("empty", "padded")


def loosened(names: Sequence[str]) -> list[str]:
    """Classes of what one program writes: numbers may be larger or rounder than before, days others."""
    found = set(names)
    for name in names:
        if name in _NUMBERS:
            found.update(_NUMBERS)
        elif name.startswith("marked:"):
            mark = name[: name.rindex(":") + 1]
            found.update(mark + number for number in _NUMBERS)
        elif name[:7] in ("date:??", "date:dm", "date:md"):
            found.update(f"date:{order}{name[7:]}" for order in ("??", "dm", "md"))
    return sorted(found)


def number(text: str) -> float | None:
    """The value of a text of the class ``integer`` or ``decimal``; ``None`` of any other."""
    plain = text.strip()
    if any(form.fullmatch(plain) for _, form in _FORMS[:3]):
        return float(plain)
    return None


def _class_of(text: str) -> str:
    if not text:
        return "empty"
    if len(text) > 60:
        return "text"
    for name, form in _FORMS:
        if form.fullmatch(text):
            return name
    if (family := _WORDS.get(text.lower())) is not None:
        return (
            f"boolean:{family}"
            if text.islower()
            else f"boolean:{family.title()}"
            if text.istitle()
            else (f"boolean:{family.upper()}" if text.isupper() else "text")
        )
    return _date_of(text) or _marked_of(text) or "text"


def _date_of(text: str) -> str | None:
    if (spoken := _SPOKEN.fullmatch(text)) and spoken["m"][:3].lower() in _MONTHS:
        return f"date:{'b' if len(spoken['m']) == 3 else 'B'} d{spoken['x']} Y"
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    a, b, c, mark = found["a"], found["b"], found["c"], found["x"]
    tail = found["t"] or ""
    if tail:
        tail += "H:M" + (":S" if found["s"] else "") + (found["f"][0] + "f" if found["f"] else "")
        tail += "z" if found["z"] else ""
    if b.isalpha():
        name = b[:3].lower() in _MONTHS and len(a) <= 2 and len(c) in (2, 4)
        return (
            f"date:d{mark}{'b' if len(b) == 3 else 'B'}{mark}{'Y' if len(c) == 4 else 'y'}{tail}"
            if name
            else None
        )
    if len(a) == 4 and len(c) <= 2:
        order = "m" + mark + "d" if int(b) <= 12 else "d" + mark + "m"
        return f"date:Y{mark}{order}{tail}{_short(b, c)}" if _is_day(b, c) else None
    if len(a) > 2 or len(c) not in (2, 4) or not _is_day(a, b):
        return None
    order = "dm" if int(a) > 12 else "md" if int(b) > 12 else "??"
    return f"date:{order}{mark}{'Y' if len(c) == 4 else 'y'}{tail}{_short(a, b)}"


def _is_day(one: str, other: str) -> bool:
    """Whether two numbers may be a day and a month, in any order."""
    low, high = sorted((int(one), int(other)))
    return 1 <= low <= 12 and high <= 31


def _short(one: str, other: str) -> str:
    """A mark for days and months of one digit: who cuts dates at fixed places gets something else of them."""
    return "~" if len(one) == 1 or len(other) == 1 else ""


def _marked_of(text: str) -> str | None:
    found = _MARKED.fullmatch(text)
    if found is None or not (found["before"] or found["after"]):
        return None
    inner = _class_of(found["number"])
    return f"marked:{found['before']}{found['after']}:{inner}"


def _with_dates_settled(found: set[str]) -> set[str]:
    """A day beyond 12 anywhere in a column says how all of it is to be read."""
    settled = set(found)
    for name in found:
        if name.startswith("date:??"):
            rests = (name[7:].removesuffix("~"), name[7:].removesuffix("~") + "~")
            settling = [f"date:{order}{rest}" for order in ("dm", "md") for rest in rests]
            if orders := [each for each in settling if each in found]:
                settled.discard(name)
                settled |= {f"{each[:7]}{name[7:]}" for each in orders}
    return settled
