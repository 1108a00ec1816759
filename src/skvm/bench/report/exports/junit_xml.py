"""A report as JUnit XML, for continuous integration: a suite a target and condition, a case a task."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from skvm.bench.report import words
from skvm.bench.report.model import ConditionResult, Report, TaskReport

__all__ = ["to_junit_xml"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_CHARS = 4000


def to_junit_xml(reports: Report | Sequence[Report]) -> str:
    """A case passes with a mean score of 0.5 or more; below that it is a failure with what graders said.

    A cell whose runs have no score is an error (infrastructure, harness, grader). A cell without a run, and a
    task that cannot run here, is skipped with the reason.

    Args:
        reports: Of one target, or of several.
    """
    every = (reports,) if isinstance(reports, Report) else tuple(reports)
    suites = [suite for report in every for suite in _suites(report)]
    totals = [sum(found) for found in zip(*(counts for counts, _ in suites), strict=True)] or [0, 0, 0, 0]
    name = every[0].parent_session_id or every[0].session_id if every else "bench"
    body = "\n".join(text for _, text in suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites name={_attribute(name)} {_counts(totals)}>\n{body}\n</testsuites>\n"
    )


def _suites(report: Report) -> Iterator[tuple[tuple[int, int, int, int], str]]:
    for condition in report.conditions:
        name = f"{condition} · {report.model} in {report.adapter}"
        cases = [*_cases(report, condition, name)]
        kinds = [kind for kind, _ in cases]
        counts = (len(cases), kinds.count("failure"), kinds.count("error"), kinds.count("skipped"))
        found = report.summary.per_condition[condition]
        seconds = sum(
            each.duration_ms
            for task in report.tasks
            for cell in task.conditions
            if cell.condition == condition
            for each in cell.outcomes
        )
        properties = {
            "model": report.model,
            "adapter": report.adapter,
            "condition": condition,
            "avgScore": "" if found.avg_score is None else f"{found.avg_score:.6f}",
        }
        shown = "".join(
            f"<property name={_attribute(key)} value={_attribute(value)}/>"
            for key, value in properties.items()
        )
        body = "\n".join(text for _, text in cases)
        yield (
            counts,
            f"<testsuite name={_attribute(name)} {_counts(counts)} timestamp={_attribute(report.timestamp)} "
            f'time="{seconds / 1000:.3f}">\n<properties>{shown}</properties>\n{body}\n</testsuite>',
        )


def _cases(report: Report, condition: str, suite: str) -> Iterator[tuple[str, str]]:
    why = {
        entry.task_id: f"{each.explanation}{f': {entry.detail}' if entry.detail else ''}"
        for each in report.exclusions
        if each.condition == condition
        for entry in each.entries
        if entry.run_id is None
    }
    for task in report.tasks:
        cell = next((each for each in task.conditions if each.condition == condition), None)
        if cell is None:
            kind, inner = (
                "skipped",
                f"<skipped message={_attribute(why.get(task.task_id, 'not part of the plan'))}/>",
            )
            yield kind, _case(suite, task.task_id, 0.0, inner)
        else:
            kind, inner = _outcome(task, cell)
            yield kind, _case(suite, task.task_id, sum(each.duration_ms for each in cell.outcomes), inner)
    for skipped in report.skipped:
        yield (
            "skipped",
            _case(suite, skipped.task_id, 0.0, f"<skipped message={_attribute(skipped.reason)}/>"),
        )


def _outcome(task: TaskReport, cell: ConditionResult) -> tuple[str, str]:
    if cell.score is None:
        message = cell.status_detail or "no run has a score"
        return "error", f'<error type="{cell.run_status}" message={_attribute(message)}/>'
    if cell.passed:
        return "passed", ""
    lines = [f"{task.category}: score {words.score(cell.score)}"]
    lines += [
        f"{each.id or each.method}: {words.score(each.score)} {each.details or each.infra_error or ''}"
        for each in cell.eval_details
    ]
    if cell.status_detail:
        lines.append(cell.status_detail)
    body = escape(_clean("\n".join(lines)[:_MOST_CHARS]))
    return "failure", f'<failure type="score" message="score {words.score(cell.score)}">{body}</failure>'


def _case(suite: str, name: str, milliseconds: float, inner: str) -> str:
    head = f'<testcase classname={_attribute(suite)} name={_attribute(name)} time="{milliseconds / 1000:.3f}"'
    return f"{head}>{inner}</testcase>" if inner else f"{head}/>"


def _counts(counts: Sequence[int]) -> str:
    tests, failures, errors, skipped = counts
    return f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"'


def _attribute(value: str) -> str:
    return quoteattr(_clean(value[:_MOST_CHARS]))


def _clean(value: str) -> str:
    """Without what no XML may hold, escaped or not."""
    return _NOT_XML.sub("\ufffd", value)
