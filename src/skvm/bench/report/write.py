"""The files of a report, each there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from skvm.bench.report.html import report_html
from skvm.bench.report.markdown import report_markdown
from skvm.bench.report.model import Report
from skvm.bench.report.record import Part
from skvm.bench.report.run_page import has_page_name, run_html
from skvm.bench.report.session import SessionReport, Sub
from skvm.bench.report.session_pages import session_html, session_markdown
from skvm.errors import InfrastructureError
from skvm.evidence.record import RunRecord
from skvm.files import replace_file
from skvm.harness.trajectory import Trajectory

__all__ = ["PAGES_UNASKED", "Load", "write_file", "write_report", "write_run_pages", "write_session"]

PAGES_UNASKED = 500
"""A session of at most so many runs gets a page for each run without being asked."""
Load = Callable[[RunRecord], Trajectory | None]
"""Reads the trajectory of a run; raises ``InfrastructureError`` where it is lost."""


def write_session(
    folder: Path,
    parent: SessionReport | None,
    reports: Sequence[Sub],
    runs: Sequence[RunRecord],
    *,
    load: Load | None = None,
    with_trajectories: bool = False,
) -> tuple[Path, ...]:
    """Write every report of a session: ``report.json``, ``report.md``, ``report.html``.

    With several targets those are the parent's, and each target has its own under ``targets/``. With
    ``load``, runs get pages of their own in ``runs/`` beside the report they belong to, which its cells
    link to: all of them if asked for, else up to ``PAGES_UNASKED`` of a session.

    Args:
        folder: The session's own.
        parent: Of a session on several targets.
        reports: One a target.
        runs: Of all targets.
        load: Reads the trajectory of a run.
        with_trajectories: Write the pages of the runs however many there are.

    Returns:
        The reports written; pages of runs are not listed.

    Raises:
        InfrastructureError: A file cannot be written.
    """
    written: list[Path] = []
    by_target: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        by_target.setdefault((run.model, run.harness), []).append(run)
    wants_pages = load is not None and (with_trajectories or len(runs) <= PAGES_UNASKED)
    for sub in reports:
        own = by_target.get((sub.report.model, sub.report.adapter), [])
        place = folder / sub.folder
        pages = write_run_pages(place / "runs", own, load) if wants_pages and load else frozenset()
        back = "../" * (sub.folder.count("/") + 1) + "report.html" if sub.folder else ""
        written += write_report(place, sub.report, own, run_pages=pages, back=back)
    if parent is not None:
        files = {
            "report.json": _json(parent),
            "report.md": session_markdown(parent),
            "report.html": session_html(parent),
        }
        written = [*_write_all(folder, files), *written]
    return tuple(written)


def write_report(
    folder: Path,
    report: Report,
    runs: Sequence[RunRecord] = (),
    *,
    run_pages: Collection[str] = (),
    back: str = "",
) -> tuple[Path, ...]:
    """Write the report of one target in its three forms; see ``report_html`` for the other arguments.

    Raises:
        InfrastructureError: A file cannot be written.
    """
    files = {
        "report.json": _json(report),
        "report.md": report_markdown(report),
        "report.html": report_html(report, runs, run_pages=run_pages, back=back),
    }
    return _write_all(folder, files)


def write_run_pages(folder: Path, runs: Sequence[RunRecord], load: Load) -> frozenset[str]:
    """Write a page for each run.

    Args:
        folder: Takes ``<run id>.html``.
        runs: Which.
        load: Reads the trajectory of a run; one that is lost is said to be.

    Returns:
        The ids of the runs that have a page.

    Raises:
        InfrastructureError: A page cannot be written.
    """
    written = set()
    for run in runs:
        if has_page_name(run.run_id):
            try:
                trajectory = load(run)
            except InfrastructureError as error:
                lost = run.model_copy(update={"notes": (*run.notes, error.message)})
                shown = run_html(lost, None)
            else:
                shown = run_html(run, trajectory)
            write_file(folder / f"{run.run_id}.html", shown)
            written.add(run.run_id)
    return frozenset(written)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file and the folders above it.

    Raises:
        InfrastructureError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Half a surrogate pair has no UTF-8.
        data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise InfrastructureError(
            f"{path}: cannot be written: {error.strerror or error}",
            help="free space, or choose another folder",
        ) from error


def _write_all(folder: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    for name, text in files.items():
        write_file(folder / name, text)
    return tuple(folder / name for name in files)


def _json(record: Part) -> str:
    return record.model_dump_json(by_alias=True, indent=2) + "\n"
