"""``skvm skills``: list, install, uninstall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup

__all__ = ["command"]

_Command = Callable[..., Any]


def _where(function: _Command) -> _Command:
    """The options that say which folders are meant."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--user", "scope", flag_value="user", default="user", help="Your own (the default)."),
        click.option("--project", "scope", flag_value="project", help="Those of the current folder."),
        click.option(
            "--harness",
            "harnesses",
            multiple=True,
            metavar="NAME",
            help="This harness, or several with commas; default: those that are here.",
        ),
    ):
        function = option(function)
    return function


_force = click.option("--force", is_flag=True, help="Also what is not ours, was edited or is newer.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
_names = click.argument("names", nargs=-1, metavar="[NAME]…")


@click.group("skills", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Give your agents the skills with which they use skvm themselves.

    skvm-general drives skvm; skvm-jit sends the evidence of a task that went wrong to the optimizer. They are
    put where each agent program looks for skills.
    """


@command.command("list", cls=SkvmCommand)
@_names
@_where
def list_(names: tuple[str, ...], harnesses: tuple[str, ...], scope: str, as_json: bool) -> None:
    """List the skills, and how they stand in each harness."""
    from skvm.cli.skills_report import print_standings, standings_of

    print_standings(standings_of(names, harnesses, scope), as_json=as_json)


@command.command(cls=SkvmCommand)
@_names
@_where
@_force
@_dry_run
def install(names: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Put skills into the folders of harnesses, or bring them up to date.

    A folder that somebody else wrote, or that was edited, is left as it is.

    Exit code: 1 if something was left so, else 0.
    """
    from skvm.cli.skills_report import carry_out
    from skvm.skills.placing import place

    return carry_out(place, names, as_json=as_json, **options)


@command.command(cls=SkvmCommand)
@_names
@_where
@_force
@_dry_run
def uninstall(names: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Take skills of ours out of the folders of harnesses.

    Exit code: 1 if something that was edited or is not ours was left, else 0.
    """
    from skvm.cli.skills_report import carry_out
    from skvm.skills.placing import remove

    return carry_out(remove, names, as_json=as_json, **options)
