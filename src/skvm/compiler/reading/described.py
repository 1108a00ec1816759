"""Computations that are described and not told ("the way, which is the last reading minus the first")."""

from __future__ import annotations

import re

from skvm.target.contract import Level

__all__ = ["STEMS", "described_level"]

STEMS = (
    *(
        b"minus",
        b"divided by",
        b"multiplied by",
        b"times the",
        b"twice",
        b"half ",
        b" / ",
        b" * ",
        b"which is all",
    ),
    *("÷".encode(), "×".encode(), "−".encode(), b"st total"),
)
"""What stands in every sentence that describes a computation."""
_AMOUNT = (
    r"(?:points?|prices?|amounts?|costs?|rates?|values?|numbers?|scores?|fees?|sums?|weights?|counts?"
    r"|wages?|pay|hours"
    r"|quantit(?:y|ies)|totals?|distances?|limits?|budgets?|deposits?|widths?|heights?|lengths?|averages?)"
)
_NAME = r"`?[A-Za-z][\w']*`?(?: [a-z][\w']*){0,3}"
_TERM = rf"(?:{_NAME}|\d[\d.,]*%?)"
_WORDED = re.compile(
    r"\b(?:its|the|their|all|a|each|what|of|highest|lowest|last|first|total"
    r"|counted)\s[^.;:]{0,60}?\b(?:minus|divided by"
    r"|multiplied by)\s+(?:its|the|their|all|what|that|\d|`|[a-z]+ (?:of|per)\b)"
    rf"|\b(?:twice|half|double|triple|(?:two|three|four|five|ten|\d+) times)\s+(?:of\s+)?(?:the|its"
    rf"|their)\s+(?:\w+\s+)?{_AMOUNT}\b",
    re.IGNORECASE,
)
_TIMES = re.compile(r"\b(?:the|its|their)\s[a-z]+(?: [a-z]+)?\s+times\s+(?:the|its|their)\s", re.IGNORECASE)
_SIGNED = re.compile(
    rf"\b(?:is|are|equals?|therefore|as|which)\s+(?:then |therefore |thus "
    rf"|simply )?\(?{_TERM}\)?\s+(?P<sign>[/*×÷−])\s+\(?{_TERM}"
    rf"|(?:^|[—–:(]\s?)\(?{_NAME} (?P<sure>÷) {_TERM}",
    re.IGNORECASE | re.MULTILINE,
)
_FIGURE_WORDS = re.compile(
    r"\b(?:round(?:ed|ing)?|therefore|multipl\w+|divid\w+|per|percent\w*|ratio|formula|calculat\w+"
    r"|comput\w+)\b|\* ?\d|%",
    re.IGNORECASE,
)
"""One of these beside a slash between two words makes it a quotient, not an alternative."""
_GATHERED = re.compile(
    r"\bwhich (?:is|are) (?:all|everything|every \w+)(?: that)? (?:was|were|has been|is|are) "
    r"(?:paid|spent|sold|earned|charged|used|bought|counted|billed|owed|received|worked|driven)\b"
    r"|\b(?:highest|lowest|largest) (?:total|sum|average)\b(?! (?:of|number|cost))",
    re.IGNORECASE,
)
_MORE = (
    re.compile(r"\b(?:minus|subtract\w*|less|difference)\b|−", re.IGNORECASE),
    re.compile(r"\b(?:highest|lowest|sum|total|all|average|each|every)\b", re.IGNORECASE),
    re.compile(r"\b(?:times|multipl\w+|twice|double)\b|[×*]", re.IGNORECASE),
    re.compile(r"\bdivid\w+|\s[/÷]\s", re.IGNORECASE),
    re.compile(r"\b(?:rounded|decimals?|cents?)\b", re.IGNORECASE),
)


def described_level(text: str) -> Level | None:
    """The level of ``reason.arithmetic`` a description needs; ``None`` where it describes no computation.

    L1: one operation. L2: several, one over many numbers, or one whose result is rounded.
    """
    signed = _SIGNED.search(text)
    if signed and not signed["sure"] and signed["sign"] == "/" and not _FIGURE_WORDS.search(text):
        signed = None
    if signed is None and not any(words.search(text) for words in (_WORDED, _TIMES, _GATHERED)):
        return None
    is_many = _GATHERED.search(text) is not None and "all" in text
    return Level.L2 if is_many or sum(bool(words.search(text)) for words in _MORE) > 1 else Level.L1
