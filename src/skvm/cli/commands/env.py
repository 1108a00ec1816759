"""``skvm env``: check, apply, rm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.harness.environment.bind import Bound
    from skvm.harness.environment.manifest import Dependency, Manifest
    from skvm.settings import Settings

__all__ = ["command"]


@click.group("env", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Check what a skill needs of this machine, and bind what is missing.

    VARIANT is the folder of a compiled variant, or of any skill. Packages go into a private environment under
    the cache, which runs of that variant see; nothing else on the machine is changed.
    """


@command.command(cls=SkvmCommand)
@click.argument("variant", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, variant: Path, as_json: bool) -> int:
    """Say what is there, as agents see it; installs nothing.

    Exit code: 0 if everything required is there, else 1.
    """
    from skvm.cli.environments import manifest_of
    from skvm.harness.environment.bind import find_bound

    manifest = manifest_of(variant.expanduser())
    settings = settings_of(ctx)
    return _report(manifest, find_bound(settings.cache_dir, manifest), as_json=as_json)


@command.command(cls=SkvmCommand, short_help="Install what is missing into a private place, after asking.")
@click.argument("variant", type=click.Path(path_type=Path))
@click.option("--install", is_flag=True, help="Install without asking.")
@click.option("--yes", is_flag=True, help="The same.")
@click.option("--optional", is_flag=True, help="Also what the skill can do without.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines the installers.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def apply(ctx: click.Context, /, variant: Path, as_json: bool, **options: Any) -> int:
    """Install missing packages into the private environment of a skill, after asking.

    A failed install leaves nothing behind. Programs of the system are only checked.
    Exit code: 0 if everything required is there afterwards, else 1.
    """
    from skvm.cli.console import err
    from skvm.cli.environments import manifest_of
    from skvm.harness.environment.bind import find_bound

    settings = settings_of(ctx)
    manifest = manifest_of(variant.expanduser())
    bound = find_bound(settings.cache_dir, manifest)
    wanted = _to_install(manifest, bound, optional=options["optional"])
    if not wanted:
        err.print("nothing to install", markup=False)
    else:
        _ask(wanted, options["sandbox"], is_told=options["install"] or options["yes"])
        bound = _bind(settings, manifest, options)
    return _report(manifest, bound, as_json=as_json)


@command.command(cls=SkvmCommand)
@click.argument("variant", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def rm(ctx: click.Context, variant: Path, as_json: bool) -> None:
    """Remove the private environment of a skill."""
    import anyio

    from skvm.cli.console import out, print_json
    from skvm.cli.environments import manifest_of
    from skvm.harness.environment.bind import environment_dir, unbind

    settings = settings_of(ctx)
    manifest = manifest_of(variant.expanduser())
    folder = environment_dir(settings.cache_dir, manifest)
    was_there = anyio.run(unbind, settings.cache_dir, manifest)
    if as_json:
        print_json({"schema": 1, "environment": str(folder), "removed": was_there})
    else:
        out.print(f"removed {folder}" if was_there else "nothing is bound", markup=False)


def _to_install(manifest: Manifest, bound: Bound | None, *, optional: bool) -> tuple[Dependency, ...]:
    """Everything that goes into the environment, if anything of it is missing now."""
    from skvm.harness.environment.check import State, check_manifest

    wanted = manifest.to_bind(optional=optional)
    absent = (State.MISSING, State.WRONG_VERSION)
    missing = {item.entry.key for item in check_manifest(manifest, bound) if item.state in absent}
    return wanted if any(entry.key in missing for entry in wanted) else ()


def _ask(wanted: tuple[Dependency, ...], sandbox: str, *, is_told: bool) -> None:
    import sys

    from skvm.cli.console import err, visible
    from skvm.errors import UsageError

    err.print("to be installed into a private environment:", markup=False)
    for entry in wanted:
        evidence = visible(entry.evidence or "no evidence")
        err.print(f"  {entry.type}  {entry.requirement}  ({evidence})", markup=False)
    if sandbox == "none":
        err.print("nothing confines the installers: a package may do what you may", style="bold yellow")
    if is_told:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(
            "nothing was installed: there is nobody to ask", help="add --install to agree beforehand"
        )
    click.confirm("install?", abort=True, err=True)


def _bind(settings: Settings, manifest: Manifest, options: dict[str, Any]) -> Bound:
    import anyio

    from skvm.cli.console import err
    from skvm.harness.confine import choose_sandbox
    from skvm.harness.environment.bind import bind

    async def run() -> Bound:
        with err.status("starting") as status:
            return await bind(
                settings.cache_dir,
                manifest,
                sandbox,
                optional=options["optional"],
                report=lambda line: status.update(_plain(line)),
            )

    sandbox = choose_sandbox(options["sandbox"])
    return anyio.run(run)


def _plain(line: str) -> str:
    from rich.markup import escape

    return escape(line)


def _report(manifest: Manifest, bound: Bound | None, *, as_json: bool) -> int:
    from skvm.cli.console import out, print_json, visible
    from skvm.cli.environments import environment_json, print_presences
    from skvm.harness.environment.check import check_manifest, missing_required

    found = check_manifest(manifest, bound)
    missing = missing_required(found)
    if as_json:
        print_json(environment_json(manifest, bound, found))
    elif not found:
        out.print(f"{visible(manifest.skill)} needs nothing of the machine", markup=False)
    else:
        print_presences(found)
        where = f"bound at {bound.folder}" if bound else "nothing is bound"
        lacking = f"{len(missing)} of {len(found)} are required and missing"
        out.print(f"{where}; {lacking if missing else 'everything required is there'}", markup=False)
    return 1 if missing else 0
