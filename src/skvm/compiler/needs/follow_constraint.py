"""What needs ``follow.constraint``: rules on the wording of one answer."""

from __future__ import annotations

from collections.abc import Iterator

from skvm.compiler.carried.wording_check import checked_rules
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.habit import is_against_habit
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.spotting import spotted
from skvm.compiler.reading.wording_rules import rule_groups
from skvm.target.contract import Level

RULES = {
    Level.L1: "one or two rules on the wording, or more of which a script checks all but one",
    Level.L2: "three rules on the wording or more, in one paragraph or list",
    Level.L3: "rules against habit: words that mean their opposite, what is untrue said as plain fact",
}
MANY = 3
_STEMS = (
    *(
        b"mean",
        b"called",
        b"stands for",
        b"counts as",
        b"invented",
        b"made-up",
        b"imaginary",
        b"as plain",
        b"fact",
    ),
    *(
        b"opposite",
        b"lie",
        "意思".encode(),
        "表示".encode(),
        "意味".encode(),
        "虚构".encode(),
        "编造".encode(),
    ),
    "说反话".encode(),
)


def find(reading: Reading) -> Iterator[Need]:
    """Groups of rules, and sentences against habit."""
    for sentence in spotted(reading.prose, _STEMS):
        block = reading.prose.blocks[sentence.block]
        if block.kind in (BlockKind.PARAGRAPH, BlockKind.ITEM) and is_against_habit(sentence.text):
            yield Need(Level.L3, sentence.span)
    for group in rule_groups(reading.prose):
        left = len(group.rules)
        if left >= MANY:
            left -= checked_rules(reading, group)
        yield Need(Level.L2 if left >= MANY else Level.L1, group.span)


DETECTORS.register("follow.constraint", Detector(RULES, find))
