"""Does the nodes of a plan: the ``do`` of one run's graph, and of the graphs of its maps."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import anyio

from skvm.evidence.record import Usage
from skvm.harness.sandbox import Cell
from skvm.harness.trajectory import Trajectory, Turn
from skvm.llm.contract import SharesReading
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.instancing import provider_resource
from skvm.runtime.plan.model import (
    AgentJob,
    AskJob,
    CommandJob,
    LeftJob,
    Log,
    MapJob,
    Node,
    Share,
    StepResult,
    StepState,
    Target,
    plain_digests,
)
from skvm.runtime.plan.working.commands import Shell, digests_of, run_commands
from skvm.runtime.plan.working.limits import RunLimits
from skvm.runtime.plan.working.mapping import as_one_agent, items_of, nodes_of, summed_up

if TYPE_CHECKING:
    from skvm.runtime.plan.branching import Branch, Branches, Forked
    from skvm.runtime.plan.working.agents import Helper
    from skvm.runtime.plan.working.questions import Shared

__all__ = ["NestingLog", "Workbench"]

PRIMED_CHARS = 16_000
"""Characters that questions share from which on the first goes alone: reading them then takes longer than
an answer, and once they are read the others pay and wait for them no more."""
LOCAL_PRIMED_CHARS = 800
"""The same for an embedded model, which reads slowly, and for each of its slots anew unless it is told."""
_TOLD_CHARS = 400
"""Characters of what a step gave that the agents of later steps are told."""


@runtime_checkable
class NestingLog(Protocol):
    """A log that can tell the items of a map from the steps of the plan."""

    def within(self, node: Node) -> Log:
        """The log of a node's items."""


@dataclass(slots=True)
class Workbench:
    """What nodes are done with.

    The caller (the executor) holds what a node needs; inside an agent, whose calls are not known beforehand,
    a place is taken around each of them.

    Args:
        cell: Where commands run and files are.
        work_dir: Its work directory, on the host.
        share: The run's part of machine and providers.
        log: Where items of maps are written down.
        agent: Who does what commands cannot; without one such steps are left.
        branches: Directories of agents' own; without them agents work one at a time in the directory itself.
        earlier: Results of an earlier process, items included, by node id.
        limits: Turns and time of the run.
        on_turns: Told of what was said and done for a node.
        last: The node whose agent gives the answer of the whole task, if one does.
        clean: Takes secrets out of what commands print.
        items: Filled by maps: ids of their items in order, by node id.
        counts: Filled by maps that one agent did in one go: how many items there were, by node id.
    """

    cell: Cell
    work_dir: Path
    share: Share
    log: Log
    agent: Helper | None = None
    branches: Branches | None = None
    earlier: Mapping[str, StepResult] = field(default_factory=dict)
    limits: RunLimits = field(default_factory=RunLimits)
    on_turns: Callable[[Node, Sequence[Turn]], None] | None = None
    last: str | None = None
    clean: Callable[[str], str] = str
    items: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _shell: Shell = field(init=False)
    _told: dict[str, tuple[Node, str]] = field(default_factory=dict, init=False)
    _shared: dict[str, Shared] = field(default_factory=dict, init=False)
    _primers: set[str] = field(default_factory=set, init=False)
    _alone: anyio.Lock = field(default_factory=anyio.Lock, init=False)

    def __post_init__(self) -> None:
        self._shell = Shell(self.cell)

    @property
    def target(self) -> Target:
        """Whose model steps these are."""
        if self.agent is None:
            return Target()
        return Target(self.agent.context.model_id, str(getattr(self.agent.harness, "name", "")))

    async def do(self, node: Node) -> StepResult:
        """Do a node.

        Raises:
            SkvmError: It cannot be done; the executor makes that its failure.
        """
        if self.limits.is_over:
            return StepResult(StepState.FAILED, reason="the deadline of the run passed")
        result = await self._work(node)
        if result.is_done and self.agent is not None:
            self._told[node.id] = (node, _one_line(result.text))
        return result

    async def _work(self, node: Node) -> StepResult:
        job = node.job
        if isinstance(job, LeftJob):
            return StepResult(StepState.LEFT, reason=job.reason)
        if isinstance(job, MapJob):
            return await self._map(node, job)
        if isinstance(job, CommandJob):
            return await self._commands(node, job)
        if self.agent is None:
            return StepResult(StepState.LEFT, reason=f"it needs a model: {job.instruction}")
        if isinstance(job, AskJob):
            return await self._ask(node, job, self.agent)
        return await self._agent(node, job, self.agent)

    async def _commands(self, node: Node, job: CommandJob) -> StepResult:
        if not job.commands:
            return StepResult(StepState.DONE)
        async with self._beside(node):
            result, turn = await run_commands(
                node, job, self._shell, self.work_dir, self.limits, clean=self.clean
            )
        self._tell(node, [turn])
        return result

    def _tell(self, node: Node, turns: Sequence[Turn]) -> None:
        if self.on_turns is not None and turns:
            self.on_turns(node, turns)

    @contextlib.asynccontextmanager
    async def _beside(self, node: Node) -> AsyncIterator[None]:
        """Let branches know what is done in the directory itself."""
        if self.branches is None:
            yield
            return
        async with self.branches.beside(node):
            yield

    async def _ask(self, node: Node, job: AskJob, helper: Helper) -> StepResult:
        from skvm.runtime.plan.working.asking import ask

        shared = self._shared.get(node.id.partition("[")[0])
        async with self._beside(node):
            result, turns = await ask(job, helper.context, self.share, self.limits, shared=shared)
        self._tell(node, turns)
        session = helper.context.session
        if node.id in self._primers and isinstance(session, SharesReading):
            await session.share_reading(helper.context.model_id)
        return result

    async def _map(self, node: Node, job: MapJob) -> StepResult:
        items = await items_of(job, self.work_dir)
        if isinstance(job.each, AgentJob) and job.is_serial and items and self.agent is not None:
            self.counts[node.id] = len(items)
            return await self._agent(node, as_one_agent(job, items, job.each), self.agent)
        if not isinstance(job.each, AskJob) or self.agent is None:
            return await self._items(node, job, items)
        from skvm.runtime.plan.working.questions import shared_of

        # Read once for all of them; and what cannot be read keeps all of them from being asked.
        shared = await shared_of(job.each, self.agent.context)
        is_local = self.target.model.startswith("local/")
        least = LOCAL_PRIMED_CHARS if is_local else PRIMED_CHARS
        helps = not is_local or isinstance(self.agent.context.session, SharesReading)
        self._shared[node.id] = shared
        try:
            return await self._items(node, job, items, primes=helps and shared.chars >= least)
        finally:
            del self._shared[node.id]

    async def _items(
        self, node: Node, job: MapJob, items: Sequence[str], *, primes: bool = False
    ) -> StepResult:
        # Of two, one would only wait for the other.
        primes = primes and not job.is_serial and len(items) > 2
        graph = nodes_of(node, job, items, self.target, primes=primes)
        self.items[node.id] = tuple(graph.nodes)
        if primes:
            self._primers.add(next(iter(graph.nodes)))
        if self.branches is not None:
            self.branches.put_in_order(list(graph.nodes), within=node.id)
        finished = {name: self.earlier[name] for name in graph.nodes if name in self.earlier}
        questions = len(graph.nodes) - len(finished) if isinstance(job.each, AskJob) else 0
        if questions and self.agent is not None and questions >= self.limits.steps:
            # Better nothing than a part of it: whoever goes on from here has all turns left for it.
            left = f"{self.limits.steps:g} model turns are left"
            return StepResult(StepState.FAILED, reason=f"{left} for {questions} questions")
        log = self.log.within(node) if isinstance(self.log, NestingLog) else self.log
        report = await execute(graph, self.do, share=self.share, log=log, finished=finished)
        for name in graph.nodes:
            # What single items said is told nobody; the step's own result sums it up.
            self._told.pop(name, None)
        ordered = {name: report.results[name] for name in (f"{node.id}[{item}]" for item in items)}
        return summed_up(items, ordered)

    async def _agent(self, node: Node, job: AgentJob, helper: Helper) -> StepResult:
        from skvm.runtime.plan.working.agents import prompt_of

        prompt = prompt_of(job, helper.context, self._before(node), is_last=node.id == self.last)
        open_cell = helper.context.open_cell
        if job.is_alone or self.branches is None or open_cell is None:
            async with self._alone, self._beside(node):
                result, trajectory = await self._in(prompt, helper, self.cell, self.work_dir)
            self._tell(node, trajectory.turns)
            if result.is_done:
                result = replace(result, digests=await digests_of(self.work_dir, node.writes))
            return result

        spent = Usage()

        async def work(branch: Branch) -> StepResult:
            nonlocal spent
            if branch.is_in_place:
                result, trajectory = await self._in(prompt, helper, self.cell, self.work_dir)
            else:
                async with open_cell(branch.work_dir) as cell:
                    result, trajectory = await self._in(prompt, helper, cell, branch.work_dir)
            # A try that conflicts is part of what happened, too.
            self._tell(node, trajectory.turns)
            spent = spent + result.usage
            return result

        forked = await self.branches.run(node, work, keep=lambda made: made.is_done)
        return replace(_merged(forked), usage=spent)

    async def _in(
        self, prompt: str, helper: Helper, cell: Cell, work_dir: Path
    ) -> tuple[StepResult, Trajectory]:
        from skvm.runtime.plan.working.agents import run_agent
        from skvm.runtime.plan.working.placing import PlacedCell, PlacedSession

        context = helper.context
        session = PlacedSession(context.session, self.share, (provider_resource(self.target),))
        placed = replace(
            context, session=session, cell=PlacedCell(cell, self.share), work_dir=work_dir, open_cell=None
        )
        return await run_agent(prompt, helper, placed, self.limits)

    def _before(self, node: Node) -> list[str]:
        """What the steps gave that a node waits for, directly or not, in the order of the plan."""
        wanted: set[str] = set()
        pending = list(node.after)
        while pending:
            name = pending.pop()
            if name not in wanted:
                wanted.add(name)
                pending += self._told[name][0].after if name in self._told else ()
        lines = []
        # Not as they ended: what an agent is told must not depend on who was faster.
        for name in sorted(wanted, key=_place):
            if name in self._told:
                other, said = self._told[name]
                lines.append(f"{other.title or name}" + (f": {said}" if said else ""))
            elif name in self.earlier:
                lines.append(f"step {name}: {_one_line(self.earlier[name].text)}")
        return lines


def _place(name: str) -> tuple[int, ...]:
    """Where a step stands in its plan, read off its id."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", name))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_TOLD_CHARS]


def _merged(forked: Forked[StepResult]) -> StepResult:
    """An agent's result with what became of its directory."""
    result, merge = forked.value, forked.merge
    if merge is None:
        return result
    notes = [note for note in (result.reason, *(finding.message for finding in forked.findings)) if note]
    return replace(result, reason="; ".join(dict.fromkeys(notes)), digests=plain_digests(merge.changed))
