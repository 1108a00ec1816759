"""Procedures in a skill: numbered lists of steps, and steps told one after the other in a sentence."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from skvm.compiler.reading.prose import Block, BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD
from skvm.diagnostics import Span
from skvm.skill.ir import Heading
from skvm.skill.sieve import sieved

__all__ = [
    "CHECKPOINT",
    "LOOP",
    "Procedure",
    "ProcedureStep",
    "actions_of",
    "is_bounded",
    "long_runs",
    "procedures",
    "step_lists",
    "titled_steps",
    "told_loop",
    "told_steps",
]


@dataclass(frozen=True, slots=True)
class ProcedureStep:
    """A step: its number, its own block, and all blocks that belong to it."""

    ordinal: int
    block: Block
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A numbered list of at least two steps."""

    steps: tuple[ProcedureStep, ...]

    @property
    def span(self) -> Span:
        """From its first step to the end of its last one."""
        return Span(self.steps[0].block.span.start, self.steps[-1].blocks[-1].span.end)


LOOP = sieved(
    TOLD + r"(?:repeat(?=\s*[.,:;*]|\s*$|\s+(?:until|steps?|the|this|these|for|from|as|if|with|while|it|"
    r"each)\b)|(?:go|return|loop) back to (?:step|the (?:first|start|top))\b|return to step\b|"
    r"keep (?:going|trying)\b|(?:iterate|retry|re-?run|continue(?! to)|check|loop|test|fix|adjust|"
    r"refine|keep \w+ing)\b[^.;]{0,100}\b"
    r"until\b)"
    r"|(?:重复|反复|再|继续|循环|重新)[^。；\n]{0,30}直到|直到[^。；\n]{1,30}为止",
    re.IGNORECASE,
)
"""Words of a loop."""
_BOUNDED = re.compile(
    r"\b(?:at most|up to|maximum of|max(?:imum)?\.?|no more than)\s+(?:\d+|two|three|four|five)\b"
    r"|\buntil (?:all|every|each)(?: the| of the)? \w+ (?:is|are|has been|have been) (?:\w+ )?"
    r"(?:completed?|processed|done|handled|covered|finished|read|written)\b"
    r"|\bmax(?:imum)? \w+ (?:is |are |has been )?reached\b"
    r"|\b\d+\s+(?:times|rounds|attempts|iterations)\b|最多[^。；，]{0,4}[\d一二两三四五六七八九十]+\s*[次轮遍回]",
    re.IGNORECASE,
)
CHECKPOINT = sieved(
    r"\bbefore (?:going on|you go on|continuing|moving on|proceeding)\b|\bonly then\b|"
    r"先做完[^。\n]{1,40}再",
    re.IGNORECASE,
)
"""Words that stop the reader between two groups of steps."""
_DOES = re.compile(
    r"(?:add|adjust|aggregate|analy[sz]e|apply|approve|ask|assign|audit|build|calculate|call|check|"
    r"choose|classify|clean|"
    r"click|clone|close|collect|combine|commit|compare|compile|compose|compute|configure|confirm|connect|"
    r"convert|copy|"
    r"count|create|decide|define|delete|deliver|deploy|describe|design|determine|divide|document|"
    r"download|draft|"
    r"edit|enable|ensure|enter|estimate|evaluate|examine|execute|export|extract|fetch|fill|filter|find|"
    r"fix|follow|"
    r"format|gather|generate|get|go|group|identify|implement|import|include|initiali[sz]e|insert|inspect|"
    r"install|"
    r"keep|launch|list|load|locate|log|look|make|map|mark|measure|merge|move|multiply|navigate|note|"
    r"notify|open|"
    r"parse|pick|plan|post|prepare|present|print|produce|provide|publish|pull|push|put|read|record|"
    r"remove|rename|"
    r"render|repeat|replace|report|request|resolve|retry|return|review|rewrite|run|save|scan|score|"
    r"search|select|send|"
    r"set|share|show|sign|sort|specify|split|start|stop|store|submit|subtract|sum|summari[sz]e|tell|test|"
    r"track|"
    r"transform|translate|try|update|upload|use|validate|verify|view|visit|wait|work|write)\b"
    r"|(?:first|then|next|finally|if|when|for each|once|after|before)\b"
    r"|[\u4e00-\u9fff]",
    re.IGNORECASE,
)
_THEN = re.compile(
    r"(?:\s*[,;]\s*(?:and\s+)?|\s+and\s+)(?:then|afterwards|after that|finally|next)\b,?\s+", re.IGNORECASE
)


def is_bounded(text: str) -> bool:
    """Whether a loop says how often at most, or goes once over what is there."""
    return _BOUNDED.search(text) is not None


def actions_of(text: str) -> list[str]:
    """The actions a sentence strings together with "then"; one where it does not."""
    if re.search(r"\b(?:if|when|unless)\b", text, re.IGNORECASE) or "`" in _THEN.sub(
        "", re.sub(r"`[^`]*`", "", text)
    ):
        return [text]
    parts = [part.strip() for part in _THEN.split(text) if part.strip()]
    if text.rstrip().endswith(":") or not all(_DOES.match(part.lstrip("*_ ")) for part in parts):
        return [text]
    return parts


_TOLD = re.compile(r"^\s*(?:first|start by|begin by)\b,?\s+", re.IGNORECASE)


_CHINESE_NEXT = re.compile("(?:[，；,;]|^)\\s*(?:并)?(?:然后|接着|随后|之后|最后|再|就再|首先|先)")


def told_steps(sentence: Sentence) -> list[str]:
    """The steps of a sentence that begins with "first" and goes on with "then"; empty where it does not.

    In Chinese two words that lead on are enough, wherever the first of them stands.
    """
    if len(_CHINESE_NEXT.findall(sentence.text)) > 1:
        starts = [0, *(hit.start() for hit in _CHINESE_NEXT.finditer(sentence.text) if hit.start())]
        parts = [sentence.text[at:to] for at, to in itertools.pairwise([*starts, len(sentence.text)])]
        return [_CHINESE_NEXT.sub("", part).strip("，；。 ") for part in parts]
    first = _TOLD.match(sentence.text)
    if first is None:
        return []
    steps = actions_of(sentence.text[first.end() :].strip())
    return steps if len(steps) > 1 else []


_PRACTICES = re.compile(
    r"\b(?:best practices?|practices|tips|guidelines|principles|rules|recommendations?|pitfalls|"
    r"mistakes|notes?|requirements|standards|considerations|anti-?patterns|limitations|options|"
    r"features|ideas|gotchas|criteria|triggers|metrics|"
    r"constraints|checklist|reminders|advice|insights|takeaways|success|faq|troubleshooting|"
    r"priorities|values|lessons)\b"
    r"|最佳实践|原则|注意|建议|规则|规范|要求|技巧|限制|提示",
    re.IGNORECASE,
)


def step_lists(prose: Prose) -> list[Procedure]:
    """The numbered lists that are steps: those under a heading of rules, tips or the like are not."""
    found = []
    for procedure in procedures(prose):
        heading = prose.heading_of(procedure.span.start)
        title = prose.skill.headings[heading].title if heading is not None else ""
        if not _PRACTICES.search(title) or _FLOW_TITLE.search(title):
            found.append(procedure)
    return found


_LOOPS = re.compile(
    TOLD + r"(?:repeat|iterate|loop|retry|re-?run|continue(?! to)|keep \w+ing)\b[^.;:]{0,120}?\buntil\b"
    r"|(?:重复|反复|再|继续)[^。；\n]{0,30}直到|直到[^。；\n]{1,30}为止",
    re.IGNORECASE,
)


def told_loop(prose: Prose, sentence: Sentence) -> bool:
    """Whether a sentence outside a numbered list has something done again until something holds."""
    if "until" not in sentence.text and "直到" not in sentence.text:
        return False
    found = _LOOPS.search(sentence.text)
    # What goes on by itself ("will continue until") is no work of the reader's.
    if found is None or re.match(r"(?:will|can|may)\b", found.group(0), re.IGNORECASE):
        return False
    return not is_bounded(prose.text(prose.blocks[sentence.block].span))


_STEP_TITLE = re.compile(
    r"^\W{0,4}(?:(?:Step|Phase|Stage)\s+(\d{1,2})\b|(\d{1,2})(?:[.):：]|\s*[—–-])\s*\S|第([一二三四五六七八九十])步)",
    re.IGNORECASE,
)
_FLOW_TITLE = sieved(
    r"\b(?:workflow|process|steps?|procedure|instructions|phases?|loop|protocol|flow|pipeline|"
    r"how (?:it works|to)|"
    r"quick ?start|getting started|setup|walkthrough|method|cycle|playbook)\b|流程|步骤|方法|工作流|用法",
    re.IGNORECASE,
)


_IN_ORDER = re.compile(
    rb"\b(?:follow (?:it|them|these|the \w+) in (?:this |the given )?order|this is the procedure"
    rb"|in this order"
    rb"|one after (?:the other|another)|step by step)\b",
    re.IGNORECASE,
)
_FEW = 2


def _is_in_order(prose: Prose, first: Heading) -> bool:
    """Whether the introduction says that the numbered sections behind it are done in order."""
    start = prose.skill.body.start
    opened = next((each for each in prose.skill.headings if each.level == first.level), first)
    return _IN_ORDER.search(prose.skill.source[start : opened.span.start]) is not None


def titled_steps(prose: Prose) -> list[tuple[Heading, ...]]:
    """Runs of sibling headings that number steps: called steps, or under a heading about a way of working."""
    found: list[tuple[Heading, ...]] = []
    run: list[Heading] = []
    number = -1
    above = ""

    def close() -> None:
        called = sum(
            re.search(r"\b(?:Step|Phase|Stage)\b|第.步", each.title, re.IGNORECASE) is not None
            for each in run
        )
        is_steps = len(run) > 1 and (2 * called >= len(run) or _FLOW_TITLE.search(above) is not None)
        if is_steps or (len(run) > _FEW and _is_in_order(prose, run[0])):
            found.append(tuple(run))
        run.clear()

    for heading in prose.skill.headings:
        hit = _STEP_TITLE.match(heading.title)
        if run and heading.level > run[0].level:
            continue
        if hit is None:
            close()
            above = heading.title
            continue
        digits = hit.group(1) or hit.group(2)
        own = int(digits) if digits else "一二三四五六七八九十".index(hit.group(3)) + 1
        if run and (heading.level != run[0].level or own != number + 1):
            close()
        run.append(heading)
        number = own
    close()
    return found


def long_runs(prose: Prose, headings: Sequence[Heading], most: int) -> list[Heading]:
    """The first and every further ``most``-th heading of runs longer than that without a stop between."""
    found: list[Heading] = []
    run: list[Heading] = []
    for heading in headings:
        run.append(heading)
        if CHECKPOINT.search(prose.text(heading.section)) or heading is headings[-1]:
            found += run[::most] if len(run) > most else []
            run = []
    return found


_BARE_TITLE = re.compile(r"\*\*[^*\n]{1,60}\*\*(?:\s*\([^)\n]{1,60}\))?\s*[:：]?")
_TITLED = re.compile(r"\*\*[^*\n]{1,60}\*\*\s*[:：—–-]?\s*|[A-Z][\w &/-]{1,40}[:：]\s+")


def _does(prose: Prose, block: Block) -> bool:
    """Whether a step begins with something to do; in a way of working that may stand behind its title."""
    text = prose.text(block.span).lstrip("_ `")
    if _DOES.match(text.lstrip("*")):
        return True
    titled = _TITLED.match(text)
    heading = prose.heading_of(block.span.start) if titled else None
    return bool(
        titled
        and heading is not None
        and _FLOW_TITLE.search(prose.skill.headings[heading].title)
        and _DOES.match(text[titled.end() :].lstrip("*_ `"))
    )


def _does_below(prose: Prose, head: Block, blocks: Sequence[Block]) -> bool:
    """Whether a step is a bare title in a way of working, and what stands below begins with what to do."""
    if len(blocks) < 2 or not _BARE_TITLE.fullmatch(prose.text(head.span)):
        return False
    heading = prose.heading_of(head.span.start)
    return (
        heading is not None
        and _FLOW_TITLE.search(prose.skill.headings[heading].title) is not None
        and _DOES.match(prose.text(blocks[1].span).lstrip("*_ `")) is not None
    )


@lru_cache(maxsize=16)
def procedures(prose: Prose) -> tuple[Procedure, ...]:
    """Every numbered list of steps, in order; a heading or a new number one ends a list.

    Lists that number things and not actions (fewer than half of the items begin with a verb) are left out.
    """
    found: list[Procedure] = []
    steps: list[tuple[Block, list[Block]]] = []

    def close() -> None:
        doing = sum(_does(prose, head) or _does_below(prose, head, all_) for head, all_ in steps)
        if len(steps) > 1 and 2 * doing >= len(steps):
            found.append(
                Procedure(tuple(ProcedureStep(head.ordinal or 0, head, tuple(all_)) for head, all_ in steps))
            )
        steps.clear()

    for block in prose.blocks:
        if block.kind is BlockKind.HEADING:
            close()
        elif block.kind is BlockKind.ITEM and block.ordinal is not None:
            last = steps[-1][0] if steps else None
            if last is not None and block.indent > last.indent + 1:
                steps[-1][1].append(block)
                continue
            if last is not None and block.ordinal not in ((last.ordinal or 0) + 1, last.ordinal):
                close()
            steps.append((block, [block]))
        elif steps and block.indent >= steps[-1][0].indent:
            steps[-1][1].append(block)
    close()
    return tuple(found)
