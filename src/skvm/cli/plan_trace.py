"""``skvm plan trace``: a plan run as it was, in the terminal, as a page, for trace viewers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.runtime.plan.tracing.model import Timeline
    from skvm.settings import Settings

__all__ = ["command"]


@click.command("trace", cls=SkvmCommand)
@click.argument("run", required=False)
@click.option("--html", metavar="FILE", help="Write a page that needs nothing but a browser.")
@click.option("--chrome", metavar="FILE", help="Write a trace for chrome://tracing or Perfetto.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(ctx: click.Context, run: str | None, html: str | None, chrome: str | None, as_json: bool) -> None:
    """Show a plan run as a timeline.

    RUN is the id of a plan run, or the beginning of one; without it the newest is shown. --verbose shows
    every step.
    """
    from skvm.cli.console import err, print_json
    from skvm.cli.plan_trace_report import as_document, print_timeline

    timeline = _timeline(settings_of(ctx), run)
    if html is not None:
        from skvm.cli.plan_trace_page import trace_page

        _write(Path(html), trace_page(timeline).encode("utf-8", "replace"))
        err.print(f"page written to {html}", markup=False)
    if chrome is not None:
        from skvm.runtime.plan.tracing.chrome import chrome_json

        _write(Path(chrome), chrome_json(timeline))
        err.print(f"trace written to {chrome}", markup=False)
    if as_json:
        print_json(as_document(timeline))
    elif html is None and chrome is None:
        print_timeline(timeline, is_whole=bool(ctx.meta.get("skvm.flags", {}).get("verbose")))


def _timeline(settings: Settings, run: str | None) -> Timeline:
    import anyio

    from skvm.errors import UsageError
    from skvm.evidence.journal import Journal
    from skvm.runtime.plan.tracing.reading import read_run
    from skvm.runtime.plan.tracing.timeline import timeline_of

    if not settings.journal_path.exists():
        raise UsageError("no plan has been run yet", help="run one with `skvm plan run PLAN`")

    async def read() -> Any:
        async with Journal(settings.journal_path, read_only=True) as journal:
            return await read_run(journal, run)

    legs = anyio.run(read)
    is_alive = legs[-1].finished is None and legs[-1].started.is_alive
    return timeline_of(legs, now=datetime.now(UTC) if is_alive else None)


def _write(path: Path, data: bytes) -> None:
    from skvm.errors import InfrastructureError
    from skvm.files import replace_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, mode=0o644)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a name of a file"
        raise InfrastructureError(f"{path}: cannot be written: {said}") from error
