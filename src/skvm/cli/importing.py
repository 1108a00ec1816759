"""Importing the tasks of others, and what came of each, for ``data import`` and ``bench --import``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.bench.importing import ImportReport
    from skvm.settings import Settings

__all__ = ["import_and_print"]

_SCHEMA = 1


def import_and_print(
    settings: Settings, importer: str | None, source: Path, options: Mapping[str, Any]
) -> int:
    """Import into the dataset.

    Args:
        settings: Where the dataset lies.
        importer: Its name; ``None`` or ``auto`` for the one that recognises the source.
        source: A file or folder of a task set.
        options: ``exclude``, ``dry_run``, ``force`` and ``as_json``.

    Returns:
        The exit code: 1 if a task was refused or kept.
    """
    from skvm.bench.importing import import_from
    from skvm.cli.console import print_json
    from skvm.task.dataset import tasks_dir

    report = import_from(
        importer,
        source,
        tasks_dir(settings.data_dir),
        exclude=options["exclude"],
        dry_run=options["dry_run"],
        force=options["force"],
    )
    if options["as_json"]:
        print_json(_report_json(report, dry_run=options["dry_run"]))
    else:
        _print_report(report, dry_run=options["dry_run"])
    return 1 if report.count("refused", "kept") else 0


def _report_json(report: ImportReport, *, dry_run: bool) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "importer": report.importer,
        "target": str(report.target),
        "dryRun": dry_run,
        "tasks": [
            {
                "id": item.task_id,
                "status": item.status,
                "runsHere": item.runs_here,
                "reason": item.reason or None,
                "notes": list(item.notes),
            }
            for item in report.items
        ],
    }


def _print_report(report: ImportReport, *, dry_run: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, visible

    styles = {"written": "green", "replaced": "green", "kept": "yellow", "refused": "red"}
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_header=False)
    for item in report.items:
        is_marked = item.status in ("written", "unchanged", "replaced") and not item.runs_here
        reason = f"does not run here: {item.reason}" if is_marked else item.reason
        said = "; ".join(filter(None, (reason, *item.notes)))
        status = Text(item.status, style=styles.get(item.status, "dim"))
        table.add_row(Text(visible(item.task_id), style="bold"), status, Text(visible(said)))
    out.print(table)
    done = report.count("written", "replaced", "unchanged")
    runs = sum(item.runs_here for item in report.items)
    would = "would be " if dry_run else ""
    total = f"{done} of {len(report.items)} tasks {would}at {report.target}"
    out.print(f"\n{total}; {runs} can run here", markup=False)
