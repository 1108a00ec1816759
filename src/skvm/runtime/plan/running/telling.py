"""A log that tells a watcher what it writes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from skvm.runtime.plan.model import Log, Node, StepResult
from skvm.runtime.plan.running.request import Watcher

if TYPE_CHECKING:
    from skvm.runtime.plan.branching import Branches

__all__ = ["Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """A log, and who is told beside; a ``Log``.

    Args:
        log: Where it is written.
        watcher: Who is told.
        branches: Is told what is on record, and need not remember that any more.
    """

    log: Log
    watcher: Watcher
    branches: Branches | None = None

    async def started(self, node: Node) -> None:
        """See ``Log``; told once it is on disk."""
        await self.log.started(node)
        self.watcher.started(node)

    async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
        """See ``Log``; told once it is on disk."""
        await self.log.finished(node, result, queued_s)
        if self.branches is not None:
            await self.branches.recorded(node.id)
        self.watcher.finished(node, result)
