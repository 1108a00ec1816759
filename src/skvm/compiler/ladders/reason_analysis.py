"""Lowering ``reason.analysis``: the lines of the function that is spoken of stand in the text."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import lru_cache

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_below
from skvm.compiler.reading.bundle import Bundle
from skvm.compiler.reading.commands import fenced
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.paths import paths_in
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = ("lines shown: a function of a bundle file the text names is put into the text, its lines numbered",)
_MOST_LINES = 40
_NAME = re.compile(r"([A-Za-z_]\w*)(?:\(\))?\Z")


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Show the function wherever one sentence speaks of one function of one file."""
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None or gap.requirement.level is not Level.L2:
            continue
        if ground.reading.prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        shown = _shown(sentence, ground)
        if shown:
            edits.append(_edit(gap, sentence, ground, shown))
    return Lowering(edits)


def _shown(sentence: Sentence, ground: Ground) -> tuple[str, str, str] | None:
    """Function, file and numbered lines of the only function that can be meant."""
    bundle = Bundle(ground.reading.prose.skill)
    section = ground.reading.prose.text(ground.reading.prose.blocks[sentence.block].span)
    named = [found for code in CODE.findall(sentence.text) if (found := _NAME.match(code.strip()))]
    paths = [path for path in paths_in(section) if path.endswith(".py")]
    fits = [
        (name[1], path, lines)
        for path in dict.fromkeys(paths)
        if (text := bundle.text_at(path.removeprefix("./"))) is not None
        for name in named
        if (lines := _function(text, name[1])) is not None
    ]
    return fits[0] if len(fits) == 1 else None


def _edit(gap: Gap, sentence: Sentence, ground: Ground, shown: tuple[str, str, str]) -> Edit:
    name, path, lines = shown
    if is_chinese(sentence.text):
        lead = f"这是 `{path}` 中 `{name}` 的各行，逐行说出它做什么，再与它应该做的比较："
    else:
        lead = (
            f"These are the lines of `{name}` in `{path}`; say of each line what it does, then compare it "
            f"with what it should do:"
        )
    block = ground.reading.prose.blocks[sentence.block]
    return edit_below(
        [gap],
        block,
        lead,
        fenced(lines, "text"),
        rule="lines shown",
        to_level=Level.L1,
        because="the lines that matter stand beside what they should do",
    )


@lru_cache(maxsize=32)
def _function(text: str, name: str) -> str | None:
    """The numbered lines of a Python function; ``None`` if there is none, two, or it is long."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
    ]
    if len(found) != 1 or found[0].end_lineno is None:
        return None
    first, last = found[0].lineno, found[0].end_lineno
    if last - first >= _MOST_LINES:
        return None
    width = len(str(last))
    lines = text.splitlines()
    return "\n".join(f"{number:>{width}}  {lines[number - 1]}".rstrip() for number in range(first, last + 1))


LADDERS.register("reason.analysis", Ladder(MOVES, lower))
