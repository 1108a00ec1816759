"""A skill's prose: blocks and sentences outside code, with the bytes they stand in.

The frontend finds structure; this finds what people wrote in it, because requirements, normative
sentences and edits are all about sentences.
"""

from __future__ import annotations

import bisect
import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence, Skill

__all__ = ["Block", "BlockKind", "Prose", "Sentence"]


class BlockKind(enum.StrEnum):
    """What a block of prose is."""

    PARAGRAPH = "paragraph"
    ITEM = "item"
    HEADING = "heading"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, heading or table row.

    Args:
        span: Its text: markers before it and the line end after it are outside.
        kind: What it is.
        indent: Columns before its text; what belongs to it is indented as far.
        ordinal: The number of a numbered list item.
        quote: Whether it stands in a block quote.
    """

    span: Span
    kind: BlockKind
    indent: int = 0
    ordinal: int | None = None
    quote: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a block.

    Args:
        span: Its bytes.
        text: The same, decoded.
        block: Index of its block.
    """

    span: Span
    text: str
    block: int


_ITEM = re.compile(rb"(?:[-*+]|(\d{1,9})[.)])(?:[ \t]+(?:\[[ xX]\][ \t]+)?|$)")
_QUOTE = re.compile(rb"(?:>[ \t]?)+")
_HEADING = re.compile(rb"#{1,6}(?:[ \t]+|$)")
_RULE = re.compile(rb"(?:[-*_=][ \t]*){3,}$")
_DELIMITER_ROW = re.compile(rb"[|: \t-]+$")
_STOP = re.compile(
    rb"[.!?]+[\"')\]*_`]*(?=[ \t\r\n])|(?:\xe3\x80\x82|\xef\xbc\x81|\xef\xbc\x9f|\xef\xbc\x9b)+"
)
_ABBREVIATION = re.compile(
    rb"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|fig|[A-Za-z])|^\d{1,3})\.$", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Prose:
    """The blocks and sentences of one skill, computed when first asked for.

    One equals itself only, so that what else is read off it can be remembered.
    """

    skill: Skill

    def text(self, span: Span) -> str:
        """The words at a span."""
        return self.skill.text(span)

    @cached_property
    def lowered(self) -> bytes:
        """Every byte of ``SKILL.md`` with ASCII letters in lower case, for quick looks at the whole."""
        return self.skill.source.lower()

    @cached_property
    def lowered_text(self) -> str:
        """The same, decoded; bytes that are not UTF-8 become U+FFFD."""
        return self.lowered.decode("utf-8", "replace")

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every block in order; code fences and the frontmatter are not prose."""
        return tuple(_blocks(self.skill))

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Every sentence in order."""
        return tuple(found for index, block in enumerate(self.blocks) for found in self._split(index, block))

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.span.start for sentence in self.sentences]

    def sentences_in(self, span: Span) -> tuple[Sentence, ...]:
        """The sentences that share a byte with a span."""
        first = max(0, bisect.bisect_right(self._starts, span.start) - 1)
        last = bisect.bisect_left(self._starts, max(span.end, span.start + 1))
        return tuple(found for found in self.sentences[first:last] if found.span.overlaps(span))

    @cached_property
    def spoken(self) -> tuple[tuple[Sentence, str, bool], ...]:
        """Every sentence but headings, its text with ASCII letters in lower case, and whether it is a row."""
        kinds = [block.kind for block in self.blocks]
        return tuple(
            (
                found,
                self.lowered[found.span.start : found.span.end].decode("utf-8", "replace"),
                kinds[found.block] is BlockKind.ROW,
            )
            for found in self.sentences
            if kinds[found.block] is not BlockKind.HEADING
        )

    @cached_property
    def _fence_starts(self) -> list[int]:
        return [fence.span.start for fence in self.skill.fences]

    def fence_after(self, block: int) -> CodeFence | None:
        """The code fence that directly follows a block, at most one line ending in a colon between."""
        return next(self.fences_after(block), None)

    def fences_after(self, block: int) -> Iterator[CodeFence]:
        """The code fences that follow a block with at most one line ending in a colon before each."""
        fences = self.skill.fences
        end = self.blocks[block].span.end
        index = bisect.bisect_left(self._fence_starts, end)
        while index < len(fences):
            between = self.skill.source[end : fences[index].span.start].strip(b" \t\r\n>")
            is_lead = between.endswith((b":", b"\xef\xbc\x9a")) and b"\n" not in between
            if between and (not is_lead or between.startswith((b"#", b"|", b"- ", b"* "))):
                return
            yield fences[index]
            end = fences[index].span.end
            index += 1

    @cached_property
    def leads(self) -> Mapping[Span, int]:
        """The block right before each fence, by the fence's span."""
        found: dict[Span, int] = {}
        for index, block in enumerate(self.blocks):
            at = bisect.bisect_left(self._fence_starts, block.span.end)
            following = (
                self.blocks[index + 1].span.start if index + 1 < len(self.blocks) else len(self.skill.source)
            )
            if at < len(self.skill.fences) and self._fence_starts[at] < following and self.fence_after(index):
                found[self.skill.fences[at].span] = index
        return found

    @cached_property
    def _heading_starts(self) -> list[int]:
        return [heading.span.start for heading in self.skill.headings]

    def heading_of(self, offset: int) -> int | None:
        """Index of the innermost heading whose section holds an offset."""
        index = bisect.bisect_right(self._heading_starts, offset) - 1
        return index if index >= 0 else None

    def _split(self, index: int, block: Block) -> list[Sentence]:
        start, end = block.span.start, block.span.end
        source = self.skill.source
        ends = [end]
        if block.kind in (BlockKind.PARAGRAPH, BlockKind.ITEM):
            chunk = source[start:end]
            ends = [
                start + stop.end()
                for stop in _STOP.finditer(chunk)
                if not _ABBREVIATION.search(chunk[max(0, stop.start() - 8) : stop.start() + 1])
            ] + [end]
        found: list[Sentence] = []
        for stop_at in ends:
            chunk = source[start:stop_at]
            lead = len(chunk) - len(chunk.lstrip(b" \t\r\n"))
            span = Span(start + lead, start + max(lead, len(chunk.rstrip(b" \t\r\n"))))
            if len(span):
                found.append(Sentence(span, self.skill.text(span), index))
            start = stop_at
        return found


def _blocks(skill: Skill) -> list[Block]:
    found: list[Block] = []
    open_block: Block | None = None
    fences = [fence.span for fence in skill.fences]
    next_fence = 0
    position = skill.body.start
    source = skill.source
    in_comment = False
    while position < len(source):
        while next_fence < len(fences) and fences[next_fence].end <= position:
            next_fence += 1
        line_end = source.find(b"\n", position)
        line_end = len(source) if line_end < 0 else line_end + 1
        if next_fence < len(fences) and fences[next_fence].start < line_end:
            open_block = None
            position = max(fences[next_fence].end, line_end)
            continue
        line = source[position:line_end]
        in_comment = _is_comment(line, in_comment)
        made = None if in_comment else _line(line, position, open_block)
        if made is None or b"-->" in line:
            open_block = None
        elif open_block is not None and made.span.start == open_block.span.start:
            found[-1] = open_block = made
        else:
            found.append(made)
            open_block = made if made.kind in (BlockKind.PARAGRAPH, BlockKind.ITEM) else None
        position = line_end
    return found


def _is_comment(line: bytes, inside: bool) -> bool:
    opened, closed = line.rfind(b"<!--"), line.rfind(b"-->")
    if opened < 0 and closed < 0:
        return inside
    return opened > closed


def _line(  # noqa: PLR0911 - one return a kind of line
    line: bytes, position: int, open_block: Block | None
) -> Block | None:
    """The block a line makes or, if it goes on with the open one, that one made longer."""
    text = line.rstrip(b" \t\r\n")
    lead = len(text) - len(text.lstrip(b" \t"))
    quote = _QUOTE.match(text, lead) if text.startswith(b">", lead) else None
    start = quote.end() if quote else lead
    content = text[start:].lstrip(b" \t")
    start = len(text) - len(content)
    sign = content[:1]
    if not sign or (sign in b"-*_=" and _RULE.fullmatch(content)) or content.startswith(b"<!--"):
        return None
    end = position + len(text)
    if sign == b"#" and (heading := _HEADING.match(content)):
        inside = start + heading.end()
        return Block(Span(position + min(inside, len(text)), end), BlockKind.HEADING)
    if sign == b"|":
        if _DELIMITER_ROW.fullmatch(content):
            return None
        return Block(Span(position + start, end), BlockKind.ROW)
    if item := _ITEM.match(content):
        ordinal = int(item.group(1)) if item.group(1) else None
        inside = start + item.end()
        return Block(
            Span(position + min(inside, len(text)), end), BlockKind.ITEM, inside, ordinal, quote is not None
        )
    if open_block is not None:
        return Block(
            Span(open_block.span.start, end),
            open_block.kind,
            open_block.indent,
            open_block.ordinal,
            open_block.quote,
        )
    return Block(Span(position + start, end), BlockKind.PARAGRAPH, start, None, quote is not None)
