"""The parts of a file a sentence names: sections, or a run of letters or numbers."""

from __future__ import annotations

import re

__all__ = ["parts_in"]

_RUN = re.compile(
    r"\b(?P<what>[a-z]+) by (?P=what) from (?P<a>[A-Z]|\d{1,2}) to (?P<b>[A-Z]|\d{1,2})\b"
    r"|\bone (?:section|chapter|part|page|block|paragraph) (?:per|for each) (?P<each>[a-z]+)(?:,| \("
    r"|:)? (?:from )?(?P<c>[A-Z]|\d{1,2}) to (?P<d>[A-Z]|\d{1,2})\b"
)
_NAME = r"(?:[\"“`*]{1,2}[^\"”`*\n,]{2,40}[\"”`*]{1,2}|[A-Z][\w&/-]*(?: [\w&/-]+){0,3})"
_SECTIONS = re.compile(
    rf"\b(?:sections?|chapters?|parts?|headings?)(?:\s+(?:named|called|titled|for|on|are"
    rf"|of))?\s*:?\s+(?P<list>{_NAME}(?:,\s+(?:and\s+)?{_NAME})*(?:,?\s+and\s+{_NAME})?)"
    rf"(?=\s*(?:[.;)]|$|,\s+(?:each|in|with)\b))"
)
_SPLIT = re.compile(r",\s+(?:and\s+)?|\s+and\s+")
_CHINESE = re.compile(
    r"(?:分为|包括|包含|含有?|有)(?P<list>[\w“”「」]{2,10}(?:、[\w“”「」]{2,10})+(?:和[\w“”「」]{2,"
    r"10}?)?)[一二三四五六七八九十\d两]*(?:个)?(?:部分|章节|章|节|段)"
)


def parts_in(text: str) -> tuple[str, ...]:
    """The named parts of what is written, in order; empty where the sentence names none."""
    if found := _RUN.search(text):
        what = found["what"] or found["each"]
        return tuple(
            f"{what} {name}" for name in _between(found["a"] or found["c"], found["b"] or found["d"])
        )
    if found := _CHINESE.search(text):
        return tuple(part.strip("“”「」") for part in re.split(r"、|和", found["list"]) if part)
    if found := _SECTIONS.search(text):
        return tuple(part.strip('"“”`* ') for part in _SPLIT.split(found["list"]) if part.strip())
    return ()


def _between(first: str, last: str) -> list[str]:
    if first.isdecimal() and last.isdecimal():
        return [str(number) for number in range(int(first), int(last) + 1)]
    if len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        return [chr(sign) for sign in range(ord(first), ord(last) + 1)]
    return []
