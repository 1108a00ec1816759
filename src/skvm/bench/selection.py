"""Which tasks a bench runs, and why it leaves out the others.

Nothing disappears: a task of the dataset is either selected or skipped with a reason.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skvm.bench.importing import why_not_here
from skvm.bench.plan import Skip
from skvm.diagnostics import Severity
from skvm.errors import UsageError
from skvm.settings import Settings
from skvm.task.dataset import task_folders, tasks_dir
from skvm.task.loader import load_task, read_task, skill_folders
from skvm.task.model import Task

__all__ = ["Selection", "Skip", "missing_skills", "tasks_of"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a bench runs and what it does not.

    Args:
        tasks: In order of id.
        skipped: Tasks that are not run, in order of id.
        ungraded: By id of a task that is run, which of its criteria nothing here can grade, and why.
    """

    tasks: tuple[Task, ...] = ()
    skipped: tuple[Skip, ...] = ()
    ungraded: Mapping[str, str] = field(default_factory=dict)

    @property
    def share(self) -> str:
        """``12 of 27 tasks (44 %)``: how many run."""
        total = len(self.tasks) + len(self.skipped)
        percent = f" ({100 * len(self.tasks) / total:.0f} %)" if total else ""
        return f"{len(self.tasks)} of {total} tasks{percent}"


def tasks_of(
    settings: Settings,
    names: Sequence[str] = (),
    sources: Sequence[str] = (),
    *,
    has_judge: bool = False,
    needs_skill: bool = True,
) -> Selection:
    """Load the tasks a bench was asked for. Blocks for reading.

    Args:
        settings: Where the dataset is.
        names: Ids of its tasks, or paths; every task of the dataset if none is given.
        sources: Only tasks whose ``origin.source`` is one of these.
        has_judge: Whether a judge is configured.
        needs_skill: Whether a task whose skill is not there is of no use (only ``no-skill`` can do without).

    Raises:
        UsageError: A named task is unknown, broken or given twice; no task is of a wanted source; or there
            is no dataset.
    """
    folder = tasks_dir(settings.data_dir)
    loaded: list[Task] = []
    skipped: list[Skip] = []
    for path in _paths(names, folder):
        if names:
            loaded.append(load_task(path))
            continue
        task, found = read_task(path)
        if task is not None:
            loaded.append(task)
        elif not sources:  # of a broken task nobody knows where it came from
            errors = [each for each in found if each.severity is Severity.ERROR]
            said = "; ".join(f"{each.code} {each.message}" for each in errors)
            skipped.append(Skip(task_id=path.name, reason=f"cannot be read: {said}"))
    wanted = _of_sources(loaded, sources)
    if names:
        _check_ids(wanted)
    else:
        wanted, twins = _without_twins(wanted)
        skipped += twins
    tasks = []
    for task in wanted:
        reason = _why_not(task, has_judge=has_judge, needs_skill=needs_skill)
        if reason:
            skipped.append(Skip(task_id=task.id, reason=reason))
        else:
            tasks.append(task)
    tasks.sort(key=lambda task: task.id)
    skipped.sort(key=lambda skip: skip.task_id)
    return Selection(tuple(tasks), tuple(skipped), _ungraded(tasks, has_judge=has_judge))


def missing_skills(task: Task) -> list[str]:
    """Names of the task's skills that are not where it says."""
    return [
        folder.name
        for folder in skill_folders(task)
        if not (folder / "SKILL.md").is_file() and not (folder.suffix == ".md" and folder.is_file())
    ]


def _paths(names: Sequence[str], folder: Path) -> Iterator[Path]:
    listed = task_folders(folder)
    if not names:
        if not folder.is_dir():
            raise UsageError(
                f"there is no dataset at {folder.parent}",
                help="`skvm data get` fetches the public one; --skvm-data-dir names another",
            )
        yield from listed
        return
    ids = {path.name: path for path in listed}
    for name in names:
        path = Path(name).expanduser()
        if name in ids:
            yield ids[name]
        elif path.is_file() or (path / "task.json").is_file():
            yield path
        else:
            close = difflib.get_close_matches(name, ids, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"name a task folder, or an id under {folder}"
            raise UsageError(f"there is no task {name!r}", help=hint)


def _of_sources(tasks: Sequence[Task], sources: Sequence[str]) -> list[Task]:
    if not sources:
        return list(tasks)
    known = sorted({task.origin.source for task in tasks if task.origin})
    for source in sources:
        if source not in known:
            close = difflib.get_close_matches(source, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
            raise UsageError(f"no task has the source {source!r}", help=hint)
    return [task for task in tasks if task.origin and task.origin.source in sources]


def _check_ids(tasks: Sequence[Task]) -> None:
    seen: dict[str, Task] = {}
    for task in tasks:
        if (other := seen.setdefault(task.id, task)) is not task:
            raise UsageError(
                f"two tasks are called {task.id!r}: {other.root} and {task.root}", help="name each task once"
            )


def _without_twins(tasks: Sequence[Task]) -> tuple[list[Task], list[Skip]]:
    """The tasks without those whose id another has; the one whose folder is called so comes first."""
    kept: dict[str, Task] = {}
    skipped = []
    for task in sorted(tasks, key=lambda task: (not _is_own_folder(task), str(task.root))):
        other = kept.setdefault(task.id, task)
        if other is not task:
            name = task.root.name if task.root else task.id
            where = other.root.name if other.root else other.id
            skipped.append(Skip(task_id=name, reason=f"its id {task.id!r} is that of the task in {where}"))
    return list(kept.values()), skipped


def _is_own_folder(task: Task) -> bool:
    return task.root is not None and task.root.name == task.id


def _ungraded(tasks: Sequence[Task], *, has_judge: bool) -> dict[str, str]:
    from skvm.evaluate.grading import ungradable

    found = {}
    for task in tasks:
        if lacking := ungradable(task, has_judge=has_judge):
            found[task.id] = "; ".join(f"{name} is not graded: {why}" for name, why in lacking.items())
    return found


def _why_not(task: Task, *, has_judge: bool, needs_skill: bool) -> str:
    """Why a task that can be read is not run; ``""`` if it is."""
    # Graders are many modules; who only looks for tasks by name needs none of them.
    from skvm.evaluate.grading import errors_of, ungradable

    if not task.host_ready:
        return why_not_here(task)
    if needs_skill and (absent := missing_skills(task)):
        return f"its skill {' and '.join(absent)} is not there"
    if not task.criteria:
        return "it has no criteria (eval is empty)"
    if errors := errors_of(task):
        return "; ".join(f"{each.code} {each.message}" for each in errors)
    lacking = ungradable(task, has_judge=has_judge)
    if len(lacking) == len(task.criteria):
        return "nothing of it can be graded here: " + "; ".join(dict.fromkeys(lacking.values()))
    return ""
