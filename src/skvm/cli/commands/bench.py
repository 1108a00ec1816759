"""``skvm bench``."""

from __future__ import annotations

from typing import Any

import click

from skvm.cli.command import (
    CommaList,
    SkvmCommand,
    adapter_config_option,
    boost_option,
    check_adapter_config,
    executor_options,
    plan_option,
    settings_of,
)

__all__ = ["command"]

_LIST = CommaList()
_SPENDING = ("judge", "merge_judge", "compare")
"""Modes that ask models or write, and have no forecast of that."""


@click.command("bench", cls=SkvmCommand)
@click.option("--model", "--target-model", "models", type=_LIST, default="", help="Full model ids.")
@click.option(
    "--adapter",
    "--target-adapter",
    "adapters",
    type=_LIST,
    default="bare-agent",
    show_default=True,
    help="Harnesses; each runs with each model.",
)
@click.option("--tasks", type=_LIST, default="", help="Task folders, or ids in the dataset; default: all.")
@click.option("--source", metavar="NAME", help="Only tasks that came from there.")
@click.option("--skill", "skills", type=_LIST, default="", help="Skill folder(s), instead of the tasks' own.")
@click.option("--conditions", type=_LIST, default="", help="What is varied; default: all but jit-*.")
@click.option(
    "--skill-mode",
    type=click.Choice(["inject", "discover"]),
    default="inject",
    show_default=True,
    help="How skills reach the model.",
)
@click.option(
    "--runs-per-task", type=click.IntRange(min=1), default=1, show_default=True, help="Repetitions."
)
@click.option("--concurrency", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at once.")
@click.option("--limits", type=_LIST, default="", help="Runs at once of a harness or provider: NAME=N,…")
@click.option("--timeout-ms", type=click.IntRange(min=1), help="Wall clock of a run, instead of the tasks'.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Model turns, instead of the tasks'.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, max=2),
    default=0.0,
    show_default=True,
    help="Sampling temperature of every run; at 0 repetitions of a local model are all alike.",
)
@click.option(
    "--max-output-tokens",
    type=click.IntRange(min=1),
    help="Tokens written a turn; default: 2048 in built-in harnesses, the program's own elsewhere.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Sampling seed of repetition 0.")
@click.option("--judge-model", metavar="ID", help="Who judges llm-judge criteria.")
@click.option("--judge-itself", is_flag=True, help="Let a model judge its own runs.")
@click.option("--async-judge", is_flag=True, help="Judge at the end of the session.")
@click.option("--compiler-model", "--optimizer-model", metavar="ID", default="none", help="Helps compiling.")
@click.option("--profile", metavar="FILE", help="Profile to compile for, instead of the target's own.")
@click.option("--allow-missing", is_flag=True, help="Run even if a skill requires what is not there.")
@click.option("--stop-when", type=click.Choice(["sure"]), help="End early once the differences are sure.")
@click.option(
    "--margin",
    type=click.FloatRange(min=0, max=1),
    default=0.05,
    show_default=True,
    help="The difference in score that --stop-when=sure may overlook.",
)
@click.option("--gate", metavar="RULE", help="Exit 1 unless it holds: 'variant >= original'.")
@click.option("--triggers", metavar="FILE", help="Also test when the skill is loaded: a file, or auto.")
@click.option("--keep-workdirs", is_flag=True, help="Keep work directories.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines agents.",
)
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling in tokens.")
@click.option("--dry-run", is_flag=True, help="Prepare and forecast; run nothing.")
@click.option("--resume", metavar="ID", help="Go on with a session: its id, or latest.")
@click.option("--export", "exports", type=_LIST, default="", help="Also write csv, junit, atif.")
@click.option("--with-trajectories", is_flag=True, help="Write a page for every run, however many.")
@adapter_config_option
@click.option("--custom", metavar="FILE", help="Run a plan: labels, skills and tasks in YAML.")
@click.option("--import", "importing", metavar="SOURCE", help="Import tasks: a source's name, or auto.")
@click.option("--path", metavar="DIR", help="With --import: where they lie.")
@click.option("--exclude", type=_LIST, default="", help="With --import: ids to leave out.")
@click.option("--force", is_flag=True, help="With --import: replace tasks of the same id that differ.")
@click.option("--judge", is_flag=True, help="Judge what a session left to be judged (--manifest).")
@click.option("--manifest", metavar="FILE", help="With --judge: deferred-evals/manifest.jsonl.")
@click.option("--merge-judge", is_flag=True, help="Take judgements into a report (--report).")
@click.option("--report", metavar="FILE", help="With --merge-judge: the report.json.")
@click.option("--list-sessions", is_flag=True, help="List sessions.")
@click.option("--compare", is_flag=True, help="Compare two conditions of past sessions (--lhs, --rhs).")
@click.option("--skill-path", metavar="DIR", help="With --compare: the skill.")
@click.option("--lhs", metavar="CONDITION", help="With --compare: the left side, CONDITION[@SESSION].")
@click.option("--rhs", metavar="CONDITION", help="With --compare: the right side.")
@click.option("--output-dir", metavar="DIR", help="With --compare: where its files go.")
@click.option("--analyze-model", metavar="ID", help="With --compare: who describes what changed.")
@click.option(
    "--jit-runs",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    help="Warm-up runs of jit-boost at most; it stops once every prompt is answered.",
)
@boost_option
@plan_option
@executor_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int | None:
    """Say whether a skill helps, in what form, and how sure that is.

    Every task runs in every condition as often as asked, side by side, and is graded where the agent cannot
    reach. Nothing that counts is run twice: a session that was interrupted goes on with --resume.

    Exit code: 0; 1 if a --gate does not hold, or some runs or judgements have no score; 3 if the
    infrastructure failed.
    """
    from skvm.cli import bench_modes
    from skvm.cli.bench_outcome import EXPORTS
    from skvm.errors import UsageError

    settings = settings_of(ctx)
    if unknown := sorted(set(options["exports"]) - set(EXPORTS)):
        raise UsageError(f"--export: unknown form {unknown[0]!r}", help=f"known: {', '.join(EXPORTS)}")
    modes = [name for name in bench_modes.MODES if options[name]]
    if len(modes) > 1:
        raise UsageError(f"{_flag(modes[0])} and {_flag(modes[1])} exclude each other")
    check_adapter_config(options["adapters"], options["adapter_config"])
    source = click.core.ParameterSource.COMMANDLINE
    options["given"] = frozenset(name for name in options if ctx.get_parameter_source(name) is source)
    if options["dry_run"] and modes and modes[0] in _SPENDING:
        raise UsageError(f"{_flag(modes[0])} has no --dry-run")
    if modes:
        return bench_modes.MODES[modes[0]](settings, options)
    from skvm.cli.bench_session import run_bench

    return run_bench(settings, options)


def _flag(name: str) -> str:
    return "--" + {"importing": "import"}.get(name, name).replace("_", "-")
