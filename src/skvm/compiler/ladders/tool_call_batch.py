"""Lowering ``tool.call.batch``: a batch of named files becomes turns of two."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_below, edit_for
from skvm.compiler.reading.listing import listed_paths, paths_to_read
from skvm.compiler.reading.paths import is_folder
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = ("turns of two: files read at once, each of them named, are read two at a time, their results noted",)
_MOST = 12
_AT_ONCE = re.compile(
    r"\b(?:all\s+)?(?:together\s+in|in)\s+(?:a|one|the same|a single)\s+(?:single\s+)?(?:turn|message"
    r"|response|step|go)\b|\b(?:all\s+)?"
    r"(?:in parallel|at once|at the same time|simultaneously|concurrently)\b|同时|并行|一次性",
    re.IGNORECASE,
)
_READS = re.compile(r"\b(?:read|load|open|fetch)\b|读|加载", re.IGNORECASE)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Two edits a gap: the words that say at once, and the turns below."""
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is not None and gap.requirement.level is Level.L2:
            edits += _turns(gap, sentence, ground)
    return Lowering(edits)


def _turns(gap: Gap, sentence: Sentence, ground: Ground) -> list[Edit]:
    prose = ground.reading.prose
    block = prose.blocks[sentence.block]
    named = [path for path in paths_to_read(sentence.text) if not is_folder(path)]
    paths = named if len(named) > 1 else listed_paths(prose, sentence)
    found = list(_AT_ONCE.finditer(sentence.text))
    if (
        block.kind is BlockKind.ROW
        or len(found) != 1
        or not _READS.search(sentence.text)
        or not 2 < len(paths) <= _MOST
    ):
        return []
    chinese = is_chinese(sentence.text)
    turns = [paths[at : at + 2] for at in range(0, len(paths), 2)]
    joint, note = ("和", "，记下结果。") if chinese else (" and ", "; note what they hold.")
    lines = [
        (f"- 第{number}轮：" if chinese else f"- Turn {number}: ")
        + joint.join(f"`{path}`" for path in turn)
        + note
        for number, turn in enumerate(turns, start=1)
    ]
    lead = (
        "每轮最多读两个，前一轮的结果记下之后再读下一轮："
        if chinese
        else "These are the turns, one after another:"
    )
    start = sentence.span.start + len(sentence.text[: found[0].start()].encode())
    place = Span(start, start + len(found[0].group().encode()))
    because = "no more than two files are read in a turn"
    return [
        edit_for(
            [gap],
            place,
            "每次两个" if chinese else "two at a time",
            rule="turns of two",
            to_level=Level.L1,
            because=because,
            releases=(sentence.text,),
        ),
        edit_below(
            [gap],
            block,
            lead,
            "\n".join(lines),
            rule="turns of two",
            to_level=Level.L1,
            because=because,
        ),
    ]


LADDERS.register("tool.call.batch", Ladder(MOVES, lower))
