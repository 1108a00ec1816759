"""A certificate as Markdown for a README. What strangers named is made harmless to a Markdown reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from skvm.bench.report import words
from skvm.certify import summary
from skvm.certify.statement import Certificate, TargetPart

__all__ = ["certificate_markdown"]

_MOST = 200
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#|~!&])")


def certificate_markdown(certificate: Certificate) -> str:
    """The summary: what was certified, scores by target, limits, who signed."""
    statement = certificate.statement
    skill = statement.skill
    parts = [
        f"### {_text(skill.name)}{f' {_text(skill.version)}' if skill.version else ''}: portability",
        _table(
            ("target", "score", "against no skill", "runs", "cost a run", "needs"),
            (_row(target) for target in statement.targets),
        ),
        "\n".join(
            f"- {name}: {value}"
            for name, value in (
                ("Needs", ", ".join(_text(each.name) for each in statement.dependencies.needed) or "nothing"),
                ("Network", _text(summary.network_line(statement))),
                ("License", _text(skill.license or "not said")),
                ("Findings of the linter", summary.findings_line(statement)),
                ("Files", f"{len(skill.files)}, `{skill.digest}`"),
            )
        ),
        "\n".join(
            ("<details><summary>What was not measured</summary>", "", *_limits(certificate), "</details>")
        ),
    ]
    if certificate.signature is not None:
        parts.append(f"Issued {statement.issued_at}, signed by `{certificate.signature.fingerprint}`.")
    return "\n\n".join(parts) + "\n"


def _limits(certificate: Certificate) -> Iterable[str]:
    yield from (f"- {_text(line, limit=None)}" for line in certificate.statement.limits)
    yield ""


def _row(target: TargetPart) -> Sequence[str]:
    found = summary.subject_figures(target)
    if found is None:
        headline = _text(summary.headline(target))
        return (_text(target.label), headline, "–", "–", "–", summary.needs_line(target))
    figures, _ = found
    compared = summary.against_no_skill(target)
    return (
        _text(target.label),
        _text(summary.score_of(figures)),
        _text(summary.difference_of(compared)) if compared else "not compared",
        f"{figures.scored} of {figures.runs}",
        _text(summary.cost_of(figures)),
        summary.needs_line(target),
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _text(value: str, *, limit: int | None = _MOST) -> str:
    return _MARKUP.sub(r"\\\1", words.plain(value, limit=limit))
