"""``skvm recompile``."""

from __future__ import annotations

from typing import Any

import click

from skvm.cli.command import CommaList, SkvmCommand, adapter_config_option, settings_of

__all__ = ["command"]


@click.command("recompile", cls=SkvmCommand)
@click.argument("skill", metavar="SKILL")
@click.option("--target", metavar="MODEL[@HARNESS]", help="For whom; the same as --model and --adapter.")
@click.option("--model", "--target-model", metavar="ID", help="Model id of the target.")
@click.option(
    "--adapter", "--target-adapter", "harness", metavar="NAME", help="Its harness; bare-agent if not said."
)
@click.option("--since", metavar="WHEN", help="Leave out runs before this date, or 7d, 12h ago.")
@click.option("--logs", type=CommaList(), default="", help="Logs of its runs to take in as well.")
@click.option("--tasks", type=CommaList(), default="", help="Tasks to measure by; else those at hand.")
@click.option(
    "--budget-runs", type=click.IntRange(min=2), default=60, show_default=True, help="Runs at most."
)
@click.option("--dry-run", is_flag=True, help="Say what would be recompiled; run and propose nothing.")
@click.option("--auto-apply", is_flag=True, help="Install what is proved better.")
@click.option("--watch", "is_watching", is_flag=True, help="Go on, and look whenever runs were finished.")
@click.option(
    "--every-s",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds between two looks of --watch.",
)
@click.option(
    "--compiler-model", metavar="ID", help="A model to ask where no rule knows an answer. Default: none."
)
@click.option("--judge-model", metavar="ID", help="Who judges llm-judge criteria.")
@adapter_config_option
@click.option("--sandbox", default="auto", show_default=True, help="auto, or the name of a back end.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling in tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch a line a look.")
@click.pass_context
def command(ctx: click.Context, /, skill: str, **options: Any) -> None:
    """Recompile what runs contradict, measure it, propose it.

    Runs recorded since the last look are put down to primitives and causes, and kept beside the target's
    profile. Where that changes a decision an installed variant was made by, or a failure repeats, only the
    places concerned are compiled anew; the result is measured against the installed variant and becomes a
    proposal (skvm proposals). Nothing is installed without --auto-apply, and then only what is proved better.
    """
    from skvm.cli.recompile_run import recompile_skill

    recompile_skill(settings_of(ctx), skill, options)
