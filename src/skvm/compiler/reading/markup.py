"""HTML and SVG in a skill: which parts a page needs, in code and in words."""

from __future__ import annotations

import re

__all__ = [
    "HTML_LANGUAGES",
    "describes_drawing",
    "describes_parts",
    "has_drawing",
    "has_parts",
    "is_whole_page",
]

HTML_LANGUAGES = frozenset({"html", "htm", "xhtml", "svg"})
"""Info strings of HTML."""
_DRAWN = re.compile(
    r"<(?:path|rect|circle|ellipse|line|polyline|polygon)\b[^>]{0,400}\b(?:d|x|cx|x1|"
    r"points)=",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"\brole=|\baria-(?:labelledby|describedby|live|valuenow|current|expanded|controls)=", re.IGNORECASE
)
_PARTS = re.compile(
    r"<(?:table|form|label|fieldset|select|textarea|main|header|footer|nav|section|article|"
    r"aside|figure|figcaption|"
    r"details|dl)\b",
    re.IGNORECASE,
)
_SAYS_DRAWING = re.compile(
    r"\b(?:inline|embedded)\s+SVGs?\b|\b(?:draw|render|plot|sketch)\b[^.]{0,60}\bSVGs?\b"
    r"|\bSVG\b[^.]{0,30}\b(?:chart|diagram|graph|plot|drawing|to scale)\b|"
    r"\baria-(?:labelledby|describedby)\b"
    r"|\bARIA (?:roles?|labels?|attributes?)\b",
    re.IGNORECASE,
)
_SAYS_PARTS = re.compile(
    r"\b(?:tables?|forms?|labell?ed (?:fields?|inputs?)|semantic|navigation bar|nav\s?bar)\b"
    r"|`<?(?:table|form|main|header|footer|nav|section|article|aside)>?`|表格|表单",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\A\s*(?:<!DOCTYPE\s+html[^>]*>\s*)?<html\b.*</html>\s*\Z", re.IGNORECASE | re.DOTALL)


def has_drawing(code: str) -> bool:
    """Whether markup draws inline SVG, or names parts of a page for assistive tools."""
    return _LABELLED.search(code) is not None or ("<svg" in code.lower() and _DRAWN.search(code) is not None)


def has_parts(code: str) -> bool:
    """Whether markup has tables, forms or semantic parts of a page."""
    return _PARTS.search(code) is not None


def describes_drawing(text: str) -> bool:
    """Whether words ask for inline SVG or accessibility attributes."""
    return _SAYS_DRAWING.search(text) is not None


def describes_parts(text: str) -> bool:
    """Whether words ask for tables, forms or semantic parts of a page."""
    return _SAYS_PARTS.search(text) is not None


def is_whole_page(code: str) -> bool:
    """Whether markup is a page from its first tag to its last."""
    return _PAGE.match(code) is not None
