"""Small pieces of Markdown: cells, tables, docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["cell", "code", "first_line", "has_table", "plain", "said_of_arguments", "table"]


def code(text: str) -> str:
    """Inline code that may hold backticks, or bars, which would end the cell of a table."""
    if "|" in text:
        return f"<code>{escape(text).replace('|', '&#124;')}</code>"
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def cell(text: str) -> str:
    """Text for one cell of a table."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def plain(text: str) -> str:
    """A docstring's words as Markdown: double backticks become single ones, ``::`` goes."""
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"::\s*$", ":", text)


def first_line(thing: Any) -> str:
    """The first paragraph of a docstring, in one line."""
    return cell(plain((inspect.getdoc(thing) or "").split("\n\n")[0]))


def said_of_arguments(thing: Any) -> dict[str, str]:
    """What the ``Args:`` section of a docstring says of each name."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", inspect.getdoc(thing) or "", re.MULTILINE)
    said: dict[str, str] = {}
    name = ""
    for line in section[1].split("\n") if section else ():
        started = re.match(r"    (\w+): (.*)", line)
        if started:
            name, said[started[1]] = started[1], started[2]
        elif name and line.strip():
            said[name] += f" {line.strip()}"
    return {name: plain(text) for name, text in said.items()}


def has_table(page: str) -> bool:
    """Whether a page has a table with a row in it."""
    return bool(re.search(r"^\| ---.*\n\| ", page, re.MULTILINE))
