"""``skvm-data``: the dataset of the existing system; task folders are taken byte for byte.

The skills its tasks name lie beside the tasks, in ``skills/``, and go there again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skvm.bench.importing import Draft, Refused, importer
from skvm.bench.source_files import is_within, tree
from skvm.diagnostics import Severity
from skvm.errors import UsageError
from skvm.task.dataset import task_folders
from skvm.task.loader import read_task, skill_folders

__all__ = ["SkvmData"]


@importer("skvm-data")
@dataclass(frozen=True, slots=True)
class SkvmData:
    """Reads ``tasks/<id>/task.json``."""

    def recognise(self, path: Path) -> bool:
        """A folder of task folders, one that has them in ``tasks/``, or one task folder."""
        return bool(_folders(path))

    def read(self, source: Path) -> Iterator[Draft | Refused]:
        """One draft a folder."""
        folders = _folders(source)
        top = source.resolve()
        for folder in folders:
            try:
                if not is_within(folder, source):
                    raise UsageError("it is a link that leads out of the source")  # noqa: TRY301
                yield _draft(folder, top)
            except UsageError as error:
                yield Refused(folder.name, error.message)


def _folders(path: Path) -> list[Path]:
    if (path / "task.json").is_file():
        return [path]
    inner = path / "tasks" if (path / "tasks").is_dir() else path
    return list(task_folders(inner))


def _draft(folder: Path, top: Path) -> Draft:
    task, found = read_task(folder)
    if task is None:
        errors = [each for each in found if each.severity is Severity.ERROR]
        raise UsageError("; ".join(f"{each.code} {each.message}" for each in errors))
    content = tree(folder, root=folder, leave_out=("task.json",))
    notes = list(content.notes)
    skills = {}
    for skill in skill_folders(task):
        real = skill.resolve()
        if real.is_relative_to(folder.resolve()):
            continue
        if not (real / "SKILL.md").is_file():
            notes.append(f"its skill {skill.name} is not in the source")
        elif not _is_shared(task.skill, real.name) or not _reachable(real, folder, top):
            notes.append(f"its skill {skill.name} lies outside the source and was left there")
        else:
            skills[real.name] = real
    if not is_within(folder / "task.json", folder):
        raise UsageError("task.json is a link that leads out of its folder")
    raw = (folder / "task.json").read_bytes()
    return Draft(task, content.files, skills, raw, tuple(notes))


def _is_shared(named: str | tuple[str, ...] | None, name: str) -> bool:
    """Whether the task will find it beside the tasks again."""
    listed = (named,) if isinstance(named, str) else named or ()
    return any(each.rstrip("/") in (name, f"../../skills/{name}") for each in listed)


def _reachable(skill: Path, folder: Path, top: Path) -> bool:
    """Whether a skill is part of the source: in it, or beside the tasks that are its root."""
    return skill.is_relative_to(top) or skill.parent == folder.resolve().parent.parent / "skills"
