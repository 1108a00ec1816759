"""What needs ``gen.code.html``: pages and fragments the agent must write or adapt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.fence_role import fence_role, lies_ready
from skvm.compiler.reading.markup import (
    HTML_LANGUAGES,
    describes_drawing,
    describes_parts,
    has_drawing,
    has_parts,
)
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.script_use import is_forbidden, script_changes
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level

RULES = {
    Level.L1: "headings and lists, a page that is not described, or a skeleton to fill in",
    Level.L2: "tables, forms with labels and semantic parts, in code or in words",
    Level.L3: "inline SVG, or roles and labels for assistive tools",
}
_MAKES = (
    r"(?:\b(?:write|writes|create|creates|generate|generates|build|builds|produce|produces|"
    r"give|provide|compose|"
    r"render|answer with|prepare|comes back is)\b|(?:^|\band |\bthen |, )\W{0,4}(?:return|output)\b)"
)
_MENTIONS = (
    *(b"html", b"svg", b" table", b" form", b"aria", b"web page", b"webpage", b"chart", b"navigation"),
    "网页".encode(),
)
_BY_OPTION = re.compile(r"`[^`\n]*\s?--?[a-z][^`\n]*`\s+(?:option\s+)?to\s*$", re.IGNORECASE)
_ASKS = re.compile(
    rf"{_MAKES}[^.;|]{{0,60}}\b(?:HTML\s+(?:files?|documents?|pages?|fragments?|reports?|"
    rf"emails?|artifacts?|previews?|"
    r"presentations?|scenes?|apps?|code)|fragments? of HTML|(?:as|in)\s+(?:one\s+|a\s+|"
    r"an\s+)?(?:single\s+)?HTML|web ?pages?|HTML)\b"
    r"|\bis an? (?:fragment of HTML|HTML (?:page|document|fragment))\b"
    r"|(?:生成|创建|编写|输出).{0,16}(?:HTML|网页)",
    re.IGNORECASE,
)
_PUTS = re.compile(
    r"\b(?:put|add|include|place|show|insert|build|create|render|draw|contains?|use|give it)\b"
    r"[^.;]{0,60}?\b(?:an?|the|one|inline|as)\s+(?:\w+[ -]){0,3}(?:tables?|forms?|SVGs?|"
    r"chart|navigation)\b"
    r"|\bdraw\b[^.;]{0,60}\bSVG\b",
    re.IGNORECASE,
)
_SKELETON = re.compile(r"\b(?:skeleton|fill (?:it )?in|template to fill)\b|骨架", re.IGNORECASE)


def level_of(code: str) -> Level:
    """The level a piece of markup needs."""
    return Level.L3 if has_drawing(code) else Level.L2 if has_parts(code) else Level.L1


def find(reading: Reading) -> Iterator[Need]:
    """Fences, files of the bundle to be changed, pages asked for and what is put into them."""
    prose = reading.prose
    lowered = prose.skill.source.lower()
    if b"html" not in lowered and b"svg" not in lowered and "网页".encode() not in lowered:
        return
    bundle = reading.bundle
    for fence in prose.skill.fences:
        if fence.language not in HTML_LANGUAGES:
            continue
        role = fence_role(prose, fence)
        if not role.is_shown and not lies_ready(prose, fence, bundle):
            level = Level.L1 if is_skeleton(prose, fence) else level_of(prose.text(fence.content))
            yield Need(level, role.span(fence))
    for sentence, script in script_changes(prose, bundle, "html"):
        yield Need(level_of(script.text), sentence.span, script.path)
    yield from _asked(prose)


def _asked(prose: Prose) -> Iterator[Need]:
    makes = _ASKS.search(prose.skill.description) is not None
    for sentence in sentences_with(prose, _MENTIONS):
        if prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        text = sentence.text
        found = _ASKS.search(text)
        asks = found is not None and not is_forbidden(text[: found.start()])
        asks = asks and not (found and _BY_OPTION.search(text[: found.start()]))
        makes = makes or asks
        puts = makes and _PUTS.search(text) is not None and (describes_drawing(text) or describes_parts(text))
        if not asks and not puts:
            continue
        fence_after = prose.fence_after(sentence.block)
        if fence_after is not None and fence_after.language in HTML_LANGUAGES:
            if is_skeleton(prose, fence_after):
                yield Need(Level.L1, sentence.span)
            continue
        level = Level.L3 if describes_drawing(text) else Level.L2 if describes_parts(text) else Level.L1
        yield Need(level, sentence.span)


def is_skeleton(prose: Prose, fence: CodeFence) -> bool:
    """Whether the words right before a fence say that it is a skeleton to fill in."""
    block = prose.leads.get(fence.span)
    return block is not None and _SKELETON.search(prose.text(prose.blocks[block].span)) is not None


DETECTORS.register("gen.code.html", Detector(RULES, find))
