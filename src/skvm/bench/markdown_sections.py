"""Sections of a Markdown task file by their second-level headings; fenced code hides headings."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["first_code", "sections"]

_HEADING = re.compile(r"##[ \t]+(?P<title>\S.*?)[ \t]*#*[ \t]*\r?\n?")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n?")


def sections(text: str) -> Mapping[str, str]:
    """Text of each section by title in lower case, every byte of it; the first of a title counts."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        if (mark := _FENCE.match(line)) is not None:
            fence = _after(fence, mark)
        heading = None if fence or mark else _HEADING.fullmatch(line)
        if heading is None:
            current.append(line)
        else:
            current = []
            found.setdefault(heading["title"].lower(), current)
    return {title: "".join(lines) for title, lines in found.items()}


def first_code(text: str, *languages: str) -> str | None:
    """The content of the first fenced block in one of some languages; ``None`` if there is none."""
    fence, kept = "", list[str]()
    wanted = False
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        before = fence
        fence = _after(fence, mark) if mark else fence
        if fence and not before and mark is not None:
            wanted = mark["info"].strip().lower() in languages
        elif before and not fence and wanted:
            return "".join(kept)
        elif before and wanted:
            kept.append(line)
    return None


def _after(fence: str, mark: re.Match[str]) -> str:
    """The open fence after a line of fence characters; ``""`` where none is open."""
    if not fence:
        return mark["fence"]
    closes = mark["fence"].startswith(fence) and not mark["info"].strip()
    return "" if closes else fence
