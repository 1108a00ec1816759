"""The line that names one command for the steps of a procedure that need no model."""

from __future__ import annotations

from skvm.compiler.plans.plan import Group, Plan, PlanProcedure, PlanStep

__all__ = ["RUN", "groups_run", "run_line"]

RUN = "skvm plan run plan.json"
"""The command that runs a plan, as it is told to an agent."""
_MOST_TITLES = 4
_TITLE_CHARS = 60


def groups_run(plan: Plan) -> tuple[Group, ...]:
    """The groups one command can run at once: commands alone, in the one procedure of the skill.

    A skill with several procedures means one of them at a time, and a command would run them all.

    Args:
        plan: The plan.
    """
    procedure = _procedure(plan)
    if procedure is None:
        return ()
    runnable = {step.id for step in _runnable(plan, procedure)}
    return tuple(
        group
        for group in plan.groups
        if set(group.steps) <= runnable and (group.items is None or group.items.command is not None)
    )


def run_line(plan: Plan, *, in_chinese: bool) -> str | None:
    """The line, or ``None`` where there is nothing to run at once.

    Args:
        plan: The plan.
        in_chinese: Whether the skill is written so.
    """
    procedure = _procedure(plan)
    if procedure is None or not groups_run(plan):
        return None
    steps = _runnable(plan, procedure)
    has_rest = len(steps) < len(procedure.steps)
    shown = [f"“{_clipped(step.description)}”" for step in steps[:_MOST_TITLES]]
    more = len(steps) - len(shown)
    if in_chinese:
        return _chinese_line(shown, more, has_rest=has_rest)
    named = ", ".join(shown) + (f" and {more} more" if more else "")
    line = f"**Steps one command does** — `{RUN}` does {named}, at once where nothing joins them."
    if has_rest:
        line += f" The steps it lists as left are yours: do one, then go on with `{RUN} --done STEP`."
    return f"{line} If there is no such command, do the steps one by one yourself."


def _chinese_line(shown: list[str], more: int, *, has_rest: bool) -> str:
    named = "、".join(shown) + (f"等 {more + len(shown)} 步" if more else "")
    line = f"**一条命令完成的步骤** — `{RUN}` 完成{named}，互不依赖的同时进行。"
    if has_rest:
        line += f"它列为 left 的步骤由你来做：每做完一步，用 `{RUN} --done STEP` 继续。"
    return f"{line}如果没有这条命令，就自己逐步完成。"


def _procedure(plan: Plan) -> PlanProcedure | None:
    """The only procedure that is not inside a step or a loop of its own."""
    loose = {
        group.steps[0] for group in plan.groups if group.items is not None and group.steps[0].startswith("0.")
    }
    main = [found for found in plan.procedures if found.part_of is None and not loose & set(found.steps)]
    return main[0] if len(main) == 1 else None


def _runnable(plan: Plan, procedure: PlanProcedure) -> list[PlanStep]:
    steps = {step.id: step for step in plan.steps}
    mine = [steps[step_id] for step_id in procedure.steps]
    return [step for step in mine if step.executable and not step.confirmation and not step.conditional]


def _clipped(title: str) -> str:
    if len(title) <= _TITLE_CHARS:
        return title.rstrip(" .:;,。：")
    return (title[:_TITLE_CHARS].rpartition(" ")[0] or title[:_TITLE_CHARS]).rstrip(" ,;:(") + "…"
