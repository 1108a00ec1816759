"""Findings about one file, each at the place of the value it is about."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace

from skvm.diagnostics import Diagnostic, Rule, Severity, Span
from skvm.runtime.plan.checking.places import Path, Placed

__all__ = ["Report", "shown"]

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
_MOST = 500
"""Findings of one kind that are kept."""
_LONGEST_LINE = 4_000
_SHOWN_CHARS = 120


@dataclass(slots=True)
class Report:
    """Collects what is found.

    Args:
        name: The file, as the user named it; ``""`` if there is none to point at.
        source: Its bytes.
        text: The same as text.
        placed: Its values.
    """

    name: str
    source: bytes
    text: str
    placed: Placed = field(default_factory=lambda: Placed(None, {}))
    findings: list[Diagnostic] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _rules: dict[str, Rule] = field(default_factory=dict)
    _worst: dict[str, Severity] = field(default_factory=dict)
    _lines: list[int] = field(default_factory=list)

    def add(
        self,
        rule: Rule,
        message: str,
        where: Path | Span,
        *,
        help: str | None = None,
        severity: Severity | None = None,
    ) -> None:
        """Note a finding; of one kind so many are kept, the others are counted.

        Args:
            rule: Of which kind.
            message: What was found, naming the thing.
            where: The path of the value, or its place in characters.
            help: The way out.
            severity: Overrides the rule's own.
        """
        self._counts[rule.code] += 1
        self._rules[rule.code] = rule
        if self._counts[rule.code] > _MOST:
            self._worst[rule.code] = min(
                self._worst.get(rule.code, Severity.NOTE), severity or rule.severity, key=_ORDER.index
            )
            return
        span = where if isinstance(where, Span) else self.placed.at(where)
        found = rule.at(message, path=self.name, help=help, severity=severity)
        self.findings.append(self._at(found, span) if self.name else replace(found, span=span))

    def told(self) -> tuple[Diagnostic, ...]:
        """All of it: errors first, else in the order of the file."""
        order = sorted(
            self.findings,
            key=lambda found: (
                _ORDER.index(found.severity),
                found.span.start if found.span else 0,
                found.code,
            ),
        )
        for code, count in sorted(self._counts.items()):
            if count > _MOST:
                said = f"and {count - _MOST:,} more like this"
                order.append(self._rules[code].at(said, path=self.name, severity=self._worst[code]))
        return tuple(order)

    def _at(self, found: Diagnostic, span: Span) -> Diagnostic:
        """A finding with its line and column; the file is not gone through for each."""
        if not self._lines:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        number = bisect_right(self._lines, span.start)
        start = self._lines[number - 1]
        end = self._lines[number] - 1 if number < len(self._lines) else len(self.text)
        # A file of one line would stand in every finding.
        line = self.text[start:end].rstrip("\r") if end - start <= _LONGEST_LINE else ""
        return replace(
            found, span=self._in_bytes(span), line=number, column=span.start - start + 1, text=line
        )

    def _in_bytes(self, span: Span) -> Span:
        if len(self.text) == len(self.source):
            return span
        start = len(self.text[: span.start].encode())
        return Span(start, start + len(self.text[span.start : span.end].encode()))


def shown(value: object) -> str:
    """A value of a stranger in a message: quoted, and not endless."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
