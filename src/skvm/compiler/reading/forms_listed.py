"""A form shown by an example and told in a few words, as a pattern of literal text, classes and counts."""

from __future__ import annotations

import re

from skvm.compiler.reading.names import CODE

__all__ = ["patterns_of"]

_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_COUNT = rf"(\d|{'|'.join(_NUMBERS)})"
_DIGITS = re.compile(rf"\b{_COUNT}\s+(?:to|or|-)\s+{_COUNT}\s+digits\b", re.IGNORECASE)
_LETTERS = re.compile(
    r"\b(?:where\s+)?(?:the|its)\s+last\s+(?:letter|"
    r"character)\s+is\s+([A-Z])\s+to\s+([A-Z])\b",
    re.IGNORECASE,
)
_ALSO = re.compile(r"\b(?:also|or)\s+with(?:out)?\s+(?:an?|the)\s+\w+\b", re.IGNORECASE)
_SAYS_MORE = re.compile(
    r"\b(?:digits?|letters?|characters?|any|optional(?:ly)?|numbers?|upper|lower|case|"
    r"spaces?|symbols?|not|except|"
    r"only|between|range|up to|at (?:most|least)|repeated|followed|preceded|must|may|can|"
    r"never|always|with|without|or)\b",
    re.IGNORECASE,
)


def patterns_of(text: str) -> tuple[str, ...] | None:
    """One pattern for each example in a list item.

    Digits of an example stand for any digits, as many of them; letters and marks for themselves.

    Returns:
        The patterns; ``None`` where the item shows no example or says more than is understood.
    """
    examples = [found.group(1) for found in CODE.finditer(text)]
    words = CODE.sub(" ", text)
    digits, letters = _DIGITS.search(words), _LETTERS.search(words)
    rest = _ALSO.sub(" ", _LETTERS.sub(" ", _DIGITS.sub(" ", words)))
    if not examples or _SAYS_MORE.search(rest) or (len(examples) > 1 and not _ALSO.search(words)):
        return None
    made: list[str] = []
    for example in examples:
        runs = re.findall(r"\d+", example)
        if not runs or (digits and len(runs) != 1):
            return None
        low, high = (_number(digits.group(1)), _number(digits.group(2))) if digits else (0, 0)
        pattern = "".join(
            _digit_run(part, low, high) if part.isdigit() else _literal(part)
            for part in re.split(r"(\d+)", example)
        )
        if letters:
            if not pattern[-1:].isalpha():
                return None
            pattern = f"{pattern[:-1]}[{letters.group(1).upper()}-{letters.group(2).upper()}]"
        made.append(pattern)
    return tuple(made)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.lower()]


def _digit_run(digits: str, low: int, high: int) -> str:
    if high:
        return f"[0-9]{{{low},{high}}}"
    return f"[0-9]{{{len(digits)}}}" if len(digits) > 1 else "[0-9]"


def _literal(text: str) -> str:
    return re.sub(r"([.+*?()\[\]{}|^$\\])", r"[\1]", text).replace("[^]", "\\^").replace("[\\]", "\\\\")
