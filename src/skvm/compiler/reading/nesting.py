"""How deep a document goes, and what its outermost records stand for, as a sentence says it."""

from __future__ import annotations

import re

__all__ = ["nesting_of", "outer_unit"]

_LINK = re.compile(
    r"\beach\s+(?:\w+\s+)?(?:with|holding|containing|has|have|contains?)\s+(?:its\s+|an?\s+|several\s+|"
    r"the\s+)?(?:own\s+)?"
    r"(?:list|array|records?|objects?|entries|nested)\b|(\w+)\s+within\s+(?:each|every)\s+\w+",
    re.IGNORECASE,
)
_CHINESE_LINK = re.compile(
    r"([\u4e00-\u9fff]{1,8}?)(?:下分为?|下设|下列|下有|里有|包含多个|分为多个)([\u4e00-\u9fff]{1,8})"
)
_UNIT = re.compile(
    r"\bone (?:object|record|entry|element|list|block|part) (?:per|for each|for every) (\w+)|"
    r"\bgrouped by (\w+)"
    r"|\bfor (?:each|every) (\w+)|\bper (\w+)",
    re.IGNORECASE,
)


def nesting_of(text: str) -> int:
    """The levels a sentence strings together ("each with a list of"), 1 where it says nothing of them."""
    return 1 + max(len(_LINK.findall(text)), len(_CHINESE_LINK.findall(text)))


def outer_unit(text: str) -> str | None:
    """What the outermost records of a document stand for, as far as a sentence says it."""
    if chinese := _CHINESE_LINK.search(text):
        return chinese.group(2)
    found = _UNIT.search(text)
    return next((word for word in found.groups() if word), None) if found else None
