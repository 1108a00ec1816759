"""The names a skill uses for its data: files, columns of tables, quantities with a formula."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skvm.compiler.reading.formulas import formula_in
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.skill.ir import CodeFence
from skvm.skill.sieve import sieved

__all__ = ["CODE", "FILE", "Names", "column_of", "read_names"]

CODE = re.compile(r"`([^`\n]{1,200})`")
"""Inline code."""
FILE = re.compile(
    r"(?<![\w/.-])((?:[\w.-]+/)*[\w-][\w.-]*\.(?:csv|tsv|jsonl?|ya?ml|md|txt|html?|xml|toml|ics|sql|py|sh|js|log))\b"
)
"""A file name with a known ending."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WRITES = sieved(
    r"\b(?:write|writes|save|saves|create|creates|generate|produce|export|output|store|put|emit)\b"
    r"(?:[^.]|\.\w){0,80}$",
    re.IGNORECASE,
)
_SOURCE = re.compile(r"\b(?:of|from|read|reads|using|against)\s+(?:the\s+)?`?$", re.IGNORECASE)
_COLUMNS = re.compile(r"\b(?:columns?|header(?: row)?|csv|tsv|spreadsheet|ledger)\b", re.IGNORECASE)
_COLUMN_LIST = re.compile(
    r"\b(?:columns?|header(?: row)?)\b(?:\s+(?:are|is|named|called|must be))?\s*[:=]?\s+"
    r"((?:`?[A-Za-z_]\w*`?(?:\s*,\s*(?:and\s+)?|\s+and\s+))+`?[A-Za-z_]\w*`?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Names:
    """What a skill calls its data.

    Args:
        data_files: Tables it reads (CSV, TSV), in order of mention, with the offset of the mention.
        outputs: Files it says to write, in order of mention.
        columns: Column names, lower case → as written.
        formulas: Derived quantities, name → expression over names and numbers.
    """

    data_files: tuple[tuple[int, str], ...]
    outputs: tuple[str, ...]
    columns: Mapping[str, str]
    formulas: Mapping[str, str]

    def data_file(self, offset: int) -> str | None:
        """The table last mentioned before an offset, else the first one mentioned at all."""
        if not self.data_files:
            return None
        count = bisect_right(self.data_files, offset, key=lambda found: found[0])
        return self.data_files[max(0, count - 1)][1]


def column_of(word: str, names: Names) -> str | None:
    """The column a word means: the same word, or its singular."""
    lowered = word.strip("`").lower().replace(" ", "_")
    for candidate in (lowered, lowered.removesuffix("s"), re.sub(r"ies$", "y", lowered)):
        if candidate in names.columns:
            return names.columns[candidate]
    return None


def read_names(prose: Prose) -> Names:
    """Collect the names of one skill."""
    data_files: list[tuple[int, str]] = []
    outputs: dict[str, None] = {}
    columns: dict[str, str] = {}
    formulas: dict[str, str] = {}
    for sentence in prose.sentences:
        text = sentence.text
        if "." in text:
            for found in FILE.finditer(text):
                before = text[: found.start()]
                if _WRITES.search(before) and not _SOURCE.search(before):
                    outputs.setdefault(found.group(1))
                elif found.group(1).endswith((".csv", ".tsv")):
                    data_files.append((sentence.span.start, found.group(1)))
        if "=" in text and (formula := formula_in(text)) is not None:
            formulas.setdefault(*formula)
    for name in _columns(prose):
        columns.setdefault(name.lower(), name)
    kept = tuple((at, name) for at, name in data_files if name not in outputs)
    return Names(kept, tuple(outputs), columns, formulas)


def _columns(prose: Prose) -> Iterator[str]:
    for fence in prose.skill.fences:
        if fence.language in {"csv", "tsv"}:
            yield from _header(prose, fence)
    lead = ""
    for block in prose.blocks:
        text = prose.text(block.span)
        if block.kind is not BlockKind.ITEM:
            if block.kind is not BlockKind.ROW:
                lead = text
            elif (found := re.match(r"\|\s*`?([A-Za-z_]\w*)`?\s*\|", text)) and _names_columns(lead):
                yield found.group(1)
        elif (found := re.match(r"(?:\*\*)?`([A-Za-z_]\w*)`", text)) and _names_columns(lead):
            yield found.group(1)
        if "olumn" in text or "eader" in text:
            for listed in _COLUMN_LIST.finditer(text):
                yield from (word for word in re.findall(r"[A-Za-z_]\w*", listed.group(1)) if word != "and")


def _names_columns(lead: str) -> bool:
    return bool(_COLUMNS.search(lead)) and not re.search(r"\b(?:JSON|YAML|write|output)\b", lead)


def _header(prose: Prose, fence: CodeFence) -> list[str]:
    first = prose.text(fence.content).lstrip().split("\n", 1)[0]
    cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", first)]
    return cells if len(cells) > 1 and all(_IDENTIFIER.match(cell) for cell in cells) else []
