"""Lowering ``gen.regex``: listed forms become one simple pattern each."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.forms_listed import patterns_of
from skvm.compiler.reading.prose import Block, BlockKind, Prose
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "one pattern a form: forms listed below a sentence that asks for one expression get a simple "
    "pattern each, tried one after the other",
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Replace the one expression by patterns of literal text, classes and counts; all forms or none."""
    prose = ground.reading.prose
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if (
            sentence is None
            or gap.requirement.level is not Level.L2
            or not sentence.text.endswith((":", "："))
        ):
            continue
        items = _items(prose, sentence.block)
        patterns = [patterns_of(prose.text(item.span)) for item in items]
        if len(items) < 2 or None in patterns:
            continue
        edits.append(
            edit_for(
                [gap],
                sentence.span,
                "Give these simple patterns, one for each form, to be tried one after the other:",
                rule="one pattern a form",
                to_level=Level.L1,
                because="each form has a simple pattern of its own",
                releases=(sentence.text,),
            )
        )
        for item, made in zip(items, patterns, strict=True):
            shown = " and ".join(f"`{pattern}`" for pattern in made or ())
            edits.append(
                edit_for(
                    [gap],
                    Span(item.span.end, item.span.end),
                    f" → {shown}",
                    rule="one pattern a form",
                    to_level=Level.L1,
                    because="each form has a simple pattern of its own",
                )
            )
    return Lowering(edits)


def _items(prose: Prose, block: int) -> list[Block]:
    """The list right behind a block, if all of it is one flat list."""
    found: list[Block] = []
    for following in prose.blocks[block + 1 :]:
        if following.kind is not BlockKind.ITEM or (found and following.indent != found[0].indent):
            break
        found.append(following)
    return found


LADDERS.register("gen.regex", Ladder(MOVES, lower))
