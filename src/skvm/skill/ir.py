"""The skill as a value: bytes, and what the frontend found in them, all with byte spans.

Nothing here touches a disk or a model. ``Skill.source`` is the only text; every other node is a view
into it by ``Span``, so that emit(parse(x)) == x holds by construction.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.diagnostics import Diagnostic, Span

__all__ = [
    "CodeFence",
    "Frontmatter",
    "Heading",
    "Reference",
    "Resource",
    "ResourceKind",
    "Skill",
    "Step",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """The leading YAML block.

    Args:
        span: The whole block, both fences and the line end after the closing one included.
        content: The YAML between the fences.
        data: What it parsed to, read-only; where it does not parse, the known text fields that could be
            read line by line.
        field_spans: Byte span of each top-level key's value.
        is_valid: Whether it parsed to a mapping.
    """

    span: Span
    content: Span
    data: Mapping[str, Any] = field(hash=False)
    field_spans: Mapping[str, Span] = field(hash=False)
    is_valid: bool


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and the section it opens.

    Args:
        span: The heading's own line(s).
        level: 1–6.
        title: Its text without markup.
        section: From the heading to the next one of the same or a higher rank.
        parent: Index of the enclosing heading in ``Skill.headings``, ``None`` at the top.
    """

    span: Span
    level: int
    title: str
    section: Span
    parent: int | None


@dataclass(frozen=True, slots=True)
class CodeFence:
    """A fenced code block.

    Args:
        span: Fences included.
        content: The code.
        language: First word of the info string, lower case, ``""`` without one.
        info: The whole info string.
        marker: The opening run (```` ``` ````, ``~~~~`` …).
        is_closed: Whether the closing fence was there.
    """

    span: Span
    content: Span
    language: str
    info: str
    marker: str
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One item of an ordered list, or a heading that says it is a step.

    Args:
        span: All its bytes, nested items included.
        ordinal: The number it carries.
        text: Its first line without markup.
        heading: Index of the section it stands in, ``None`` before the first heading.
        depth: 0 for a top-level list or heading step.
    """

    span: Span
    ordinal: int
    text: str
    heading: int | None
    depth: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its span, column titles and number of body rows."""

    span: Span
    columns: tuple[str, ...]
    row_count: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A link, image or inline mention of something.

    Args:
        span: The whole construct.
        target: As written (URL, path), without a fragment.
        text: Link text, or the mention itself.
        kind: ``link``, ``image``, ``mention`` (a bundle path in prose or code).
        resource: Relative path of the bundle file it resolves to, ``None`` if none.
    """

    span: Span
    target: str
    text: str
    kind: str
    resource: str | None


class ResourceKind(enum.StrEnum):
    """What a bundle file is for."""

    SCRIPT = "script"
    REFERENCE = "reference"
    ASSET = "asset"
    DATA = "data"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Resource:
    """A bundle file.

    Args:
        path: POSIX path relative to the skill folder.
        kind: What it is for.
        size_bytes: Its size.
        digest: ``sha256:`` and 64 hex digits of its bytes.
        is_text: Whether it decodes as UTF-8 without NUL.
        is_executable: Whether its owner may execute it.
    """

    path: str
    kind: ResourceKind
    size_bytes: int
    digest: str
    is_text: bool
    is_executable: bool


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill folder, parsed.

    Args:
        id: Basename of the folder (or its parent's if that looks like ``v1``…).
        source: Every byte of ``SKILL.md``.
        indented: Code blocks without a fence, marked by indentation alone.
        root: The folder it was read from; ``None`` for one made in memory. Not part of its identity.
        resources: Bundle files in order of path; ``skvm.lock`` and VCS data are never among them.
        contents: Bytes of bundle files that were made in memory, by path; others are read from ``root``.
        diagnostics: What the frontend found.
    """

    id: str
    source: bytes
    root: Path | None = field(default=None, compare=False)
    frontmatter: Frontmatter | None = None
    headings: tuple[Heading, ...] = ()
    fences: tuple[CodeFence, ...] = ()
    steps: tuple[Step, ...] = ()
    tables: tuple[Table, ...] = ()
    references: tuple[Reference, ...] = ()
    indented: tuple[Span, ...] = ()
    resources: tuple[Resource, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, hash=False)
    diagnostics: tuple[Diagnostic, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The frontmatter's name, else the id."""
        value = self.frontmatter.data.get("name") if self.frontmatter else None
        return value.strip() if isinstance(value, str) and value.strip() else self.id

    @property
    def description(self) -> str:
        """The frontmatter's description, ``""`` without one."""
        value = self.frontmatter.data.get("description") if self.frontmatter else None
        return value.strip() if isinstance(value, str) else ""

    @property
    def body(self) -> Span:
        """Everything after the frontmatter."""
        return Span(self.frontmatter.span.end if self.frontmatter else 0, len(self.source))

    def text(self, span: Span | None = None) -> str:
        """The source, or a span of it, decoded; bytes that are not UTF-8 become U+FFFD."""
        chunk = self.source if span is None else self.source[span.start : span.end]
        return chunk.decode("utf-8", "replace")
