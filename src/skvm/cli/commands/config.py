"""``skvm config``: write, show and check settings; ask an endpoint what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of
from skvm.cli.config_init import command as init
from skvm.cli.console import err, out, print_diagnostics, print_json

if TYPE_CHECKING:
    from skvm.llm.capabilities import Capabilities
    from skvm.settings import Settings

__all__ = ["command"]

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group("config", cls=VerbGroup, context_settings=_HELP)
def command() -> None:
    """Write, show and check the configuration; ask an endpoint what it can do."""


command.add_command(init)


@command.command("probe", cls=SkvmCommand)
@click.argument("model_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def probe(ctx: click.Context, model_id: str, as_json: bool) -> None:
    """Ask the endpoint of a model what it can do, and remember it."""
    from rich.text import Text

    settings = settings_of(ctx)
    with err.status(Text(f"probing {model_id}")) if err.is_terminal else _quiet():
        found = anyio.run(_probe, settings, model_id)
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    _print_found(found)


@command.group("probes", cls=VerbGroup, context_settings=_HELP)
def probes() -> None:
    """Show or forget what was probed."""


@probes.command("list", cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_probes(ctx: click.Context, as_json: bool) -> None:
    """List what is remembered of endpoints."""
    from skvm.llm.capabilities import memory_of

    memory = memory_of(settings_of(ctx))
    known = memory.all()
    if as_json:
        print_json([found.model_dump(mode="json", by_alias=True) for found in known.values()])
        return
    if not known:
        out.print(f"nothing is remembered in {memory.path}", markup=False)
    for found in known.values():
        _print_found(found)


@probes.command("clear", cls=SkvmCommand)
@click.argument("glob", default="*")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def clear_probes(ctx: click.Context, glob: str, as_json: bool) -> None:
    """Forget the models whose id matches GLOB (all without one)."""
    from skvm.llm.capabilities import memory_of

    gone = memory_of(settings_of(ctx)).clear(glob)
    if as_json:
        print_json({"cleared": list(gone)})
        return
    for model in gone:
        out.print(f"forgot {model}", markup=False)
    if not gone:
        out.print(f"nothing remembered matches {glob}", markup=False)


@command.command("show", cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Show the settings in force and where each is from; keys are never shown."""
    from skvm.cli.config_show import print_settings, settings_json

    settings = settings_of(ctx)
    if as_json:
        print_json(settings_json(settings))
        return
    print_settings(settings)
    print_diagnostics(settings.diagnostics, console=err)


@command.command("doctor", cls=SkvmCommand)
@click.option("--live", is_flag=True, help="Make one tiny call over every route that has its key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def doctor(ctx: click.Context, live: bool, as_json: bool) -> int:
    """Check the configuration, row by row, and say the way out.

    Exit status 1 if a row failed. `skvm doctor` looks at the whole machine.
    """
    from skvm.cli.config_doctor import run_doctor

    return run_doctor(ctx, live=live, as_json=as_json)


async def _probe(settings: Settings, model_id: str) -> Capabilities:
    from skvm.errors import InfrastructureError
    from skvm.llm.contract import DeadlineExceededError
    from skvm.llm.port import ModelPort
    from skvm.llm.probe import PROBE_DEADLINE_S

    async with ModelPort(settings) as port:
        try:
            return await port.capabilities(port.resolve(model_id), force=True)
        except DeadlineExceededError as error:
            raise InfrastructureError(
                f"{model_id}: no answer within {PROBE_DEADLINE_S:g} s",
                help="try again when the endpoint is less busy",
            ) from error


def _print_found(found: Capabilities) -> None:
    from skvm.llm.route import EMBEDDED_URL

    when = f"probed {found.probed_at:%Y-%m-%d %H:%M} UTC" if found.probed_at else "assumed"
    place = "embedded" if found.base_url == EMBEDDED_URL else found.base_url
    out.print(f"{found.model}  ({place}, {when})", markup=False)
    for name, can in (
        ("forced tool calls", found.forced_tool),
        ("clean tool arguments", found.clean_arguments),
        ("JSON schema", found.json_schema),
    ):
        out.print(f"  {name:<22} {'yes' if can else 'no'}")
    out.print(f"  {'output limit field':<22} {found.limit_field}")
    for note in found.notes:
        out.print(f"  note: {note}", markup=False)


def _quiet() -> Any:
    import contextlib

    return contextlib.nullcontext()
