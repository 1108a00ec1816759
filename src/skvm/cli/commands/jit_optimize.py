"""``skvm jit-optimize``."""

from __future__ import annotations

from typing import Any

import click

from skvm.cli.command import (
    CommaList,
    SkvmCommand,
    adapter_config_option,
    check_adapter_config,
    executor_of,
    executor_options,
    settings_of,
)

__all__ = ["command"]

_LIST = CommaList()
_SOURCES = ("synthetic", "real", "log", "synthetic-task", "real-task", "execution-log")


@click.command("jit-optimize", cls=SkvmCommand)
@click.option("--skill", metavar="DIR", help="Skill folder.")
@click.option("--skill-list", metavar="FILE", help="Skill folders, one a line; # begins a comment.")
@click.option("--task-source", type=click.Choice(_SOURCES), help="Where tasks come from.")
@click.option(
    "--optimizer-model",
    "--compiler-model",
    metavar="ID",
    help="Who edits, and makes tasks; none: the skill is told what failed checks ask for.",
)
@click.option("--target-model", "--model", metavar="ID", help="Who runs the skill.")
@click.option(
    "--target-adapter",
    "--adapter",
    "harness",
    default="bare-agent",
    show_default=True,
    help="In which harness.",
)
@adapter_config_option
@click.option("--skill-mode", type=click.Choice(["inject", "discover"]), default="inject", show_default=True)
@click.option(
    "--editor-harness",
    metavar="NAME",
    help="How the editor works: a harness, structured (one question) or checks (no model); default: "
    "structured for an embedded model, else bare-agent.",
)
@click.option("--synthetic-count", type=click.IntRange(min=1), help="Synthetic: train tasks to make (2).")
@click.option("--synthetic-test-count", type=click.IntRange(min=0), help="Synthetic: held-out tasks (4).")
@click.option("--tasks", type=_LIST, default="", help="Real: train tasks, ids or paths.")
@click.option("--test-tasks", type=_LIST, default="", help="Real: held-out tasks.")
@click.option("--logs", type=_LIST, default="", help="Log: files to learn from.")
@click.option("--failures", type=_LIST, default="", help="Log: a file of criteria for each log.")
@click.option("--rounds", type=click.IntRange(min=1), help="Edits to try at most (3).")
@click.option("--runs-per-task", type=click.IntRange(min=1), help="Runs of a train task a round (2).")
@click.option("--task-concurrency", type=click.IntRange(min=1), help="Runs at once (1).")
@click.option("--convergence", type=click.FloatRange(0, 1), help="Score from which nothing is left (0.95).")
@click.option("--baseline", is_flag=True, help="Also measure held-out tasks with the original and no skill.")
@click.option("--budget-runs", type=click.IntRange(min=1), help="Runs of the target at most (120).")
@click.option(
    "--timeout-ms", type=click.IntRange(min=1), help="Wall clock of each agent, instead of its own."
)
@click.option("--max-steps", type=click.IntRange(min=1), help="Model turns of a run, instead of the tasks'.")
@click.option("--no-keep-all-rounds", is_flag=True, help="Keep only the original and the best round.")
@click.option("--auto-apply", is_flag=True, help="Deploy the best round, if it is recommended.")
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=1, show_default=True, help="Skills at once."
)
@click.option("--detach", is_flag=True, help="Go on in the background; skvm proposals shows how it goes.")
@click.option("--judge-model", metavar="ID", help="Who judges llm-judge criteria.")
@click.option("--judge-itself", is_flag=True, help="Let a model judge its own runs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Sampling seed of repetition 0.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, max=2),
    default=0.7,
    show_default=True,
    help="Sampling temperature of the target; at 0 repetitions of a local model are all alike.",
)
@click.option("--max-output-tokens", type=click.IntRange(min=1), help="Tokens the target may write a turn.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines agents.",
)
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling of a session, in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling of a session, in tokens.")
@executor_options
@click.option("--dry-run", is_flag=True, help="Print the plan and what it may take; run nothing.")
@click.option("--resume", metavar="ID", help="Go on with a session: its proposal, or latest.")
@click.option("--anew", is_flag=True, help="Start a new session even if a like one is unfinished.")
@click.option("--worker", "worker", metavar="FILE", hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Make a skill better from evidence, and prove it before a person accepts it.

    The target runs train tasks, an editor sees what happened and edits a copy of the skill, and the edit is
    run side by side with the original on tasks the editor never saw. What comes of it is a proposal
    (skvm proposals); the skill itself stays as it is. A session that was interrupted goes on with --resume.

    Exit code: 0 if the session came to its end, whatever its verdict; 1 if it failed; 3 if the
    infrastructure failed; 130 if it was interrupted.
    """
    from skvm.cli.optimize_flags import check_flags
    from skvm.cli.optimize_session import resume_session, start_sessions

    settings = settings_of(ctx)
    source = click.core.ParameterSource.COMMANDLINE
    given = frozenset(name for name in options if ctx.get_parameter_source(name) is source)
    options["given"] = given
    if options["worker"]:
        from skvm.cli.optimize_detach import work_detached

        return work_detached(settings, options["worker"])
    check_flags(options)
    options["place"] = executor_of(options)
    if options["place"].kind != "local":
        _check_place(options)
    check_adapter_config([options["harness"]], options["adapter_config"])
    if options["resume"]:
        return resume_session(settings, options)
    return start_sessions(settings, options)


def _check_place(options: dict[str, Any]) -> None:
    """Refuse what a session on a cluster cannot do.

    Raises:
        UsageError: It is asked for.
    """
    from skvm.errors import UsageError

    if options["detach"]:
        raise UsageError("--detach works on this machine", help="leave --executor=ray or --detach out")
    if options["concurrency"] > 1:
        raise UsageError(
            "one session at a time has a cluster", help="say --task-concurrency: how many runs at once"
        )
