"""The line that names one command for the steps of a procedure that need no model."""

from __future__ import annotations

from skvm.compiler.plans.plan import Group, Plan, PlanProcedure, PlanStep

__all__ = ["RUN", "groups_run", "run_line"]

RUN = "skvm plan run plan.json"
"""The command that runs a plan, as it is told to an agent."""


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
    named = _numbers([_place(procedure, step.id) for step in steps])
    if in_chinese:
        return _chinese_line(named, has_rest=has_rest)
    line = f"**Steps one command does** — `{RUN}` does steps {named} above, side by side where they allow it."
    if has_rest:
        line += f" The steps it lists as left are yours: do one, then go on with `{RUN} --done STEP`."
    return f"{line} If there is no such command, do the steps one by one yourself."


def _chinese_line(named: str, *, has_rest: bool) -> str:
    line = f"**一条命令完成的步骤** — `{RUN}` 完成上面的第 {named} 步，互不依赖的一起进行。"
    if has_rest:
        line += f"它列为 left 的步骤由你来做：每做完一步，用 `{RUN} --done STEP` 继续。"
    return f"{line}如果没有这条命令，就自己逐步完成。"


def _place(procedure: PlanProcedure, step_id: str) -> int:
    """The place of a step in its procedure, from 1; no title, which may name what this line does not ask."""
    return procedure.steps.index(step_id) + 1


def _numbers(places: list[int]) -> str:
    """``1–3, 5``."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


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
