"""From a task folder (or a bare ``task.json``) to a ``Task``, with diagnostics."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from pydantic import ValidationError

from skvm.diagnostics import Diagnostic, Severity, Span, rule
from skvm.errors import UsageError
from skvm.task.model import Task

__all__ = ["find_task", "load_task", "read_task", "skill_folders"]

SKV301 = rule(
    "SKV301",
    "task cannot be read",
    "A task is a folder with a task.json in it, or that file itself: one JSON object in UTF-8, at most "
    "16 MB. Nothing can be run until it is.",
    Severity.ERROR,
)
SKV302 = rule(
    "SKV302",
    "malformed task field",
    "A field of task.json is missing, has the wrong type or is out of range. `id` and `prompt` are required; "
    "`timeoutMs` and `maxSteps` are greater than 0; `eval` is a list of objects with a `method`.",
    Severity.ERROR,
)
SKV303 = rule(
    "SKV303",
    "task folder and id differ",
    "The folder of a task is called like its id, so that `--tasks=ID` finds it. The task runs all the same.",
)
SKV304 = rule(
    "SKV304",
    "fixture outside the work directory",
    "A fixture's path is absolute, climbs out with `..`, or is a symbolic link that leads out of "
    "`fixtures/`. Fixtures are laid out in a fresh work directory and may name nothing beyond it.",
    Severity.ERROR,
)
SKV305 = rule(
    "SKV305",
    "task skill not found",
    "`skill` names a folder, absolute or relative to the task's own, that holds no SKILL.md.",
)
SKV306 = rule(
    "SKV306",
    "unknown task field",
    "A key of task.json that nothing reads. It is ignored; most often it is misspelt.",
)

_MAX_BYTES = 16 << 20
_CRITERION_KEYS = ("method", "id", "name", "weight")
_TASK_KEYS = {field.alias or name for name, field in Task.model_fields.items() if name != "root"}


def read_task(path: Path) -> tuple[Task | None, tuple[Diagnostic, ...]]:
    """Read a task; ``None`` where an error makes it unusable. Never raises on bad input."""
    file = path / "task.json" if path.is_dir() else path
    raw, found = _read_json(file)
    if raw is None:
        return None, found
    known = {key: value for key, value in raw.items() if key in _TASK_KEYS}
    problems = [SKV306.at(f"{key!r} is not read", path=file) for key in sorted(set(raw) - _TASK_KEYS)]
    known["eval"] = _criteria(raw.get("eval"))
    try:
        task = Task.model_validate(known)
    except ValidationError as error:
        problems += [SKV302.at(_say(part), path=file) for part in error.errors(include_url=False)]
        return None, tuple(problems)
    if file.name == "task.json":
        # Only then is the folder the task's own: fixtures and graders lie in it.
        task = task.model_copy(update={"root": file.parent.absolute()})
    problems += _check(task, file)
    broken = any(problem.severity is Severity.ERROR for problem in problems)
    return None if broken else task, tuple(problems)


def load_task(path: Path) -> Task:
    """Read a task that must be usable.

    Raises:
        UsageError: It is not; the message lists every error.
    """
    task, found = read_task(path)
    if task is None:
        errors = [problem for problem in found if problem.severity is Severity.ERROR]
        listed = "; ".join(f"{problem.code} {problem.message}" for problem in errors)
        raise UsageError(
            f"{errors[0].path or path}: {listed}",
            help=errors[0].help or f"`skvm explain {errors[0].code}` says more",
        )
    return task


def find_task(name: str, data_dir: Path) -> Path:
    """The path a user meant: a folder or file, else the id of a task of the dataset.

    Raises:
        UsageError: There is neither.
    """
    path = Path(name).expanduser()
    if path.exists():
        return path
    listed = data_dir / "tasks" / name
    if name.strip(".") and len(PurePosixPath(name).parts) == 1 and listed.is_dir():
        return listed
    raise UsageError(
        f"there is no task {name!r}", help=f"name a task folder, or an id under {data_dir / 'tasks'}"
    )


def skill_folders(task: Task) -> tuple[Path, ...]:
    """Where the task's own skills lie: paths seen from its folder, bare names also in the dataset."""
    named = (task.skill,) if isinstance(task.skill, str) else task.skill or ()
    root = task.root or Path()
    return tuple(_skill_folder(root, name) for name in named)


def _skill_folder(root: Path, name: str) -> Path:
    """A path, or the bare name of a skill of the dataset the task is in."""
    path = root.joinpath(name)
    is_bare = (
        name.strip(".") and len(PurePosixPath(name).parts) == 1 and not PurePosixPath(name).is_absolute()
    )
    shared = root.parent.parent / "skills" / name
    return shared if is_bare and not path.exists() and shared.is_dir() else path


def _read_json(file: Path) -> tuple[dict[str, Any] | None, tuple[Diagnostic, ...]]:
    source = b""
    span = None
    try:
        source = _read_bytes(file)
        raw = json.loads(source.decode("utf-8-sig"), parse_constant=_refuse)
        said = "must hold a JSON object"
        if isinstance(raw, dict):
            return raw, ()
    except json.JSONDecodeError as error:
        at = len(error.doc[: error.pos].encode()) + (3 if source.startswith(b"\xef\xbb\xbf") else 0)
        said, span = f"is not JSON: {error.msg}", Span(at, at)
    except UnicodeDecodeError as error:
        said = f"is not UTF-8 (byte {error.start})"
    except RecursionError:
        said = "is nested too deeply"
    except OSError as error:
        said = f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        said = str(error)
    return None, (SKV301.at(said, path=file, span=span, source=source),)


def _read_bytes(file: Path) -> bytes:
    if not file.is_file():
        raise ValueError("is not a regular file" if file.exists() else "there is no such file")
    if (size := file.stat().st_size) > _MAX_BYTES:
        raise ValueError(f"is {size:,} bytes long; at most {_MAX_BYTES:,} are read")
    return file.read_bytes()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"is not JSON: {constant} is no number")


def _criteria(raw: Any) -> Any:
    """Gather what only a grader reads under ``options``; leave anything malformed for validation to name."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        return raw
    return [
        {
            **{key: item[key] for key in _CRITERION_KEYS if key in item},
            "options": {key: value for key, value in item.items() if key not in _CRITERION_KEYS},
        }
        if isinstance(item, dict)
        else item
        for item in raw
    ]


def _say(problem: Any) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    return f"{place.lstrip('.') or 'the task'}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _check(task: Task, file: Path) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    if not task.id.strip() or "/" in task.id or "\0" in task.id or task.id.startswith("."):
        found.append(SKV302.at(f"id: {task.id!r} is not a name (no '/', no leading '.')", path=file))
    elif task.root and task.root.name != task.id:
        found.append(SKV303.at(f"folder {task.root.name!r} holds task {task.id!r}", path=file))
    found += [
        SKV304.at(f"fixtures: {name!r} leads out of the work directory", path=file)
        for name in task.fixtures
        if escapes(name)
    ]
    found += [
        SKV304.at(f"fixtures/{name} is a link that leads out of fixtures/", path=file)
        for name in (_stray_links(task.root / "fixtures") if task.root else ())
    ]
    found += [
        SKV305.at(f"skill: {folder} holds no SKILL.md", path=file)
        for folder in skill_folders(task)
        if not (folder / "SKILL.md").is_file() and not (folder.suffix == ".md" and folder.is_file())
    ]
    return found


def escapes(name: str) -> bool:
    """Whether a relative POSIX path names anything but a file below its root."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name


def _stray_links(folder: Path) -> list[str]:
    if folder.is_symlink():
        return ["."]
    inside = folder.resolve()
    return [
        str(path.relative_to(folder))
        for parent, folders, files in os.walk(folder)
        for path in (Path(parent, name) for name in sorted([*folders, *files]))
        if path.is_symlink() and _leads_out(path, inside)
    ]


def _leads_out(link: Path, inside: Path) -> bool:
    try:
        return not link.resolve().is_relative_to(inside)
    except (OSError, RuntimeError):
        return True  # It leads in a circle.
