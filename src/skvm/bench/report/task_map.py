"""The heat map of tasks and conditions with its filter, and the data its cells open."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from skvm.bench.report import words
from skvm.bench.report.model import ConditionResult, Report, RunOutcome
from skvm.bench.report.page_parts import heat_class, text
from skvm.bench.report.page_style import HEAT_STEPS
from skvm.evidence.record import RunRecord

__all__ = ["data_block", "task_map"]

_OUTCOMES = {
    "pass": "passed (0.5 or more)",
    "fail": "below 0.5",
    "timed_out": "a run timed out",
    "step_limit": "a run reached its step limit",
    "harness_failed": "a harness failed",
    "unscored": "a run has no score",
    "missing": "not run",
}
_SAID_BUDGET = 5_000_000
"""Characters of what graders said that a page may hold; many runs get shorter ones."""
_SAID_LIMITS = (60, 600)
_MARKS = {"timeout": "◔", "adapter-crashed": "✗", "parse-failed": "✗", "tainted": "⚠"}


def task_map(report: Report) -> str:
    """A table of tasks by conditions, coloured by score; each cell opens what its runs are."""
    if not report.tasks:
        return "<h2>Tasks</h2>\n<p>No task was run.</p>"
    categories = sorted({task.category for task in report.tasks})
    heads = "".join(
        f'<th scope="col" title="{text(name)}">{text(name, limit=40)}</th>' for name in report.conditions
    )
    rows = "\n".join(_row(report, place, categories) for place in range(len(report.tasks)))
    return f"""<h2>Tasks</h2>
<p class="soft">Scores, the mean of the repetitions. A cell opens its runs: what graders said, tokens, time,
trajectory. ◔ a run timed out, ✗ the harness failed, ⚠ a run has no score that counts.</p>
<noscript><p>The filter and the cells need the script of this page; report.json holds the same.</p></noscript>
{_filter(report, categories)}
{_legend()}
<div class="wide heat-box" role="region" tabindex="0" aria-label="Scores of tasks by condition">
<table class="heat" id="tasks">
<thead><tr><th scope="col">task</th><th scope="col">category</th>{heads}</tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _filter(report: Report, categories: Sequence[str]) -> str:
    def options(entries: Sequence[tuple[str, str]]) -> str:
        return "".join(f'<option value="{value}">{shown}</option>' for value, shown in entries)

    def select(label: str, name: str, every: str, entries: Sequence[tuple[str, str]]) -> str:
        first = f'<option value="">{every}</option>'
        return f'<label>{label} <select name="{name}">{first}{options(entries)}</select></label>'

    conditions = [(str(place), text(name, limit=60)) for place, name in enumerate(report.conditions)]
    by_category = [(str(place), text(name, limit=60)) for place, name in enumerate(categories)]
    return f"""<form class="filter" id="filter">
<label>Task <input name="text" type="search" autocomplete="off"></label>
{select("Category", "category", "all", by_category)}
{select("Condition", "condition", "all", conditions)}
{select("Outcome", "outcome", "any", list(_OUTCOMES.items()))}
<output name="shown" aria-live="polite"></output>
</form>"""


def _legend() -> str:
    steps = "".join(
        f'<span class="h{step}">{step / HEAT_STEPS:g}</span>' for step in range(0, HEAT_STEPS + 1, 2)
    )
    return f'<p class="legend">score {steps}</p>'


def _row(report: Report, place: int, categories: Sequence[str]) -> str:
    task = report.tasks[place]
    cells = {cell.condition: cell for cell in task.conditions}
    shown = "".join(_cell(cells.get(name), f"cell-{place}-{at}") for at, name in enumerate(report.conditions))
    name = text(task.task_name, limit=120) if task.task_name != task.task_id else ""
    head = f'{text(task.task_id, limit=120)} <span class="soft">{name}</span>'
    return (
        f'<tr data-c="{categories.index(task.category)}"><th scope="row">{head}</th>'
        f'<td class="category">{text(task.category, limit=60)}</td>{shown}</tr>'
    )


def _cell(cell: ConditionResult | None, anchor: str) -> str:
    if cell is None:
        return '<td class="empty" data-o="missing"></td>'
    statuses = {each.run_status for each in cell.outcomes}
    marks = "".join(dict.fromkeys(mark for status, mark in _MARKS.items() if status in statuses))
    kinds = {each.outcome.value for each in cell.outcomes} & _OUTCOMES.keys()
    if any(each.score is None for each in cell.outcomes):
        kinds.add("unscored")
    if cell.score is not None:
        kinds.add("pass" if cell.passed else "fail")
    return (
        f'<td data-o="{" ".join(sorted(kinds))}"><a class="{heat_class(cell.score)}" href="#{anchor}">'
        f"{words.score(cell.score)}{f' {marks}' if marks else ''}</a></td>"
    )


def data_block(report: Report, runs: Sequence[RunRecord], run_pages: Collection[str]) -> str:
    """What the script shows of a cell, as a block of JSON that no browser runs or renders."""
    records = {run.run_id: run for run in runs}
    criteria = sum(len(run.criteria) for run in runs)
    shortest, longest = _SAID_LIMITS
    packed = _Packed(max(shortest, min(longest, _SAID_BUDGET // max(1, criteria))))
    order = {name: at for at, name in enumerate(report.conditions)}
    cells = {
        f"{place}-{order[cell.condition]}": [
            packed.run(each, records.get(each.run_id), has_page=each.run_id in run_pages)
            for each in cell.outcomes
        ]
        for place, task in enumerate(report.tasks)
        for cell in task.conditions
    }
    data = {
        "conditions": [words.plain(name, limit=200) for name in report.conditions],
        "strings": list(packed.strings),
        "cells": cells,
    }
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # With no "<" in it, no string can end the block.
    return f'<script type="application/json" id="data">{body.replace("<", chr(92) + "u003c")}</script>'


class _Packed:
    """Runs as short lists; a text stands once, and by its number everywhere else."""

    def __init__(self, limit: int) -> None:
        self.strings: dict[str, int] = {}
        self._limit = limit

    def run(self, outcome: RunOutcome, record: RunRecord | None, *, has_page: bool) -> list[Any]:
        return [
            outcome.run_id,
            outcome.repetition,
            self._text(outcome.outcome.value.replace("_", " ")),
            outcome.score,
            outcome.tokens,
            outcome.cost,
            round(outcome.duration_ms),
            outcome.steps,
            self._text(outcome.detail) if outcome.detail else -1,
            [
                [
                    self._text(each.id),
                    self._text(each.method),
                    each.score,
                    self._text(each.details or each.infra_error or ""),
                ]
                for each in (record.criteria if record else ())
            ],
            int(has_page),
        ]

    def _text(self, value: str) -> int:
        shown = words.plain(value, limit=self._limit)
        return self.strings.setdefault(shown, len(self.strings))
