"""Reading an HTML page an agent wrote: elements, their text with everything inside, their attributes.

Text is what a reader sees, whatever elements it stands in; end tags that HTML lets out may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Element", "page_in"]

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_PARTS = (
    *("h1", "h2", "h3", "ul", "ol", "table", "form", "header", "main", "footer", "nav", "section"),
    *("article", "div", "p"),
)
"""What ends a paragraph by beginning."""
_ENDED_BY: Mapping[str, frozenset[str]] = {
    "li": frozenset({"li"}),
    "td": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "th": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "tr": frozenset({"tr", "tbody", "tfoot"}),
    "thead": frozenset({"tbody", "tfoot"}),
    "tbody": frozenset({"tbody", "tfoot"}),
    "option": frozenset({"option"}),
    "p": frozenset({*_PARTS}),
}
_PAGE = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<!doctype\s+html[^>]*>.*</html\s*>\s*(?:<!--.*?-->\s*)*", re.IGNORECASE | re.DOTALL
)


@dataclass(slots=True)
class Element:
    """An element: its tag in lower case, attributes, text and elements in order, and what holds it."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: list[str | Element] = field(default_factory=list)
    parent: Element | None = None

    @property
    def text(self) -> str:
        """All text inside, runs of blanks as one."""
        return " ".join("".join(self._pieces()).split())

    def _pieces(self) -> Iterator[str]:
        for piece in self.content:
            if isinstance(piece, str):
                yield piece
            elif piece.tag not in {"script", "style"}:
                yield from piece._pieces()

    def all(self, *tags: str) -> list[Element]:
        """Every element inside with one of these tags, in the order of the page."""
        found: list[Element] = []
        for piece in self.content:
            if isinstance(piece, Element):
                found += [piece] if piece.tag in tags else []
                found += piece.all(*tags)
        return found

    def texts(self, *tags: str) -> list[str]:
        """The texts of these elements."""
        return [element.text for element in self.all(*tags)]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.at.tag in _ENDED_BY and tag in _ENDED_BY[self.at.tag]:
            self._close(self.at.tag)
            return self.handle_starttag(tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs}, parent=self.at)
        self.at.content.append(element)
        if tag not in _VOID:
            self.at = element
        return None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        before = self.at
        self.handle_starttag(tag, attrs)
        # In HTML the slash closes nothing but what is empty anyway, or what is drawn.
        if self.at is not before and tag not in {"div", "p", "li", "td", "th", "span", "script"}:
            self._close(tag)

    def handle_endtag(self, tag: str) -> None:
        self._close(tag)

    def handle_data(self, data: str) -> None:
        self.at.content.append(data)

    def _close(self, tag: str) -> None:
        element: Element | None = self.at
        while element is not None and element.tag != tag:
            element = element.parent
        # An end tag without its start tag is passed over.
        if element is not None and element.parent is not None:
            self.at = element.parent


def page_in(text: str) -> Element | None:
    """The root of a page, ``None`` where the text is not just one page.

    A page goes from ``<!DOCTYPE html>`` to ``</html>``, and there is nothing but comments around it.
    """
    if not _PAGE.fullmatch(text):
        return None
    builder = _Builder()
    builder.feed(text)
    builder.close()
    return builder.root
