"""The parent report of a session on several targets, as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from skvm.bench.report import words
from skvm.bench.report.markdown import escaped, table
from skvm.bench.report.page_parts import Html, facts_list, heat_class, html_table, page, text
from skvm.bench.report.session import SessionReport

__all__ = ["session_html", "session_markdown"]


def session_markdown(report: SessionReport) -> str:
    """The parent report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: SessionReport) -> Iterator[str]:
    yield f"# Bench {escaped(report.session_id)}"
    yield ""
    yield f"- Models: {escaped(', '.join(report.models))}"
    yield f"- Harnesses: {escaped(', '.join(report.adapters))}"
    yield f"- Started: {escaped(words.moment(report.timestamp))}"
    if report.completed_at:
        yield f"- Ended: {escaped(words.moment(report.completed_at))}"
    for title, headings, rows in _tables(report):
        yield ""
        yield f"## {title}"
        yield ""
        yield from table(
            [escaped(each) for each in headings], ([escaped(cell) for cell in row] for row in rows)
        )
    yield ""
    yield "## Reports"
    yield ""
    for each in report.reports:
        yield f"- {escaped(each.label)}: [{escaped(each.session_id)}]({quote(each.path)}/report.md)"


def _conditions(report: SessionReport) -> list[str]:
    """Every condition that ran on any target, also one without data."""
    return list(dict.fromkeys(name for each in report.reports for name in each.summary.per_condition))


def _tables(report: SessionReport) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    found = report.comparison
    yield (
        "Ranking",
        ["target", "rank", "best condition", "score"],
        [
            [
                each.label,
                str(each.rank or words.NO_DATA),
                each.condition or words.NO_DATA,
                words.score(each.avg_score),
            ]
            for each in found.ranking
        ],
    )
    conditions = _conditions(report)
    yield (
        "Tokens a run",
        ["target", *conditions],
        [
            [label, *(words.count(row.get(name)) for name in conditions)]
            for label, row in found.token_matrix.items()
        ],
    )
    yield (
        "Scores",
        ["target", *conditions],
        [
            [label, *(words.score(row.get(name)) for name in conditions)]
            for label, row in found.score_matrix.items()
        ],
    )
    labels = [each.label for each in report.reports]
    yield (
        "Best score of each task",
        ["task", *labels],
        [
            [task, *(words.score(row.get(label)) for label in labels)]
            for task, row in found.task_matrix.items()
        ],
    )


def session_html(report: SessionReport) -> str:
    """The parent report as a page: targets by conditions, each target linked to its own report."""
    facts = {
        "Models": ", ".join(report.models),
        "Harnesses": ", ".join(report.adapters),
        "Time": words.moment(report.timestamp)
        + (f" to {words.moment(report.completed_at)}" if report.completed_at else ""),
    }
    parts = [f"<h1>Bench {text(report.session_id)}</h1>", facts_list(facts), _matrix(report)]
    for title, headings, rows in _tables(report):
        if title != "Scores":
            parts.append(f"<h2>{title}</h2>")
            parts.append(html_table(title, headings, rows, figures=len(headings) - 1, is_caption_seen=False))
    return page(f"Bench {report.session_id}", "<main>\n" + "\n".join(parts) + "\n</main>")


def _matrix(report: SessionReport) -> Html:
    scores = report.comparison.score_matrix
    conditions = _conditions(report)
    heads = "".join(
        f'<th scope="col" title="{text(name)}">{text(name, limit=40)}</th>' for name in conditions
    )
    rows = []
    for each in report.reports:
        address = f"{quote(each.path)}/report.html"
        cells = "".join(
            f'<td><a class="{heat_class(scores[each.label].get(name))}" href="{address}">'
            f"{words.score(scores[each.label].get(name))}</a></td>"
            for name in conditions
        )
        rows.append(f'<tr><th scope="row"><a href="{address}">{text(each.label)}</a></th>{cells}</tr>')
    return Html(
        '<h2>Scores</h2>\n<div class="wide" role="region" tabindex="0" aria-label="Scores by target">'
        f'<table class="heat"><thead><tr><th scope="col">target</th>{heads}</tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
