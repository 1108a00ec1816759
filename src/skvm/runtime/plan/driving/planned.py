"""A harness that follows a plan: what the plan knows how to do is done so, and the agent does the rest.

For whoever looks at the run it is one run of the harness it wraps: one trajectory, one deadline, one limit of
turns, hooks that see a run begin and end once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread

from skvm.compiler.plans.plan import Plan
from skvm.evaluate.workspace import make_private_folder, remove_tree
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome, Usage
from skvm.harness.contract import Facility, Harness, RunContext
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.trajectory import Trajectory, Turn
from skvm.runtime.plan.branching import Branches
from skvm.runtime.plan.deciding.history import history_of
from skvm.runtime.plan.deciding.measuring import measured_groups
from skvm.runtime.plan.driving.telling import Conversations, closing_prompt
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.instancing import graph_of
from skvm.runtime.plan.model import (
    MEASURED_KIND,
    AgentJob,
    MapJob,
    PlanReport,
    PlanStarted,
    Share,
    StepResult,
    StepState,
    Target,
)
from skvm.runtime.plan.recording import PlanLog
from skvm.runtime.plan.running.source import digest_of_plan
from skvm.runtime.plan.working.agents import Helper, run_agent
from skvm.runtime.plan.working.limits import RunLimits
from skvm.runtime.plan.working.workbench import Workbench

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["Arm", "Planned", "Surroundings"]

Arm = Literal["auto", "serial", "parallel"]
"""How the groups of a plan run: as decided for the target, one after the other, or at once."""
_GRACE_S = 2.0
"""How long past the deadline what was under way may take to stop by itself and tell what it did."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the plans of a process share.

    Args:
        journal: Where they are recorded.
        tmp_dir: Where directories of agents' own are made.
        share: Gives a plan run its part of machine and providers.
        jobs: Commands at once at most.
        clean: Takes secrets out of a text.
    """

    journal: Journal
    tmp_dir: Path
    share: Callable[[str], Share]
    jobs: int
    clean: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Planned:
    """A harness that follows the plan of a skill.

    Args:
        harness: The agent it helps.
        name: The registered name of that.
        plan: Drivable (see ``drivable_plan``).
        arm: How groups run.
        around: What it shares with other plans.
    """

    harness: Harness
    name: str
    plan: Plan
    arm: Arm
    around: Surroundings

    @property
    def facilities(self) -> frozenset[Facility]:
        """Those of the harness."""
        return self.harness.facilities

    async def run(self, context: RunContext) -> Trajectory:
        """Run the plan, then let the agent answer; see ``Harness``."""
        opened = _Opening()
        first = replace(context, hooks=context.hooks.joined(Hooks((opened,))))
        try:
            # A hook may answer the whole task itself: then there is nothing to plan.
            return await self.harness.run(first)
        except _NobodyAnsweredError:
            return await _Drive(self, context).go()


class _NobodyAnsweredError(Exception):
    """No hook answered in the model's place."""


@dataclass(slots=True)
class _Opening(Hook):
    """Stops a conversation before the model is asked for the first time, unless a hook before answers."""

    is_under_way: bool = False

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        if not self.is_under_way:
            raise _NobodyAnsweredError
        return None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        self.is_under_way = True


@dataclass(slots=True)
class _Drive:
    """One run."""

    planned: Planned
    context: RunContext
    conversations: Conversations = field(init=False)
    limits: RunLimits = field(init=False)
    began_s: float = field(default_factory=time.monotonic)
    spent_before: Usage = field(init=False)
    items: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.conversations = Conversations(self.planned.harness)
        deadline = anyio.current_time() + self.context.timeout_s
        self.limits = RunLimits(self.context.max_steps, deadline)
        self.spent_before = self.context.session.usage

    async def go(self) -> Trajectory:
        """Run the plan, then the closing conversation."""
        context, planned = self.context, self.planned
        # Starting an embedded model may take seconds; they are not the agent's.
        await context.session.model(context.model_id)
        self.limits.deadline = anyio.current_time() + context.timeout_s
        target = Target(context.model_id, planned.name)
        fused = await self._fused(target)
        is_serial = planned.arm == "serial"
        graph = graph_of(planned.plan, target=target, fused=fused, serial=is_serial)
        report = await self._follow(graph, fused, target)
        last = _last_agent(graph)
        closing: Trajectory | None = None
        if not (report.is_done and last) and not self.limits.is_over and self.limits.steps >= 1:
            closing = await self._close(graph, report)
        trajectory = self._trajectory(graph, report, closing, last)
        await context.hooks.after_run(trajectory)
        return trajectory

    async def _fused(self, target: Target) -> frozenset[str]:
        """Ids of the groups that run one after the other."""
        plan = self.planned.plan
        if self.planned.arm != "auto":
            return frozenset(group.id for group in plan.groups if self.planned.arm == "serial")
        history = await history_of(self.planned.around.journal, plan.skill_digest, target)
        return frozenset(name for name, decision in history.decisions(plan).items() if decision.is_fused)

    async def _follow(self, graph: Graph, fused: frozenset[str], target: Target) -> PlanReport:
        around, plan = self.planned.around, self.planned.plan
        started = self._started(graph, target)
        share = around.share(started.plan_run)
        helper = Helper(self.planned.harness, self.context)
        grouped = frozenset(step for group in plan.groups for step in group.steps)
        opening = PlanLog.open(
            around.journal, started, after=graph.after, measured=grouped, clean=around.clean
        )
        async with opening as log, self._branches(graph) as branches:
            bench = Workbench(
                self.context.cell,
                self.context.work_dir,
                share,
                log,
                agent=helper,
                branches=branches,
                limits=self.limits,
                on_turns=self.conversations.add,
                last=_last_agent(graph),
                clean=around.clean,
            )
            self.items = bench.items
            with anyio.move_on_after(self.context.timeout_s + _GRACE_S) as scope:
                report = await execute(graph, bench.do, share=share, log=log)
            if scope.cancelled_caught:
                return _cut_off(graph)
            log.ended(report)
            for measured in measured_groups(plan, started, log.rows, fused=fused, counts=bench.counts):
                await log.note(MEASURED_KIND, measured)
        return report

    def _started(self, graph: Graph, target: Target) -> PlanStarted:
        now, plan = datetime.now(UTC), self.planned.plan
        return PlanStarted(
            plan_run=f"plan-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(3)}",
            plan_digest=digest_of_plan(plan, None),
            skill=plan.skill,
            skill_digest=plan.skill_digest,
            model=target.model,
            harness=target.harness,
            work_dir=str(self.context.work_dir),
            arm=self.planned.arm,
            jobs=self.planned.around.jobs,
            nodes=len(graph.nodes),
            started_at=now,
        )

    @asynccontextmanager
    async def _branches(self, graph: Graph) -> AsyncIterator[Branches | None]:
        """Directories for agents' own, where any needs one."""
        if self.context.open_cell is None or not any(
            _needs_branch(node.job) for node in graph.nodes.values()
        ):
            yield None
            return
        scratch = await anyio.to_thread.run_sync(make_private_folder, self.planned.around.tmp_dir, "branches")
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_removed, scratch)
            branches = Branches(self.context.work_dir, scratch)
            branches.put_in_order(list(graph.nodes))
            yield branches

    async def _close(self, graph: Graph, report: PlanReport) -> Trajectory:
        prompt = closing_prompt(self.context, graph, report)
        helper = Helper(self.planned.harness, self.context)
        _, trajectory = await run_agent(prompt, helper, self.context, self.limits)
        return trajectory

    def _trajectory(
        self, graph: Graph, report: PlanReport, closing: Trajectory | None, last: str | None
    ) -> Trajectory:
        context = self.context
        turns = self.conversations.in_order(graph, self.items, closing.turns if closing is not None else ())
        outcome, detail = self._outcome(report, closing)
        spent = context.session.usage
        final_text = closing.final_text if closing is not None else ""
        if closing is None and last is not None and report.is_done:
            final_text = report.results[last].text
        return Trajectory(
            harness=self.planned.name,
            model=context.model_id,
            system=closing.system if closing is not None else "",
            prompt=context.prompt,
            turns=turns,
            final_text=final_text,
            outcome=outcome,
            detail=detail,
            skill_loaded=_is_skill_loaded(context, turns),
            usage=_spent(self.spent_before, spent) or sum((turn.usage for turn in turns), Usage()),
            duration_ms=(time.monotonic() - self.began_s) * 1000,
            llm_duration_ms=sum(turn.duration_ms for turn in turns),
        )

    def _outcome(self, report: PlanReport, closing: Trajectory | None) -> tuple[Outcome, str | None]:
        if closing is not None and closing.outcome is Outcome.SCORED and not self.limits.is_out_of_steps:
            failed = report.of(StepState.FAILED)
            said = f"the plan failed at {', '.join(failed)}; the agent went on" if failed else None
            return Outcome.SCORED, said or closing.detail
        if closing is None and report.is_done and not self.limits.is_over:
            return Outcome.SCORED, None
        if self.limits.is_over or (closing is not None and closing.outcome is Outcome.TIMED_OUT):
            return Outcome.TIMED_OUT, f"deadline of {self.context.timeout_s:g} s passed"
        if closing is None or self.limits.is_out_of_steps or closing.outcome is Outcome.STEP_LIMIT:
            return Outcome.STEP_LIMIT, f"still at work after {self.context.max_steps} turns"
        return closing.outcome, closing.detail


def _needs_branch(job: object) -> bool:
    if isinstance(job, MapJob):
        return isinstance(job.each, AgentJob) and not job.is_serial
    return isinstance(job, AgentJob) and not job.is_alone


def _last_agent(graph: Graph) -> str | None:
    """The node that ends a plan, if it is an agent that works alone in the directory itself: it answers."""
    ends = [name for name in graph.nodes if not graph.successors[name]]
    if len(ends) != 1:
        return None
    job = graph.nodes[ends[0]].job
    return ends[0] if isinstance(job, AgentJob) and job.is_alone else None


def _cut_off(graph: Graph) -> PlanReport:
    """The report of a plan that did not stop by itself."""
    cut = StepResult(StepState.CANCELLED, reason="the deadline passed")
    return PlanReport(dict.fromkeys(graph.nodes, cut), 0.0)


def _is_skill_loaded(context: RunContext, turns: tuple[Turn, ...]) -> bool | None:
    """Every conversation has the whole skill in its system text."""
    if context.skill is None:
        return None
    return any(not turn.from_hook for turn in turns) or None


def _spent(before: Usage, after: Usage) -> Usage | None:
    if before == after:
        return None
    known = before.cost_usd is not None and after.cost_usd is not None
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "calls")
    return Usage(
        **{name: getattr(after, name) - getattr(before, name) for name in names},
        cost_usd=max(0.0, (after.cost_usd or 0.0) - (before.cost_usd or 0.0)) if known else None,
    )


async def _removed(folder: Path) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(remove_tree, folder)
