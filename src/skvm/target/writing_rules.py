"""Rules a short text has to keep, each of which can be checked exactly.

A rule is plain data (a kind and its values), so that it travels in a probe's secret; what it says, how it is
checked and how it is broken stand side by side here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["RULES", "Rule", "broken", "fault_of", "said", "text_of", "words_of"]

Lines = Sequence[str]
Values = Mapping[str, Any]

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def words_of(line: str) -> list[str]:
    """The words of a line, numbers too; an apostrophe or a hyphen inside does not part them."""
    return _WORD.findall(line)


def text_of(lines: Lines) -> str:
    """The lines as one text."""
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of rule.

    Args:
        says: The rule in words.
        holds: Whether a text keeps it.
        breaks: A text that kept it, changed so that it does not; ``None`` where that takes another text.
    """

    says: Callable[[Values], str]
    holds: Callable[[Values, Lines], bool]
    breaks: Callable[[Values, Lines], Lines]


def _count(word: str, lines: Lines) -> int:
    return sum(each.lower() == word.lower() for line in lines for each in words_of(line))


def _runs(line: str, size: int) -> list[list[str]]:
    """Every run of so many words of a line, in small letters, from the first to the last."""
    words = words_of(line.lower())
    return [words[at : at + size] for at in range(len(words) - size + 1)]


def _stands_at(edge: int, values: Values, lines: Lines) -> bool:
    place, wanted = values.get("line", 1), words_of(values["word"])
    runs = _runs(lines[place - 1], len(wanted)) if place <= len(lines) else []
    return bool(runs) and runs[edge] == wanted


def _end_says(which: str, values: Values) -> str:
    line = f" of line {values['line']}" if "line" in values else ""
    if " " in values["word"]:
        return f"the {which} words{line} are {values['word']}, in this order"
    return f"the {which} word{line} is {values['word']}"


def _with_line(lines: Lines, place: int, line: str) -> list[str]:
    return [*lines[: place - 1], line, *lines[place:]]


def _swapped(line: str, word: str, by: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", by, line, flags=re.IGNORECASE)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


RULES: Mapping[str, Rule] = {
    "lines": Rule(
        lambda v: f"exactly {v['count']} lines",
        lambda v, lines: len(lines) == v["count"],
        lambda v, lines: lines[:-1],
    ),
    "words": Rule(
        lambda v: f"exactly {v['count']} words in {'each line' if v.get('many', True) else 'all'}",
        lambda v, lines: all(len(words_of(line)) == v["count"] for line in lines),
        lambda v, lines: _with_line(
            lines, 1, f"So {lines[0]}" if not lines[0].islower() else f"so {lines[0]}"
        ),
    ),
    "least": Rule(
        lambda v: f"at least {v['count']} words in each line",
        lambda v, lines: all(len(words_of(line)) >= v["count"] for line in lines),
        lambda v, lines: [words_of(lines[0])[0], *lines[1:]],
    ),
    "starts": Rule(
        lambda v: _end_says("first", v),
        lambda v, lines: _stands_at(0, v, lines),
        lambda v, lines: _with_line(lines, v.get("line", 1), f"so {lines[v.get('line', 1) - 1]}"),
    ),
    "ends": Rule(
        lambda v: _end_says("last", v),
        lambda v, lines: _stands_at(-1, v, lines),
        lambda v, lines: [_swapped(line, v["word"], "too") for line in lines],
    ),
    "times": Rule(
        lambda v: f"the word {v['word']} exactly {_plural(v['count'], 'time')} in all",
        lambda v, lines: _count(v["word"], lines) == v["count"],
        lambda v, lines: [_swapped(line, v["word"], "thing") for line in lines],
    ),
    "without": Rule(
        lambda v: f"do not use the letter {v['letter']}, neither small nor capital",
        lambda v, lines: v["letter"] not in text_of(lines).lower(),
        lambda v, lines: [lines[0].replace(words_of(lines[0])[-1], v["letter"] * 2), *lines[1:]],
    ),
    "number": Rule(
        lambda v: f"the number {v['number']}, in digits, in line {v['line']} and in no other line",
        lambda v, lines: (
            [n for n, line in enumerate(lines, start=1) if str(v["number"]) in words_of(line)] == [v["line"]]
        ),
        lambda v, lines: [_swapped(line, str(v["number"]), str(v["number"] + 1)) for line in lines],
    ),
    "small": Rule(
        lambda v: "small letters only, no capital letter",
        lambda v, lines: text_of(lines) == text_of(lines).lower(),
        lambda v, lines: [line[:1].upper() + line[1:] for line in lines],
    ),
    "capitals": Rule(
        lambda v: "capital letters only, no small letter",
        lambda v, lines: text_of(lines) == text_of(lines).upper(),
        lambda v, lines: [line.capitalize() for line in lines],
    ),
    "closes": Rule(
        lambda v: f"every line ends with {v['mark']}",
        lambda v, lines: all(line.endswith(v["mark"]) for line in lines),
        lambda v, lines: [*lines[:-1], lines[-1].rstrip(v["mark"])],
    ),
}
"""By kind."""


def said(rule: Values) -> str:
    """A rule in words."""
    return RULES[rule["kind"]].says(rule)


def broken(rule: Values, lines: Lines) -> list[str]:
    """A text that keeps the rule, changed until it does not."""
    return list(RULES[rule["kind"]].breaks(rule, lines))


def fault_of(rules: Sequence[Values], lines: Lines) -> str | None:
    """The first rule a text does not keep, in words; ``None`` where it keeps them all."""
    return next((said(rule) for rule in rules if not RULES[rule["kind"]].holds(rule, lines)), None)
