"""``skvm bench`` without a mode: options to a plan, the session, its reports, the verdict of a gate."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skvm.bench.plan import BenchPlan, Target
    from skvm.cli.bench_run import Ending
    from skvm.cluster.opening import Executor
    from skvm.evidence.record import Usage
    from skvm.settings import Settings

__all__ = ["run_bench", "run_session_of"]


def run_bench(settings: Settings, options: dict[str, Any]) -> int:
    """Run a new session, or go on with one.

    Raises:
        UsageError: What is asked for makes no sense.
        SkvmError: The bench cannot go on.
    """
    import anyio

    from skvm.cli.bench_resume import resumed_plan
    from skvm.errors import UsageError

    if options["resume"]:
        found = anyio.run(resumed_plan, settings, options)
        return run_session_of(settings, found.plan, options, record=found.record, spent=found.spent)
    if not options["models"]:
        raise UsageError("--model is missing", help="name what to bench: --model=local/qwen2.5-coder-1.5b")
    return run_session_of(settings, _plan(settings, options), options)


def run_session_of(
    settings: Settings,
    plan: BenchPlan,
    options: dict[str, Any],
    *,
    record: int | None = None,
    spent: Usage | None = None,
) -> int:
    """Run a plan as a session, report it, and hold it against the gate.

    Args:
        settings: Where things lie.
        plan: What to run; its session id is given here unless it is resumed.
        options: Of the command line.
        record: The plan's record in the journal, where the session is resumed.
        spent: What its earlier starts used.

    Raises:
        SkvmError: The bench cannot go on; what was run is in the journal.
    """
    import anyio

    from skvm.bench.opening import recorded_plan
    from skvm.bench.preflight import check_plan
    from skvm.bench.session import hold
    from skvm.cli.bench_outcome import gate_of, report_ending, report_forecast
    from skvm.cli.bench_run import run_plan, say_how_to_go_on

    gate = gate_of(plan, options)
    executor, at_once = _on(plan, options)
    check_plan(settings, plan)
    plan = _with_triggers(settings, plan, options)
    quiet = options["as_json"]
    if options["dry_run"]:
        expected = anyio.run(lambda: run_plan(settings, plan, None, quiet=quiet, at_once=at_once))
        return report_forecast(expected, options)
    with ExitStack() as stack:
        if plan.session_id:
            # A process that runs the session now says in the index how it ends; we have no say in that.
            stack.enter_context(hold(settings.logs_dir / "bench" / plan.session_id))
        entry = stack.enter_context(recorded_plan(settings.logs_dir, plan))
        folder = Path(entry.log_dir)
        if not plan.session_id:
            stack.enter_context(hold(folder))
        named = plan.model_copy(update={"session_id": entry.id})
        try:
            ending: Ending = anyio.run(
                lambda: run_plan(
                    settings,
                    named,
                    folder,
                    record=record,
                    spent=spent,
                    quiet=quiet,
                    executor=executor,
                    at_once=at_once,
                )
            )
            reported = report_ending(settings, ending, folder, gate, options)
        except BaseException:
            say_how_to_go_on(entry.id)
            raise
    # The session is over: a reader that has left, or a full disk behind a pipe, is none of its faults.
    reported.show()
    return reported.exit_code


def _on(plan: BenchPlan, options: dict[str, Any]) -> tuple[Executor, int]:
    """Where runs are made, and how many at once: as many as there are places, where nobody says.

    The plan does not remember it: a session may go on elsewhere, with fewer places.

    Raises:
        UsageError: What is said of a cluster makes no sense.
    """
    from skvm.cli.command import executor_of
    from skvm.errors import UsageError

    executor: Executor = executor_of(options)
    if executor.kind == "local":
        return executor, plan.concurrency
    if plan.keep_work_dirs:
        raise UsageError("--keep-workdirs keeps folders of this machine", help="leave it, or --executor, out")
    is_said = "concurrency" in options["given"] or plan.concurrency > 1
    return executor, plan.concurrency if is_said else executor.places


def _with_triggers(settings: Settings, plan: BenchPlan, options: dict[str, Any]) -> BenchPlan:
    """The plan with its trigger cases; one that is resumed has them already.

    Where skills are to be discovered, whether they are is part of every report: without ``--triggers`` the
    cases are derived from the descriptions, as far as these say when a skill is meant.
    """
    import anyio

    from skvm.bench.triggers import AUTO, plan_triggers
    from skvm.cli.console import err
    from skvm.errors import UsageError
    from skvm.skill.frontend import load_skill

    planned = [skill for task in plan.tasks for skill in task.skills]
    is_derived = not options["triggers"] and plan.skill_mode == "discover" and bool(planned)
    if plan.session_id or not (options["triggers"] or is_derived):
        return plan
    skills = {skill.path: load_skill(Path(skill.path)) for skill in planned}
    wanted, asked = (AUTO, "none") if is_derived else (options["triggers"], plan.compiler_model)
    try:
        found = anyio.run(lambda: plan_triggers(settings, wanted, planned, skills, compiler_model=asked))
    except UsageError as error:
        if not is_derived:
            raise
        err.print(f"triggering is not tested: {error.message}", style="yellow", markup=False)
        return plan
    return plan.model_copy(update={"triggers": found})


def _plan(settings: Settings, options: dict[str, Any]) -> BenchPlan:
    from skvm.bench.plan import BenchPlan
    from skvm.bench.planning import plan_conditions, plan_tasks
    from skvm.bench.selection import tasks_of
    from skvm.cli.bench_run import session_time
    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES

    for adapter in options["adapters"]:
        HARNESSES.get(adapter)
    targets = _targets(options)
    conditions = plan_conditions(options["conditions"])
    skills = [Path(skill).expanduser() for skill in options["skills"]] or None
    selected = tasks_of(
        settings,
        options["tasks"],
        (options["source"],) if options["source"] else (),
        has_judge=options["judge_model"] is not None,
        needs_skill=skills is None and any(each.name != "no-skill" for each in conditions),
    )
    if not selected.tasks:
        why = "; ".join(f"{each.task_id}: {each.reason}" for each in selected.skipped[:3])
        raise UsageError(
            f"no task can run here ({why or 'none was found'})", help="skvm data check lists all"
        )
    return BenchPlan(
        session_id="",
        created_at=session_time(),
        tasks=plan_tasks(selected.tasks, skills),
        skipped=selected.skipped,
        targets=targets,
        conditions=conditions,
        **shared_fields(options),
    )


def shared_fields(options: dict[str, Any]) -> dict[str, Any]:
    """What any plan takes from the command line."""
    from skvm.errors import UsageError

    if options["async_judge"] and not options["judge_model"]:
        raise UsageError("--async-judge needs --judge-model")
    return {
        "repetitions": options["runs_per_task"],
        "skill_mode": options["skill_mode"],
        "timeout_s": options["timeout_ms"] / 1000 if options["timeout_ms"] else None,
        "max_steps": options["max_steps"],
        "seed": options["seed"],
        "temperature": options["temperature"],
        "max_output_tokens": options["max_output_tokens"],
        "sandbox": options["sandbox"],
        "adapter_config": options["adapter_config"] or "managed",
        "judge_model": options["judge_model"],
        "is_judge_deferred": options["async_judge"],
        "may_judge_itself": options["judge_itself"],
        "compiler_model": options["compiler_model"],
        "profile": str(Path(options["profile"]).expanduser().absolute()) if options["profile"] else None,
        "allow_missing": options["allow_missing"],
        "concurrency": options["concurrency"],
        "limits": _limits(options["limits"]),
        "stop_when": options["stop_when"],
        "margin": options["margin"],
        "keep_work_dirs": options["keep_workdirs"],
        "boost": options["boost"],
        "follow_plans": options["plan"],
        "jit_runs": options["jit_runs"],
        "max_usd": options["max_usd"],
        "max_tokens": options["max_tokens"],
    }


def _targets(options: dict[str, Any]) -> tuple[Target, ...]:
    from skvm.bench.plan import Target

    pairs = dict.fromkeys((model, adapter) for adapter in options["adapters"] for model in options["models"])
    return tuple(Target(model=model, harness=adapter) for model, adapter in pairs)


def _limits(items: Sequence[str]) -> dict[str, int]:
    from skvm.errors import UsageError

    found = {}
    for item in items:
        name, equals, number = item.partition("=")
        if not equals or not number.isdecimal() or int(number) < 1:
            raise UsageError(f"--limits: {item!r} is no NAME=N with N ≥ 1", help="--limits=openrouter=4")
        found[name] = int(number)
    return found


__all__ += ["shared_fields"]
