"""``report.html``: one page that opens from a file, loads nothing, and runs nothing a task or model said."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from skvm.bench.report import words
from skvm.bench.report.charts import charts_of, difference_chart
from skvm.bench.report.markdown import MOST_DETAIL, MOST_EXCLUDED
from skvm.bench.report.model import ComparisonReport, Report, ViewComparison
from skvm.bench.report.page_parts import facts_list, html_table, page, text
from skvm.bench.report.page_script import SCRIPT
from skvm.bench.report.task_map import data_block, task_map
from skvm.evidence.record import RunRecord

__all__ = ["report_html"]


def report_html(
    report: Report, runs: Sequence[RunRecord] = (), *, run_pages: Collection[str] = (), back: str = ""
) -> str:
    """The whole report as a page.

    Args:
        report: What was found.
        runs: What graders said of each run is shown for these.
        run_pages: Ids of the runs that have a page of their own in ``runs/`` beside this one.
        back: Relative address of the session's page, where this one is of one of its targets.
    """
    parts = (
        _header(report, back),
        _verdicts(report),
        _charts(report),
        _conditions(report),
        _details(report),
        task_map(report),
        _exclusions(report),
        _costs(report),
        _triggers(report),
    )
    body = "\n".join(part for part in parts if part)
    if not report.tasks:
        return page(f"Bench {report.session_id}", f"<main>\n{body}\n</main>")
    return page(
        f"Bench {report.session_id}",
        f"<main>\n{body}\n</main>\n{_DIALOG}\n{data_block(report, runs, run_pages)}",
        script=SCRIPT,
    )


_DIALOG = """<dialog id="cell" aria-labelledby="cell-title">
<button class="close" id="close" type="button">Close</button>
<div id="cell-body"></div>
</dialog>"""


def _header(report: Report, back: str) -> str:
    held = report.settings
    skipped = f", and {len(report.skipped)} skipped" if report.skipped else ""
    facts = {
        "Target": f"{report.model} in {report.adapter}"
        + (" (simulated: no model was asked)" if report.simulated else ""),
        "Runs": f"{words.plural(len(report.tasks), 'task')}{skipped}; "
        f"{words.plural(len(report.conditions), 'condition')}; "
        f"{words.plural(report.runs_per_task or 1, 'repetition')}",
        "Time": words.moment(report.timestamp)
        + (f" to {words.moment(report.completed_at)}" if report.completed_at else ""),
        "Judge": report.judge.model,
        "Held the same": f"temperature {held.temperature:g}, seed {held.seed} plus the repetition, "
        f"skill mode {held.skill_mode}, sandbox {held.sandbox}, "
        f"{words.turn_bound(held.max_output_tokens)}",
        "Stopped early": _stopped(report),
    }
    link = f'<p><a href="{back}">All targets of the session</a></p>' if back else ""
    return f"{link}<h1>Bench {text(report.session_id)}</h1>\n{facts_list(facts)}"


def _stopped(report: Report) -> str | None:
    if report.stopped is None:
        return None
    stopped = report.stopped
    return f"after {stopped.runs:,} of {words.plural(stopped.planned, 'run')}: {stopped.sentence}"


def _verdicts(report: Report) -> str:
    if not report.comparisons:
        return ""
    lines = []
    for each in report.comparisons:
        found, strict = each.as_completed, each.intention_to_treat
        kind = found.verdict if found.verdict in ("better", "worse") else "open"
        also = (
            f'<br><span class="soft">With every time-out as 0: {text(strict.sentence)}</span>'
            if strict.sentence != found.sentence
            else ""
        )
        lines.append(
            f'<li class="{kind}"><b>{text(each.treatment)}</b> against {text(each.control)}: '
            f"{text(found.sentence)}{also}</li>"
        )
    return f'<ul class="verdicts">{"".join(lines)}</ul>'


def _charts(report: Report) -> str:
    if not any(each.avg_score is not None for each in report.summary.per_condition.values()):
        return "<p>No run has a score.</p>"
    differences = difference_chart(report.comparisons) if report.comparisons else ""
    return f"{charts_of(report, first=differences)}"


def _conditions(report: Report) -> str:
    rows = []
    for name in report.conditions:
        found = report.summary.per_condition[name]
        strict = found.intention_to_treat
        rows.append(
            (
                text(name),
                words.score_with_interval(found.avg_score, found.score_interval),
                words.score_with_interval(strict.avg_score, strict.interval),
                words.score_with_interval(found.pass_rate, found.pass_interval),
                f"{found.runs.scored:,} of {found.runs.total:,}",
                words.count(found.avg_total_tokens),
                words.seconds(found.avg_duration_ms),
                words.seconds(found.avg_llm_duration_ms),
                words.number(found.avg_steps),
                words.dollars(found.avg_cost) if found.avg_total_tokens is not None else words.NO_DATA,
            )
        )
    headings = (
        "condition", "score", "time-out = 0", "pass rate", "scored runs", "tokens", "time", "in model calls",
        "steps", "cost",
    )  # fmt: skip
    caption = "Means with 95 % intervals; tokens, times and dollars are means of the scored runs"
    return f"<h2>Conditions</h2>\n{html_table(caption, headings, rows, figures=9)}"


def _details(report: Report) -> str:
    if not report.comparisons:
        return ""
    headings = (
        "condition", "view", "difference", "p", "p (Holm)", "better / worse / same", "sign test p",
        "McNemar p", "smallest detectable", "runs", "tasks left out",
    )  # fmt: skip
    rows = (
        _comparison(each, view)
        for each in report.comparisons
        for view in (each.as_completed, each.intention_to_treat)
    )
    caption = (
        f"Paired by task with {words.plain(report.baseline or '')}, on the tasks both have scores for; a "
        "difference smaller than the smallest detectable one would probably not have been found"
    )
    table = html_table(caption, headings, rows, figures=9)
    taken = html_table(
        f"What a run takes, as a ratio to {words.plain(report.baseline or '')} and as a mean difference",
        ("condition", "tokens", "", "time", "", "cost", "steps"),
        map(_taken, report.comparisons),
        figures=6,
    )
    return f"<h2>Comparisons</h2>\n{table}\n{taken}"


def _comparison(compared: ComparisonReport, view: ViewComparison) -> tuple[str, ...]:
    return (
        text(compared.treatment),
        "as completed" if view.view == "as-completed" else "time-out = 0",
        words.difference(view),
        words.probability(view.p),
        words.probability(view.holm_p),
        f"{view.wins} / {view.losses} / {view.ties} {view.over}",
        words.probability(view.sign_p),
        words.probability(view.mcnemar_p),
        words.score(view.smallest_detectable),
        f"{view.runs[0]} : {view.runs[1]}",
        str(len(view.dropped)) if view.dropped else words.NO_DATA,
    )


def _taken(compared: ComparisonReport) -> tuple[str, ...]:
    return (
        text(compared.treatment),
        words.times(compared.ratios.get("tokens")),
        words.signed(compared.tokens),
        words.times(compared.ratios.get("seconds")),
        words.signed_seconds(compared.duration_ms),
        words.signed_dollars(compared.cost),
        words.signed(compared.steps, 1),
    )


def _exclusions(report: Report) -> str:
    if not report.exclusions and not report.skipped:
        return "<h2>Left out</h2>\n<p>Nothing: every run of the plan has a score.</p>"
    made = []
    for each in report.exclusions:
        rows = (
            (
                text(entry.task_id),
                words.NO_DATA if entry.repetition is None else str(entry.repetition),
                text(entry.run_id or words.NO_DATA),
                text(entry.detail or "", limit=MOST_DETAIL),
            )
            for entry in each.entries[:MOST_EXCLUDED]
        )
        hidden = len(each.entries) - MOST_EXCLUDED
        more = f"<p>… and {hidden:,} more; report.json has them all.</p>" if hidden > 0 else ""
        caption = f"{words.plain(each.condition)}: {each.reason}"
        made.append(
            f"<details><summary><b>{text(each.condition)}</b>, {text(each.reason)}: {len(each.entries):,} "
            f'<span class="soft">({text(each.explanation)})</span></summary>'
            f"{html_table(caption, ('task', 'repetition', 'run', 'detail'), rows)}{more}</details>"
        )
    if report.skipped:
        skipped = ((text(each.task_id), text(each.reason, limit=MOST_DETAIL)) for each in report.skipped)
        made.append(
            f"<details><summary><b>Skipped tasks</b>: {len(report.skipped):,}</summary>"
            f"{html_table('Tasks that cannot run here', ('task', 'reason'), skipped)}</details>"
        )
    return f"<h2>Left out</h2>\n{''.join(made)}"


def _costs(report: Report) -> str:
    runs, judge = report.spend, report.judge
    rows = [
        ("All runs", runs.calls, runs.tokens, words.seconds(runs.duration_ms), words.dollars(runs.cost), ""),
        (
            "Judging",
            judge.spend.calls,
            judge.spend.tokens,
            words.NO_DATA,
            words.dollars(judge.spend.cost),
            _waiting(report),
        ),
        *(
            (
                text(f"Preparing {each.condition}" + (f" for {each.skill_id}" if each.skill_id else "")),
                each.calls,
                each.tokens,
                words.seconds(each.duration_ms),
                words.dollars(each.cost),
                text(each.problem or each.what, limit=MOST_DETAIL),
            )
            for each in report.spent_preparations
        ),
    ]
    shown = ((row[0], f"{row[1]:,}", f"{row[2]:,}", *row[3:]) for row in rows)
    headings = ("part", "calls", "tokens", "time", "cost", "note")
    caption = "Repeated attempts included; judging is no part of the runs"
    return f"<h2>What it cost</h2>\n{html_table(caption, headings, shown)}"


def _waiting(report: Report) -> str:
    pending = report.judge.pending
    return f"{words.plural(pending, 'judgement')} still to come" if pending else ""


def _triggers(report: Report) -> str:
    if not report.triggers:
        return ""
    rows = (
        (
            text(each.skill_id),
            f"{each.fired} of {each.should_fire}",
            words.score_with_interval(each.recall, each.recall_interval),
            f"{each.fired_wrongly} of {each.near_misses}",
            words.score_with_interval(each.precision, each.precision_interval),
            str(each.unknown),
        )
        for each in report.triggers
    )
    headings = ("skill", "loaded when it should", "recall", "loaded when not", "precision", "cannot tell")
    caption = "Whether the harness loads the skill when it should, and only then"
    return f"<h2>Triggering</h2>\n{html_table(caption, headings, rows, figures=5)}"
