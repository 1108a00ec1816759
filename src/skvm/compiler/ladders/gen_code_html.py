"""Lowering ``gen.code.html``: whole pages lie ready, named columns and fields become a skeleton."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.carried.ready import READY_MOVES, ReadyKind, bundle_ready
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.commands import PLACEHOLDER, fenced, insertion
from skvm.compiler.reading.markup import is_whole_page
from skvm.compiler.reading.page_words import skeleton_of
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    *READY_MOVES,
    "skeleton: a table and a form whose columns and fields the sentence names are written out, to fill in",
)

_TAG = re.compile(r"<[^<>]*>")


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Bundle whole pages; write out the parts a sentence names."""
    ready = bundle_ready(gaps, ground, ReadyKind("assets", (".html", ".htm"), "html", _is_whole))
    edits: list[Edit] = list(ready.edits)
    prose = ground.reading.prose
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None or gap.requirement.level is not Level.L2:
            continue
        block = prose.blocks[sentence.block]
        skeleton = skeleton_of(sentence.text)
        if skeleton is None or block.kind in (BlockKind.ROW, BlockKind.HEADING):
            continue
        has_rows = "<tr>" in skeleton
        if is_chinese(sentence.text):
            lead = f"复制这个骨架，再填好{'，每一条占一行' if has_rows else ''}："
        else:
            lead = f"Copy this skeleton and fill it in{', with one row for each entry' if has_rows else ''}:"
        edits.append(
            edit_for(
                [gap],
                Span(block.span.end, block.span.end),
                insertion(block, lead, fenced(skeleton, "html")),
                rule="skeleton",
                to_level=Level.L1,
                because="the parts that are named are written out",
            )
        )
    return Lowering(edits, ready.files)


def _is_whole(code: str) -> bool:
    return is_whole_page(code) and "..." not in code and not PLACEHOLDER.search(_TAG.sub(" ", code))


LADDERS.register("gen.code.html", Ladder(MOVES, lower, by_command=True))
