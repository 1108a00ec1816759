"""What needs ``gen.text.structured``: JSON, YAML or XML the agent composes itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.carried.filling import composes, fills_output
from skvm.compiler.carried.tidying import is_joined
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.formats import asks_for_it, is_shown, output_format
from skvm.compiler.reading.nesting import nesting_of
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.shown_outputs import STRUCTURED, shown_outputs
from skvm.compiler.reading.text_size import stated_bytes
from skvm.target.contract import Level

RULES = {
    Level.L1: "a flat record (one level of fields), or a nested one whose skeleton is shown",
    Level.L2: "records within a record, or a list of records; a document written in parts and joined",
    Level.L3: "four levels or more, more than 5 KB, or a whole document of records",
}
_NESTED = re.compile(
    r"\b(?:nested|(?:array|list) of (?:objects|records|dicts)|one (?:object|record) (?:per|for)"
    r"|(?:complex|multi-type) schemas?)\b|嵌套",
    re.IGNORECASE,
)
_DEEP = re.compile(
    r"\b(?:deeply nested|tree|hierarch\w+|full (?:document|export|dump)|recursive\w*)\b", re.IGNORECASE
)
_OUTPUTS = re.compile(r"\W*(?:outputs?|deliverables?|results?)\W*$", re.IGNORECASE)
_DATA = re.compile(
    r"\W*(?:an?|one|the)\s+(?:single )?JSON (?:block|object|file|array|document)\b", re.IGNORECASE
)
_LARGE_BYTES = 5000
_NESTED_DEPTH = 3


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that ask for structured text; a skeleton shown right below makes them one level easier."""
    prose = reading.prose
    for sentence in prose.sentences:
        if prose.blocks[sentence.block].kind in (BlockKind.HEADING, BlockKind.ROW):
            continue
        output = output_format(reading, sentence)
        if output is None or output.name not in {"json", "yaml", "xml"} or not asks_for_it(sentence.text):
            continue
        depth = max(output.depth, nesting_of(sentence.text), 2 if _NESTED.search(sentence.text) else 1)
        rank = 1 if depth < 2 else 3 if depth > _NESTED_DEPTH else 2
        rank = 3 if _DEEP.search(sentence.text) or (stated_bytes(sentence.text) or 0) > _LARGE_BYTES else rank
        if fills_output(reading, output):
            rank = rank - 1 if composes(reading, output) else 0
        else:
            rank -= is_shown(reading, sentence.block, output)
        if rank > 2 and is_joined(reading, sentence.block):
            rank = 2
        if rank:
            yield Need(Level(f"L{rank}"), sentence.span)
    yield from _schemas(reading)
    yield from (Need(Level.L1, shown.span) for shown in shown_outputs(prose, STRUCTURED))
    yield from _listed(reading)


def _listed(reading: Reading) -> Iterator[Need]:
    """Items of a list of outputs that are data."""
    prose = reading.prose
    for heading in prose.skill.headings if b"json " in prose.lowered else ():
        if not _OUTPUTS.match(heading.title):
            continue
        for sentence in prose.sentences_in(heading.section):
            if prose.blocks[sentence.block].kind is BlockKind.ITEM and _DATA.match(sentence.text):
                yield Need(Level.L1, sentence.span)


def _schemas(reading: Reading) -> Iterator[Need]:
    """Sentences about nested schemas in a skill that makes them as JSON-LD."""
    skill = reading.prose.skill
    if b"JSON-LD" not in skill.source or not re.search(rb"\bnested\b", skill.source, re.IGNORECASE):
        return
    for sentence in reading.prose.sentences:
        is_told = re.search(r"\bnested schemas?\b", sentence.text, re.IGNORECASE)
        if is_told and reading.prose.blocks[sentence.block].kind in (BlockKind.PARAGRAPH, BlockKind.ITEM):
            yield Need(Level.L2, sentence.span)


DETECTORS.register("gen.text.structured", Detector(RULES, find))
