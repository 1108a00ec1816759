"""Code blocks of Markdown pages, and the notes that stand above them.

A note is an HTML comment in the line above the fence::

    <!-- not run: REASON -->    the block is shown, not run; the reason is printed by the tests
    <!-- run by: PATH -->       a test file runs it, in surroundings of its own
    <!-- from: PATH -->         the block stands in this file, word for word
    <!-- file: PATH -->         the block is written to this file, for the blocks behind it
    <!-- schema: NAME -->       the block is a record (see the reference), or ``settings``
    <!-- local -->              the block asks an embedded model, and runs where its weights are
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SILENT", "Block", "Command", "commands_of", "find_blocks", "find_pages"]

SILENT = frozenset({"", "text", "diff", "mermaid", "dockerfile", "html", "markdown", "js"})
"""What is shown and cannot be run."""

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>.*)$")
_NOTE = re.compile(r"^ *<!-- (?P<key>not run|run by|from|file|schema|local)(?:: *(?P<value>.*?))? -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Args:
        line: Line of its fence, from 1.
        language: First word behind the fence, ``""`` if there is none.
        text: What it holds, without the indent of its fence.
        notes: What the comments above it say.
    """

    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_tried(self) -> bool:
        """Whether anything of it can be wrong, and is looked at."""
        means_something = self.language not in SILENT or not {"file", "from"}.isdisjoint(self.notes)
        return "not run" not in self.notes and means_something


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, and what it is said to print."""

    line: str
    expected: str


def find_pages(repo: Path) -> list[Path]:
    """Every page whose blocks are run: the front pages and ``docs/``."""
    pages = [*repo.glob("README*.md"), repo / "CONTRIBUTING.md", *(repo / "docs").rglob("*.md")]
    return sorted(path for path in pages if "recordings" not in path.parts)


def find_blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order.

    Raises:
        ValueError: A fence is not closed.
    """
    lines = text.split("\n")
    number = 0
    notes: dict[str, str] = {}
    while number < len(lines):
        note, fence = _NOTE.match(lines[number]), _FENCE.match(lines[number])
        if fence:
            end = _closing(lines, number, fence["ticks"])
            indent = len(fence["indent"])
            inside = "".join(f"{_moved_left(line, indent)}\n" for line in lines[number + 1 : end])
            words = fence["info"].split()
            yield Block(number + 1, words[0] if words else "", inside, notes)
            notes, number = {}, end
        elif note:
            notes = {**notes, note["key"]: note["value"] or ""}
        elif lines[number].strip():
            notes = {}
        number += 1


def _moved_left(line: str, indent: int) -> str:
    return line[indent:] if not line[:indent].strip() else line


def _closing(lines: list[str], start: int, ticks: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() and set(lines[number].strip()) == {ticks[0]} and ticks in lines[number]:
            return number
    raise ValueError(f"line {start + 1}: the block is not closed")


def commands_of(text: str) -> list[Command]:
    """The commands of a console block: lines after ``$``, carried on by a backslash at the end."""
    made: list[Command] = []
    command: list[str] = []
    output: list[str] = []
    going_on = False
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("$ ") and not going_on:
            _close(made, command, output)
            command, output = [line[2:]], []
        elif going_on:
            command.append(line.removeprefix("> "))
        elif command:
            output.append(line)
        elif line.strip():
            raise ValueError(f"output without a command: {line!r}")
        going_on = bool(command) and not output and command[-1].endswith("\\")
    _close(made, command, output)
    return made


def _close(made: list[Command], command: list[str], output: list[str]) -> None:
    if command:
        made.append(Command("\n".join(command), "\n".join(output)))
