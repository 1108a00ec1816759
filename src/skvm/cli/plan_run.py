"""``skvm plan run``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.compiler.plans.plan import Plan
    from skvm.llm.contract import SpendLimit
    from skvm.runtime.plan.running.preparing import Prepared
    from skvm.runtime.plan.running.request import Outcome, PlanRequest, Watcher
    from skvm.settings import Settings

__all__ = ["command"]

_MAX_JOBS = 1024


@click.command("run", cls=SkvmCommand)
@click.argument("plan", metavar="PLAN")
@click.option("--workdir", metavar="DIR", help="Where it runs; default: the current folder.")
@click.option("--jobs", type=click.IntRange(1, _MAX_JOBS), help="Commands at once; default: processors.")
@click.option("--model", metavar="ID", help="Model for the steps that need one; else they are left.")
@click.option("--adapter", default="bare-agent", show_default=True, help="Harness of those steps.")
@click.option("--prompt", metavar="TEXT", help="What the plan is run for, told to the model.")
@click.option("--procedure", multiple=True, metavar="ID", help="Run this procedure, of several.")
@click.option("--serial", "arm", flag_value="serial", help="Run groups one step after the other.")
@click.option("--parallel", "arm", flag_value="parallel", help="Run groups at once whatever they gain.")
@click.option("--resume", metavar="ID", help="Go on with this run; default: the last one, if incomplete.")
@click.option("--fresh", is_flag=True, help="Begin a new run.")
@click.option("--done", multiple=True, metavar="STEP", help="Somebody did this step.")
@click.option("--repeat", multiple=True, metavar="STEP", help="Run this step again, whatever became of it.")
@click.option("--yes", is_flag=True, help="Answer every question of the plan with yes.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines commands.",
)
@click.option(
    "--permissions",
    type=click.Choice(["enforce", "report", "off"]),
    help="Hold commands to the skill's permissions.json, or only tell; default: report for a variant.",
)
@click.option("--allow-missing", is_flag=True, help="Run even if the skill requires what is not there.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling in tokens.")
@click.option("--dry-run", is_flag=True, help="Only say what would run, and what at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Run a plan: its commands here, as many at once as may be.

    What is done is on record: the same command again goes on with the steps that are not. A step that needs
    a model or a person is left and named; whoever did it says so with --done.

    Exit code: 0 if all is done or only left, 1 if a step failed or it is uncertain what became of it.
    """
    import anyio

    from skvm.runtime.plan.running.alone import alone
    from skvm.runtime.plan.running.session import look, run_plan
    from skvm.runtime.plan.running.source import digest_of_plan

    settings = settings_of(ctx)
    request = _request(options)
    if options["dry_run"]:
        return _told_dry(anyio.run(look, settings, request), options)
    plan = request.source.plan
    with alone(
        settings.cache_dir / "plans" / "locks", digest_of_plan(plan, request.procedures), request.work_dir
    ):
        request = _with_answers(settings, request, is_yes=options["yes"])
        with _on_record(settings, request), _watched(options) as watcher:
            outcome = anyio.run(run_plan, settings, request, watcher)
    return _told(outcome, plan, options)


def _request(options: dict[str, Any]) -> PlanRequest:
    from skvm.errors import UsageError
    from skvm.llm.local import usable_processors
    from skvm.runtime.plan.model import Target
    from skvm.runtime.plan.running.request import PlanRequest
    from skvm.runtime.plan.running.source import read_source

    if options["resume"] and options["fresh"]:
        raise UsageError("--resume and --fresh exclude each other", help="leave one of them out")
    if options["permissions"] == "enforce" and options["sandbox"] == "none":
        raise UsageError("--permissions=enforce needs a sandbox that confines", help="leave --sandbox out")
    source = read_source(Path(options["plan"]).expanduser())
    work_dir = Path(os.path.realpath(Path(options["workdir"] or ".").expanduser()))
    if not work_dir.is_dir():
        raise UsageError(f"{work_dir}: no such folder", help="make it, or name another --workdir")
    target = Target(options["model"], options["adapter"]) if options["model"] else Target()
    return PlanRequest(
        source=source,
        work_dir=work_dir,
        jobs=options["jobs"] or usable_processors(),
        target=target,
        arm=options["arm"] or "auto",
        procedures=options["procedure"] or None,
        resume=options["resume"],
        is_fresh=options["fresh"],
        done=options["done"],
        repeat=options["repeat"],
        sandbox=options["sandbox"],
        permissions=options["permissions"],
        allow_missing=options["allow_missing"],
        limit=_limit(options),
        prompt=options["prompt"] or "",
    )


def _limit(options: dict[str, Any]) -> SpendLimit | None:
    if options["max_usd"] is None and options["max_tokens"] is None:
        return None
    from skvm.llm.contract import SpendLimit

    return SpendLimit(max_usd=options["max_usd"], max_tokens=options["max_tokens"])


def _with_answers(settings: Settings, request: PlanRequest, *, is_yes: bool) -> PlanRequest:
    """Ask a person about the steps that want it; without a terminal they stay unanswered."""
    from dataclasses import replace

    asking = [step for step in request.source.plan.steps if step.confirmation]
    if not asking:
        return request
    if not is_yes and not _is_watched(sys.stdin):
        return request
    import anyio

    from skvm.runtime.plan.running.preparing import questions
    from skvm.runtime.plan.running.session import look

    if is_yes:
        return replace(request, answered=tuple(step.id for step in asking))
    prepared = anyio.run(look, settings, request)
    answered = []
    for step in questions(request.source.plan, prepared):
        click.echo(f"step {step.id} is to be confirmed: {_visible(step.text or step.description)}", err=True)
        if click.confirm("run it when its turn comes?", err=True):
            answered.append(step.id)
    return replace(request, answered=tuple(answered))


def _on_record(settings: Settings, request: PlanRequest) -> AbstractContextManager[Any]:
    """The command in the index of sessions."""
    from skvm.evidence.sessions import recorded_session

    target = request.target
    return recorded_session(
        settings.logs_dir,
        "plan-run",
        models=[target.model] if target.model else [],
        harness=[target.harness] if target.harness else [],
        skill=[request.source.plan.skill],
    )


def _watched(options: dict[str, Any]) -> Any:
    """A live view on a terminal; nothing elsewhere."""
    from contextlib import nullcontext

    from skvm.cli.progress_channel import is_told

    if not is_told() and (options["as_json"] or not _is_watched(sys.stderr)):
        watcher: Watcher | None = None
        return nullcontext(watcher)
    from skvm.cli.plan_run_live import live_view

    return live_view()


def _is_watched(stream: TextIO | None) -> bool:
    """Whether a person looks at it; in a cell it is an agent, whatever it runs commands on."""
    return stream is not None and stream.isatty() and os.environ.get("SKVM_IN_CELL") != "1"


def _told(outcome: Outcome, plan: Plan, options: dict[str, Any]) -> int:
    from skvm.cli.plan_run_report import exit_code_of, outcome_json, outcome_lines

    again = _again(options)
    if options["as_json"]:
        _print_json(outcome_json(outcome, plan, again))
    elif _is_watched(sys.stdout):
        from skvm.cli.plan_run_live import print_outcome

        print_outcome(outcome, plan, again)
    else:
        _say(outcome_lines(outcome, plan, again))
    return exit_code_of(outcome.report)


def _told_dry(prepared: Prepared, options: dict[str, Any]) -> int:
    from skvm.cli.plan_run_report import dry_json, dry_lines

    if options["as_json"]:
        _print_json(dry_json(prepared))
    else:
        _say(dry_lines(prepared))
    return 0


def _say(lines: Iterable[str]) -> None:
    """Print lines; a reader that leaves early changes nothing of what was done."""
    try:
        for line in lines:
            click.echo(line)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _again(options: dict[str, Any]) -> tuple[str, ...]:
    """The words of the command that goes on with this run."""
    words = ["skvm", "plan", "run", options["plan"]]
    for name in ("workdir", "jobs", "model", "prompt", "max_usd", "max_tokens"):
        if options[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(options[name])]
    if options["model"] and options["adapter"] != "bare-agent":
        words += ["--adapter", options["adapter"]]
    for procedure in options["procedure"]:
        words += ["--procedure", procedure]
    if options["sandbox"] != "auto":
        words += ["--sandbox", options["sandbox"]]
    if options["permissions"]:
        words += ["--permissions", options["permissions"]]
    if options["allow_missing"]:
        words.append("--allow-missing")
    if options["arm"]:
        words.append(f"--{options['arm']}")
    return tuple(words)


def _visible(text: str) -> str:
    from skvm.cli.plan_run_report import visible

    return visible(text)


def _print_json(value: Any) -> None:
    from skvm.cli.console import print_json

    print_json(value)
