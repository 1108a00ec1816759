"""``skvm harness``: list, install, rm, check."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.cli.harness_check import Checked
    from skvm.harness.programs.catalogue import Program
    from skvm.harness.programs.install import Installed
    from skvm.harness.sandbox import Sandbox
    from skvm.settings import Settings

__all__ = ["command"]

_sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "none"]),
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
    from skvm.errors import SkvmError
    from skvm.harness.confine import choose_sandbox
    from skvm.harness.programs.catalogue import find_entry

    entries = [find_entry(name) for name in dict.fromkeys(names)]
    settings, chosen = settings_of(ctx), choose_sandbox(sandbox)
    if chosen.name == "none":
        err.print("nothing confines the installers: a package may do what you may", style="bold yellow")
    told: list[dict[str, Any]] = []
    for entry in entries:
        try:
            done = anyio.run(_install, settings, entry, chosen, force, timeout_s)
            told += [
                {
                    "name": each.entry.name,
                    "ok": True,
                    "version": each.record.version,
                    "path": str(each.executable),
                    "sizeBytes": each.record.size_bytes,
                }
                for each in done
            ]
        except SkvmError as error:
            told.append({"name": entry.name, "ok": False, "error": error.message, "help": error.help})
            err.print(f"✗ {visible(error.message)}", style="bold red", markup=False)
            if error.help:
                err.print(f"  → {error.help}", style="cyan", markup=False)
    if as_json:
        print_json({"schema": 1, "installed": told})
    return 0 if all(each["ok"] for each in told) else 3


async def _install(
    settings: Settings, entry: Program, sandbox: Sandbox, force: bool, timeout_s: float | None
) -> list[Installed]:
    from rich.markup import escape

    from skvm.cli.console import err
    from skvm.harness.programs.find import to_install
    from skvm.harness.programs.install import find_installed
    from skvm.harness.programs.install import install as put

    wanted = to_install(entry, settings, force=force)
    done = []
    for each in wanted:
        started = time.monotonic()
        with err.status(f"{each.name} {each.version}: starting") as status:

            def report(line: str, name: str = each.name) -> None:
                status.update(escape(f"{name}: {line}"))

            made = await put(
                settings.cache_dir, each, sandbox, force=force, timeout_s=timeout_s, report=report
            )
        size, took_s = made.record.size_bytes / 1e6, time.monotonic() - started
        what = f"{each.name} {each.version}: {size:.0f} MB in {took_s:.0f} s"
        err.print(f"✓ {what}, at {made.folder}", style="green", markup=False)
        done.append(made)
    if not wanted and (there := find_installed(settings.cache_dir, entry)):
        err.print(f"{entry.name} {entry.version} is here already: {there.folder}", markup=False)
        done.append(there)
    return done


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
