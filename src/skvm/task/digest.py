"""What identifies a task: its JSON, its fixtures and the grader files beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.task.model import Task

__all__ = ["task_digest", "task_files"]


def task_digest(task: Task) -> str:
    """``sha256:`` and 64 hex digits over everything that can change a run or its grade.

    That is the fields of the task in canonical form, ``fixtures/``, ``graders/`` and every file beside
    ``task.json``. Names with a leading ``_`` or ``.`` there, and other folders (reference solutions), are
    left out. A fixture's executable bit counts.

    Raises:
        InfrastructureError: A file cannot be read.
    """
    total = hashlib.sha256()
    fields = task.model_dump(mode="json", by_alias=True)
    _feed(total, "task.json", json.dumps(fields, sort_keys=True, ensure_ascii=False).encode())
    try:
        for path in sorted(task_files(task.root)) if task.root else ():
            name = path.relative_to(task.root or Path()).as_posix()
            if path.is_symlink():
                _feed(total, f"{name} ->", os.fsencode(path.readlink()))
            else:
                mark = " x" if path.stat().st_mode & 0o100 else ""
                _feed(total, name + mark, path.read_bytes())
    except OSError as error:
        raise InfrastructureError(f"{error.filename}: cannot be read: {error.strerror}") from error
    return "sha256:" + total.hexdigest()


def _feed(total: hashlib._Hash, name: str, data: bytes) -> None:
    """Lengths go in too, so that no two lists of files give the same stream."""
    encoded = name.encode("utf-8", "surrogateescape")
    total.update(b"%d %d\n" % (len(encoded), len(data)))
    total.update(encoded)
    total.update(data)


def task_files(root: Path) -> Iterator[Path]:
    """Every file of a task's folder that can change a run or its grade, but ``task.json``; in no order."""
    for path in root.iterdir():
        if path.name != "task.json" and path.name[0] not in "._" and path.is_file():
            yield path
    for name in ("fixtures", "graders"):
        for parent, folders, files in os.walk(root / name):
            links = [folder for folder in folders if Path(parent, folder).is_symlink()]
            yield from (Path(parent, each) for each in [*files, *links])
