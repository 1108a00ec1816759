"""What needs ``reason.arithmetic``: computations the agent is told to do and given no command for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.carried.filling import computes
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import has_command
from skvm.compiler.reading.computation import definition_in, level_of
from skvm.compiler.reading.described import STEMS as DESCRIBED
from skvm.compiler.reading.described import described_level
from skvm.compiler.reading.prose import Sentence
from skvm.compiler.reading.spotting import spotted, stems
from skvm.target.contract import Level

RULES = {
    Level.L1: "one operation on given whole numbers (a sum of two, a round percentage)",
    Level.L2: "several operations in a row, or one over many numbers (discount then tax, total by group)",
    Level.L3: "compound quantities: powers, roots, results that feed further formulas",
}
_STEMS = stems(
    "=|percent|%|sum|total|averag|mean |means |median|minimum|maximum|largest|smallest|highest|lowest|ratio|"
    "discount|margin|interest|growth|tax|vat|difference|variance|deviation|weighted|compound|revenue|balance|"
    "markup| rate|multipl|divid|subtract|deduct|add up|计算|求和|求出|算出|平均|百分比|合计|总计|折扣"
)
_BY_CODE = re.compile(
    r"\b(?:awk|pipelines?|scripts?|quer(?:y|ies)|sql|functions?|programs?|one-liners?|code|pandas|macros?"
    r"|spreadsheet formulas?|select)\b|脚本|代码|查询语句|函数",
    re.IGNORECASE,
)
"""Words for what does a computation in the reader's place."""


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that ask for or describe a computation; code that does it or a mere definition asks none."""
    prose = reading.prose
    asked = [(sentence, level_of(sentence.text)) for sentence in spotted(prose, _STEMS)]
    told = {sentence.span for sentence, level in asked if level is not None}
    asked += [
        (sentence, described_level(sentence.text))
        for sentence in spotted(prose, DESCRIBED)
        if sentence.span not in told
    ]
    for sentence, level in asked:
        if level is None or has_command(prose, sentence) or _is_used_later(reading, sentence):
            continue
        if computes(reading, sentence) or _BY_CODE.search(sentence.text):
            continue
        yield Need(level, sentence.span)


def _is_used_later(reading: Reading, sentence: Sentence) -> bool:
    """Whether it only defines a quantity that other computations are asked for: those carry the need."""
    name = definition_in(sentence.text)
    if name is None:
        return False
    words = re.compile(rf"\b{name.replace('_', '[ _]')}\b", re.IGNORECASE)
    return any(
        other is not sentence and words.search(other.text) and level_of(other.text) is not None
        for other in reading.prose.sentences
    )


DETECTORS.register("reason.arithmetic", Detector(RULES, find))
