"""A page of Markdown as lines of prose and pieces of code, with line numbers; for any file of a bundle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Fence", "Line", "Page", "read_page"]

_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_MAX_LINE = 2000
"""What is longer is data; its beginning is read."""
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of prose.

    Args:
        text: Without the line end.
        number: From 1.
        headings: Titles of the sections it stands in, the innermost last.
    """

    text: str
    number: int
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fence:
    """A piece of code.

    Args:
        language: First word of the info string, lower case.
        code: Without the indentation of its list.
        number: Line of its first line of code, from 1.
        lead: The last line of prose before it in its section, ``""`` if none.
        headings: As of a line.
    """

    language: str
    code: str
    number: int
    lead: str
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Lines and code in order."""

    lines: tuple[Line, ...]
    fences: tuple[Fence, ...]


@lru_cache(maxsize=512)
def read_page(text: str) -> Page:
    """Read a page; frontmatter is left out."""
    lines: list[Line] = []
    fences: list[Fence] = []
    titles: list[tuple[int, str]] = []
    headings: tuple[str, ...] = ()
    front = _FRONT.match(text)
    skipped = text.count("\n", 0, front.end()) + 1 if front else 0
    marker, language, start, lead = "", "", 0, ""
    code: list[str] = []
    for number, raw in enumerate(text.splitlines()[skipped:], skipped + 1):
        if marker:
            bare = raw.strip().lstrip("> ")
            if bare.startswith(marker) and not bare.strip(marker[0]):
                fences.append(Fence(language, _dedented(code), start, lead, headings))
                marker, code, lead = "", [], ""
            else:
                code.append(raw)
            continue
        opened = _FENCE.match(raw) if "`" in raw or "~" in raw else None
        if opened:
            info = opened[2].strip().lstrip("{.").split()
            marker, start = opened[1], number + 1
            language = info[0].lower().rstrip("}") if info else ""
            continue
        heading = _HEADING.match(raw) if raw.lstrip()[:1] == "#" else None
        if heading:
            level = len(heading[1])
            titles = [*(title for title in titles if title[0] < level), (level, heading[2])]
            headings = tuple(title for _, title in titles)
            lead = ""
        elif raw.strip():
            lead = raw
        if raw.strip():
            lines.append(Line(raw[:_MAX_LINE], number, headings))
    if marker:
        fences.append(Fence(language, _dedented(code), start, lead, headings))
    return Page(tuple(lines), tuple(fences))


def _dedented(lines: list[str]) -> str:
    widths = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    width = min(widths, default=0)
    return "\n".join(line[width:] for line in lines) + "\n" if width else "\n".join(lines) + "\n"
