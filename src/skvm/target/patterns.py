"""Regular expressions out of answers: found in any coat, and tried on texts within bounds."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skvm.target.answers import clean

__all__ = ["Case", "Way", "cases_of", "expanded_size", "read_pattern", "try_pattern"]

Way = Literal["fullmatch", "search", "findall"]
"""How a pattern is used: on the whole text, on the first place, or on every place."""

_MAX_CHARS = 600
_MAX_SIZE = 20_000
"""Of a pattern with its repeats written out, which is what compiling it costs."""
_MAX_REPEAT = 5_000
_TIMEOUT_S = 0.5
_BUDGET_S = 3.0

_LABEL = re.compile(
    r"^[\s>*_#-]*(?:final\s+)?(?:pattern|regexp?|regular expression|answer)[\s*_]*[:=][\s*_]*(?=\S)(.+)$",
    re.IGNORECASE,
)
_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)^[ \t]*(?:```|~~~)", re.DOTALL | re.MULTILINE)
_COMPILE = re.compile(r"^(?:\w+\s*=\s*)?re(?:gex)?\.\w+\(\s*([rR]?(['\"]).+?\2)\s*[,)].*$")
_ASSIGNED = re.compile(r"^\w+\s*=\s*(?=[rR]?['\"])")
_QUOTED = re.compile(r"^[rR]?(\"\"\"|'''|\"|')(.+)\1$", re.DOTALL)
_SLASHED = re.compile(r"^/(.+)/([gimsuxy]*)$")
_COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")


@dataclass(frozen=True, slots=True)
class Case:
    """A text and what the pattern must find in it.

    Args:
        text: One line.
        found: Of a full match or a search, the groups that are asked for; of every place, where it begins and
            what is matched (``4 word``), in order. ``None``: no match.
    """

    text: str
    found: Sequence[str] | None


def read_pattern(response: str) -> str | None:
    """The one pattern an answer gives, ``None`` without one.

    After the last label (``Pattern: …``); else the only line of the last fenced block; else the only code in
    backticks; else the only line. Backticks, quotes, ``r"…"``, ``re.compile(…)`` and slashes around it go.
    """
    text = clean(response)
    lines = [line.strip() for line in text.split("\n")]
    labelled = [match[1] for line in lines if (match := _LABEL.match(line))]
    blocks = [_one_line(block) for block in _FENCED.findall(text)]
    spans = list(dict.fromkeys(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)))
    if labelled:
        return _bare(labelled[-1])
    if blocks and blocks[-1] is not None:
        return _bare(blocks[-1])
    if spans:
        return _bare(spans[0]) if len(spans) == 1 else None
    said = [line for line in lines if line and not line.startswith(("```", "~~~"))]
    # After a label on its own line the pattern stands on the next one.
    for place, line in enumerate(said[:-1]):
        if re.match(r"^[\s*_#]*(?:pattern|regex|regular expression)[\s*_]*:[\s*_]*$", line, re.IGNORECASE):
            return _bare(said[place + 1])
    return _bare(said[0]) if len(said) == 1 else None


def _one_line(block: str) -> str | None:
    lines = [line.strip() for line in block.split("\n") if line.strip()]
    lines = [line for line in lines if not line.startswith(("import ", "# "))]
    return lines[0] if len(lines) == 1 else None


def _bare(text: str) -> str:
    """A pattern without what is written around it."""
    text = text.strip()
    if text.startswith("**") and text.endswith("**"):
        text = text.strip("*").strip()
    elif text.endswith("**") and text.count("**") == 1:
        # The whole line was bold, and the label took the stars at its beginning.
        text = text[:-2].strip()
    if span := re.match(r"^(`+)(.+?)\1(?:[\s.(].*)?$", text):
        text = span[2].strip()
    if call := _COMPILE.match(text):
        text = call[1]
    text = _ASSIGNED.sub("", text)
    if quoted := _QUOTED.match(text):
        text = quoted[2]
    if slashed := _SLASHED.match(text):
        text = ("(?i)" if "i" in slashed[2] else "") + slashed[1]
    return text


def expanded_size(pattern: str) -> int:
    """How long a pattern gets with its counted repeats written out; nested repeats multiply."""
    stack, last, position = [0], 0, 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            last, step = 1, 2
        elif char == "[":
            end = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]").match(pattern, position)
            last, step = 1, (len(end[0]) if end else 1)
        elif char == "(":
            stack.append(0)
            last, step = 0, 1
        elif char == ")" and len(stack) > 1:
            last, step = stack.pop() + 1, 1
        elif (count := _COUNT.match(pattern, position)) and count[0] != "{}":
            most = max((int(number) for number in count.groups() if number), default=1)
            last, step = last * max(most - 1, 0), len(count[0])
        else:
            last, step = 1, 1
        stack[-1] += last
        position += step
    return sum(stack)


def try_pattern(pattern: str, way: Way, cases: Sequence[Case], groups: Sequence[int] = (0,)) -> str:
    """Try a pattern on every case.

    Args:
        pattern: As read from the answer; it must be one that Python's ``re`` takes.
        way: How it is used.
        cases: Texts and what must be found there.
        groups: What a match is asked for, where it is a full match or a search.

    Returns:
        The first thing that is wrong, empty without one.
    """
    compiled = _compiled(pattern)
    if isinstance(compiled, str):
        return compiled
    if compiled.groups < max(groups):
        return f"the pattern has {compiled.groups} groups, not {max(groups)}"
    ends = time.monotonic() + _BUDGET_S
    for case in cases:
        try:
            found = _found(compiled, way, case.text, groups)
        except TimeoutError:
            return f"takes too long on {case.text!r}"
        if found != (None if case.found is None else list(case.found)):
            return f"on {case.text!r}: expected {_named(case.found)}, found {_named(found)}"
        if time.monotonic() > ends:
            return "takes too long"
    return ""


def _compiled(pattern: str) -> Any:
    """The compiled pattern, or what is wrong with it."""
    import regex  # type: ignore[import-untyped]

    counts = [int(number) for match in _COUNT.finditer(pattern) for number in match.groups() if number]
    if len(pattern) > _MAX_CHARS:
        return f"the pattern is longer than {_MAX_CHARS} characters"
    if max(counts, default=0) > _MAX_REPEAT or expanded_size(pattern) > _MAX_SIZE:
        return "the pattern is too large with its repeats written out"
    try:
        re.compile(pattern)
        return regex.compile(pattern)
    except (re.error, regex.error, RecursionError, OverflowError) as error:
        return f"not a regular expression: {error}"


def _found(compiled: Any, way: Way, text: str, groups: Sequence[int]) -> list[str] | None:
    if way == "findall":
        places = compiled.finditer(text, timeout=_TIMEOUT_S, concurrent=True)
        return [f"{place.start()} {place.group(0)}" for place in places] or None
    run = compiled.fullmatch if way == "fullmatch" else compiled.search
    match = run(text, timeout=_TIMEOUT_S, concurrent=True)
    return None if match is None else [match.group(group) or "" for group in groups]


def _named(found: Sequence[str] | None) -> str:
    return "no match" if found is None else ", ".join(map(repr, found))


def cases_of(rows: Sequence[Mapping[str, Any]]) -> list[Case]:
    """Cases out of the JSON values of a probe's secret."""
    return [Case(row["text"], row["found"]) for row in rows]
