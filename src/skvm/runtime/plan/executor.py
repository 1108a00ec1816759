"""Runs a graph: a node begins as soon as all it waits for is done and all it needs is free.

Nodes that are ready wait in heaps, the most urgent first, one heap for each set of resources; only as many as
can have them are tasks, so a graph of ten thousand nodes costs no more memory than its own description.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import anyio
from anyio.abc import TaskGroup

from skvm.errors import SkvmError
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Do, Log, Node, PlanReport, Share, StepResult, StepState

__all__ = ["execute"]

_MAX_UNWRITTEN = 64
"""Nodes that have ended and are not written down yet, beyond which none begins: a slow disk slows us down."""
_KEEPS_TEXTS = 256
"""Graphs of more nodes keep no texts in their report; the log has them."""


async def execute(
    graph: Graph, do: Do, *, share: Share, log: Log, finished: Mapping[str, StepResult] | None = None
) -> PlanReport:
    """Run every node once, as early as possible.

    A node that does not get done cancels everything that waits for it, directly or not, and nothing else;
    one that is left to somebody leaves what waits for it.

    Args:
        graph: The nodes.
        do: Does a node, while the resources it needs are held.
        share: Gives the resources.
        log: Is told of every beginning and every end.
        finished: What is not to be run: results of an earlier process, by node.

    Returns:
        How every node ended. A cancellation from outside is passed on instead; the log then has what ended.
    """
    run = _Execution(graph, do, share, log)
    began = perf_counter()
    await run.go(finished or {})
    ordered = {node: run.results[node] for node in graph.nodes}
    return PlanReport(ordered, perf_counter() - began)


@dataclass(slots=True)
class _Lane:
    """Ready nodes that need the same resources."""

    needs: Sequence[str]
    ready: list[tuple[float, int, str]] = field(default_factory=list)
    under_way: int = 0


@dataclass(slots=True)
class _Execution:
    """The state of one graph that runs."""

    graph: Graph
    do: Do
    share: Share
    log: Log
    results: dict[str, StepResult] = field(default_factory=dict)
    _waiting: dict[str, int] = field(default_factory=dict)
    _ahead: dict[str, int] = field(default_factory=dict)
    _has_let: set[str] = field(default_factory=set)
    _ready_at: dict[str, float] = field(default_factory=dict)
    _rank: dict[str, tuple[float, int]] = field(default_factory=dict)
    _lanes: dict[tuple[str, ...], _Lane] = field(default_factory=dict)
    _keeps_texts: bool = True
    _unwritten: int = 0

    async def go(self, finished: Mapping[str, StepResult]) -> None:
        nodes = self.graph.nodes
        self._keeps_texts = len(nodes) <= _KEEPS_TEXTS
        urgency = self.graph.urgency()
        self._rank = {node: (-urgency[node], place) for place, node in enumerate(nodes)}
        # Edges of order are counted by themselves: a node may have both kinds from one other.
        self._ahead = {node.id: len(set(node.order)) for node in nodes.values() if node.order}
        self._waiting = {
            node: len(after) + self._ahead.get(node, 0) for node, after in self.graph.after.items()
        }
        try:
            async with anyio.create_task_group() as group:
                # All of them first: one that is finished must not become ready by the end of another.
                self.results.update({node: result for node, result in finished.items() if node in nodes})
                for node, result in finished.items():
                    if node in nodes:
                        await self._close(nodes[node], result)
                for node in nodes:
                    if not self.graph.after[node] and not nodes[node].order and node not in self.results:
                        self._make_ready(nodes[node])
                self._start(group)
        except BaseExceptionGroup as failures:
            # Cancelling its siblings is part of one failure: the caller sees the failure itself.
            if len(failures.exceptions) == 1:
                raise failures.exceptions[0] from None
            raise

    def _make_ready(self, node: Node) -> None:
        self._ready_at[node.id] = perf_counter()
        lane = self._lanes.get(node.needs)
        if lane is None:
            lane = self._lanes[node.needs] = _Lane(node.needs)
        heapq.heappush(lane.ready, (*self._rank[node.id], node.id))

    def _start(self, group: TaskGroup) -> None:
        """Begin as many ready nodes as can have what they need; a lane always has one that asks."""
        for lane in self._lanes.values():
            if not lane.ready:
                continue
            width = max(1, self.share.width(lane.needs))
            while lane.ready and lane.under_way < width and self._unwritten < _MAX_UNWRITTEN:
                node = self.graph.nodes[heapq.heappop(lane.ready)[2]]
                lane.under_way += 1
                group.start_soon(self._run, node, lane, group)

    async def _run(self, node: Node, lane: _Lane, group: TaskGroup) -> None:
        ready_at = self._ready_at.pop(node.id)
        async with self.share.held(node.needs):
            queued_s = perf_counter() - ready_at
            await self.log.started(node)
            try:
                result = await self.do(node)
            except SkvmError as error:
                result = StepResult(StepState.FAILED, reason=error.message)
        lane.under_way -= 1
        self._unwritten += 1
        # Written down before anything builds on it.
        await self.log.finished(node, result, queued_s)
        self._unwritten -= 1
        await self._close(node, result)
        self._start(group)

    async def _close(self, node: Node, result: StepResult) -> None:
        """Take note of an end, and of what it means for the nodes behind."""
        self.results[node.id] = result if self._keeps_texts else replace(result, text="")
        self._let_follow(node.id)
        if result.is_done:
            for other in self.graph.successors[node.id]:
                self._wait_less(other)
        else:
            await self._give_up_behind(node, result)

    def _wait_less(self, node: str) -> None:
        self._waiting[node] -= 1
        if self._waiting[node] == 0 and node not in self.results:
            self._make_ready(self.graph.nodes[node])

    def _let_follow(self, node: str) -> None:
        """Let those begin that only come later; one that never ran ends when it could have begun."""
        pending = [node]
        while pending:
            one = pending.pop()
            # Once only: what was finished before is met behind another that was, and by itself.
            if one in self._has_let or self._ahead.get(one, 0):
                continue
            self._has_let.add(one)
            for other in self.graph.followers.get(one, ()):
                self._ahead[other] -= 1
                self._wait_less(other)
                if other in self.results:
                    pending.append(other)

    async def _give_up_behind(self, node: Node, result: StepResult) -> None:
        state = StepState.LEFT if result.state is StepState.LEFT else StepState.CANCELLED
        word = {StepState.LEFT: "is left", StepState.UNCERTAIN: "is uncertain"}.get(result.state, "failed")
        given_up = StepResult(state, reason=f"step {node.id} {word}")
        pending = list(self.graph.successors[node.id])
        while pending:
            other = pending.pop()
            if other in self.results:
                continue
            self.results[other] = given_up
            pending += self.graph.successors[other]
            await self.log.finished(self.graph.nodes[other], given_up, 0.0)
            self._let_follow(other)
