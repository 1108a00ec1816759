"""What needs ``gen.regex``: regular expressions the agent must write."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.script_use import is_forbidden
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level

RULES = {
    Level.L1: "a pattern that is not described, or of literal text, character classes and counts",
    Level.L2: "alternatives, optional parts, capturing groups or anchors, in a pattern or in words",
    Level.L3: "what must stand before or behind a match without being part of it",
}
_NAMED = (b"regex", b"regular expression", b"pcre", "正则".encode())
_MENTIONS = (b"regex", b"regular expression", b"pattern", b"expression", "正则".encode())
_MAKES = re.compile(
    r"\b(?:write|writes|create|give|gives|provide|build|compose|craft|construct|design|"
    r"generate|produce|make|making|"
    r"develop|draft|tighten(?:ing)?|refine|answer with)\b[^.;|]{0,60}"
    r"(?:\bregex(?:es|ps?)?\b|\bregular expressions?\b|\b(?:patterns?|expressions?)\b)"
    r"|\b(?:patterns?|regex(?:es)?|regular expressions?)\s+(?:is|are)\s+(?:needed|wanted|required)\b"
    r"|(?:编写|写|生成|构造).{0,12}正则",
    re.IGNORECASE,
)
_OWN_WORD = re.compile(r"\bregex|\bregular expression|正则", re.IGNORECASE)
_LOOKS = re.compile(
    r"\blook-?(?:ahead|behind|around)s?\b|\b(?:preceded|followed) by\b|"
    r"\bnot where\b[^.;]{0,60}\bfollows?\b"
    r"|\bunless\b[^.;]{0,40}\b(?:follows?|precedes?)\b|\bwithout (?:matching|marking|including)\b",
    re.IGNORECASE,
)
_COMBINES = re.compile(
    r"\banchors?\b|\banchored\b|\bcaptur(?:e|es|ing)\b|\bgroups?\b|\boptional(?:ly)?\b|"
    r"\balternatives?\b|"
    r"\b(?:all|any|each) of (?:these|the following)\b|\beither\b",
    re.IGNORECASE,
)
_LOOK_MARKS = re.compile(r"\(\?<?[=!]")
_COMBINE_MARKS = re.compile(
    r"\((?!\?[=!])[^()\n]+\)|\[[^\]\n]*\]\?|(?<![\\/\w.])\^|[\w)\]]\?|(?<!\\)\$(?:\s|/|$)|"
    r"\|",
    re.MULTILINE,
)
_HANDED_ON = re.compile(
    r"^[^\n#`|]{0,40}\b[\w@/-]*regex(?:p)?(?:-\w+)?\s+[\"']", re.IGNORECASE | re.MULTILINE
)


def find(reading: Reading) -> Iterator[Need]:
    """Patterns asked for in words, and patterns shown to be adapted; not where a command makes them."""
    prose = reading.prose
    lowered = prose.skill.source.lower()
    if not any(name in lowered for name in _NAMED) or _is_handed_on(prose):
        return
    for fence in prose.skill.fences:
        block = prose.leads.get(fence.span)
        lead = prose.text(prose.blocks[block].span) if block is not None else ""
        if _is_pattern(fence) and _OWN_WORD.search(lead):
            yield Need(level_of(prose.text(fence.content)), fence.span)
    for sentence in sentences_with(prose, _MENTIONS):
        if prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        found = _MAKES.search(sentence.text)
        if not found or is_forbidden(sentence.text[: found.start()]):
            continue
        if not _OWN_WORD.search(found.group()) and not _is_about_patterns(prose):
            continue
        text = sentence.text
        level = Level.L3 if _LOOKS.search(text) else Level.L2 if _COMBINES.search(text) else Level.L1
        yield Need(level, sentence.span)


def level_of(pattern: str) -> Level:
    """The level a pattern needs."""
    return (
        Level.L3 if _LOOK_MARKS.search(pattern) else Level.L2 if _COMBINE_MARKS.search(pattern) else Level.L1
    )


def _is_pattern(fence: CodeFence) -> bool:
    return fence.language in {"", "regex", "regexp", "re", "pcre", "text"}


def _is_about_patterns(prose: Prose) -> bool:
    """Whether "a pattern" in this skill is a regular expression: what it is for says so."""
    return (
        re.search(r"\b(?:patterns?|expressions?|regex)\b", prose.skill.description, re.IGNORECASE) is not None
    )


def _is_handed_on(prose: Prose) -> bool:
    """Whether a command the skill gives turns words into patterns."""
    return any(_HANDED_ON.search(prose.text(fence.content)) for fence in prose.skill.fences)


DETECTORS.register("gen.regex", Detector(RULES, find))
