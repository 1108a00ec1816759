"""Markdown to headings, steps, fences, tables and links, with byte spans.

One pass over the events of a CommonMark parser; nothing here recurses, so nesting depth is harmless.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag

import pyromark

from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence, Heading, Step, Table

__all__ = ["Link", "MarkdownStructure", "parse_markdown"]

_OPTIONS = (
    pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_TASKLISTS | pyromark.Options.ENABLE_STRIKETHROUGH
)
_MARKER = re.compile(rb"[ \t]*(`{3,}|~{3,})")
_LINE_END = re.compile(rb"\r\n?|\n")
_NUMBERED_TITLE = re.compile(r"(?:(?:step|phase|stage)\s+(\d{1,4})\b|(\d{1,4})[.)]\s)", re.IGNORECASE)
_HTML_TARGET = re.compile(r"""<(a|img)\b[^<>]*?\b(?:href|src)\s*=\s*["']([^"'<>]+)["']""", re.IGNORECASE)
_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Link:
    """A link or image as it stands in the text.

    Args:
        span: The whole construct.
        target: Its destination without a fragment.
        text: Its text without markup.
        kind: ``link`` or ``image``.
    """

    span: Span
    target: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class MarkdownStructure:
    """What one Markdown text consists of, each list in order of place.

    Args:
        code_spans: Inline code, back-ticks included.
        indented: Code blocks that have no fence.
        max_depth: Deepest nesting of list items and block quotes.
        deepest: Where that depth was first reached.
    """

    headings: tuple[Heading, ...]
    fences: tuple[CodeFence, ...]
    steps: tuple[Step, ...]
    tables: tuple[Table, ...]
    links: tuple[Link, ...]
    code_spans: tuple[Span, ...]
    max_depth: int
    deepest: Span | None
    indented: tuple[Span, ...] = ()


def parse_markdown(source: bytes, start: int, text: str) -> MarkdownStructure:
    """Find the structure of a Markdown text.

    Args:
        source: The bytes of the whole file.
        start: Byte offset in ``source`` at which ``text`` begins.
        text: The rest of the file, decoded with offsets kept (``decode_aligned``).
    """
    reader = _Reader(source)
    for event, place in pyromark.events_with_range(text, options=_OPTIONS):
        reader.feed(event, place["start"] + start, place["end"] + start)
    return reader.finish()


@dataclass(slots=True)
class _OpenItem:
    start: int
    end: int
    ordinal: int | None
    depth: int
    parts: list[str] = field(default_factory=list)
    is_first_line: bool = True


@dataclass(slots=True)
class _OpenTable:
    start: int
    end: int
    columns: list[str] = field(default_factory=list)
    row_count: int = 0


class _Reader:
    """Turns events into nodes; one small stack per kind of container."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.headings: list[tuple[int, int, int, str]] = []
        self.fences: list[CodeFence] = []
        self.items: list[_OpenItem] = []
        self.tables: list[Table] = []
        self.links: list[Link] = []
        self.code_spans: list[Span] = []
        self.indented: list[Span] = []
        self.max_depth = 0
        self.deepest: Span | None = None
        self._depth = 0
        self._trimmed: dict[int, int] = {}
        self._lists: list[int | None] = []
        self._open_items: list[_OpenItem] = []
        self._open_links: list[tuple[int, int, str, str]] = []
        self._link_parts: list[list[str]] = []
        self._table: _OpenTable | None = None
        self._cell: list[str] | None = None
        self._title: list[str] | None = None
        self._code: tuple[int, int, str, int] | None = None
        self._start: dict[str, Callable[[Any, int, int], None]] = {
            "Heading": self._start_heading,
            "CodeBlock": self._start_code,
            "List": self._start_list,
            "Item": self._start_item,
            "BlockQuote": self._start_quote,
            "Table": self._start_table,
            "TableRow": self._start_row,
            "TableCell": self._start_cell,
            "Link": self._start_link,
            "Image": self._start_image,
        }
        self._end: dict[str, Callable[[int, int], None]] = {
            "Heading": self._end_heading,
            "CodeBlock": self._end_code,
            "List": self._end_list,
            "Item": self._end_item,
            "BlockQuote": self._end_quote,
            "Table": self._end_table,
            "TableCell": self._end_cell,
            "TableHead": self._end_head,
            "Paragraph": self._end_line,
            "Link": self._end_link,
            "Image": self._end_link,
        }

    def feed(self, event: Any, start: int, end: int) -> None:
        """Take one event, which is used up, and its byte range in the file."""
        if isinstance(event, str):
            if event in ("SoftBreak", "HardBreak"):
                self._break(start, end)
            return
        kind, value = event.popitem()
        if kind == "Text":
            self._text(value, start, end)
        elif kind == "End":
            name = value if isinstance(value, str) else next(iter(value))
            if (closed := self._end.get(name)) is not None:
                closed(start, end)
        elif kind == "Start":
            name, details = (value, None) if isinstance(value, str) else value.popitem()
            if (opened := self._start.get(name)) is not None:
                opened(details, start, end)
        elif kind == "Code":
            self.code_spans.append(Span(start, end))
            self._inline(value)
        elif kind in ("Html", "InlineHtml"):
            self._html(value, start, end)

    # Text

    def _text(self, value: str, start: int, end: int) -> None:
        if self._code is not None:
            opened, closing, info, _ = self._code
            self._code = (opened, closing, info, end)
        else:
            self._inline(value)

    def _inline(self, value: str) -> None:
        if self._link_parts:
            for parts in self._link_parts[-2:]:  # an image in a link; deeper nesting is no text of anybody
                parts.append(value)
        if self._title is not None:
            self._title.append(value)
        elif self._cell is not None:
            self._cell.append(value)
        elif self._open_items and self._open_items[-1].is_first_line:
            self._open_items[-1].parts.append(value)

    def _break(self, start: int, end: int) -> None:
        if self._title is not None:
            self._title.append(" ")
        self._end_line(start, end)

    def _end_line(self, start: int, end: int) -> None:
        if self._open_items and self._title is None:
            self._open_items[-1].is_first_line = False

    def _html(self, value: str, start: int, end: int) -> None:
        for found in _HTML_TARGET.finditer(value):
            kind = "image" if found[1].lower() == "img" else "link"
            self.links.append(Link(Span(start, end), urldefrag(found[2])[0], found[2], kind))

    # Headings

    def _start_heading(self, details: Any, start: int, end: int) -> None:
        self._title = []
        if self._depth == 0:
            self.headings.append((start, end, int(details["level"][1]), ""))

    def _end_heading(self, start: int, end: int) -> None:
        title = "".join(self._title or ()).strip()
        self._title = None
        if self._depth == 0:
            self.headings[-1] = (*self.headings[-1][:3], title)
        elif self._open_items and self._open_items[-1].is_first_line:
            self._open_items[-1].parts.append(title)
            self._open_items[-1].is_first_line = False

    # Code

    def _start_code(self, details: Any, start: int, end: int) -> None:
        self._end_line(start, end)
        info = details["Fenced"] if isinstance(details, dict) else None
        # An indented block is code as well, but no fence: its place is all there is to record.
        self._code = (start, -1 if info is None else end, info or "", -1)

    def _end_code(self, start: int, end: int) -> None:
        assert self._code is not None  # noqa: S101 - the parser closes only what it opened
        opened, closing, info, text_end = self._code
        self._code = None
        if closing >= 0:
            self.fences.append(self._fence(opened, closing, info, text_end))
        else:
            self.indented.append(Span(opened, self._trim(opened, max(opened, text_end))))

    def _fence(self, start: int, end: int, info: str, text_end: int) -> CodeFence:
        end = self._trim(start, end)
        marker = _MARKER.match(self.source, start, end)
        line_end = _LINE_END.search(self.source, start, end)
        content_start = line_end.end() if line_end else end
        content_end = max(content_start, min(text_end, len(self.source)))
        # All text of an open fence is content, so whatever is left after the last text is the closing run.
        rest = self.source[content_end:end].strip(b"> \t\r\n")
        is_closed = bool(rest) and line_end is not None
        if not is_closed:
            content_end = max(content_end, end)
        first = info.split(maxsplit=1)[0] if info.strip() else ""
        return CodeFence(
            span=Span(start, max(end, content_end)),
            content=Span(content_start, content_end),
            language=first.strip("{}.").lower(),
            info=info,
            marker=marker[1].decode() if marker else "```",
            is_closed=is_closed,
        )

    # Lists and quotes

    def _start_list(self, details: Any, start: int, end: int) -> None:
        self._end_line(start, end)
        self._lists.append(details)

    def _end_list(self, start: int, end: int) -> None:
        self._lists.pop()

    def _start_item(self, details: Any, start: int, end: int) -> None:
        ordinal = self._lists[-1]
        if ordinal is not None:
            self._lists[-1] = ordinal + 1
        self._deepen(start, end)
        item = _OpenItem(start, self._trim(start, end), ordinal, len(self._open_items))
        self._open_items.append(item)
        if ordinal is not None:
            self.items.append(item)

    def _end_item(self, start: int, end: int) -> None:
        self._open_items.pop()
        self._depth -= 1

    def _start_quote(self, details: Any, start: int, end: int) -> None:
        self._deepen(start, end)

    def _end_quote(self, start: int, end: int) -> None:
        self._depth -= 1

    def _deepen(self, start: int, end: int) -> None:
        self._depth += 1
        if self._depth > self.max_depth:
            self.max_depth, self.deepest = self._depth, Span(start, end)

    # Tables

    def _start_table(self, details: Any, start: int, end: int) -> None:
        self._end_line(start, end)
        self._table = _OpenTable(start, self._trim(start, end))

    def _start_row(self, details: Any, start: int, end: int) -> None:
        if self._table is not None:
            self._table.row_count += 1

    def _start_cell(self, details: Any, start: int, end: int) -> None:
        self._cell = []

    def _end_cell(self, start: int, end: int) -> None:
        if self._table is not None and self._table.row_count == 0:
            self._table.columns.append("".join(self._cell or ()).strip())
        self._cell = None

    def _end_head(self, start: int, end: int) -> None:
        self._cell = None

    def _end_table(self, start: int, end: int) -> None:
        if self._table is not None:
            found = self._table
            self.tables.append(Table(Span(found.start, found.end), tuple(found.columns), found.row_count))
        self._table = None

    # Links

    def _start_link(self, details: Any, start: int, end: int) -> None:
        self._open_links.append((start, end, details["dest_url"], "link"))
        self._link_parts.append([])

    def _start_image(self, details: Any, start: int, end: int) -> None:
        self._open_links.append((start, end, details["dest_url"], "image"))
        self._link_parts.append([])

    def _end_link(self, start: int, end: int) -> None:
        opened, closed, target, kind = self._open_links.pop()
        text = "".join(self._link_parts.pop())
        self.links.append(Link(Span(opened, closed), target.partition("#")[0], text, kind))

    # The whole

    def _trim(self, start: int, end: int) -> int:
        """Leave out blank space at the end."""
        if end not in self._trimmed:
            last = end
            while last > start and self.source[last - 1] in _BLANK:
                last -= 1
            self._trimmed[end] = last
        return max(start, self._trimmed[end])

    def finish(self) -> MarkdownStructure:
        """Sections and parents, once every heading is known."""
        headings = self._sections()
        starts = [heading.span.start for heading in headings]
        steps = [
            Step(
                span=Span(item.start, item.end),
                ordinal=item.ordinal or 0,
                text="".join(item.parts).strip(),
                heading=(bisect_right(starts, item.start) - 1)
                if starts and starts[0] <= item.start
                else None,
                depth=item.depth,
            )
            for item in self.items
        ]
        steps += _heading_steps(headings)
        return MarkdownStructure(
            headings=tuple(headings),
            fences=tuple(self.fences),
            steps=tuple(sorted(steps, key=lambda step: (step.span.start, -step.span.end))),
            tables=tuple(self.tables),
            links=tuple(sorted(self.links, key=lambda link: link.span)),
            code_spans=tuple(self.code_spans),
            max_depth=self.max_depth,
            deepest=self.deepest,
            indented=tuple(self.indented),
        )

    def _sections(self) -> list[Heading]:
        ends = [len(self.source)] * len(self.headings)
        parents: list[int | None] = []
        open_at: list[int] = []
        for index, (start, _, level, _) in enumerate(self.headings):
            while open_at and self.headings[open_at[-1]][2] >= level:
                ends[open_at.pop()] = start
            parents.append(open_at[-1] if open_at else None)
            open_at.append(index)
        return [
            Heading(
                Span(start, self._trim(start, end)), level, title, Span(start, ends[index]), parents[index]
            )
            for index, (start, end, level, title) in enumerate(self.headings)
        ]


def _heading_steps(headings: list[Heading]) -> list[Step]:
    steps = []
    for index, heading in enumerate(headings):
        if found := _NUMBERED_TITLE.match(heading.title):
            steps.append(Step(heading.section, int(found[1] or found[2]), heading.title, index, 0))
    return steps
