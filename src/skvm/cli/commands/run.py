"""``skvm run``."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import (
    SkvmCommand,
    adapter_config_option,
    boost_option,
    check_adapter_config,
    plan_option,
    settings_of,
)

if TYPE_CHECKING:
    from skvm.evaluate.run import Bench, RunSpec
    from skvm.evidence.record import RunRecord
    from skvm.harness.trajectory import Trajectory

__all__ = ["command"]


@click.command("run", cls=SkvmCommand)
@click.option("--task", metavar="DIR", required=True, help="Task folder, task.json, or id in the dataset.")
@click.option("--model", metavar="ID", required=True, help="Full model id, provider first.")
@click.option("--skill", metavar="DIR", help="Skill folder.")
@click.option("--skill-mode", type=click.Choice(["inject", "discover"]), help="How it reaches the model.")
@click.option("--adapter", default="bare-agent", show_default=True, help="Harness.")
@adapter_config_option
@boost_option
@plan_option
@click.option("--workdir", metavar="DIR", help="Run in this folder and keep it.")
@click.option("--keep-workdir", is_flag=True, help="Keep the temporary work directory.")
@click.option("--timeout-ms", type=click.IntRange(min=1), help="Wall clock, instead of the task's.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Model turns, instead of the task's.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec", "none"]),
    default="auto",
    show_default=True,
    help="What confines the agent.",
)
@click.option(
    "--permissions",
    type=click.Choice(["enforce", "report", "off"]),
    help="Hold the agent to the skill's permissions.json, or only tell; default: report for a variant.",
)
@click.option("--allow-missing", is_flag=True, help="Run even if the skill requires what is not there.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="Spend ceiling in dollars.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Spend ceiling in tokens.")
@click.option("--condition", metavar="NAME", help="Label of what is varied.")
@click.option("--repetition", type=click.IntRange(min=0), default=0, help="Which repeat, from 0.")
@click.option("--seed", type=int, help="Sampling seed.")
@click.option("--cassette", metavar="DIR", help="Record model traffic here, or replay it.")
@click.option("--atif", metavar="FILE", help="Write the trajectory here, as ATIF.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    """Run one task once, grade it, record it.

    Exit code: 0 if the agent came to an end (whatever the score), 1 if it timed out or the harness or a
    grader failed, 3 if the infrastructure failed.
    """
    import anyio

    from skvm.cli.console import err, print_json, visible
    from skvm.cli.run_report import print_run, run_json
    from skvm.evidence.sessions import recorded_session

    settings = settings_of(ctx)
    spec = _spec(settings, options)
    with recorded_session(
        settings.logs_dir,
        "run",
        models=[spec.model_id],
        harness=[spec.harness_name],
        skill=[spec.skill.id] if spec.skill else [],
        conditions=[spec.label],
    ):
        record, trajectory, told = anyio.run(_run, settings, spec, options)
    if options["atif"] and trajectory is not None:
        from skvm.cli.atif_file import write_atif

        write_atif(Path(options["atif"]), trajectory, record)
        err.print(f"trajectory written to {options['atif']}", markup=False)
    final_text = trajectory.final_text if trajectory else None
    if options["as_json"]:
        boost = {"boost": list(told)} if told is not None else {}
        print_json({**run_json(record, final_text), **boost})
    else:
        print_run(record, final_text)
        for line in told or ():
            err.print(f"boost: {visible(line)}", style="cyan", markup=False)
    return _exit_code(record)


def _spec(settings: Any, options: dict[str, Any]) -> RunSpec:
    from skvm.cli.console import err, print_diagnostics
    from skvm.errors import UsageError
    from skvm.evaluate.grading import check_criteria
    from skvm.evaluate.run import RunSpec
    from skvm.harness.contract import HARNESSES, SkillMode
    from skvm.harness.permissions import grant_of
    from skvm.task.loader import find_task, load_task, read_task

    if options["skill_mode"] and not options["skill"]:
        raise UsageError("--skill-mode needs --skill")
    if options["boost"] != "off" and not options["skill"]:
        raise UsageError("--boost needs --skill", help="templates are learnt of a skill and kept with it")
    if options["plan"] != "off" and not options["skill"]:
        raise UsageError("--plan needs --skill", help="a plan is made of a skill's steps")
    if options["permissions"] == "enforce" and options["sandbox"] == "none":
        raise UsageError("--permissions=enforce needs a sandbox that confines", help="leave --sandbox out")
    HARNESSES.get(options["adapter"])
    check_adapter_config([options["adapter"]], options["adapter_config"])
    path = find_task(options["task"], settings.data_dir)
    task = load_task(path)
    print_diagnostics([*read_task(path)[1], *check_criteria(task)], console=err)
    skill = environment = None
    condition = options["condition"] or ""
    if options["skill"]:
        from skvm.compiler.builds.delivered import skill_or_variant
        from skvm.harness.environment.required import bound_environment

        skill, is_variant = skill_or_variant(Path(options["skill"]).expanduser())
        condition = condition or ("aot-compiled" if is_variant else "")
        if skill.root is not None:
            environment = bound_environment(settings, skill.root, allow_missing=options["allow_missing"])
    return RunSpec(
        task=task,
        model_id=options["model"],
        harness=options["adapter"],
        skill=skill,
        skill_mode=SkillMode(options["skill_mode"] or "inject"),
        condition=condition,
        repetition=options["repetition"],
        max_steps=options["max_steps"],
        timeout_s=options["timeout_ms"] / 1000 if options["timeout_ms"] else None,
        seed=options["seed"],
        work_dir=Path(options["workdir"]).expanduser() if options["workdir"] else None,
        keep_work_dir=options["keep_workdir"],
        environment=environment,
        permissions=grant_of(skill.root if skill else None, task.prompt, options["permissions"]),
    )


async def _run(
    settings: Any, spec: RunSpec, options: dict[str, Any]
) -> tuple[RunRecord, Trajectory | None, tuple[str, ...] | None]:
    """The run, what the agent did, and what boost did, if it was on."""
    from skvm.cli.boost_told import told_of
    from skvm.cli.console import err, status, visible
    from skvm.cli.plan_told import plan_line
    from skvm.cli.watch import WatchTurns
    from skvm.evaluate.bench import load_trajectory
    from skvm.evaluate.run import open_bench, run_once
    from skvm.harness.hooks import Hooks
    from skvm.llm.contract import SpendLimit
    from skvm.runtime.plan.outfit.hook import with_plan_command
    from skvm.runtime.plan.touching import with_touching

    limit = SpendLimit(max_usd=options["max_usd"], max_tokens=options["max_tokens"])
    with status(f"{spec.task.id}: starting") as shown:
        async with open_bench(
            settings,
            sandbox=options["sandbox"],
            limit=limit,
            cassette=_cassette(settings, options["cassette"]),
            hooks=Hooks((WatchTurns(shown, spec.task.id),)),
            config_mode=options["adapter_config"] or "managed",
        ) as bench:
            outfitted = with_touching(with_plan_command(bench))
            async with _following(_boosted(outfitted, options["boost"]), options["plan"]) as whole:
                record = await run_once(spec, whole)
            if options["plan"] != "off" and (line := await plan_line(bench.journal, record)):
                err.print(f"plan: {visible(line)}", style="cyan", markup=False)
            told = None if options["boost"] == "off" else await told_of(bench.journal, record)
            return record, load_trajectory(bench.blobs, record), told


def _following(bench: Bench, mode: Any) -> AbstractAsyncContextManager[Bench]:
    if mode == "off":
        return nullcontext(bench)
    from skvm.runtime.plan.driving.opening import following

    return following(bench, mode)


def _boosted(bench: Bench, mode: Any) -> Bench:
    if mode == "off":
        return bench
    from skvm.runtime.boost.opening import boosted

    return boosted(bench, mode)


def _cassette(settings: Any, folder: str | None) -> Any:
    """The cassette of the flag; without one the port asks the environment itself."""
    if folder is None:
        return None
    import os

    from skvm.evidence.redact import Redactor
    from skvm.llm.replay import Cassette

    return Cassette.from_env(
        {**os.environ, "SKVM_CASSETTE": folder},
        temp_roots=(str(settings.tmp_dir),),
        redactor=Redactor.of(settings),
    )


def _exit_code(record: RunRecord) -> int:
    from skvm.evidence.record import Outcome

    if record.outcome is Outcome.INFRA_FAILED:
        return 3
    return 0 if record.outcome in {Outcome.SCORED, Outcome.STEP_LIMIT} else 1
