"""The tasks of a dataset: which there are, and the folder of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["task_folders", "tasks_dir"]


def tasks_dir(data_dir: Path) -> Path:
    """Where a dataset keeps its tasks."""
    return data_dir / "tasks"


def task_folders(folder: Path) -> Sequence[Path]:
    """Task folders below a folder, in order of name; a leading ``_`` or ``.`` puts one out of use."""
    if not folder.is_dir():
        return ()
    return sorted(
        path for path in folder.iterdir() if path.name[0] not in "._" and (path / "task.json").is_file()
    )
