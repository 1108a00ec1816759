"""``report.md``: the report for people who read text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from skvm.bench.report import words
from skvm.bench.report.model import ComparisonReport, ConditionResult, Report, TaskReport, ViewComparison

__all__ = ["MOST_DETAIL", "MOST_EXCLUDED", "escaped", "report_markdown", "table"]

_MARKUP = re.compile(r"[\\`*\[\]<>|~&$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|^[#+-](?=\s)|(?<=^\d)[.)](?=\s)")
MOST_EXCLUDED = 100
"""Rows of one reason that are printed; all of them stand in ``report.json``."""
MOST_DETAIL = 160
"""Characters of a reason that are printed."""
STATUS_MARKS = {"timeout": " ◔", "adapter-crashed": " ✗", "parse-failed": " ✗", "tainted": " ⚠"}


def report_markdown(report: Report) -> str:
    """The whole report as Markdown; what tasks and models said in it is escaped."""
    parts = (
        _header(report),
        _conditions(report),
        _comparisons(report),
        _impact(report),
        _tasks(report),
        _exclusions(report),
        _costs(report),
        _triggers(report),
        _criteria(report),
    )
    return "\n".join(line for part in parts for line in (*part, ""))


def escaped(text: str, *, limit: int | None = None) -> str:
    """Text of strangers as one line of Markdown that means itself."""
    return _MARKUP.sub(r"\\\g<0>", words.plain(text, limit=limit))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> Iterator[str]:
    """A Markdown table of finished cells; all but the first ``left`` columns are flush right."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'|'.join('---' if place < left else '--:' for place in range(len(headings)))}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _header(report: Report) -> Iterator[str]:
    yield f"# Bench {escaped(report.session_id)}"
    yield ""
    held = report.settings
    facts = {
        "Model": report.model,
        "Harness": report.adapter,
        "Started": words.moment(report.timestamp),
        "Ended": words.moment(report.completed_at) if report.completed_at else None,
        "Tasks": f"{len(report.tasks)}" + (f", and {len(report.skipped)} skipped" if report.skipped else ""),
        "Conditions": ", ".join(report.conditions),
        "Repetitions": str(report.runs_per_task or 1),
        "Compared with": report.baseline,
        "Judge": report.judge.model,
        "Held the same": f"temperature {held.temperature:g}, seed {held.seed} plus the repetition, "
        f"skill mode {held.skill_mode}, sandbox {held.sandbox}, "
        f"{words.turn_bound(held.max_output_tokens)}",
        "Simulated": "yes: no model was asked" if report.simulated else None,
    }
    for name, value in facts.items():
        if value:
            yield f"- {name}: {escaped(value)}"
    if report.stopped is not None:
        stopped = report.stopped
        yield ""
        yield (
            f"Stopped early ({escaped(stopped.rule)}) after {stopped.runs:,} of "
            f"{words.plural(stopped.planned, 'run')}: {escaped(stopped.sentence)}"
        )


def _conditions(report: Report) -> Iterator[str]:
    yield "## Conditions"
    yield ""
    yield (
        "Scores are in [0, 1], means over tasks of the means over repetitions, with 95 % intervals. Tokens "
        "count what was read from caches; tokens, times and costs are means of the scored runs."
    )
    yield ""
    headings = (
        "condition", "score", "time-out = 0", "pass rate", "scored runs", "tokens", "duration",
        "LLM time", "steps", "cost",
    )  # fmt: skip
    yield from table(headings, (_condition(report, name) for name in report.conditions))


def _condition(report: Report, name: str) -> tuple[str, ...]:
    found = report.summary.per_condition[name]
    strict = found.intention_to_treat
    return (
        escaped(name),
        words.score_with_interval(found.avg_score, found.score_interval),
        words.score_with_interval(strict.avg_score, strict.interval),
        words.percent(found.pass_rate),
        f"{found.runs.scored:,} of {found.runs.total:,}",
        words.count(found.avg_total_tokens),
        words.seconds(found.avg_duration_ms),
        words.seconds(found.avg_llm_duration_ms),
        words.number(found.avg_steps),
        words.dollars(found.avg_cost) if found.avg_total_tokens is not None else words.NO_DATA,
    )


def _comparisons(report: Report) -> Iterator[str]:
    if not report.comparisons:
        return
    yield "## Comparisons"
    yield ""
    for each in report.comparisons:
        yield f"- **{escaped(each.treatment)}**: {escaped(each.as_completed.sentence)}"
        if each.intention_to_treat.sentence != each.as_completed.sentence:
            yield f"  With every time-out as 0: {escaped(each.intention_to_treat.sentence)}"
    yield ""
    yield (
        f"Differences to {escaped(report.baseline or '')}, paired by task, on their common tasks. "
        "p is corrected for the number of comparisons (Holm). A difference smaller than the smallest "
        "detectable one would most likely not have been seen here."
    )
    yield ""
    headings = (
        "condition", "view", "difference", "p", "p (Holm)", "better / worse / same", "sign test p",
        "McNemar p", "smallest detectable", "tasks", "runs", "left out",
    )  # fmt: skip
    rows = (
        _comparison(each, view)
        for each in report.comparisons
        for view in (each.as_completed, each.intention_to_treat)
    )
    yield from table(headings, rows, left=2)


def _comparison(compared: ComparisonReport, view: ViewComparison) -> tuple[str, ...]:
    return (
        escaped(compared.treatment),
        "time-out = 0" if view.view == "intention-to-treat" else "as completed",
        words.difference(view),
        words.probability(view.p),
        words.probability(view.holm_p),
        f"{view.wins} / {view.losses} / {view.ties} {view.over}",
        words.probability(view.sign_p),
        words.probability(view.mcnemar_p),
        words.score(view.smallest_detectable),
        str(len(view.per_task)),
        f"{view.runs[0]} : {view.runs[1]}",
        words.plural(len(view.dropped), "task") if view.dropped else words.NO_DATA,
    )


def _impact(report: Report) -> Iterator[str]:
    if not report.comparisons:
        return
    yield "## Impact"
    yield ""
    for each in report.comparisons:
        yield (
            f"- {escaped(each.treatment)} against {escaped(each.control)}, a run on the same tasks: "
            f"score {words.signed(each.as_completed.difference, 2)}, tokens {words.signed(each.tokens)}, "
            f"duration {words.signed_seconds(each.duration_ms)}, steps {words.signed(each.steps, 1)}, "
            f"cost {words.signed_dollars(each.cost)}"
        )


def _tasks(report: Report) -> Iterator[str]:
    yield "## Tasks"
    yield ""
    if not report.tasks:
        yield "No task was run."
        return
    yield "◔ some or all runs ran out of time, ✗ the harness failed, ⚠ no score that counts."
    yield ""
    headings = ("task", "category", *map(escaped, report.conditions))
    yield from table(headings, (_task(report, task) for task in report.tasks), left=2)


def _task(report: Report, task: TaskReport) -> tuple[str, ...]:
    cells = {cell.condition: cell for cell in task.conditions}
    shown = (_cell(cells.get(name)) for name in report.conditions)
    return (escaped(task.task_id), escaped(task.category), *shown)


def _cell(cell: ConditionResult | None) -> str:
    if cell is None:
        return ""
    statuses = {each.run_status for each in cell.outcomes}
    marks = "".join(mark for status, mark in STATUS_MARKS.items() if status in statuses)
    marks = marks.replace(" ✗ ✗", " ✗")
    scored = sum(each.score is not None for each in cell.outcomes)
    share = f" ({scored} of {len(cell.outcomes)})" if scored < len(cell.outcomes) else ""
    return f"{words.score(cell.score)}{share}{marks}"


def _exclusions(report: Report) -> Iterator[str]:
    yield "## Left out"
    yield ""
    if not report.exclusions and not report.skipped:
        yield "Nothing: every run of the plan has a score."
        return
    for each in report.exclusions:
        yield (
            f"- {escaped(each.condition)}, {escaped(each.reason)}: {len(each.entries):,} ({each.explanation})"
        )
    if report.skipped:
        yield f"- skipped tasks: {len(report.skipped):,}"
    yield ""
    shown = [
        (each.condition, each.reason, entry)
        for each in report.exclusions
        for entry in each.entries[:MOST_EXCLUDED]
    ]
    if shown:
        rows = (
            (
                escaped(condition),
                escaped(reason),
                escaped(entry.task_id),
                words.NO_DATA if entry.repetition is None else str(entry.repetition),
                escaped(entry.run_id or ""),
                escaped(entry.detail or "", limit=MOST_DETAIL),
            )
            for condition, reason, entry in shown
        )
        yield from table(("condition", "reason", "task", "repetition", "run", "detail"), rows, left=6)
        hidden = sum(len(each.entries) for each in report.exclusions) - len(shown)
        if hidden:
            yield ""
            yield f"… and {hidden:,} more; `report.json` has them all."
    if report.skipped:
        yield ""
        skipped = (
            (escaped(each.task_id), escaped(each.reason, limit=MOST_DETAIL)) for each in report.skipped
        )
        yield from table(("skipped task", "reason"), skipped, left=2)


def _costs(report: Report) -> Iterator[str]:
    yield "## What it cost"
    yield ""
    runs, judge = report.spend, report.judge
    yield from table(
        ("part", "calls", "tokens", "time", "cost"),
        [
            (
                "runs",
                f"{runs.calls:,}",
                f"{runs.tokens:,}",
                words.seconds(runs.duration_ms),
                words.dollars(runs.cost),
            ),
            (
                "judging",
                f"{judge.spend.calls:,}",
                f"{judge.spend.tokens:,}",
                words.NO_DATA,
                words.dollars(judge.spend.cost),
            ),
            *(
                (
                    f"preparing {escaped(each.condition)}"
                    + (f" for {escaped(each.skill_id)}" if each.skill_id else "")
                    + f": {escaped(each.problem or each.what, limit=MOST_DETAIL)}",
                    f"{each.calls:,}",
                    f"{each.tokens:,}",
                    words.seconds(each.duration_ms),
                    words.dollars(each.cost),
                )
                for each in report.spent_preparations
            ),
        ],
    )
    if judge.pending:
        yield ""
        yield f"{words.plural(judge.pending, 'judgement')} still to come; those runs are scored on the rest."


def _triggers(report: Report) -> Iterator[str]:
    if not report.triggers:
        return
    yield "## Triggering"
    yield ""
    rows = (
        (
            escaped(each.skill_id),
            f"{each.fired} of {each.should_fire}",
            words.score_with_interval(each.recall, each.recall_interval),
            f"{each.fired_wrongly} of {each.near_misses}",
            words.score_with_interval(each.precision, each.precision_interval),
            str(each.unknown),
        )
        for each in report.triggers
    )
    headings = (
        "skill",
        "loaded when it should",
        "recall",
        "loaded when it should not",
        "precision",
        "cannot tell",
    )
    yield from table(headings, rows)


def _criteria(report: Report) -> Iterator[str]:
    rows = [row for task in report.tasks for row in _criteria_of(report, task)]
    if not rows:
        return
    yield "## Criteria"
    yield ""
    yield from table(("task", "criterion", "method", *map(escaped, report.conditions)), rows, left=3)


def _criteria_of(report: Report, task: TaskReport) -> Iterator[tuple[str, ...]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for cell in task.conditions:
        for each in cell.eval_details:
            pending = f" ({each.pending} pending)" if each.pending else ""
            shown = words.score(each.score) + (" ⚠" if each.infra_error else "") + pending
            found.setdefault((each.id or "", each.method), {})[cell.condition] = shown
    for (name, method), scores in found.items():
        shown_scores = (scores.get(condition, "") for condition in report.conditions)
        yield (escaped(task.task_id), escaped(name), escaped(method), *shown_scores)
