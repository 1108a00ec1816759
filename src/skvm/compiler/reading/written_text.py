"""Texts a skill has the agent write: how long, of which parts, and whether one piece at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skvm.compiler.reading.prose import Block, BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, is_chinese, spotted
from skvm.compiler.reading.text_size import stated_bytes
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved

__all__ = ["LARGE_BYTES", "SMALL_BYTES", "Piece", "WrittenText", "piece_of", "written_texts"]

SMALL_BYTES, LARGE_BYTES = 1000, 5000
"""Below the one a text is short, above the other it is a document."""


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text the agent is told to write.

    Args:
        span: The words that say so.
        noun: What it is called, in lower case; empty where only its parts are named.
        size: Bytes, as far as a size is stated.
        parts: The names of its parts, in order.
        is_paragraphs: Whether each part is a single paragraph.
        is_prose: Whether it is connected prose, and no form or list.
        is_whole: Whether it must be complete with a list of contents or chapters.
        is_short: Whether it is called short, a sentence or a paragraph.
        has_contents: Whether a list of contents comes with it.
        has_summary: Whether a summary comes with it.
        end: Where the description of its parts ends.
        is_chinese: Whether the words are Chinese.
    """

    span: Span
    noun: str = ""
    size: int | None = None
    parts: tuple[str, ...] = ()
    is_paragraphs: bool = False
    is_prose: bool = False
    is_whole: bool = False
    is_short: bool = False
    has_contents: bool = False
    has_summary: bool = False
    end: int = 0
    is_chinese: bool = False


_PROSE = (
    r"essays?|articles?|blog posts?|(?:short |bedtime |children['’]s )stor(?:y|ies)|(?:cover )?letters?|"
    r"narratives?|"
    r"(?:connected |written )?accounts? of|devotions?|biograph(?:y|ies)|obituar(?:y|ies)|chronicles?|op-eds?|"
    r"newsletters?|press releases?|case stud(?:y|ies)"
)
_OTHER = (
    r"reports?|handbooks?|guides?|manuals?|books?|(?:release )?notes?|memos?|summar(?:y|ies)|briefs?|"
    r"proposals?|"
    r"white ?papers?|documentation|documents?|READMEs?|reviews?|minutes|overviews?|runbooks?|playbooks?|"
    r"e?mails?|messages?|replies|reply|descriptions?|explanations?|announcements?|specifications?|specs?|"
    r"PRDs?|"
    r"posts?|captions?|paragraphs?|sentences?|posters?|texts?"
)
_BEFORE = (
    r"(?:(?!(?:scripts?|commands?|tools?|code|programs?|functions?|tests?|tables?|files?|folders?|from|"
    r"into|via|using|"
    r"by|for|to|before|in|with|on|about|how|or|user)\b)[^\s.;:(]+\s+){0,9}?"
)
_TELLS = sieved(
    TOLD + r"(?<!how to )(?:write|draft|compose|produce|prepare|create|generate|deliver|author)(?:\s+(?:up|"
    r"out))?\s+"
    + _BEFORE
    + rf"[*_\"`]*(?:(?P<prose>{_PROSE})|(?P<other>{_OTHER}))\b(?!['’]s)(?![-_/]\w)"
    + r"(?! (?:schema|markup|titles?|pages?|templates?|types?|editor|ids?|fields?|generator|header|tags?|"
    r"file)\b)",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:撰写|编写|起草|写成|写出|写|生成|输出)(?:出|一[篇份封段则])?[^，。；：、\n]{0,24}?"
    r"(?:(?P<prose>文章|故事|散文|作文|演讲稿|评论|随笔|公众号文|新闻稿)|"
    r"(?P<other>报告|文档|手册|指南|邮件|总结|摘要|说明书|方案|周报|日报|简报|纪要|段落|通知))"
)
_STEMS = (
    *(b"write", b"draft", b"compose", b"produce", b"prepare", b"creat", b"generat", b"deliver", b"author"),
    *("撰写".encode(), "写".encode(), "起草".encode(), "生成".encode(), "输出".encode()),
)
_IS_INPUT = sieved(
    r"\b(?:existing|users?['’]s?|provides?|given|pastes?)\s+(?:an?\s+|the\s+|"
    r"their\s+)?[*_]*(?:existing\s+)?[*_]*drafts?\b",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(?:short|brief (?!that\b|before\b)\w+|concise|one-line|one-sentence|(?:one|a|single|two|1|2|1-2|"
    r"2-3|one or two) (?:short )?"
    r"(?:sentence|line|paragraph)s?|message|caption|reply|note\b|sentences?|tl;dr)\b|简短|一句话|一段|简要",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:complete|full|comprehensive|entire|whole|in one (?:piece|go))\b|完整|整份|全书", re.IGNORECASE
)
_CONTENTS = re.compile(r"\btable of contents\b|\bcontents page\b|目录", re.IGNORECASE)
_CHAPTERS = re.compile(r"\b(?:chapters|subsections)\b|章节|各章", re.IGNORECASE)
_SUMMARY = re.compile(
    r"\b(?:and|with|plus) (?:an? |the )?(?:closing |final )?summary\b|总结页|"
    r"附总结",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:sections?|chapters?|parts|headings)\b(?:\s+(?:named|called|titled|are))?\s*:?\s+[\"“*`]*(?=[A-Z])"
    r"|(?:分为|包括|包含|分成)"
)
_CHINESE_PARTS = re.compile(
    r"(?:分为|包括|包含|分成)[“\"]?([^，。；：\n]{3,60}?)[”\"]?(?:[一二两三四五六七八九十\d]+)?个?(?:部分|章节|章|节|段)"
)
_ONE_ON = re.compile(
    r"\bone (?:on|about|for) (.{3,60}?)(?=\s*,?\s*(?:and\s+)?one (?:on|about|for)\b|[,.;:]|$)", re.IGNORECASE
)
_OUTPUT_TITLE = re.compile(
    r"\b(?:output|report|response|deliverable|document|devotion\w*|article|answer|essay|letter|memo|brief|"
    r"newsletter|message)s?\b[\w ]{0,20}\b(?:format|structure|template|sections|outline)\b"
    r"|(?:报告|输出|文档|文章)(?:格式|结构|模板)",
    re.IGNORECASE,
)
_SECTION_NAME = sieved(
    r"\b(?:summary|overview|introduction|background|recommendations?|conclusions?|appendix|findings|"
    r"methodology|scope|"
    r"analysis|assessment|principles|results|discussion|next steps|references|context|risks|timeline)\b"
    r"|摘要|概述|背景|结论|建议|附录|分析|总结",
    re.IGNORECASE,
)
_TITLED = re.compile(r"\*\*([^*\n]{2,60}?):?\*\*\s*(.*)", re.DOTALL)
_SIZED = re.compile(
    r"^\s*:?\s*\(([^)\n]{0,30}(?:words?|sentences?|paragraphs?|字|"
    r"句)[^)\n]{0,12})\)",
    re.IGNORECASE,
)
_CODED = re.compile(r"[{\[<]")
_HEADING_LINE = re.compile(r"^(#{1,3}) (\S.*)$", re.MULTILINE)
_PLAIN_TEXT = frozenset({"", "markdown", "md", "text", "txt", "plaintext"})
_SHOWS = re.compile(
    r"\b(?:format|structure|template|outline|skeleton|report|output|document|use this|as follows)\b"
    r"|格式|模板|结构",
    re.IGNORECASE,
)


def written_texts(prose: Prose) -> tuple[WrittenText, ...]:
    """Every text the agent is told to write: told in a sentence, listed by parts, or shown empty."""
    found = [*_told(prose), *_listed(prose), *_shown(prose)]
    return tuple(sorted(found, key=lambda text: text.span))


def _told(prose: Prose) -> Iterator[WrittenText]:
    for sentence in spotted(prose, _STEMS):
        text = sentence.text
        if _IS_INPUT.search(text):
            continue
        told = _TELLS.search(text) or _CHINESE.search(text)
        if told is None:
            continue
        paragraphs = tuple(" ".join(found.split()) for found in _ONE_ON.findall(text))
        named = paragraphs or _names(text)
        listed, end = ((), 0) if named else _list_below(prose, sentence)
        yield WrittenText(
            sentence.span,
            (told.group("prose") or told.group("other")).lower(),
            stated_bytes(text),
            named or listed,
            len(paragraphs) > 1 and "paragraph" in text,
            told.group("prose") is not None,
            bool(_WHOLE.search(text) and (_CONTENTS.search(text) or _CHAPTERS.search(text))),
            _SHORT.search(told.group(0)) is not None,
            _CONTENTS.search(text) is not None,
            _SUMMARY.search(text) is not None,
            max(end, prose.blocks[sentence.block].span.end),
            is_chinese(text),
        )


def _names(text: str) -> tuple[str, ...]:
    """The names of parts a sentence lists: capitalised in English, between pauses in Chinese."""
    if chinese := _CHINESE_PARTS.search(text):
        names = [name.strip() for name in re.split(r"、|和|以及|及", chinese.group(1))]
        return tuple(names) if len(names) > 1 and all(names) else ()
    named = _NAMED.search(text)
    if named is None:
        return ()
    names = []
    for piece in re.split(r",|;|\.(?=\s|$)", text[named.end() :]):
        bare = re.sub(r"^\s*(?:and|or)\s+", "", piece).strip(' *_`"“”')
        if not bare[:1].isupper() or len(bare) > 80:
            break
        is_last = bare != piece.strip(' *_`"“”')
        parts = [bare] if is_last else re.split(r"\s+and\s+(?=[A-Z])", bare)
        names += parts
        if is_last or len(parts) > 1:
            break
    return tuple(names) if len(names) > 1 else ()


def _list_below(prose: Prose, sentence: Sentence) -> tuple[tuple[str, ...], int]:
    """The parts listed right below a sentence that ends in a colon and speaks of them."""
    if not sentence.text.endswith((":", "：")) or not re.search(
        r"\b(?:sections|parts|chapters|structure|headings)\b|部分|章节|结构", sentence.text, re.IGNORECASE
    ):
        return (), 0
    items = _items_after(prose, sentence.block)
    names = [_title(prose, item) for item in items]
    if len(items) < 3 or not all(names):
        return (), 0
    return tuple(name for name in names if name), _list_end(prose, items[-1])


def _items_after(prose: Prose, block: int) -> list[Block]:
    """The items of the list right behind a block, without those nested in them."""
    items: list[Block] = []
    for found in prose.blocks[block + 1 :]:
        if found.kind is not BlockKind.ITEM:
            break
        if not items or found.indent <= items[0].indent + 1:
            items.append(found)
    return items


def _list_end(prose: Prose, item: Block) -> int:
    """The end of an item and of what is nested in it."""
    end = item.span.end
    for block in prose.blocks[prose.blocks.index(item) + 1 :]:
        if block.kind is BlockKind.HEADING or block.indent < item.indent:
            break
        end = block.span.end
    return end


def _title(prose: Prose, item: Block) -> str | None:
    """The name an item begins with."""
    text = prose.text(item.span)
    titled = _TITLED.match(text)
    name = titled.group(1) if titled else re.split(r"\s+[—–-]\s+|[:：(（.]", text, maxsplit=1)[0]
    name = " ".join(name.split()).strip(" *_`")
    return name if 0 < len(name) <= 60 and not _CODED.search(name) else None


def _listed(prose: Prose) -> Iterator[WrittenText]:
    """Lists of titled parts under a heading about the form of the answer, or with a size for each."""
    block = 0
    while block < len(prose.blocks):
        if prose.blocks[block].kind is not BlockKind.ITEM or not prose.text(
            prose.blocks[block].span
        ).startswith("**"):
            block += 1
            continue
        items = _items_after(prose, block - 1)
        made = _from_items(prose, items) if items else None
        if made is not None:
            yield made
        while block < len(prose.blocks) and prose.blocks[block].kind is BlockKind.ITEM:
            block += 1


def _from_items(prose: Prose, items: Sequence[Block]) -> WrittenText | None:
    titled = [_TITLED.match(prose.text(item.span)) for item in items]
    names = [_title(prose, item) for item in items]
    if len(items) < 3 or not all(titled) or not all(names):
        return None
    sizes = [stated_bytes(size.group(1)) for each in titled if each and (size := _SIZED.match(each.group(2)))]
    heading = prose.heading_of(items[0].span.start)
    title = prose.skill.headings[heading].title if heading is not None else ""
    is_sized = 2 * len(sizes) > len(items)
    called = sum(bool(name and _SECTION_NAME.search(name)) for name in names)
    if not is_sized and (called < 2 or not _OUTPUT_TITLE.search(title)):
        return None
    total = sum(size for size in sizes if size) if is_sized else None
    end = _list_end(prose, items[-1])
    small = total is not None and total / len(items) <= 110 * 6
    return WrittenText(
        Span(items[0].span.start, end),
        size=total,
        parts=tuple(name for name in names if name),
        is_paragraphs=is_sized and small,
        is_prose=is_sized,
        end=end,
        is_chinese=is_chinese(prose.text(items[0].span)),
    )


def _shown(prose: Prose) -> Iterator[WrittenText]:
    """Empty documents with three headings of one rank or more, shown as what is to be filled."""
    for fence in prose.skill.fences:
        if fence.language not in _PLAIN_TEXT:
            continue
        code = prose.text(fence.content)
        if code.count("\n#") < 3:
            continue
        ranks: dict[int, list[str]] = {}
        for marks, name in _HEADING_LINE.findall(code):
            ranks.setdefault(len(marks), []).append(name.strip())
        names = next((names for _, names in sorted(ranks.items()) if len(names) > 2), [])
        block = prose.leads.get(fence.span)
        heading = prose.heading_of(fence.span.start)
        lead = prose.text(prose.blocks[block].span) if block is not None else ""
        title = prose.skill.headings[heading].title if heading is not None else ""
        if not names or not _SHOWS.search(f"{title}\n{lead.rsplit(chr(10), 1)[-1]}"):
            continue
        open_names = any(_CODED.search(name) for name in names)
        yield WrittenText(
            fence.span,
            parts=() if open_names or len(set(names)) < len(names) else tuple(names),
            is_whole=False,
            size=SMALL_BYTES,
            end=fence.span.end,
            is_chinese=is_chinese(code),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """How large the pieces are a text is to be written in: a paragraph, below 1 KB, or below 5 KB."""

    is_paragraph: bool
    is_small: bool


_PIECES = re.compile(
    r"\b(?:write|draft)\b[^.\n]{0,30}\b(?:each|every|one|sections|paragraphs|parts)\b[^.\n]{0,20}"
    r"\b(?:on its own|by itself|at a time|separately)\b[^\n]*|(?:每[一个]?|各)[^。，\n]{1,8}单独写[^\n]*",
    re.IGNORECASE,
)


def piece_of(prose: Prose, text: WrittenText) -> Piece | None:
    """The pieces the skill says, in the same words or right behind them, to write a text in."""
    source = prose.skill.source
    own = source[text.span.start : max(text.end, text.span.end)]
    behind = source[text.end : text.end + 600].lstrip(b" \t\r\n>").split(b"\n\n", 1)[0]
    found = _PIECES.search(b"\n\n".join((own, behind)).decode("utf-8", "replace"))
    if found is None:
        return None
    words = found.group(0)
    paragraph = re.search(
        r"\b(?:single|one) paragraph\b|paragraphs? one at a time|一个自然段", words, re.IGNORECASE
    )
    small = paragraph or re.search(r"\bless than 1 KB\b|不到 1 KB", words)
    return Piece(paragraph is not None, small is not None)
