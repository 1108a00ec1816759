"""Diagnostics: coded findings about an input, collected and never raised one at a time.

A ``Rule`` is declared once, beside the code that finds it, and carries the page that
``skvm explain CODE`` prints. Number ranges: ``SKV1xx`` skill, ``2xx`` compiler, ``3xx`` task,
``4xx`` settings, ``5xx`` harness, ``6xx`` boost, ``7xx`` proposals, ``8xx`` plans,
``9xx`` certificates.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["Diagnostic", "Rule", "Severity", "Span", "all_rules", "find_rule", "rule"]


class Severity(enum.StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of byte offsets into one file.

    Args:
        start: First byte, ≥ 0.
        end: One past the last byte, ≥ ``start``.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: {self.start}..{self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def contains(self, other: Span) -> bool:
        """Whether ``other`` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share at least one byte."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding.

    Args:
        code: ``SKV`` and three digits.
        title: A short name.
        explanation: The page ``skvm explain`` prints: what it means, why it matters, what to do.
        severity: What a finding of this kind is unless the finder says otherwise.
    """

    code: str
    title: str
    explanation: str
    severity: Severity = Severity.WARNING

    def at(  # noqa: D417 - path, span and text are described by Diagnostic
        self,
        message: str,
        *,
        path: PurePath | str = "",
        span: Span | None = None,
        source: bytes = b"",
        help: str | None = None,
        severity: Severity | None = None,
    ) -> Diagnostic:
        """Make a finding of this kind.

        Args:
            message: What was found, naming the thing.
            source: The bytes of the file, for line, column and the line's text.
            help: The way out.
            severity: Overrides the rule's own.
        """
        line = column = None
        text = ""
        if span is not None and source:
            line, column, text = locate(source, span.start)
        return Diagnostic(
            code=self.code,
            severity=severity or self.severity,
            message=message,
            path=str(path),
            span=span,
            line=line,
            column=column,
            text=text,
            help=help,
        )


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about an input.

    Args:
        code: The rule's code.
        severity: Error, warning or note.
        message: What was found.
        path: The file, as the user named it.
        span: Byte range in that file, if the finding has a place.
        line: Line number from 1.
        column: Column from 1, in characters.
        text: The text of that line, without its end, for the caret.
        help: The way out.
    """

    code: str
    severity: Severity
    message: str
    path: str = ""
    span: Span | None = None
    line: int | None = None
    column: int | None = None
    text: str = ""
    help: str | None = None


def locate(source: bytes, offset: int) -> tuple[int, int, str]:
    """Find line (from 1), column (from 1, in characters) and line text of a byte offset."""
    start = source.rfind(b"\n", 0, offset) + 1
    end = source.find(b"\n", start)
    line = source[start : end if end >= 0 else len(source)]
    before = source[start:offset].decode("utf-8", "replace")
    if source.startswith(b"\xef\xbb\xbf") and start == 0:
        before, line = before.removeprefix("\ufeff"), line.removeprefix(b"\xef\xbb\xbf")
    return source.count(b"\n", 0, start) + 1, len(before) + 1, line.decode("utf-8", "replace").rstrip("\r")


_CODE = re.compile(r"SKV[1-9]\d\d")
_RULES: dict[str, Rule] = {}


def rule(code: str, title: str, explanation: str, severity: Severity = Severity.WARNING) -> Rule:
    """Declare a kind of finding; a code can be declared once.

    Raises:
        ValueError: The code is malformed or taken.
    """
    if not _CODE.fullmatch(code) or code in _RULES:
        raise ValueError(f"diagnostic code {code!r} is malformed or declared twice")
    made = _RULES[code] = Rule(code, title, explanation, severity)
    return made


def all_rules() -> tuple[Rule, ...]:
    """Every rule declared by the modules imported so far, by code."""
    return tuple(_RULES[code] for code in sorted(_RULES))


def find_rule(code: str) -> Rule | None:
    """The rule with this code (case-insensitive), if a module imported so far declares it."""
    return _RULES.get(code.upper())
