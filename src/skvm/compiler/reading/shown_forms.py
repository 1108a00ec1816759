"""Forms of the answer a skill shows filled in or with places to fill."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.spotting import spotted
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved

__all__ = ["shown_forms"]

_FORM_LANGUAGES = frozenset(
    {"", "text", "txt", "plaintext", "markdown", "md", "json", "yaml", "yml", "xml", "csv", "ics"}
)
_LEAD = re.compile(
    r"\b(?:output|format|formatted|template|structure|report|respond|response|reply|answer|present|"
    r"display|show|"
    r"summar\w+|deliver\w*|looks? like|as follows)\b[^.\n]{0,60}[:：]\W*$|\b(?:use|in|fill in) (?:this"
    r"|the following) form\b[^.\n]{0,40}[:：]\W*$|(?:输出|格式|模板|报告|回复|"
    r"如下)[^。\n]{0,20}[：:]\W*$",
    re.IGNORECASE,
)
_TITLE = sieved(
    r"\b(?:output|report|response|answer|summary|plan|entry|message|result|status|deliverable)s?\b[\w ]{0,20}"
    r"\b(?:formats?|templates?|structure|example)\b|^\W*(?:output|format|template|output format|"
    r"report)s?\W*$|\btemplate\b|\b(?:page|document|article|email|letter) (?:structure|layout)\b"
    r"|输出|格式|模板",
    re.IGNORECASE,
)
_SERVICE = re.compile(
    r"\b(?:responses?|returns?|status|webhook|payload|request|body|API|examples? outputs?|"
    r"(?:sample|expected) outputs?|outputs?:)(?!\w)",
    re.IGNORECASE,
)
_DATA = frozenset({"json", "yaml", "yml", "xml"})
_PROGRAM = re.compile(
    r"apiVersion:|AWSTemplateFormatVersion|\"(?:tool|method)\"\s*:|^\s*(?:\$ |npm |pip |git |curl |"
    r"python3? |node |docker |"
    r"import |from \w+ import|def |function |"
    r"const |SELECT |#!/|/\w+[: ])"
    r"|[├└]──|[─│┌┐]{3}",
    re.MULTILINE,
)
_TELLS = sieved(
    r"\b(?:output|respond|reply|answer|present|display|show|report|print|format|use|list|write|"
    r"return)\b[^.;\n]{0,60}\b(?:as follows|"
    r"like this|in this (?:exact )?(?:format|form|structure)|this (?:exact )?(?:format|structure|"
    r"template)|in the following (?:format|form|structure|template)|"
    r"using (?:this|the following) (?:format|template|structure))\b"
    r"|(?:按照?|使用|采用)(?:以下|下面的?|如下)(?:格式|模板)",
    re.IGNORECASE,
)
_PLACES = re.compile(r"[:|\[<{(]|\s")


def shown_forms(prose: Prose) -> Iterator[Span]:
    """Every form: a fence introduced as one, words that point to one, inline code under such a heading."""
    for fence in prose.skill.fences:
        if fence.language not in _FORM_LANGUAGES:
            continue
        block = prose.leads.get(fence.span)
        lead = prose.text(prose.blocks[block].span).rstrip().rsplit("\n", 1)[-1] if block is not None else ""
        title = _title(prose, fence.span.start)
        if fence.language in _DATA and _SERVICE.search(f"{title}\n{lead}"):
            continue
        is_heading = block is None or prose.blocks[block].kind is BlockKind.HEADING
        if (_LEAD.search(lead) or (is_heading and _TITLE.search(title))) and not _PROGRAM.search(
            prose.text(fence.content)
        ):
            yield fence.span
    for sentence in spotted(prose, _STEMS):
        if _TELLS.search(sentence.text) and prose.fence_after(sentence.block) is None:
            yield sentence.span
    for heading in prose.skill.headings:
        if _TITLE.search(heading.title):
            first = next(
                (
                    each
                    for each in prose.sentences_in(heading.section)
                    if each.span.start > heading.span.end - 1
                ),
                None,
            )
            if first is not None and any(len(_PLACES.findall(code)) > 1 for code in CODE.findall(first.text)):
                yield first.span


def _title(prose: Prose, offset: int) -> str:
    heading = prose.heading_of(offset)
    return prose.skill.headings[heading].title if heading is not None else ""


_STEMS = (b"as follows", b"like this", b"format", b"structure", b"template", "格式".encode(), "模板".encode())
