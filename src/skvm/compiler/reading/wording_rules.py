"""Rules on the wording of a text: how long, what it opens and ends with, which words, which forms never."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import Block, BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import spotted
from skvm.compiler.reading.wording_finds import Check, is_terse_rule, rules_found
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved

__all__ = ["RuleGroup", "WordingRule", "rule_groups"]


@dataclass(frozen=True, slots=True)
class WordingRule:
    """One rule on the wording.

    Args:
        words: The clause that says it.
        check: What a script looks for, as ``check.py`` reads it; ``None`` where none can.
    """

    words: str
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that hold together: those of one paragraph, or of one list.

    Args:
        span: From the first sentence with a rule to the last one.
        rules: In order.
        block: Index of the block the last of them stands in.
        is_told_together: Whether one sentence holds them all.
    """

    span: Span
    rules: tuple[WordingRule, ...]
    block: int
    is_told_together: bool


_STEMS = (
    *(
        b" words",
        b" word ",
        b"character",
        b" chars",
        b"sentence",
        b" line",
        b"paragraph",
        b"emoji",
        b"exclamation",
    ),
    *(
        b"start with",
        b"starts with",
        b"begin",
        b"open with",
        b"opens with",
        b"end with",
        b"ends with",
        b"closes with",
    ),
    *(
        b"close with",
        b"bullet",
        b"no heading",
        b"headers",
        b"markdown",
        b"preamble",
        b"filler",
        b"hashtag",
        b"dash",
    ),
    *(
        b"passive",
        b"contractions",
        b"nested list",
        b"adjectives",
        b"jargon",
        b"clich",
        b"buzzword",
        b"quotation mark",
    ),
    *(
        b"lowercase",
        b"lower case",
        b"uppercase",
        b"upper case",
        b" case",
        b"all caps",
        b"imperative",
        b" tense",
    ),
    *(
        b"active voice",
        b" person",
        b"verb",
        b"with only",
        b"output only",
        b"return only",
        b"(max ",
        b"maximum",
    ),
    *(
        b'no "',
        b'avoid "',
        b'say "',
        b'use "',
        b'write "',
        b"commentary",
        b"explanation",
        b"introduction",
        b"slang",
    ),
    *("超过".encode(), "最多".encode(), "以内".encode(), "开头".encode(), "结尾".encode(), "开始".encode()),
    *(
        "不要使用".encode(),
        "不得".encode(),
        "禁止".encode(),
        "避免".encode(),
        "包含".encode(),
        "出现".encode(),
    ),
    *("控制在".encode(), "少于".encode(), "收尾".encode(), "结束".encode(), "之内".encode(), "不用".encode()),
)
_HEADING = sieved(
    r"\b(?:output|format|style|tone|wording|writing|response|answer|communication|copy|message|voice|"
    r"language)\b"
    r"|输出|格式|风格|语言|文案",
    re.IGNORECASE,
)
_OTHER_MATTER = sieved(
    r"\b(?:variables?|identifiers?|functions?|classes|class names?|file ?names?|slugs?|usernames?|"
    r"passwords?|fields?|"
    r"parameters?|URLs?|branch(?:es)?|columns?|directories|folders?|keys?|IDs?|constants?|packages?|modules?|"
    r"endpoints?|git|API|emails? (?:address|to)|code|scripts?|commands?|run|query|queries|search|seconds|"
    r"minutes|convert\w*)\b|\.md\b"
    r"|/line\b|\bper line\b|变量|函数|文件名|代码|命令",
    re.IGNORECASE,
)


_MAY = re.compile(
    r"\b(?:may|might|can|could)\s+(?:also\s+|even\s+|well\s+)?(?:be\s+(?:written\s+|given\s+|typed\s+)?|come\s+)(?:in\s+)?$",
    re.IGNORECASE,
)
"""What may be so is said of something that is there, not asked of an answer."""
_ROW_OF_INPUT = re.compile(
    r"^(?:one|a single) (?:line|sentence) (?:for|per) (?:each|every)\b[^.;]*[:：]$", re.IGNORECASE
)
"""Lines that are shown below: the layout of a file, no rule on wording."""
_IF = re.compile(r"\W*(?:if|when|unless|scenario)\b", re.IGNORECASE)


def rule_groups(prose: Prose) -> tuple[RuleGroup, ...]:
    """Every group of rules on wording, in order."""
    groups: list[RuleGroup] = []
    pending: list[tuple[Sentence, tuple[WordingRule, ...]]] = []
    key: tuple[object, ...] | None = None
    for sentence in _candidates(prose):
        block = prose.blocks[sentence.block]
        if block.quote:
            continue
        rules = tuple(_rules_in(prose, sentence, block))
        if not rules:
            continue
        own = _group_of(prose, sentence.block)
        if key is not None and own != key:
            groups.append(_made(pending))
            pending = []
        key = own
        pending.append((sentence, rules))
    if pending:
        groups.append(_made(pending))
    return tuple(groups)


def _candidates(prose: Prose) -> Iterator[Sentence]:
    """Sentences with a word of a rule; of a paragraph about the form of the answer every one."""
    done = -1
    for sentence in spotted(prose, _STEMS):
        block = prose.blocks[sentence.block]
        if sentence.block == done:
            continue
        if block.kind is BlockKind.PARAGRAPH and _HEADING.search(_title_of(prose, sentence)):
            done = sentence.block
            yield from (each for each in prose.sentences_in(block.span) if each.block == done)
        else:
            yield sentence


def _title_of(prose: Prose, sentence: Sentence) -> str:
    heading = prose.heading_of(sentence.span.start)
    return prose.skill.headings[heading].title if heading is not None else ""


def _made(found: list[tuple[Sentence, tuple[WordingRule, ...]]]) -> RuleGroup:
    return RuleGroup(
        Span(found[0][0].span.start, found[-1][0].span.end),
        tuple(rule for _, rules in found for rule in rules),
        found[-1][0].block,
        len(found) == 1,
    )


def _group_of(prose: Prose, index: int) -> tuple[object, ...]:
    """What tells the rules of one paragraph or list from those of another."""
    block = prose.blocks[index]
    if block.kind is not BlockKind.ITEM:
        return ("paragraph", index)
    first = index
    while first and prose.blocks[first - 1].kind is BlockKind.ITEM and _is_joined(prose, first):
        first -= 1
    return ("list", first)


def _is_joined(prose: Prose, index: int) -> bool:
    """Whether an item goes on with the list before it, and does not begin another step."""
    block = prose.blocks[index]
    between = prose.skill.source[prose.blocks[index - 1].span.end : block.span.start]
    return block.ordinal is None and between.count(b"\n") < 3


def _rules_in(prose: Prose, sentence: Sentence, block: Block) -> Iterator[WordingRule]:
    text = " ".join(sentence.text.split())
    if len(text) > 700 or text.startswith("`") or text.endswith(("?", "？")):
        return
    if _OTHER_MATTER.search(CODE.sub("", text)) or _ROW_OF_INPUT.match(text):
        return
    title = _title_of(prose, sentence)
    found = sorted(rules_found(text), key=lambda rule: rule[0])
    # A size in an if-clause is what is looked at, not what is asked for.
    last = text.find(",") if _IF.match(text) else -1
    for start, end, check in found:
        if start < last or (check is None and _MAY.search(text[:start])):
            continue
        last = end
        yield WordingRule(_clause(text, start, end), check)
    if not found and _HEADING.search(title) and is_terse_rule(text):
        yield WordingRule(text.rstrip("."))


def _clause(text: str, start: int, end: int) -> str:
    """The clause a rule stands in, from the comma or colon before it to the one behind it."""
    left = max((text.rfind(sign, 0, start) for sign in (",", ":", ";", "，", "：", "；")), default=-1)
    cut = [at for sign in (",", ";", "，", "；", ".", "。") if (at := text.find(sign, end)) >= 0]
    clause = text[left + 1 : min(cut, default=len(text))].strip(" *_-.。")
    return re.sub(r"^(?:and|but|并且|并|且)\s*", "", clause)
