"""``skvm plan``: show, check, run, trace."""

from __future__ import annotations

import difflib
import importlib

import click
from click.shell_completion import CompletionItem

__all__ = ["VERBS", "command"]

VERBS: dict[str, str] = {
    "show": "Show the steps of a plan, what waits for what, and what may go at once.",
    "check": "Say what is wrong with a plan.",
    "run": "Run a plan: its commands here, as many at once as may be.",
    "trace": "Show a plan run as a timeline.",
}
"""Verb → one line of help; here so that ``skvm plan --help`` imports no verb. A test keeps it true."""


class _LazyVerbs(click.Group):
    """A group whose verbs are modules ``skvm.cli.plan_<verb>``, imported when named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order users meet them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one verb."""
        if cmd_name not in VERBS:
            return None
        found: click.Command = importlib.import_module(f"skvm.cli.plan_{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which was meant."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            close = difflib.get_close_matches(args[0], VERBS, n=1, cutoff=0.4)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Name the verbs without importing one."""
        named = [(name, line) for name, line in VERBS.items() if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=line) for name, line in named), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group("plan", cls=_LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show, check, run and trace the plan of a skill.

    PLAN is a plan.json, a variant that has one, or a skill's folder, of which a plan is then made. What ran
    is on record: a run that was cut short goes on where it was.
    """
