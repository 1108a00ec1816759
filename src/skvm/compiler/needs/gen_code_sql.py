"""What needs ``gen.code.sql``: queries the agent must write or adapt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.fence_role import fence_role, lies_ready
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.script_use import is_forbidden, script_changes
from skvm.compiler.reading.sql import SQL_LANGUAGES, read_sql
from skvm.target.contract import Level

RULES = {
    Level.L1: "a query on one table with conditions, an order and an aggregate, or one that is not described",
    Level.L2: "a query that joins two tables, groups, nests or uses window functions, in code or in words",
    Level.L3: "common table expressions, recursion, three tables or the best per group",
}
_ASKS = re.compile(
    r"\b(?:write|writes|create|compose|generate|build|give|gives|provide|produce|draft|"
    r"craft|construct|answer with|"
    r"respond with|supply|supplies|prepare)\b[^.;|]{0,50}(?:\bSQL\b|\b(?:the|a|your|"
    r"one)\s+(?:\w+\s+)?quer(?:y|ies)\b)"
    r"|(?:编写|写|生成|创建).{0,12}(?:SQL|查询语句)",
    re.IGNORECASE,
)
_MENTIONS = (b"sql", b"query", b"queries", b"join", b"group by", b"grouped by", "查询".encode())
_STEPS = re.compile(
    r"\bcommon table expressions?\b|\bCTEs?\b|\brecursi(?:ve|on)\b|\bthree tables\b"
    r"|\b(?:best|latest|newest|highest|lowest|first|last|top\s+\w+)\b[^.,;]{0,40}\b(?:per|"
    r"of each|for each|in each)\b",
    re.IGNORECASE,
)
_COMBINES = re.compile(
    r"\bjoin(?:s|ed|ing)?\b|\bgroup(?:s|ed)?\s+by\b|\bwindow functions?\b|\bsub-?quer(?:y|"
    r"ies)\b|\bunion\b|\bper\s+\w+\b|"
    r"\bfor each\b|联表|分组",
    re.IGNORECASE,
)
_JOINS = re.compile(r"\bjoined (?:with|to|on)\b|\bjoin(?:s|ing)?\b|\bgroup(?:ed)? by\b", re.IGNORECASE)
_WANTS = re.compile(
    r"\b(?:list|show|count|sum|find|give|report|how many|how much|total|average|return|select|rank)\b",
    re.IGNORECASE,
)


def level_of(code: str) -> Level:
    """The level a piece of SQL needs."""
    read = read_sql(code)
    return Level.L3 if read.has_steps else Level.L2 if read.combines else Level.L1


def find(reading: Reading) -> Iterator[Need]:
    """Fences, files of the bundle to be changed, queries asked for, and questions a query is to answer."""
    prose = reading.prose
    if b"sql" not in prose.skill.source.lower():
        return
    bundle = reading.bundle
    for fence in prose.skill.fences:
        if fence.language not in SQL_LANGUAGES:
            continue
        role = fence_role(prose, fence)
        if not role.is_shown and not lies_ready(prose, fence, bundle):
            yield Need(level_of(prose.text(fence.content)), role.span(fence))
    for sentence, script in script_changes(prose, bundle, "sql"):
        yield Need(level_of(script.text), sentence.span, script.path)
    yield from _asked(prose)


def _asked(prose: Prose) -> Iterator[Need]:
    makes = "SQL" in prose.skill.description and _ASKS.search(prose.skill.description) is not None
    for sentence in sentences_with(prose, _MENTIONS):
        if prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        text = sentence.text
        found = _ASKS.search(text)
        if found and ("SQL" in found.group() or makes) and not is_forbidden(text[: found.start()]):
            fence_after = prose.fence_after(sentence.block)
            if fence_after is None or fence_after.language not in SQL_LANGUAGES:
                yield Need(_level_of_words(text), sentence.span)
        elif makes and _JOINS.search(text) and _WANTS.search(text):
            yield Need(_level_of_words(text), sentence.span)


def _level_of_words(text: str) -> Level:
    return Level.L3 if _STEPS.search(text) else Level.L2 if _COMBINES.search(text) else Level.L1


DETECTORS.register("gen.code.sql", Detector(RULES, find))
