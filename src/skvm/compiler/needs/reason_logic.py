"""What needs ``reason.logic``: rules, constraints and choices the agent applies itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.carried.filling import tests_rows
from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import has_command
from skvm.compiler.reading.conditions import constraints_of, has_branch
from skvm.compiler.reading.prose import Block, BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "if-then rules with their otherwise, the first case that fits, what is left out, a bound to "
    "test facts "
    "against, a table or tree of cases",
    Level.L2: "several constraints one arrangement has to meet together",
    Level.L3: "the best choice under constraints",
}
_LIMITS = (
    r"(?:subject to|while (?:staying|keeping|meeting|respecting|still)|without (?:exceeding|breaking"
    r"|violating|overlap\w*)|within (?:the|a|its|their) "
    r"(?:budget|limits?|capacity|deadline)|given the|under the|such that|constraints?|at most|no more than"
    r"|not more than|at least|up to|limit)"
)
_BEST = sieved(
    r"\b(?:optimal(?:ly)?|optimi[sz]e|minimi[sz]e|maximi[sz]e|cheapest|"
    r"best (?:combination|assignment|schedule|allocation|selection|subset))\b"
    r"[^.]{0,100}\b(?:subject to|while (?:staying|keeping|meeting|respecting)|without (?:exceeding|breaking"
    r"|violating)|within (?:the|a|its|their) (?:budget|limits?|"
    r"capacity|deadline)|given the (?:\w+ )?(?:constraints?|limits?|budget)|under (?:the "
    r"|these )?(?:\w+ )?(?:constraints?|limits?)|such that|at most|no more than)\b"
    rf"|\bof all\b[^.;]{{0,100}}\b{_LIMITS}\b[^.;]{{0,120}}\b(?:the most|the least|the highest|the lowest"
    rf"|the best|the cheapest|the fewest|the shortest)\b"
    rf"|{TOLD}(?:choose|pick|select|find|take)\b[^.;]{{0,80}}\b(?:combination|subset|set of|selection"
    rf"|assignment|schedule|load|route|plan)\b[^.;]{{0,80}}"
    r"\b(?:the most|the least|highest|lowest|cheapest|fewest|shortest)\b[^.;]{0,80}"
    r"\b(?:at most|no more than|not more than|without exceeding|within)\b"
    r"|(?:最优|最大化|最小化|利润最高|成本最低|总[^，。]{0,4}最[大小多少高低])[^。；]{0,40}(?:约束|限制"
    r"|条件|不超过|前提)"
    r"|(?:不超过|约束|限制|条件)[^。；]{0,60}(?:最优|最大化|最小化|利润最高|成本最低"
    r"|最[大小多少高低]的?(?:方案|组合|安排))",
    re.IGNORECASE,
)
_BEST_STEMS = stems(
    "optim|minimi|maximi|cheapest|best |most|least|lowest|highest|fewest|shortest|最|利润|成本"
)
_BOUND = re.compile(
    r"\b(?:over|above|more than|exceeds?|exceeding|at least|at most|below|under|less than)\s+"
    r"(?:[$€£¥]\s?)?\d|[<>≤≥]=?\s*\d",
    re.IGNORECASE,
)
_TEST = re.compile(
    r"\b(?:flag|reject|approve|accept|mark|exclude|include|skip|drop|list|label|classify)\w*\b", re.IGNORECASE
)
_CASE = re.compile(
    r"(?:若(?!干)|一旦|当[^。；，]{1,30}时|的话)[^。]*[，,：:]|^\W*(?:whenever|when)\s[^.;:]{3,80},\s+\w",
    re.IGNORECASE,
)
_SPOKEN = re.compile(r"^\W*[\"“][^\"”]*[\"”]?\W*$|\?[\"”)*]*\s*$")
"""What somebody says or asks is no rule."""
_WHETHER = re.compile(
    r"\b(?:check|see|verify|determine|know|ask|wonder|decide|test|confirm|unsure|tell|note|evaluate|assess"
    r"|as|even|what)\s+(?:\w+\s+)?if\b|\(if (?:any|applicable)\)",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\bfirst\b(?! (?:time|name|line|step))[^.;]{0,60}\b(?:that|which)\b[^.;]{0,30}\b(?:fits?|matches"
    r"|applies|holds|breaks"
    r"|is (?:true|met))\b|\bfirst (?:match(?:ing)?|fitting|applicable) (?:rule|case|row|line|kind|entry"
    r"|one)\b",
    re.IGNORECASE,
)
_LEFT_OUT = (
    r"(?:not (?:counted|listed|mentioned|written|included|reported|shown|added)|left out|skipped|ignored"
    r"|excluded|dropped"
    r"|returned|passed on|sent back|put aside|no (?:report|entry|line|row|mention))"
)
_OTHERS = re.compile(
    r"\bfor (?:an?|every|each)\s[^.;,]{1,40},\s[^.;,]{1,30}\bfor (?:any|every|all) others?\b"
    r"|^\W*(?:everything else|all (?:the )?others?|the rest|any others?)\s+"
    r"(?:(?:gets?|goes?|stays?|counts?)\b|(?:is|are)\s+(?:not|left|ignored|skipped|listed|kept|treated)\b)",
    re.IGNORECASE,
)
_OUT = re.compile(
    r"\b(?:that|which|who|whose|with|without|of (?:type|kind|level|status))\s[^.;:]{2,70}?\s"
    rf"(?:(?:is|are|gets?)\s+(?:then\s+)?{_LEFT_OUT}|(?:does|do) not count)\b",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"\bonly (?:the|those|these|rows|lines|items|entries|records)\s[^.;,]{2,50}\s"
    r"(?:(?<!to )counts?|(?:is|are) (?:counted|valid|listed))\b",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\W*(?:an?|the|each|every)\s+[a-z][a-z -]{1,28}\s(?:is|are|counts? as)\s+(?:an?\s+)?"
    r"(?!\w+ed\b|useful|ready|best|important|helpful|available|run|sent|made|shown|done|good)[a-z-]+\s"
    r"(?:when|as soon as)\s+(?:it|its|they|their|the|no|there|at least|more|fewer|both|all)\b",
    re.IGNORECASE,
)
_SEEN_TO = re.compile(
    r"\b(?:check|verify|ensures?|confirm|sure|says?|means?|note|know) that\b", re.IGNORECASE
)
_RULED = (
    (stems("first"), _FIRST.search),
    (stems("any other|all other|every other|everything else|all the other|the rest "), _OTHERS.search),
    (
        stems(
            "left out|not count|are not |is not |skipped|ignored|excluded|dropped|returned|passed on"
            "|sent back|get no |gets no "
        ),
        lambda text: _OUT.search(_SEEN_TO.sub("", text)),
    ),
    (
        stems("only the|only those|only these|only rows|only lines|only items|only entries|only records"),
        _ONLY.search,
    ),
    (stems(" when | as soon as "), _WHEN.match),
)
"""Rules without an if, each after the words it is looked for by."""
_KEPT_TO = re.compile(
    rf"{TOLD}(?:respect|meet|satisfy|honou?r|obey|keep to|observe)\s+(?:all\s+|the\s+|these\s+|those\s+)*"
    r"(?P<of>[a-z]+ )?(?:constraints|limits|conditions)\W*$",
    re.IGNORECASE,
)
_ARRANGED = re.compile(
    r"\b(?:schedul\w*|plan|plans|arrang\w+|assign\w*|allocat\w+|seat\w*|roster|calendar|slots?|timetable"
    r"|bookings?)\b",
    re.IGNORECASE,
)
_STEMS = stems(
    "if |if:"
    "|if*|unless|otherwise|in case|depending on|when|all of |all these|each of|such that|"
    "satisf|optim|minimi|maximi|cheapest|best |the most|the least|lowest|highest|fewest|flag|reject|"
    "approve|accept|mark|exclude|include|skip|drop|list|label|classify|若|当|一旦|的话|如果|否则|除非|"
    "满足|最"
)
_TESTS_ROWS = re.compile(
    r"\s*(?:\$\s+)?(?:(?:grep|awk|jq|sqlite3)\b|.*(?:--where|\bcalc\.py (?:rows|count)\b|\bif\b))"
)
_CASE_COLUMN = re.compile(
    r"\|\s*\**(?:if|when|condition|case|situation|scenario|trigger|signal|symptom|score|range|threshold"
    r"|条件|情况|情形|代码|若)\b",
    re.IGNORECASE,
)
_WHEN_COLUMN = re.compile(
    r"\|\s*\**(?:status|verdict|kind|class|category|label|result|code|severity|priority|grade|decision"
    r"|outcome)\**\s*"
    r"\|\s*\**(?:when|if|condition)\**\s*\|?\s*$",
    re.IGNORECASE,
)
_BOUND_CELL = re.compile(
    r"\|\s*[`*\"]*(?:\w{1,20}\s*)?(?:[<>≤≥]=?\s*\$?\d|\d[\d.,]*\s*%?\s*(?:[-–]|to)\s*\d|(?:over|under|above"
    r"|below)\s+\d)",
    re.IGNORECASE,
)
_ELSE_CELL = re.compile(
    r"\|\s*[*_]*(?:(?:anything|everything|something|all|any) (?:else|others?)|none of (?:these|the above)"
    r"|otherwise|the rest)[*_]*\s*\|",
    re.IGNORECASE,
)
_TREE = re.compile(r"(?:├|└|→|->|--)[─\s>-]*(?:yes|no|if|是|否)\b", re.IGNORECASE)
_ASKED = re.compile(r"[├└][─ ]+[^\n:│├└]{2,60}\?[ \t]*\n[│ \t]*[├└]")
_RULE_LINE = re.compile(
    r"^\s*(?:[-*]|\d+[.)])\s+(?:\*\*)?(?:if|unless|otherwise)\b[^\n]{3,120}[,:]\s|^\s*(?:[-*]"
    r"|\d+[.)])\s+(?:如果|若|否则)",
    re.IGNORECASE | re.MULTILINE,
)


def find(reading: Reading) -> Iterator[Need]:
    """Conditional sentences, tables and trees of cases; none where a command tests instead."""
    prose = reading.prose
    for fence in prose.skill.fences:
        if _is_tree(prose, fence):
            yield Need(Level.L1, fence.span)
    yield from _rows(prose)
    ruled = _ruled(prose)
    best = {sentence.span for sentence in spotted(prose, _BEST_STEMS)}
    for sentence in spotted(prose, _STEMS):
        is_best = sentence.span in best and _BEST.search(sentence.text) is not None
        level = Level.L3 if is_best else _level(prose, sentence) or ruled.pop(sentence.span, None)
        ruled.pop(sentence.span, None)
        if level is None or has_command(prose, sentence, _TESTS_ROWS):
            continue
        if level is Level.L1 and tests_rows(reading, sentence):
            continue
        yield Need(level, sentence.span)
    yield from (Need(level, span) for span, level in ruled.items())


def _ruled(prose: Prose) -> dict[Span, Level]:
    """Sentences that rule without an if, each with its level."""
    found: dict[Span, Level] = {}
    for sentence in spotted(prose, (b"constraints", b"limits", b"conditions")):
        if _KEPT_TO.search(sentence.text) and is_arranged(prose, sentence):
            found[sentence.span] = Level.L2
    for words, applies in _RULED:
        for sentence in spotted(prose, words):
            if sentence.span not in found and applies(sentence.text):
                found[sentence.span] = Level.L1
    return found


def _rows(prose: Prose) -> Iterator[Need]:
    """Heads of tables whose first column is a case, or one row of which begins with a bound."""
    head: Block | None = None
    before: Block | None = None
    for block in prose.blocks:
        if block.kind is not BlockKind.ROW:
            continue
        text = prose.text(block.span)
        is_new = before is None or not _follows(prose, before, block)
        if is_new:
            head = block
        before = block
        is_cases = is_new and (_CASE_COLUMN.match(text) or _WHEN_COLUMN.match(text))
        if head is not None and (is_cases or _BOUND_CELL.match(text) or _ELSE_CELL.match(text)):
            yield Need(Level.L1, head.span)
            head = None


def _level(prose: Prose, sentence: Sentence) -> Level | None:
    text = sentence.text
    if len(constraints_of(text)) > 1:
        return Level.L1 if are_checks(prose, sentence) else Level.L2
    is_bound = _BOUND.search(text) and _TEST.search(text)
    is_case = not _SPOKEN.search(text) and (has_branch(_WHETHER.sub("", text)) or _CASE.search(text))
    return Level.L1 if is_bound or is_case else None


def is_arranged(prose: Prose, sentence: Sentence) -> bool:
    """Whether two constraints or more on one arrangement are listed right below."""
    below = [
        block
        for block in prose.blocks[sentence.block + 1 : sentence.block + 3]
        if block.kind is BlockKind.ITEM and block.indent > prose.blocks[sentence.block].indent
    ]
    around = prose.blocks[max(0, sentence.block - 4) : sentence.block + 1]
    return len(below) > 1 and any(_ARRANGED.search(prose.text(block.span)) for block in around)


def are_checks(prose: Prose, sentence: Sentence) -> bool:
    """Whether the constraints stand below one by one, each with its result to be written down."""
    constraints = constraints_of(sentence.text)
    checks = [
        prose.text(block.span)
        for block in prose.blocks[sentence.block + 1 : sentence.block + 3 + len(constraints)]
        if block.kind is BlockKind.ITEM
    ]
    return all(any(wanted in check for check in checks) for wanted in constraints)


def _follows(prose: Prose, before: Block, row: Block) -> bool:
    """Whether a row belongs to the table of another one."""
    between = prose.skill.source[before.span.end : row.span.start]
    return between.count(b"\n") < 3 and not between.replace(b"|", b"").strip(b" \t\r\n>:-")


def _is_tree(prose: Prose, fence: CodeFence) -> bool:
    """Whether a fence that is no program holds a tree of decisions, or rules written for the reader."""
    if fence.language not in {"", "text", "txt", "plaintext", "markdown", "md"}:
        return False
    text = prose.text(fence.content)
    return (
        len(_TREE.findall(text)) > 1 or len(_ASKED.findall(text)) > 1 or _RULE_LINE.search(text) is not None
    )


DETECTORS.register("reason.logic", Detector(RULES, find))
