"""What needs ``follow.procedure``: steps to be done in order."""

from __future__ import annotations

from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.conditions import has_branch
from skvm.compiler.reading.procedure import (
    CHECKPOINT,
    LOOP,
    Procedure,
    actions_of,
    is_bounded,
    long_runs,
    step_lists,
    titled_steps,
    told_loop,
    told_steps,
)
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.spotting import is_chinese
from skvm.target.contract import Level

RULES = {
    Level.L1: "up to three plain steps, or more of them in groups of at most three with a stop between",
    Level.L2: "four steps or more, listed or as headings, steps told in one sentence, a step that branches "
    "or strings actions",
    Level.L3: "a loop that ends on a condition",
}
SHORT = 3
"""Steps that can be followed without a stop."""


def find(reading: Reading) -> Iterator[Need]:
    """Numbered lists, numbered headings, and steps or loops told in one sentence."""
    prose = reading.prose
    lists = step_lists(prose)
    for procedure in lists:
        yield Need(_level(prose, procedure), procedure.span)
    for headings in titled_steps(prose):
        long = long_runs(prose, headings, SHORT)
        for heading in long or headings[:1]:
            yield Need(Level.L2 if long else Level.L1, heading.span)
    for sentence in prose.sentences:
        block = prose.blocks[sentence.block]
        steps = told_steps(sentence) if block.kind is BlockKind.PARAGRAPH else []
        if steps:
            is_long = len(steps) > SHORT or not is_chinese(sentence.text)
            loops = told_loop(prose, sentence)
            yield Need(Level.L3 if loops else Level.L2 if is_long else Level.L1, sentence.span)
        elif (
            block.kind in (BlockKind.PARAGRAPH, BlockKind.ITEM)
            and told_loop(prose, sentence)
            and not any(procedure.span.contains(sentence.span) for procedure in lists)
        ):
            yield Need(Level.L3, sentence.span)


def _level(prose: Prose, procedure: Procedure) -> Level:
    sentences = [sentence for step in procedure.steps for sentence in prose.sentences_in(step.block.span)]
    if any(
        LOOP.search(sentence.text) and not is_bounded(prose.text(prose.blocks[sentence.block].span))
        for sentence in sentences
    ):
        return Level.L3
    strung = any(len(actions_of(sentence.text)) > 1 for sentence in sentences)
    branches = any(_branches(sentence.text) for sentence in sentences)
    return Level.L2 if strung or branches or longest_group(prose, procedure) > SHORT else Level.L1


def _branches(text: str) -> bool:
    """A conditional sentence; one that only leads to cases below it is not a branch to follow."""
    return has_branch(text) and not text.rstrip().endswith(":") and not is_bounded(text)


def longest_group(prose: Prose, procedure: Procedure) -> int:
    """The most steps in a row without a stop between them."""
    longest = current = 0
    for step in procedure.steps:
        current += 1
        longest = max(longest, current)
        if any(CHECKPOINT.search(prose.text(block.span)) for block in step.blocks):
            current = 0
    return longest


DETECTORS.register("follow.procedure", Detector(RULES, find))
