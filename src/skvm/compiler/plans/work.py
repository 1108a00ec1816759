"""What kind of work a step of a plan is, for whoever runs it or says how long it will take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from skvm.compiler.plans.graph import DOUBTS
from skvm.compiler.plans.plan import Items, PlanStep

__all__ = ["Work", "has_known_items", "is_only_reading", "leaned_files", "only_output", "work_of"]

Work = Literal["command", "ask", "agent", "none"]
"""``command``: exact commands; ``ask``: one question to a model, files in and one out; ``agent``: more;
``none``: it only says to read a file, which whoever uses it is shown."""


def work_of(step: PlanStep, items: Items | None, steps: Mapping[str, PlanStep]) -> Work:
    """The kind of work a step is, or each of its items where it goes through some.

    Args:
        step: The step.
        items: What it goes through, if anything.
        steps: All steps of the plan, by id.
    """
    if items is not None and has_known_items(items):
        if items.command is not None and not step.conditional:
            return "command"
        is_ask = items.output is not None and not _has_commands(step)
        return "ask" if is_ask and leaned_files(step, steps) is not None else "agent"
    if step.executable and step.actions and not step.conditional:
        return "command"
    if is_only_reading(step):
        return "none"
    return "agent" if only_output(step, steps) is None else "ask"


def has_known_items(items: Items) -> bool:
    """Whether the items of a map, and what is done for one, can be found without asking anybody."""
    if items.command is None and items.output is None:
        return False
    if items.kind == "glob":
        return bool(items.over.strip())
    return items.kind == "list" and bool(items.values)


def is_only_reading(step: PlanStep) -> bool:
    """Whether a step does nothing but read files that are known by name."""
    is_free = not (step.open or step.hosts or step.writes or step.conditional or step.confirmation)
    is_read = step.kind == "read" and is_free and not _has_commands(step)
    return is_read and bool(step.reads) and all(map(_is_file, step.reads))


def leaned_files(step: PlanStep, steps: Mapping[str, PlanStep]) -> tuple[str, ...] | None:
    """The files that hold what a step may use of the steps before it, beyond what it says it reads.

    Returns:
        ``None`` where it may use something that stands in no file.
    """
    found: list[str] = []
    for dependency in step.depends_on:
        before = steps.get(dependency.step)
        if dependency.kind != "flow" or dependency.reason not in DOUBTS or before is None:
            continue
        files = before.reads if is_only_reading(before) else before.writes
        if not files or not all(map(_is_file, files)):
            return None
        found += files
    return tuple(dict.fromkeys(found))


def only_output(step: PlanStep, steps: Mapping[str, PlanStep]) -> str | None:
    """The one file a step writes, where what it reads is known, too, and it does nothing else."""
    if step.open or step.hosts or step.conditional or step.kind != "write" or len(step.writes) != 1:
        return None
    if _has_commands(step) or not step.reads or leaned_files(step, steps) is None:
        return None
    are_files = not any(":" in name or name.strip("./") in {"", "*"} for name in step.reads)
    return step.writes[0] if _is_file(step.writes[0]) and are_files else None


def _has_commands(step: PlanStep) -> bool:
    return any(action.command for action in step.actions)


def _is_file(name: str) -> bool:
    return not (":" in name or "*" in name or "?" in name or name.endswith("/"))
