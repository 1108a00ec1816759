"""``skvm mcp``."""

from __future__ import annotations

from pathlib import Path

import click

from skvm.cli.command import SkvmCommand, settings_of

__all__ = ["command"]


@click.command("mcp", cls=SkvmCommand)
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="DIR",
    help="Clients may only name paths below it; may be repeated; default: the current folder.",
)
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines agents and commands.",
)
@click.option("--max-usd", type=click.FloatRange(min=0, min_open=True), help="Ceiling of every single call.")
@click.pass_context
def command(ctx: click.Context, roots: tuple[str, ...], sandbox: str, max_usd: float | None) -> None:
    """Serve the verbs of skvm to an agent, over the Model Context Protocol.

    An agent program starts this and speaks with it on standard input and output. It needs the extra mcp.
    """
    from skvm.errors import ConfigError, UsageError

    try:
        import mcp  # noqa: F401 - looked for before anything is opened
    except ImportError as error:
        raise ConfigError(
            f"the server needs the Python package {error.name}", help="pip install 'skvm[mcp]'"
        ) from error
    from skvm.mcp.ground import Ground
    from skvm.mcp.server import serve

    settings = settings_of(ctx)
    places = tuple(Path(each).expanduser().resolve() for each in roots or ("",))
    for said, place in zip(roots or (".",), places, strict=True):
        if not place.is_dir():
            raise UsageError(f"--root {said}: there is no such folder")
    flags = () if settings.auto_probe else ("--no-auto-probe",)
    serve(Ground(settings, places, flags, sandbox, max_usd))
