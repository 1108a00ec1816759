"""Findings about one file, each at the place of the value it is about."""

from __future__ import annotations

from dataclasses import dataclass, field

from skvm.diagnostics import Diagnostic, Rule, Severity, Span
from skvm.runtime.plan.checking.places import Path, Placed

__all__ = ["Report", "shown"]

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

    def add(
        self,
        rule: Rule,
        message: str,
        where: Path | Span,
        *,
        help: str | None = None,
        severity: Severity | None = None,
    ) -> None:
        """Note a finding.

        Args:
            rule: Of which kind.
            message: What was found, naming the thing.
            where: The path of the value, or its place in characters.
            help: The way out.
            severity: Overrides the rule's own.
        """
        span, source = where if isinstance(where, Span) else self.placed.at(where), b""
        if self.name:
            span, source = self._in_bytes(span), self.source
        found = rule.at(message, path=self.name, span=span, source=source, help=help, severity=severity)
        self.findings.append(found)

    def _in_bytes(self, span: Span) -> Span:
        if len(self.text) == len(self.source):
            return span
        start = len(self.text[: span.start].encode())
        return Span(start, start + len(self.text[span.start : span.end].encode()))


def shown(value: object) -> str:
    """A value of a stranger in a message: quoted, and not endless."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
