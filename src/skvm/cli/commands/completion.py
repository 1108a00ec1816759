"""``skvm completion``."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath

import click

from skvm.cli.command import SkvmCommand

__all__ = ["command"]

_HINTS = {
    "bash": 'put this into ~/.bashrc: eval "$(skvm completion bash)"',
    "zsh": 'put this into ~/.zshrc, after compinit: eval "$(skvm completion zsh)"',
    "fish": "write it where fish looks: skvm completion fish > ~/.config/fish/completions/skvm.fish",
}


@click.command("completion", cls=SkvmCommand)
@click.argument("shell", required=False, type=click.Choice(sorted(_HINTS)))
def command(shell: str | None) -> None:
    """Print what makes a shell complete skvm's commands, options and names.

    Without a name it is for the shell of $SHELL. Bash: put eval "$(skvm completion bash)" into ~/.bashrc;
    zsh: the like into ~/.zshrc, after compinit; fish: write it to ~/.config/fish/completions/skvm.fish.
    """
    from click.shell_completion import get_completion_class

    from skvm.cli.main import cli
    from skvm.errors import UsageError

    named = shell or PurePath(os.environ.get("SHELL", "")).name
    found = get_completion_class(named) if named in _HINTS else None
    if found is None:
        raise UsageError(
            f"{named or 'your shell'} is not one that can be told", help=f"there are {', '.join(_HINTS)}"
        )
    if sys.stdout.isatty():
        click.echo(f"# {_HINTS[named]}", err=True)
    made = found(cli, {}, "skvm", "_SKVM_COMPLETE")
    # Not source(): it asks a bash of this machine for its version, which need not be the one that reads it.
    click.echo(made.source_template % made.source_vars())
