"""The command class every command uses: global flags, compatible argument forms, settings.

``--key=value`` and ``--key value`` both work, a repeated scalar's last value wins, ``--key=`` and
``--key ""`` count as absent, an unknown flag is an error with a suggestion (click's own).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from skvm.cli.completing import Suggested

__all__ = [
    "CommaList",
    "SkvmCommand",
    "VerbGroup",
    "adapter_config_option",
    "boost_option",
    "check_adapter_config",
    "executor_of",
    "executor_options",
    "plan_option",
    "settings_of",
]

_GLOBAL_FLAGS = ("skvm_cache", "skvm_data_dir", "tmp_dir", "no_auto_probe", "verbose")


class CommaList(click.ParamType[tuple[str, ...]]):
    """A list separated by commas; blanks around items and empty items are dropped."""

    name = "a,b,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split."""
        if isinstance(value, tuple):
            return value
        return tuple(item.strip() for item in str(value).split(",") if item.strip())

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What the last item may be."""
        from skvm.cli.completing import suggestions

        return suggestions(ctx, param, incomplete, is_list=True)


adapter_config_option = click.option(
    "--adapter-config", type=click.Choice(["managed", "native"]), help="Whose configuration a harness uses."
)
"""Ours (``managed``), or that of the harness's own user."""


boost_option = click.option(
    "--boost",
    type=click.Choice(["off", "shadow", "on"]),
    default="off",
    show_default=True,
    help="Templates of the skill: none, run beside the model, or answering in its place.",
)

plan_option = click.option(
    "--plan",
    type=click.Choice(["off", "auto", "serial", "parallel"]),
    default="off",
    show_default=True,
    help="Follow the skill's plan in a built-in harness: its groups as measured, in a row, or at once.",
)


def executor_options(command: Any) -> Any:
    """Where runs are made: ``--executor``, ``--address``, ``--workers``, ``--slots``."""
    options = (
        click.option(
            "--executor",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where runs are made: in this process, or on a Ray cluster.",
        ),
        click.option("--address", metavar="ADDR", help="Ray: a cluster to join (auto, ray://…)."),
        click.option("--workers", type=click.IntRange(min=1), help="Ray: workers; default: one a node."),
        click.option("--slots", type=click.IntRange(min=1), help="Ray: runs at once of a worker (8)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def executor_of(options: Mapping[str, Any]) -> Any:
    """What ``executor_options`` say (``skvm.cluster.opening.Executor``).

    Raises:
        UsageError: Something is said of a cluster without one.
    """
    from skvm.cluster.opening import SLOTS, Executor
    from skvm.errors import UsageError

    kind = options["executor"]
    said = [name for name in ("address", "workers", "slots") if options[name] is not None]
    if kind == "local" and said:
        raise UsageError(f"--{said[0]} is of a cluster", help="add --executor=ray, or leave it out")
    return Executor(kind, options["address"], options["workers"], options["slots"] or SLOTS)


def check_adapter_config(adapters: Sequence[str], mode: str | None) -> None:
    """Refuse ``native`` for harnesses that have no configuration of their own, or none that can be copied.

    Raises:
        UsageError: With the first such harness, or no harness is called that.
    """
    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES

    for adapter in adapters if mode == "native" else ():
        if "native" not in getattr(HARNESSES.get(adapter)(), "modes", ()):
            raise UsageError(
                f"{adapter} has no configuration of its own that it could run with",
                help="leave --adapter-config out",
            )


class SkvmCommand(click.Command):
    """A command with the global flags."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(["--skvm-cache"], metavar="DIR", help="Cache root (default ~/.skvm)."),
            click.Option(["--skvm-data-dir"], metavar="DIR", help="Tasks and skills dataset."),
            click.Option(["--tmp-dir"], metavar="DIR", help="Where work directories are made."),
            click.Option(["--no-auto-probe"], is_flag=True, help="Never probe what an endpoint can do."),
            click.Option(["--verbose"], is_flag=True, help="Say more."),
        ]
        for param in self.params:
            if param.type is click.STRING:
                param.type = Suggested()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Drop options with an empty value, then parse."""
        return super().parse_args(ctx, _without_empty(self, ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        """Keep the global flags out of the command's own arguments."""
        ctx.meta["skvm.flags"] = {name: ctx.params.pop(name, None) for name in _GLOBAL_FLAGS}
        if ctx.params.get("adapter_config", "") is None:
            from skvm.cli.config_default import default_mode

            ctx.params["adapter_config"] = default_mode(ctx)
        return super().invoke(ctx)


class VerbGroup(click.Group):
    """A command with verbs that says which verb was meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or fail with a suggestion."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            close = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.4)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


def _without_empty(command: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
    valued = {
        name
        for param in command.get_params(ctx)
        if isinstance(param, click.Option) and not param.is_flag
        for name in param.opts
    }
    kept: list[str] = []
    index = 0
    while index < len(args):
        name, equals, value = args[index].partition("=")
        if args[index] == "--":
            return kept + args[index:]
        if name in valued and equals and not value:
            index += 1
        elif name in valued and not equals and index + 1 < len(args) and args[index + 1] == "":
            index += 2
        else:
            kept.append(args[index])
            # An option's own value may look like anything, so it is carried over unread.
            if name in valued and not equals and index + 1 < len(args):
                kept.append(args[index + 1])
                index += 1
            index += 1
    return kept


def settings_of(ctx: click.Context) -> Any:
    """The settings of this command line (``skvm.settings.Settings``), made once."""
    from skvm.cli.clean_output import know_keys_of
    from skvm.cli.config_env import take_project_env
    from skvm.settings import load_settings

    if "skvm.settings" not in ctx.meta:
        take_project_env()
        flags = ctx.meta.get("skvm.flags", {})
        ctx.meta["skvm.settings"] = load_settings(
            cache_dir=flags.get("skvm_cache"),
            data_dir=flags.get("skvm_data_dir"),
            tmp_dir=flags.get("tmp_dir"),
            auto_probe=False if flags.get("no_auto_probe") else None,
        )
        know_keys_of(ctx.meta["skvm.settings"])
    return ctx.meta["skvm.settings"]
