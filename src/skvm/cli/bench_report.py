"""A bench report in the terminal: conditions, what can be said of them, what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from skvm.cli.console import out, visible
from skvm.evidence.record import Outcome

if TYPE_CHECKING:
    from skvm.bench.report.model import ComparisonReport, Report, Trigger
    from skvm.bench.report.session import SessionReport

__all__ = ["condition_table", "print_report", "print_session"]

_STYLES = {"better": "green", "worse": "red", "undecided": "yellow"}
_WIDE = 120


def print_report(report: Report, files: Iterable[Path] = ()) -> None:
    """Print a report.

    Args:
        report: Of one target.
        files: Where it was written.
    """
    if not out.is_terminal:
        out.width = 240  # a pipe has no width to fit into
    out.print(Text(visible(f"{report.model} in {report.adapter}"), style="bold"))
    out.print(condition_table(report, is_wide=not out.is_terminal or out.width >= _WIDE))
    for each in report.comparisons:
        out.print(_verdict(each))
        if each.intention_to_treat.sentence != each.as_completed.sentence:
            strict = visible(each.intention_to_treat.sentence)
            out.print(Text(f"  with every time-out as 0: {strict}", style="dim"))
    for found in report.triggers:
        out.print(_trigger(found))
    for line in _timeouts(report):
        out.print(Text(visible(line), style="yellow"))
    _print_left_out(report)
    if report.stopped is not None:
        out.print(Text(f"stopped early: {visible(report.stopped.sentence)}", style="yellow"))
    if report.judge.pending:
        out.print(Text(f"{report.judge.pending} judgements still to come", style="yellow"))
    for path in files:
        out.print(Text(visible(str(path)), style="dim"))


def print_session(parent: SessionReport, reports: Iterable[Report], files: Iterable[Path] = ()) -> None:
    """Print the reports of a session on several targets, and their ranking.

    Args:
        parent: The session's own.
        reports: Of each target.
        files: Where they were written.
    """
    from skvm.bench.report import words

    for report in reports:
        print_report(report)
        out.print()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("rank", "target", "best condition", "score"):
        table.add_column(title, justify="right" if title in ("rank", "score") else "left")
    for each in parent.comparison.ranking:
        cells = (
            str(each.rank or words.NO_DATA),
            each.label,
            each.condition or words.NO_DATA,
            words.score(each.avg_score),
        )
        table.add_row(*(Text(visible(cell)) for cell in cells))
    out.print(table)
    for path in files:
        out.print(Text(visible(str(path)), style="dim"))


def condition_table(report: Report, *, is_wide: bool = True) -> Table:
    """Conditions by score, pass rate, scored runs, tokens, seconds and dollars.

    Args:
        report: Of one target.
        is_wide: Show every column; else only what fits in 80 characters.
    """
    from skvm.bench.report import words

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("condition", no_wrap=True, overflow="ellipsis", min_width=12)
    headings = ["score", "runs", "tokens", "time"]
    if is_wide:
        headings = ["score", "time-out = 0", "pass", "runs", "tokens", "time", "cost"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name in report.conditions:
        found = report.summary.per_condition[name]
        cells = {
            "score": words.score_with_interval(found.avg_score, found.score_interval),
            "time-out = 0": words.score(found.intention_to_treat.avg_score),
            "pass": words.percent(found.pass_rate),
            "runs": f"{found.runs.scored:,} of {found.runs.total:,}",
            "tokens": words.count(found.avg_total_tokens),
            "time": words.seconds(found.avg_duration_ms),
            "cost": words.dollars(found.avg_cost) if found.avg_total_tokens is not None else words.NO_DATA,
        }
        shown = Text(visible(name), style="bold" if name == report.baseline else "")
        table.add_row(shown, *(Text(cells[heading]) for heading in headings))
    return table


def _verdict(compared: ComparisonReport) -> Text:
    found = compared.as_completed
    return Text.assemble(
        (visible(compared.treatment), "bold"),
        f" against {visible(compared.control)}: ",
        (visible(found.sentence), _STYLES.get(found.verdict, "")),
    )


def _trigger(found: Trigger) -> Text:
    from skvm.bench.report import words

    wrongly = f"{found.fired_wrongly} of {found.near_misses} near misses"
    line = f" loaded for {found.fired} of {found.should_fire} prompts that mean it, and for {wrongly}"
    shares = f": recall {words.percent(found.recall)}, precision {words.percent(found.precision)}"
    unknown = f"; {found.unknown} cannot be told" if found.unknown else ""
    return Text.assemble((f"skill {visible(found.skill_id)}", "bold"), line, shares, unknown)


def _timeouts(report: Report) -> Iterator[str]:
    """What ran out of time, by condition: a model that says nothing looks like one that can do nothing."""
    for condition in report.conditions:
        cells = [each for task in report.tasks for each in task.conditions if each.condition == condition]
        runs = [run for cell in cells for run in cell.outcomes]
        late = [run for run in runs if run.outcome is Outcome.TIMED_OUT]
        if not late:
            continue
        silent = sum(run.tokens == 0 and run.steps == 0 for run in late)
        of_these = f", {silent:,} of them without one answer of the model" if silent else ""
        yield f"out of time: {condition}: {len(late):,} of {len(runs):,} runs{of_these}"


def _print_left_out(report: Report) -> None:
    for each in report.exclusions:
        if each.reason == "repeated":
            continue  # attempts another one stands for: nothing is missing
        line = f"left out: {each.condition}: {len(each.entries):,} {each.reason} ({each.explanation})"
        out.print(Text(visible(line), style="yellow" if each.reason != "no-skill-to-use" else "dim"))
    if report.skipped:
        out.print(Text(f"skipped: {len(report.skipped):,} tasks that cannot run here", style="dim"))
