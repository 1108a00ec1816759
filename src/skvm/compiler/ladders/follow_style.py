"""Lowering ``follow.style``: several voices are written one at a time, each with its own rule beside it."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.compiler.reading.voices import Voice, voices_of
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = ("one voice at a time: what the skill says of each voice is repeated where that voice is written",)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Repeat the rule of each voice; a persona is the author's to drop, so it stays."""
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None or gap.requirement.level is not Level.L3:
            continue
        voices = voices_of(ground.reading.prose, sentence)
        block = ground.reading.prose.blocks[sentence.block]
        if len(voices) > 1 and not block.quote and block.kind is not BlockKind.ROW:
            edits.append(_edit(gap, sentence, voices, ground))
    return Lowering(edits)


def _edit(gap: Gap, sentence: Sentence, voices: Sequence[Voice], ground: Ground) -> Edit:
    block = ground.reading.prose.blocks[sentence.block]
    if is_chinese(sentence.text):
        lead = "一次只写一个角色的话，写之前先看它的这一条："
        lines = [f"- 写 {voice.name} 时：{voice.manner}" for voice in voices]
    else:
        lead = "Write one voice at a time, and before its lines read its rule again:"
        lines = [f"- For {voice.name}: {voice.manner}" for voice in voices]
    newline = "\n" + " " * block.indent
    text = "".join(f"{newline}{line}" if line else "\n" for line in ["", lead, "", *lines])
    return edit_for(
        [gap],
        Span(block.span.end, block.span.end),
        text,
        rule="one voice at a time",
        to_level=Level.L2,
        because="each voice has its rule where it is written",
    )


LADDERS.register("follow.style", Ladder(MOVES, lower))
