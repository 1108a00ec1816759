"""What tests of plans share: a world nodes write into, a share that gives everything, a log in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from skvm.runtime.plan.model import Node, StepResult, StepState

DONE = StepResult(StepState.DONE)


class Everything:
    """A share without limits."""

    def __init__(self, places: int = 64) -> None:
        self.places = places

    def width(self, needs: Sequence[str]) -> int:
        return self.places

    @asynccontextmanager
    async def held(self, needs: Sequence[str]) -> AsyncIterator[None]:
        yield


@dataclass
class Remembered:
    """A log in memory."""

    begun: list[str] = field(default_factory=list)
    ended: list[tuple[str, StepState]] = field(default_factory=list)

    async def started(self, node: Node) -> None:
        self.begun.append(node.id)

    async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
        self.ended.append((node.id, result.state))


@dataclass
class World:
    """Named places; a node puts there what it read, a little later, so that a race would show.

    Args:
        pauses: By node, how often it lets others go first between reading and writing.
    """

    pauses: Mapping[str, int] = field(default_factory=dict)
    fails: frozenset[str] = frozenset()
    places: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    writing: dict[str, str] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)
    most_at_once: int = 0
    now: int = 0

    async def do(self, node: Node) -> StepResult:
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        self.runs.append(node.id)
        for name in node.writes:
            if name in self.writing:
                self.clashes.append(f"{node.id} and {self.writing[name]} write {name}")
            self.writing[name] = node.id
        seen = [f"{name}={self.places.get(name, '-')}" for name in node.reads]
        for _ in range(self.pauses.get(node.id, 0)):
            await anyio.lowlevel.checkpoint()
        for name in node.writes:
            self.places[name] = str(hash((node.id, *seen)))
        await anyio.lowlevel.checkpoint()
        for name in node.writes:
            self.writing.pop(name, None)
        self.ended.add(node.id)
        self.now -= 1
        if node.id in self.fails:
            return StepResult(StepState.FAILED, reason="it was to fail")
        return DONE
