"""``skvm bench --resume``: the plan of a session, what may be said anew beside it, what it used so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.bench.plan import BenchPlan
    from skvm.evidence.record import Usage
    from skvm.settings import Settings

__all__ = ["Resumed", "resumed_plan"]


@dataclass(frozen=True, slots=True)
class Resumed:
    """A session to go on with.

    Args:
        record: The plan's record in the journal.
        plan: What was asked for, with what the command line says anew.
        spent: What its runs, their judges and its preparation used so far.
    """

    record: int
    plan: BenchPlan
    spent: Usage


_ANEW = {
    "concurrency": "concurrency",
    "limits": "limits",
    "keep_workdirs": "keep_work_dirs",
    "max_usd": "max_usd",
    "max_tokens": "max_tokens",
}
"""Options that make no run another run, so a session may go on with others; their fields of a plan."""

_SAME = {
    "runs_per_task": "repetitions",
    "skill_mode": "skill_mode",
    "timeout_ms": "timeout_s",
    "max_steps": "max_steps",
    "temperature": "temperature",
    "max_output_tokens": "max_output_tokens",
    "seed": "seed",
    "judge_model": "judge_model",
    "judge_itself": "may_judge_itself",
    "async_judge": "is_judge_deferred",
    "compiler_model": "compiler_model",
    "profile": "profile",
    "allow_missing": "allow_missing",
    "stop_when": "stop_when",
    "margin": "margin",
    "sandbox": "sandbox",
}
"""Options that must say what the plan says, if they say anything; their fields of a plan."""


async def resumed_plan(settings: Settings, options: Mapping[str, Any]) -> Resumed:
    """The session a person wants to go on with: by its id, or the newest that is not done.

    Raises:
        UsageError: There is none, it was planned otherwise, or a task or skill of it is not what it was.
        InfrastructureError: Its plan cannot be read.
    """
    from skvm.bench.history import attempts_of, find_plan, newest_unfinished, preparations_of
    from skvm.errors import UsageError
    from skvm.evidence.journal import Journal
    from skvm.evidence.record import Usage

    wanted = options["resume"]
    if not settings.journal_path.exists():
        raise UsageError("no bench was ever started here", help=f"there is no {settings.journal_path}")
    async with Journal(settings.journal_path, read_only=True) as journal:
        session_id = await newest_unfinished(journal) if wanted == "latest" else wanted
        record, plan = await find_plan(journal, session_id)
        plan = _said_anew(plan, options)
        _check_unchanged(plan)
        spent = Usage()
        for run in await attempts_of(journal, session_id):
            spent = spent + run.usage + run.judge_usage
        for made in await preparations_of(journal, record):
            spent = spent + made.usage
    return Resumed(record, plan, spent)


def _said_anew(plan: BenchPlan, options: Mapping[str, Any]) -> BenchPlan:
    """The plan with what may be said anew.

    Raises:
        UsageError: An option says something else than the plan.
    """
    from skvm.cli.bench_session import shared_fields
    from skvm.errors import UsageError

    given = options["given"]
    # What stands beside another option in a new plan stands in the old one here.
    fields = shared_fields({**options, "judge_model": options["judge_model"] or plan.judge_model})
    others = [
        name for name, field in _SAME.items() if name in given and fields[field] != getattr(plan, field)
    ]
    others += [name for name, agrees in _PLANNED.items() if name in given and not agrees(plan, options[name])]
    if others:
        flag = "--" + {"models": "model", "adapters": "adapter", "skills": "skill"}.get(
            others[0], others[0]
        ).replace("_", "-")
        raise UsageError(
            f"session {plan.session_id} was planned with another {flag}",
            help=f"leave {flag} out to go on as planned, or start a new session without --resume",
        )
    return plan.model_copy(update={field: fields[field] for name, field in _ANEW.items() if name in given})


def _are_conditions(plan: BenchPlan, names: tuple[str, ...]) -> bool:
    from skvm.bench.contract import canonical_name

    return {canonical_name(name) for name in names} == set(plan.condition_names)


def _are_tasks(plan: BenchPlan, names: tuple[str, ...]) -> bool:
    given = {Path(name).name for name in names}
    known = {task.id: Path(task.path).name for task in plan.tasks}
    left_out = {skip.task_id for skip in plan.skipped}
    return given <= {*known, *known.values(), *left_out} and all(
        id in given or folder in given for id, folder in known.items()
    )


def _are_skills(plan: BenchPlan, folders: tuple[str, ...]) -> bool:
    given = [str(Path(folder).expanduser().absolute()) for folder in folders]
    return all([skill.path for skill in task.skills] == given for task in plan.tasks)


_PLANNED: dict[str, Callable[[BenchPlan, Any], bool]] = {
    "models": lambda plan, names: {target.model for target in plan.targets} == set(names),
    "adapters": lambda plan, names: {target.harness for target in plan.targets} == set(names),
    "conditions": _are_conditions,
    "tasks": _are_tasks,
    "skills": _are_skills,
    "source": lambda plan, name: False,  # the plan does not remember it
    "triggers": lambda plan, name: False,
}
"""What a plan holds in a form of its own, and whether an option says the same."""


def _check_unchanged(plan: BenchPlan) -> None:
    """Refuse to mix runs of one thing with runs of another.

    Raises:
        UsageError: A task or a skill is not what it was.
    """
    from skvm.bench.planning import changes_since, planned_tasks
    from skvm.errors import UsageError

    if changed := changes_since(plan, planned_tasks(plan)):
        raise UsageError(
            f"session {plan.session_id} cannot go on: {'; '.join(changed)}",
            help="its finished runs would stand beside runs of something else; start a new session",
        )
