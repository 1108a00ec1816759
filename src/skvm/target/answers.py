"""One tolerant reader of answers: a right answer in an odd coat is a right answer.

Models wrap what they say in fences, bold, prefixes, units, tables and afterthoughts. Every oracle reads
through this module, so that a primitive measures its capability and not the coat. What is tolerated is
form only; a reader never guesses between two different values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = [
    "bare",
    "clean",
    "find_json",
    "has_block",
    "read_choice",
    "read_json",
    "read_labelled",
    "read_lines",
    "read_number",
    "read_only_json",
    "same_value",
]

_MAX_CHARS = 400_000
_MAX_JSON_STARTS = 500
_MAX_NESTED = 3
_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_WHOLE_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)\n?[ \t]*\1$", re.DOTALL)
_FENCE_LINE = re.compile(r"^\s*(?:`{3,}|~{3,})[\w+#.-]*\s*$")
_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<!\d)[-+])?\d{1,3}(?:[,_]\d{3})+(?:\.\d+)?(?!\d)"
    r"|(?<![\w.])[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
)
_GIVEN = re.compile(
    r"^(?:about|approximately|roughly)?([^\w=≈]*\d(?:[.,_]?\d)*+[^\w=≈]*(?:[^\W\d]++[²³]?\s*+){0,3}?)"
    r"(?:[,;]\s*[^\W\d]\w?\s*[=≈]|(?:[,;]\s*)?\b(?:where|since|because|using)\b)"
)
"""A number with its unit, before the values it was found from."""
_UNIT_POWER = re.compile(r"(?<=[A-Za-z])\^(?:[23]\b|\{[23]\})")
_TEX_COMMA = re.compile(r"\{,\}")
_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u202f\u2009](?=\d{3}(?!\d))")
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "\ufeff": None})


def clean(text: str) -> str:
    """The text without carriage returns, byte-order marks, odd spaces and thinking blocks."""
    text = _THOUSANDS.sub("", text[-_MAX_CHARS:]).replace("\r\n", "\n").replace("\r", "\n").translate(_SPACES)
    return _BOXED.sub(r"\1", _THINKING.sub("", text)).strip()


def bare(text: str) -> str:
    """The text without the one fence that is around all of it; prose beside a fence leaves it in place."""
    text = clean(text)
    around = _WHOLE_FENCE.match(text)
    return around[2].strip("\n") if around and around[1] not in around[2] else text


def _unmark(line: str) -> str:
    line = re.sub(r"^\s*(?:[-*+•>]\s+|#{1,6}\s+)+", "", line)
    line = re.sub(r"\*\*|__|`|\\[()\[\]]|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)", "", line)
    return line.strip()


def read_lines(text: str) -> tuple[str, ...]:
    """The lines that say something, without markup, fence lines and blanks."""
    lines = (_unmark(line) for line in clean(text).split("\n") if not _FENCE_LINE.match(line))
    return tuple(line for line in lines if line)


def has_block(text: str, expected: Sequence[str]) -> bool:
    """Whether the expected lines stand in the answer one after another, with nothing between them.

    Prose before and after is tolerated, and so is a fence around them.
    """
    lines, size = read_lines(text), len(expected)
    wanted = tuple(expected)
    return size > 0 and any(lines[i : i + size] == wanted for i in range(len(lines) - size + 1))


def read_number(text: str) -> Decimal | None:
    """The number an answer to one question states, ``None`` without one.

    A number and its unit before ``where c = 2`` or the like; else, after a last ``=`` or ``≈`` with a single
    number behind it, that number; else a number the answer begins with; else its last number. Remarks in
    brackets, currency signs, units, thousands separators and a full stop do not matter.
    """
    text = _UNIT_POWER.sub("", _TEX_COMMA.sub(",", " ".join(read_lines(text))).replace("\\approx", "≈"))
    text = _without_remarks(text)
    if given := _GIVEN.match(text):
        text = given[1]
    *_, tail = parts = re.split(r"[=≈]", text)
    behind = _NUMBER.findall(tail) if len(parts) > 1 else []
    if len(behind) == 1:
        return _decimal(behind[0])
    head, found = text[: -len(tail)].rstrip("=≈") if len(parts) > 1 else "", _NUMBER.findall(text)
    if not found:
        return None
    begins = re.match(r"^[^\w-]*[-+]?[^\w-]*[\d.]", head or text)
    return _decimal(found[0] if begins else found[-1])


def _without_remarks(text: str) -> str:
    """The text without what stands in brackets, where a number is left then."""
    short = text
    for _ in range(_MAX_NESTED):
        short = re.sub(r"\([^()]*\)", " ", short)
    return short if _NUMBER.search(short) else text


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        return None


def read_choice(text: str, options: Sequence[str]) -> str | None:
    """The one option the answer names as a word, ``None`` where it names none or several."""
    lowered = " ".join(read_lines(text)).lower()
    named = {option for option in options if re.search(rf"(?<!\w){re.escape(option.lower())}(?!\w)", lowered)}
    return named.pop() if len(named) == 1 else None


def read_labelled(text: str, labels: Sequence[str]) -> dict[str, str]:
    """The answers to several labelled questions, by label; unanswered ones are absent.

    Understood are ``1: x``, ``1. x``, ``(1) x``, ``Q1 = x``, ``Answer 1: x``, table rows, several pairs on
    one line, ``1:`` with x on the next line, a JSON object or array, and, where no label is given, as many
    lines as there are questions.
    A label given twice takes its last value.
    """
    value = read_json(text)
    if isinstance(value, Mapping) and any(label in value for label in labels):
        return {label: str(value[label]) for label in labels if label in value}
    if isinstance(value, list) and len(value) == len(labels) > 1:
        return {label: str(item) for label, item in zip(labels, value, strict=True)}
    either = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    label_in = rf"^(?:(?:question|answer|number|line|q|a)\s*#?\s*)?[(\[]?({either})[)\]]?"
    pair = re.compile(
        label_in + r"\s*(?:(?::|=+>?|->|→|\|)\s*|[.)\-–—]\s+|(?<=[)\]])\s+)(.+)$",
        re.IGNORECASE,
    )
    by_lower = {label.lower(): label for label in labels}
    found: dict[str, str] = {}
    lone = re.compile(label_in + r"\s*:$", re.IGNORECASE)
    lines = _joined(read_lines(text), lone, pair)
    for line in lines:
        for piece in re.split(rf"[,;]\s+(?=[(\[]?(?:{either})[)\]]?\s*[:=.)])", line.strip("| ")):
            if match := pair.match(piece.strip()):
                found[by_lower[match[1].lower()]] = match[2].strip()
    if not found and len(lines) == len(labels):
        return dict(zip(labels, lines, strict=True))
    return found


def _joined(lines: Sequence[str], lone: re.Pattern[str], pair: re.Pattern[str]) -> list[str]:
    """The lines, a label that stands alone joined to the line below it, unless that has a label itself."""
    joined: list[str] = []
    is_open = False
    for line in lines:
        is_label = lone.match(line) is not None
        if is_open and not is_label and not pair.match(line):
            joined[-1] += f" {line}"
        else:
            joined.append(line)
        is_open = is_label
    return joined


def find_json(text: str) -> tuple[Any, str] | None:
    """The JSON value an answer holds and the text it stands in, ``None`` without one.

    The whole answer, else the last fenced block that parses, else the longest object or array in prose.
    """
    text = clean(text)
    for candidate in (text, *reversed([match[2] for match in _FENCE.finditer(text)])):
        try:
            return json.loads(candidate), candidate.strip()
        except (ValueError, RecursionError):
            continue
    decoder, best, position = json.JSONDecoder(), None, 0
    for _ in range(_MAX_JSON_STARTS):
        opened = re.compile(r"[\[{]").search(text, position)
        if opened is None:
            break
        try:
            value, end = decoder.raw_decode(text, opened.start())
        except (ValueError, RecursionError):
            position = opened.end()
            continue
        if best is None or end - opened.start() > len(best[1]):
            best = (value, text[opened.start() : end])
        position = end
    return best


def read_only_json(text: str) -> tuple[Any, str] | None:
    """The JSON value an answer consists of, and its text; ``None`` where it says anything else beside it.

    For prompts that ask for the JSON only. A fence is tolerated; an object that has a key twice is not JSON.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    text = bare(text)
    try:
        return json.loads(text, object_pairs_hook=once), text
    except (ValueError, RecursionError):
        return None


def read_json(text: str) -> Any:
    """The JSON object or array an answer holds, ``None`` without one (a bare scalar is not one)."""
    found = find_json(text)
    return found[0] if found is not None and isinstance(found[0], dict | list) else None


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal, booleans never equal to numbers; order of keys is irrelevant."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_value(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_value, left, right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    return type(left) is type(right) and bool(left == right)
