"""Progress displays that show nothing, and tell a program that follows us everything."""

from __future__ import annotations

import time
from typing import Any

from rich.progress import Progress, TaskID
from rich.text import Text

from skvm.cli.progress_channel import tell

__all__ = ["ToldProgress", "ToldStatus"]

_AT_MOST_EVERY_S = 0.1


class ToldProgress(Progress):
    """A progress display that shows nothing and tells everything, ten times a second at most."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self._told: dict[TaskID, tuple[float, float | None, str]] = {}
        self._told_at_s = 0.0

    def add_task(self, description: str, *args: Any, **kwargs: Any) -> TaskID:
        """See ``Progress``."""
        task_id = super().add_task(description, *args, **kwargs)
        self._tell(task_id)
        return task_id

    def update(self, task_id: TaskID, **kwargs: Any) -> None:
        """See ``Progress``."""
        super().update(task_id, **kwargs)
        self._tell(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """See ``Progress``."""
        super().advance(task_id, advance)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        task = next(task for task in self.tasks if task.id == task_id)
        note = str(task.fields.get("note") or "")
        now = (task.completed, task.total, " · ".join(filter(None, (task.description, note))))
        at_s = time.monotonic()
        is_soon = at_s - self._told_at_s < _AT_MOST_EVERY_S
        if now == self._told.get(task_id) or (is_soon and task_id in self._told and not task.finished):
            return
        self._told[task_id] = now
        self._told_at_s = at_s
        tell(*now)


class ToldStatus:
    """What a spinner says, told."""

    def __init__(self, status: str) -> None:
        self._turns = -1
        self.update(status)

    def update(self, status: str) -> None:
        """Say something else."""
        self._turns += 1
        tell(self._turns, None, Text.from_markup(status).plain)
