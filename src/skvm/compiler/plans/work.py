"""What kind of work a step of a plan is, for whoever runs it or says how long it will take."""

from __future__ import annotations

from typing import Literal

from skvm.compiler.plans.plan import Items, PlanStep

__all__ = ["Work", "has_known_items", "only_output", "work_of"]

Work = Literal["command", "ask", "agent"]
"""``command``: exact commands; ``ask``: one question to a model, files in and one out; ``agent``: more."""


def work_of(step: PlanStep, items: Items | None = None) -> Work:
    """The kind of work a step is, or each of its items where it goes through some."""
    has_commands = any(action.command for action in step.actions)
    if items is not None and has_known_items(items):
        if items.command is not None and not step.conditional:
            return "command"
        return "ask" if items.output is not None and not has_commands else "agent"
    if step.executable and step.actions and not step.conditional:
        return "command"
    return "agent" if only_output(step) is None else "ask"


def has_known_items(items: Items) -> bool:
    """Whether the items of a map can be found without asking anybody."""
    if items.kind == "glob":
        return bool(items.over.strip())
    return items.kind == "list" and bool(items.values)


def only_output(step: PlanStep) -> str | None:
    """The one file a step writes, where what it reads is known, too, and it does nothing else."""
    if step.open or step.hosts or step.conditional or step.kind != "write" or len(step.writes) != 1:
        return None
    if any(action.command for action in step.actions) or not step.reads:
        return None
    output = step.writes[0]
    is_file = not (":" in output or "*" in output or "?" in output or output.endswith("/"))
    are_files = not any(":" in name or name.strip("./") in {"", "*"} for name in step.reads)
    return output if is_file and are_files else None
