"""From what a person asked for to a plan: tasks with their skills, digests, and what cannot run here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from skvm.bench.contract import canonical_name, condition_names, condition_of
from skvm.bench.plan import BenchPlan, PlannedCondition, PlannedSkill, PlannedTask
from skvm.errors import UsageError
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.task.digest import task_digest
from skvm.task.loader import load_task, skill_folders
from skvm.task.model import Task

__all__ = ["changes_since", "plan_conditions", "plan_tasks", "planned_tasks"]

_ON_REQUEST = frozenset({"jit-boost", "jit-optimized"})
"""Conditions that run tasks before the first run that counts, or that need a proposal."""


def plan_conditions(names: Sequence[str] = ()) -> tuple[PlannedCondition, ...]:
    """The conditions asked for, or all that need no runs beforehand; each is looked up first.

    Raises:
        UsageError: A name is unknown.
    """
    order = ("no-skill", "original", "aot-compiled")
    every = sorted(condition_names(), key=lambda name: (order.index(name) if name in order else 9, name))
    usual = [name for name in every if name not in _ON_REQUEST]
    found = dict.fromkeys(canonical_name(name) for name in names or usual)
    for name in found:
        condition_of(name)
    return tuple(PlannedCondition(name=name) for name in found)


def plan_tasks(tasks: Iterable[Task], skills: Sequence[Path] | None = None) -> tuple[PlannedTask, ...]:
    """What a plan holds of tasks, in order of id.

    Args:
        tasks: The tasks.
        skills: Instead of the skills they name themselves.

    Raises:
        UsageError: A skill cannot be read, or two tasks share an id.
    """
    known: dict[Path, PlannedSkill] = {}
    found: dict[str, PlannedTask] = {}
    for task in tasks:
        folders = skill_folders(task) if skills is None else skills
        for folder in folders:
            if folder not in known:
                known[folder] = _skill(folder)
        if task.id in found:
            raise UsageError(f"two tasks are called {task.id!r}", help="each task needs an id of its own")
        found[task.id] = PlannedTask(
            id=task.id,
            name=task.name or task.id,
            category=task.category,
            grading_type=task.grading_type,
            path=str((task.root or Path()).absolute()),
            digest=task_digest(task),
            skills=tuple(known[folder] for folder in folders),
        )
    return tuple(found[name] for name in sorted(found))


def planned_tasks(plan: BenchPlan) -> dict[str, Task]:
    """The tasks of a plan, as they are now.

    Raises:
        UsageError: One is not there any more, or cannot be read.
    """
    return {planned.id: load_task(Path(planned.path)) for planned in plan.tasks}


def changes_since(plan: BenchPlan, tasks: dict[str, Task]) -> tuple[str, ...]:
    """What is not as it was when the plan was made, one line each."""
    found = [
        f"task {planned.id} has changed"
        for planned in plan.tasks
        if task_digest(tasks[planned.id]) != planned.digest
    ]
    skills = {skill.path: skill for planned in plan.tasks for skill in planned.skills}
    for path, skill in sorted(skills.items()):
        if not Path(path).exists():
            found.append(f"skill {skill.id} is gone from {path}")
        elif skill_digest(load_skill(Path(path))) != skill.digest:
            found.append(f"skill {skill.id} has changed ({path})")
    return tuple(found)


def _skill(folder: Path) -> PlannedSkill:
    skill = load_skill(folder)
    return PlannedSkill(id=skill.id, path=str(folder.absolute()), digest=skill_digest(skill))
