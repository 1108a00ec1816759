"""What needs ``follow.format``: output in a named format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.carried.filling import fills_output
from skvm.compiler.carried.tidying import tidied_kinds
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.formats import asks_for_it, is_shown, output_format
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.row_form import row_forms
from skvm.compiler.reading.shown_forms import shown_forms
from skvm.compiler.reading.shown_outputs import shown_lines, shown_outputs, strict_lines
from skvm.target.contract import Level

RULES = {
    Level.L1: "a named format (JSON, YAML, CSV, XML, a table), a form shown filled in, fields beside which "
    "others are welcome",
    Level.L2: "named fields it must have, not shown filled in, or shown and no others allowed; a strict "
    "form of "
    "lines a script tidies",
    Level.L3: "fields and further constraints at once (order, size, case, exact decimals, nothing else), or "
    "three such constraints on lines",
}
_CONSTRAINTS = (
    re.compile(
        r"\b(?:sorted|in (?:this|the) order|order(?:ed)? by|alphabetical)\b|按[^，。；]{1,16}排序",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:at most|no more than|maximum|under|fewer than|up to)\s+\d+\b"
        r"|\b\d+\s*(?:bytes|characters|words)\b|不超过\s*\d+",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:lower ?case|upper ?case|snake_case|camelCase|kebab-case)\b|小写|大写", re.IGNORECASE),
    re.compile(
        r"\b(?:exactly|only these|no other|nothing else|no extra|valid)\b|不得有其他|只能有", re.IGNORECASE
    ),
    re.compile(r"\b(?:\d|one|two|three) decimals?\b|\bdecimal places\b|小数", re.IGNORECASE),
)
_WELCOME = re.compile(
    r"\b(?:unknown|other|extra|further|additional) (?:keys|fields|columns|properties) (?:are|"
    r"may be)\s+(?:\w+\s+)?"
    r"(?:ignored|welcome|fine|allowed|ok(?:ay)?|tolerated|permitted)\b|(?:容忍|忽略|允许)[^。，\n]{0,6}(?:多余|其他|"
    r"额外)的?字段",
    re.IGNORECASE,
)
_LEFT = 1
"""Constraints beside a form that still count as none to speak of."""


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that ask for a format; a form shown right below makes them one level easier."""
    prose = reading.prose
    found = list(_asked(reading))
    for form in row_forms(prose):
        left = form.kinds - tidied_kinds(reading, form)
        if not any(need.span == form.sentence.span for need in found):
            found.append(Need(Level.L3 if len(left) > _LEFT else Level.L2, form.sentence.span))
    shown = [output for output in shown_outputs(prose) if not output.is_setting]
    strict = [output.span for output in shown if output.is_strict]
    strict += [sentence.span for sentence in strict_lines(prose)]
    found += [Need(Level.L2, span) for span in strict if not any(need.span == span for need in found)]
    yield from found
    led = (sentence.span for sentence in shown_lines(prose))
    for span in dict.fromkeys((*shown_forms(prose), *(output.span for output in shown), *led)):
        if not any(need.span.overlaps(span) for need in found):
            yield Need(Level.L1, span)


def _asked(reading: Reading) -> Iterator[Need]:
    prose = reading.prose
    is_lenient: bool | None = None
    for sentence in prose.sentences:
        if prose.blocks[sentence.block].kind in (BlockKind.HEADING, BlockKind.ROW):
            continue
        output = output_format(reading, sentence)
        if output is None or not asks_for_it(sentence.text) or fills_output(reading, output):
            continue
        constraints = sum(bool(words.search(sentence.text)) for words in _CONSTRAINTS)
        rank = 1 if not output.fields else 3 if constraints > 1 else 2
        if rank == 2:
            is_lenient = bool(_WELCOME.search(prose.skill.text())) if is_lenient is None else is_lenient
            rank -= is_lenient
        rank -= is_shown(reading, sentence.block, output)
        if rank > 0:
            yield Need(Level(f"L{rank}"), sentence.span)


DETECTORS.register("follow.format", Detector(RULES, find))
