"""``skvm harness``: list, install, rm, check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.cli.harness_check import Checked

__all__ = ["command"]

_sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines foreign code.",
)


@click.group("harness", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, install and check the agent programs a model runs in.

    A run takes the program its environment variable or skvm.config.json names, else the one installed here,
    else the one on PATH.
    """


@command.command("list", cls=SkvmCommand, short_help="Show what there is, where, and whether it is tested.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_harnesses(ctx: click.Context, as_json: bool) -> None:
    """Show built-in harnesses and programs: found where, which version, tested with us or not."""
    import anyio

    from skvm.cli.console import print_json
    from skvm.cli.harness_rows import print_rows, row_json, rows_of
    from skvm.errors import InfrastructureError
    from skvm.harness.confine import choose_sandbox

    settings = settings_of(ctx)
    try:
        sandbox = choose_sandbox()
    except InfrastructureError:
        # Nothing is run then; what files tell is shown all the same.
        sandbox = None
    rows = anyio.run(rows_of, settings, sandbox)
    if as_json:
        print_json({"schema": 1, "harnesses": [row_json(row) for row in rows]})
    else:
        print_rows(rows)


@command.command(cls=SkvmCommand, short_help="Put pinned versions into a private place.")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option("--force", is_flag=True, help="Install anew what is there.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Give one program up that takes longer.",
)
@_sandbox_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def install(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    force: bool,
    timeout_s: float | None,
    sandbox: str,
    as_json: bool,
) -> int:
    """Install pinned versions into a private place under the cache, with what they need.

    Packages come by your own npm and pip from where these are configured to fetch; they are unpacked in the
    sandbox. A failed install leaves nothing behind, and the next name is tried. Exit code: 0 if all are
    there, else 3.
    """
    import anyio

    from skvm.cli.console import err, print_json, visible
    from skvm.cli.harness_install import Installer, installed_json
    from skvm.errors import SkvmError
    from skvm.harness.confine import choose_sandbox
    from skvm.harness.programs.catalogue import find_entry

    entries = [find_entry(name) for name in dict.fromkeys(names)]
    chosen = choose_sandbox(sandbox)
    if chosen.name == "none":
        err.print("nothing confines the installers: a package may do what you may", style="bold yellow")
    told: list[dict[str, Any]] = []
    installer = Installer(settings_of(ctx), chosen, force, timeout_s)
    for entry in entries:
        try:
            told += [installed_json(each) for each in anyio.run(installer.put, entry)]
        except SkvmError as error:
            told.append({"name": entry.name, "ok": False, "error": error.message, "help": error.help})
            err.print(f"✗ {visible(error.message)}", style="bold red", markup=False)
            if error.help:
                err.print(f"  → {error.help}", style="cyan", markup=False)
    if as_json:
        print_json({"schema": 1, "installed": told})
    return 0 if all(each["ok"] for each in told) else 3


@command.command(cls=SkvmCommand, short_help="Remove what was installed here.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def rm(ctx: click.Context, name: str, as_json: bool) -> None:
    """Remove what was installed here of NAME; programs of your own are left alone."""
    import anyio

    from skvm.cli.console import err, print_json
    from skvm.harness.programs.catalogue import find_entry
    from skvm.harness.programs.install import uninstall

    entry = find_entry(name)
    freed = anyio.run(uninstall, settings_of(ctx).cache_dir, entry)
    if as_json:
        print_json({"schema": 1, "name": entry.name, "freedBytes": freed})
    else:
        size = f"{entry.name}: freed {freed / 1e6:.0f} MB"
        err.print(size if freed else f"{entry.name}: nothing was installed here", markup=False)


@command.command(cls=SkvmCommand, short_help="Run one real prompt with a scripted model.")
@click.argument("name", required=False)
@_sandbox_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, name: str | None, sandbox: str, as_json: bool) -> int:
    """Run one real prompt in NAME, or in every harness that is there, with a scripted model.

    The program writes a file with a tool of its own, in the sandbox, its model calls going through the
    gateway; no key and no network is needed. Exit code: 0 if the file was written, else 1.
    """
    import anyio

    from skvm.cli.console import err, print_json
    from skvm.cli.harness_check import check_harness, checked_json, present

    settings = settings_of(ctx)
    done: list[Checked] = []
    for each in [name] if name else present(settings):

        async def run(harness: str = each) -> Checked:
            return await check_harness(harness, settings, sandbox=sandbox)

        with err.status(f"{each}: running"):
            checked = anyio.run(run)
        done.append(checked)
        if not as_json:
            _print_checked(checked)
    if as_json:
        print_json({"schema": 1, "checks": [checked_json(checked) for checked in done]})
    return 0 if all(checked.ok for checked in done) else 1


def _print_checked(checked: Checked) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    mark, style = ("✓", "green") if checked.ok else ("✗", "bold red")
    line = Text.assemble((f"{mark} ", style), (checked.name, "bold"))
    if checked.version:
        line.append(f" {visible(checked.version)}")
        line.append("" if checked.tested else " (not tested with us)", style="yellow")
    out.print(line.append(f": {visible(checked.detail)}"))
    if checked.help:
        out.print(Text(f"  → {visible(checked.help)}", style="cyan"))
