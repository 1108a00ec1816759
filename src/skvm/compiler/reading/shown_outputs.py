"""Outputs shown filled in where the prose only names them: "`x.json` has these fields and no others:"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from skvm.compiler.reading.named_files import files_made
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence
from skvm.skill.sieve import sieved

__all__ = ["STRUCTURED", "ShownOutput", "shown_lines", "shown_outputs", "strict_lines"]

STRUCTURED = frozenset({"json", "yaml", "yml", "xml"})
_LANGUAGES = STRUCTURED | {"", "text", "txt", "plaintext", "csv", "tsv", "markdown", "md"}
_ENDING = r"\.(?:jsonl?|ya?ml|xml|csv|tsv|md|txt|ini|env|toml)"
_FIELDS = r"(?:fields|keys|columns|properties|attributes|sections|entries|header)"
_HAS = re.compile(
    rf"\b(?:has|have|holds?|contains?|consists? of)\s+(?:just |only |exactly )?(?:these|the following"
    rf"|the)\s+{_FIELDS}\b",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    rf"\b(?:an?|one|the)\s+(?:JSON|YAML|XML) (?:object|record|file|document)\s+with\s+(?:these"
    rf"|the following|two|three|four"
    rf"|five|six|\d+)\s+{_FIELDS}\b",
    re.IGNORECASE,
)
_WRITTEN = sieved(
    rf"(?:{TOLD}|\bwe )(?:write|save|create)\s[^.;:\n]{{0,40}}?`(?:[\w.~$-]+/)*[\w.-]+{_ENDING}`\W*$"
    rf"|{TOLD}add\s+(?:a|one)\s+(?:line|row|entry|record)\s+to\s+`[^`\n]+`",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    rf"{TOLD}add\s+(?:the |an? )?`?\w+`?\s+(?:schema|structured data|markup)\b", re.IGNORECASE
)
_MIGHT = re.compile(
    r"\b(?:list|report|page|file|entry|result|answer|summary|table|line|letter|message|note)s?\s+(?:might"
    r"|could|would) (?:be|read"
    r"|look)\b",
    re.IGNORECASE,
)
_STRICT = re.compile(
    r"\b(?:and no (?:others?|more)|nothing else|(?:just|only|exactly) (?:these|the following)"
    r"|no others? (?:fields|keys|columns))\b",
    re.IGNORECASE,
)
_SERVICE = re.compile(r"\b(?:responses?|returns?|webhook|payload|requests? body|API)\b", re.IGNORECASE)
_SETTING = re.compile(
    r"\b(?:config\w*|set ?up|install\w*|prerequisites?|auth\w*|settings|ci)\b", re.IGNORECASE
)
_GIVEN = re.compile(
    r"\b(?:input|given|you (?:get|receive)|reads?|existing|edit|is the file)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ShownOutput:
    """A fence that shows an output.

    Args:
        span: The fence.
        language: Its language.
        is_strict: Whether what is shown is all there may be.
        is_setting: Whether it is a file of settings and no answer.
    """

    span: Span
    language: str
    is_strict: bool
    is_setting: bool


def shown_outputs(prose: Prose, languages: Collection[str] = _LANGUAGES) -> Iterator[ShownOutput]:
    """Every fence in these languages whose lead, or the heading above it, says that it is to be written."""
    is_named = any("." in each.title or "/" in each.title for each in prose.skill.headings)
    titles = {span for span, _ in files_made(prose)} if is_named else set()
    for fence in prose.skill.fences:
        if fence.language not in languages:
            continue
        heading = prose.heading_of(fence.span.start)
        is_titled = heading is not None and prose.skill.headings[heading].span in titles
        text = _lead(prose, fence)
        if text is None and not is_titled:
            continue
        text = text or ""
        if not is_titled and (not text.rstrip("*_ ").endswith((":", "：")) or _GIVEN.search(text)):
            continue
        if not is_titled and "`" not in text and _SERVICE.search(text):
            continue
        named = _HAS.search(text) or _OBJECT.search(text) or _WRITTEN.search(text)
        if named is None and not is_titled:
            is_said = _MIGHT.search(text) or (fence.language in STRUCTURED and _MARKUP.search(text))
            if not is_said:
                continue
        title = prose.skill.headings[heading].title if heading is not None and not is_titled else ""
        is_setting = _SETTING.search(title) is not None
        yield ShownOutput(fence.span, fence.language, _STRICT.search(text) is not None, is_setting)


def _lead(prose: Prose, fence: CodeFence) -> str | None:
    """The last sentence before a fence, without a break; ``None`` below a heading or a table."""
    index = prose.leads.get(fence.span)
    if index is None or prose.blocks[index].kind not in (BlockKind.PARAGRAPH, BlockKind.ITEM):
        return None
    end = prose.blocks[index].span.end
    sentences = prose.sentences_in(Span(end - 1, end))
    return " ".join(sentences[-1].text.split()) if sentences else None


_ONE_FORM = re.compile(
    r"\b(?:one|a) (?:single )?line\b|\b(?:this|the following) (?:form|line|layout)\b|\bthe way\b"
    r"|\blike (?:this|so)\b",
    re.IGNORECASE,
)
_SET_APART = re.compile(rb"[ \t]*\r?\n[ \t]*\r?\n(?: {4}|\t|> ?)(?=[^\s#|])")


def shown_lines(prose: Prose) -> Iterator[Sentence]:
    """Every sentence that leads to a line shown below it, set apart by blanks or as a quotation."""
    for sentence in spotted(
        prose, (b" line", b"this form", b"following form", b"layout", b"the way", b"like this", b"like so")
    ):
        block = prose.blocks[sentence.block]
        if block.kind is not BlockKind.PARAGRAPH or block.indent or sentence.span.end != block.span.end:
            continue
        text = " ".join(sentence.text.split())
        if not text.endswith((":", "：")) or _GIVEN.search(text) or not _ONE_FORM.search(text):
            continue
        if _SET_APART.match(prose.skill.source, block.span.end):
            yield sentence


_LINES = re.compile(
    r"\b(?:one|each|every|a) (?:line|row|entry)\b|\blines? (?:for|per) (?:each|every)\b", re.IGNORECASE
)
_LINE_RULES = (
    re.compile(r"\bin the order of\b|\b(?:sorted|ordered) by\b|\balphabetical", re.IGNORECASE),
    re.compile(r"\b(?:lower|upper) ?case\b", re.IGNORECASE),
    re.compile(
        r"\b(?:without|no) (?:any )?(?:blanks?|spaces?|white ?space)\b|\b(?:one|a single) (?:blank|space)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:without|no)\b[^.;]{0,24}\b(?:quotes|quotation marks|comments|header|currency sign"
        r"|separators?)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:exactly )?(?:one|two|three|\d) decimals?\b", re.IGNORECASE),
)
_MANY = 3


def strict_lines(prose: Prose) -> Iterator[Sentence]:
    """The first sentence of every paragraph that lays down the form of lines by three rules or more."""
    done = -1
    for sentence in spotted(
        prose, (b"one line", b"each line", b"every line", b"one row", b"each row", b"line for each")
    ):
        block = prose.blocks[sentence.block]
        if (
            sentence.block == done
            or block.kind is not BlockKind.PARAGRAPH
            or not _LINES.search(sentence.text)
        ):
            continue
        done = sentence.block
        text = prose.text(block.span)
        if sum(bool(words.search(text)) for words in _LINE_RULES) >= _MANY:
            yield sentence
