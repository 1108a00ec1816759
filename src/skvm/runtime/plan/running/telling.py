"""A log that tells a watcher what it writes down."""

from __future__ import annotations

from dataclasses import dataclass

from skvm.runtime.plan.model import Log, Node, StepResult
from skvm.runtime.plan.running.request import Watcher

__all__ = ["Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """A log, and who is told beside; a ``Log``.

    Args:
        log: Where it is written.
        watcher: Who is told.
    """

    log: Log
    watcher: Watcher

    async def started(self, node: Node) -> None:
        """See ``Log``; told once it is on disk."""
        await self.log.started(node)
        self.watcher.started(node)

    async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
        """See ``Log``; told once it is on disk."""
        await self.log.finished(node, result, queued_s)
        self.watcher.finished(node, result)
