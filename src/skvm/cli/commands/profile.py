"""``skvm profile``: measure targets, show and list what is known of them."""

from __future__ import annotations

from typing import Any

import click

from skvm.cli.command import (
    CommaList,
    SkvmCommand,
    VerbGroup,
    adapter_config_option,
    executor_options,
    settings_of,
)
from skvm.cli.profile_verbs import VERBS, list_profiles


class _Profile(SkvmCommand, VerbGroup):
    """A command that measures when no verb is given."""


@click.group("profile", cls=_Profile, invoke_without_command=True)
@click.option("--model", "--target-model", "models", type=CommaList(), default="", help="Model ids.")
@click.option(
    "--adapter",
    "--target-adapter",
    "adapters",
    type=CommaList(),
    default="bare-agent",
    show_default=True,
    help="Harnesses.",
)
@click.option("--primitives", type=CommaList(), default="", help="Only these.")
@click.option("--skip", type=CommaList(), default="", help="Not these.")
@click.option(
    "--instances",
    type=click.IntRange(1, 1000),
    help="Ask so many probes on every level instead of as many as decide it.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first probe of a level."
)
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs at once.")
@click.option(
    "--timeout-ms", type=click.IntRange(1), default=120_000, show_default=True, help="Wall clock of a probe."
)
@adapter_config_option
@click.option("--max-usd", type=click.FloatRange(0, min_open=True), help="Stop before this is spent.")
@click.option("--max-tokens", type=click.IntRange(1), help="Stop before these are used.")
@click.option("--sandbox", default="auto", show_default=True, help="auto, or the name of a back end.")
@click.option("--fill", is_flag=True, help="Measure what an imported profile lacks.")
@click.option("--force", is_flag=True, help="Measure again what is known.")
@click.option("--resume", "is_resumed", is_flag=True, help="Go on with a --force that was cut short, too.")
@click.option("--estimate", "is_estimate", is_flag=True, help="Only say what it would take.")
@click.option("--canary", "is_canary", is_flag=True, help="Probe only what installed variants rest on.")
@executor_options
@click.option("--list", "is_list", is_flag=True, help="List the profiles that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, models: tuple[str, ...], **options: Any) -> None:
    """Measure what a model in a harness can do.

    Without a verb: measures. The verbs look at what was measured, or bring it from elsewhere.
    """
    from skvm.cli.profile_measure import measure_targets
    from skvm.errors import UsageError
    from skvm.target.store import ProfileStore

    if any(ctx.meta["skvm.flags"].values()):
        settings_of(ctx)  # flags before a verb hold for it too
    if ctx.invoked_subcommand is not None:
        return
    settings = settings_of(ctx)
    store = ProfileStore.of(settings)
    if options["is_list"]:
        list_profiles(store, models, as_json=options["as_json"])
        return
    if options["is_canary"]:
        from skvm.cli.profile_canary import check_targets

        check_targets(settings, models, options["adapters"], options)
        return
    if not models:
        raise UsageError("no model given", help="name one: skvm profile --model local/qwen2.5-coder-1.5b")
    source = click.core.ParameterSource.COMMANDLINE
    options["given"] = frozenset(name for name in options if ctx.get_parameter_source(name) is source)
    targets = [(model, adapter) for model in models for adapter in options["adapters"]]
    measure_targets(settings, store, targets, options)


for _verb in VERBS:
    command.add_command(_verb)
