"""What a compile has lost of a skill, read from the two texts line by line.

This reading is on purpose not the compiler's own: it knows no Markdown parser, no sentences of the compiler
and none of its word lists, so that the guard does not mark its own work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Kept", "compare"]

_FENCE = re.compile(r"^[\s>]*(?:(?:[-*+]|\d+[.)])\s+)*(`{3,}(?=[^`]*$)|~{3,})")
_NEW_UNIT = re.compile(r"\s*(?:>\s*)*(?:[-*+]\s|\d+[.)]\s|\||#{1,6}\s|$)")
_NEXT_ITEM = re.compile(r"(?:\d+[.)]|[-*+])\s")
_MARKS = re.compile(r"^\s*(?:>\s*)*(?:(?:[-*+]|\d+[.)])\s+)?(?:\[[ xX]\]\s+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])[)\"'*_]*\s+|(?<=[。！？；])")
_WORDS = {
    "must", "mustn't", "never", "always", "only", "shall", "should", "shouldn't", "cannot", "can't", "don't",
    "won't", "required", "mandatory", "forbidden", "prohibited", "avoid", "ensure", "unless", "until", "if",
    "when", "whenever", "otherwise", "except", "not", "without",
}  # fmt: skip
_CHINESE = (
    "必须", "不得", "不要", "禁止", "严禁", "不能", "只能", "只有", "除非", "否则", "如果",
    "务必", "应当", "应该",
)  # fmt: skip
_ASIDE = {"not", "without"}
"""These alone do not make a sentence a rule ("is not a parser"); beside a verb of command they do."""
_ORDERS = re.compile(r"\b(?:do|does|may|must|will|should|need) not\b|\bnot allowed\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kept:
    """Counts over one compile.

    Args:
        code: Code blocks of the original.
        rules: Normative sentences of the original.
        lost_code: Code blocks neither there, nor moved, nor named by an edit.
        lost_rules: Normative sentences neither in ``SKILL.md`` nor named by an edit.
        moved_code: Code blocks that now stand in another file of the bundle.
        named: Code blocks and sentences that are gone and that an edit names.
    """

    code: int
    rules: int
    lost_code: tuple[str, ...] = ()
    lost_rules: tuple[str, ...] = ()
    moved_code: int = 0
    named: int = 0


def compare(before: str, after: str, files: Iterable[str], named: Sequence[str]) -> Kept:
    """Look for everything of a text in what was made of it.

    Args:
        before: ``SKILL.md`` as it was.
        after: ``SKILL.md`` as it is.
        files: Texts of the bundle files that came in.
        named: What the edits say they give up.
    """
    given_up = " \0 ".join(_bare(text) for text in named)
    code, prose = _split(before)
    code_after, prose_after = _split(after)
    elsewhere = Counter(block for text in files for block in _split(text)[0])
    left, moved, lost_code, gone = Counter(code_after), 0, [], 0
    for block in code:
        if left[block]:
            left[block] -= 1
        elif elsewhere[block]:
            elsewhere[block] -= 1
            moved += 1
        elif _bare(block) in given_up:
            gone += 1
        else:
            lost_code.append(block)
    words = " ".join(_bare(unit) for unit in _units(prose_after))
    rules = [_bare(part) for unit in _units(prose) for part in _SENTENCE_END.split(unit) if _is_rule(part)]
    lost_rules = []
    for rule in rules:
        if rule not in words:
            if rule in given_up:
                gone += 1
            else:
                lost_rules.append(rule)
    return Kept(len(code), len(rules), tuple(lost_code), tuple(lost_rules), moved, gone)


def _split(text: str) -> tuple[list[str], list[str]]:
    """Code blocks, and the lines that are none; the frontmatter is neither."""
    lines = text.replace("\r\n", "\n").lstrip("\ufeff").split("\n")
    if lines and lines[0].rstrip() == "---":
        end = next((at for at in range(1, len(lines)) if lines[at].rstrip() == "---"), 0)
        lines = lines[end + 1 :]
    code: list[str] = []
    prose: list[str] = []
    block: list[str] | None = None
    run, indent = "", 0
    for line in lines:
        if block is not None and indent > 1 and _NEXT_ITEM.match(line):
            # A block that stands in an item of a list ends with it, closed or not.
            code.append("\n".join(part.strip() for part in block).strip())
            block = None
        if block is None:
            found = _FENCE.match(line)
            if found:
                block, run, indent = [], found[1], len(line) - len(line.lstrip(" "))
            else:
                prose.append(line)
        else:
            closing = line.strip(" \t>")
            if closing and not closing.strip(run[0]) and len(closing) >= len(run):
                code.append("\n".join(part.strip() for part in block).strip())
                block = None
            else:
                block.append(line)
    if block is not None:
        code.append("\n".join(part.strip() for part in block).strip())
    return code, prose


def _units(lines: Sequence[str]) -> list[str]:
    """Paragraphs, list items and table rows, each on one line; headings and comments are left out."""
    units: list[str] = []
    is_open = is_comment = False
    for line in lines:
        if "<!--" in line or is_comment:
            is_comment = "-->" not in line
            is_open = False
            continue
        if _NEW_UNIT.match(line) or not is_open:
            bare = _MARKS.sub("", line)
            is_heading = re.match(r"#{1,6}\s", bare) is not None
            is_open = bool(bare.strip()) and not is_heading
            if is_open:
                units.append(bare)
        else:
            units[-1] += " " + re.sub(r"^\s*(?:>\s*)*", "", line)
    return units


def _is_rule(sentence: str) -> bool:
    # The "if" of an identifier is none.
    found = set(re.findall(r"(?<!_)\b[a-z]+(?:'[a-z]+)?\b(?!_)", sentence.lower().replace("’", "'"))) & _WORDS
    return (
        bool(found - _ASIDE)
        or _ORDERS.search(sentence) is not None
        or any(word in sentence for word in _CHINESE)
    )


def _bare(text: str) -> str:
    return " ".join(text.split())
