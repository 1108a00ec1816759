"""What needs ``reason.planning``: plans the agent puts in order or follows through."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "steps put in the order their dependencies demand, or an order already worked out",
    Level.L2: "which steps can run at the same time, or how long a plan takes; cases of failure written out",
    Level.L3: "a plan followed through failures: what is done instead and what is skipped",
}
_STEMS = stems(
    "parallel|same time|simultaneous|concurrent|critical path|depend|prerequisite|order|sequence|fail|"
    "skipped|recover|fallback|how long|并行|同时|依赖|关键路径|顺序|失败"
)
_THINGS = (
    r"(?:steps?|tasks?|jobs?|activities|work ?items?|stor(?:y|ies)|tickets?|phases?|workstreams?|work"
    r"|issues|migrations?|changes|units|milestones?|items)"
)
_TOGETHER = sieved(
    rf"\b(?:which|what|identify|see|find|mark|determine|decide)\b[^.;]{{0,30}}?\b{_THINGS}\b[^.;]{{0,40}}?\b"
    r"(?:at the same time|in parallel|simultaneously|concurrently|parallel)\b"
    rf"|{TOLD}(?:identify|find|mark|determine|calculate|work out|compute|map)\s+(?:the\s+|which\s+"
    rf"|any\s+)?(?:critical path|"
    rf"paralleli[sz]able {_THINGS}|parallel {_THINGS}|independent {_THINGS})\b"
    r"|\bhow (?:long|many (?:minutes|hours|days|weeks)) the whole\b"
    r"|(?:哪些|找出|判断)[^。；;\n]{0,16}(?:同时|并行)|关键路径",
    re.IGNORECASE,
)
_ORDERED = sieved(
    rf"{TOLD}(?:order|sequence|sort|arrange|schedule|prioriti[sz]e|put|plan|topologically sort)\s+(?:the"
    rf"|all|them|these|each|every|those|its|your|any)?\s*"
    rf"(?:{_THINGS}\b)?[^.;]{{0,40}}?\b(?:by|in|into|according to|based on|respecting|around)\s+(?:their\s+"
    rf"|the\s+)?(?:\w+\s+){{0,2}}?"
    r"(?:dependenc\w+|dependency order|prerequisites?|the order (?:of )?(?:their )?dependenc\w+)\b"
    rf"|{TOLD}(?:identify|map|note|list|determine|define|mark|find|establish|track)\s+(?:out\s+)?(?:the\s+"
    rf"|all\s+|any\s+|task\s+|step\s+)?"
    rf"(?:dependenc(?:y|ies)|prerequisites)\s+(?:between|among|across)\s+(?:the\s+)?(?:\w+\s+)?{_THINGS}\b"
    rf"|{TOLD}(?:break|split|decompose)\b[^.;]{{0,60}}\b(?:into|down)\b[^.;]{{0,40}}\b(?:steps|tasks|phases"
    rf"|milestones|subtasks|tickets|stories)\b"
    r"[^.;]{0,60}\b(?:dependenc\w+|order(?:ed)?|sequence)\b"
    r"|按(?:照)?依赖[^。；;\n]{0,10}(?:排序|顺序|排列)|(?:梳理|排列|拆分)[^。；;\n]{0,12}(?:步骤"
    r"|任务)[^。；;\n]{0,8}(?:顺序|依赖)",
    re.IGNORECASE,
)
_FAILS = sieved(
    rf"\b(?:{_THINGS}|that|which|it|one)\b[^.;:]{{0,20}}\b(?:fails?|failed|goes wrong|breaks?"
    rf"|falls through)\b|步骤[^。]{{0,6}}失败|失败的步骤",
    re.IGNORECASE,
)
_THROUGH = re.compile(
    r"\b(?:later|following|dependent|remaining|downstream|other)\s+(?:\w+\s+)?(?:steps?|tasks?"
    r"|jobs?)\b[^.;]{0,30}\b(?:skip\w*|go on|cancel\w*|blocked|still)\b"
    r"|\bskip\w*\s+(?:all\s+|any\s+|the\s+)?(?:later|following|dependent|remaining|downstream)\b"
    r"|\bfollow the plan through\b"
    r"|\bwhat is done instead\b|\bwhat (?:is|gets) skipped\b|(?:跳过|取消)[^。]{0,8}(?:后续|之后|依赖)"
    r"|后续[^。]{0,8}(?:跳过|取消)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^\W*(?:this|the) (?:\w+ )?(?:skill|tool|script|agent|command|framework)s?\b|\b(?:dependency injection"
    r"|package dependenc|npm|pip|order of magnitude|"
    r"in order to)\b|^\W*[\"“]|\?\s*$",
    re.IGNORECASE,
)
_PLAN_HEAD = re.compile(r"\|\s*(?:From|从)\s*\|\s*(?:To|到)\s*\|", re.IGNORECASE)
_CASE_HEAD = re.compile(r"\|[^|\n]*(?:Skip|跳过)[^|\n]*\|", re.IGNORECASE)


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that ask for an order, for what runs together, or for what a failure leaves."""
    prose = reading.prose
    for sentence in spotted(prose, _STEMS):
        text = sentence.text
        if _ABOUT.search(text):
            continue
        if _FAILS.search(text) and _THROUGH.search(text):
            yield Need(Level.L2 if has_table(prose, sentence, _CASE_HEAD) else Level.L3, sentence.span)
        elif _TOGETHER.search(text):
            yield Need(Level.L1 if has_table(prose, sentence, _PLAN_HEAD) else Level.L2, sentence.span)
        elif _ORDERED.search(text):
            yield Need(Level.L1, sentence.span)


def has_table(prose: Prose, sentence: Sentence, head: re.Pattern[str]) -> bool:
    """Whether a table with such a first row stands right below."""
    for block in prose.blocks[sentence.block + 1 : sentence.block + 3]:
        text = prose.text(block.span)
        if block.kind is BlockKind.ROW:
            return head.search(text) is not None
        if not text.endswith((":", "：")):
            return False
    return False


DETECTORS.register("reason.planning", Detector(RULES, find))
