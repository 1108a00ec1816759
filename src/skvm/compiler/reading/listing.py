"""What a sentence speaks of as a number of things, found in the list or table of its section."""

from __future__ import annotations

import re

from skvm.compiler.reading.paths import is_folder, paths_in
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import number_in

__all__ = ["listed_paths", "paths_to_read"]

_FILES = re.compile(
    r"\b(?:the|these|those|all|its|each of the|every one of the)\s+(?:(\w+)\s+)?(?:\w+\s+)?files\b"
    r"|([两二三四五六七八九十\d]+)\s*个文件|(?:这些|所有|全部)文件",
    re.IGNORECASE,
)


_WRITES = re.compile(r"\b(?:write|save|create|store|append|export|put)\b|写|保存|生成", re.IGNORECASE)


def paths_to_read(text: str) -> list[str]:
    """The paths a sentence names before it speaks of writing; patterns and open names are none."""
    return [path for path in paths_in(_WRITES.split(text, maxsplit=1)[0]) if not re.search(r"[*<>{}]", path)]


def listed_paths(prose: Prose, sentence: Sentence) -> list[str]:
    """The files "the four files" means: the one run of items or rows that names a file each, above or below.

    Empty where the number does not match, or where two such runs could be meant.
    """
    spoken = _FILES.search(sentence.text)
    if spoken is None:
        return []
    said = number_in(spoken[1] or spoken[2] or "")
    runs = [run for run in _runs(prose) if len(run) > 1 and (said is None or len(run) == said)]
    return runs[0] if len(runs) == 1 else []


def _runs(prose: Prose) -> list[list[str]]:
    """Paths of items or rows that follow each other and name one file each."""
    runs: list[list[str]] = [[]]
    kind: BlockKind | None = None
    for block in prose.blocks:
        found = paths_in(prose.text(block.span)) if block.kind in (BlockKind.ITEM, BlockKind.ROW) else []
        names = [path for path in found if not is_folder(path) and not re.search(r"[*<>{}]", path)]
        if block.kind is not kind or len(found) != 1 or not names:
            runs.append([])
        kind = block.kind
        runs[-1] += names if len(found) == 1 else []
    return [list(dict.fromkeys(run)) for run in runs if run]
