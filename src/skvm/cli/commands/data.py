"""``skvm data``: get, path, check, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import CommaList, SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.bench.selection import Selection

__all__ = ["command"]

_SCHEMA = 1


@click.group("data", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Fetch, check and import the tasks a bench runs."""


@command.command(cls=SkvmCommand)
@click.option("--url", metavar="URL", help="Another dataset: an https address or a repository's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def get(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """Clone the public dataset with git; what fails leaves nothing behind.

    It goes where --skvm-data-dir or SKVM_DATA_DIR say, else into the user data directory.
    """
    from skvm.bench.dataset import PUBLIC_DATASET, fetch_dataset
    from skvm.cli.console import err, print_json

    settings = settings_of(ctx)
    source = url or PUBLIC_DATASET
    with err.status(f"fetching {source}"):
        fetched = fetch_dataset(settings.data_dir, url=source)
    if as_json:
        print_json(
            {
                "schema": _SCHEMA,
                "path": str(fetched.path),
                "url": source,
                "revision": fetched.revision,
                "tasks": fetched.tasks,
            }
        )
    else:
        said = f"{fetched.tasks} tasks at {fetched.path}, commit {fetched.revision[:12]}"
        err.print(said, markup=False)


@command.command(cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def path(ctx: click.Context, as_json: bool) -> int:
    """Print where the dataset is; exit code 1 if it is not there."""
    from skvm.cli.console import print_json
    from skvm.errors import FindingsError
    from skvm.task.dataset import task_folders, tasks_dir

    folder = settings_of(ctx).data_dir
    count = len(task_folders(tasks_dir(folder)))
    if as_json:
        print_json({"schema": _SCHEMA, "path": str(folder), "tasks": count})
        return 0 if count else 1
    if not count:
        raise FindingsError(
            f"there is no dataset at {folder}",
            help="`skvm data get` fetches the public one, `skvm data import` adds others",
        )
    click.echo(folder)
    return 0


@command.command(cls=SkvmCommand)
@click.argument("tasks", nargs=-1)
@click.option("--source", type=CommaList(), default=(), help="Only tasks that come from these.")
@click.option("--judge/--no-judge", "has_judge", default=False, help="Reckon with a judge being configured.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    ctx: click.Context, tasks: tuple[str, ...], source: tuple[str, ...], has_judge: bool, as_json: bool
) -> int:
    """List every task: whether it loads, whether it runs here, and why not.

    TASKS are ids or folders; all of the dataset without one. Exit code: 1 if a task cannot be read.
    """
    from skvm.bench.selection import tasks_of
    from skvm.cli.console import print_json

    selection = tasks_of(settings_of(ctx), tasks, source, has_judge=has_judge)
    if as_json:
        print_json(_selection_json(selection))
    else:
        _print_selection(selection)
    return 1 if any(skip.reason.startswith("cannot be read") for skip in selection.skipped) else 0


def _selection_json(selection: Selection) -> dict[str, Any]:
    rows = [
        {
            "id": task.id,
            "runs": True,
            "reason": None,
            "partly": _partly(task, selection),
            "source": task.origin.source if task.origin else None,
        }
        for task in selection.tasks
    ]
    rows += [{"id": skip.task_id, "runs": False, "reason": skip.reason} for skip in selection.skipped]
    return {
        "schema": _SCHEMA,
        "total": len(rows),
        "runs": len(selection.tasks),
        "tasks": sorted(rows, key=lambda row: str(row["id"])),
    }


def _partly(task: Any, selection: Selection) -> str | None:
    """What of a task that runs cannot be graded."""
    return selection.ungraded.get(task.id)


def _print_selection(selection: Selection) -> None:
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, visible

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("task", "", ""):
        table.add_column(title, no_wrap=title != "")
    rows = [
        (task.id, Text("runs", style="green"), _partly(task, selection) or "") for task in selection.tasks
    ]
    rows += [(skip.task_id, Text("skipped", style="yellow"), skip.reason) for skip in selection.skipped]
    for name, state, reason in sorted(rows, key=lambda row: row[0]):
        table.add_row(Text(visible(name), style="bold"), state, Text(visible(reason)))
    out.print(table)
    out.print(f"\n{selection.share} run here", markup=False)


@command.command("import", cls=SkvmCommand)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--from", "name", metavar="NAME", help="The importer; recognised by what is there if not given."
)
@click.option("--exclude", type=CommaList(), default=(), help="Ids to leave out; * and ? stand for others.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--force", is_flag=True, help="Replace tasks of the same id that differ.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def import_(ctx: click.Context, /, source: Path, **options: Any) -> int:
    """Import a task set of others into the dataset: PinchBench, Harbor, evals.json, skvm-data.

    What cannot run on this machine is imported and marked with the reason. Exit code: 1 if a task was refused
    or kept.
    """
    from skvm.cli.importing import import_and_print

    return import_and_print(settings_of(ctx), options["name"], source.expanduser(), options)
