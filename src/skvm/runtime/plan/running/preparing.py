"""Puts together what a plan run begins with: its graph here, and what an earlier run leaves of it to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import anyio.to_thread

from skvm.compiler.plans.plan import Plan, PlanStep
from skvm.errors import UsageError
from skvm.evidence.journal import Journal
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.instancing import graph_of
from skvm.runtime.plan.model import Node
from skvm.runtime.plan.recording import EarlierRun, Standing, find_run, newest_run, standing_of, steps_of
from skvm.runtime.plan.running.request import PlanRequest
from skvm.runtime.plan.running.source import digest_of_plan

__all__ = ["Prepared", "prepare", "questions"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run begins with.

    Args:
        plan_digest: What tells the plan apart on record.
        graph: What is to be run.
        fused: Ids of the groups that run one after the other.
        standing: What of it is done, or may not be begun.
        earlier: The run it goes on with; ``None`` for a new one.
        notes: What is worth telling.
    """

    plan_digest: str
    graph: Graph
    fused: frozenset[str]
    standing: Standing
    earlier: EarlierRun | None = None
    notes: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Node, ...]:
        """The nodes that are not finished, in the order of the graph."""
        return tuple(node for node in self.graph.nodes.values() if node.id not in self.standing.finished)


async def prepare(
    request: PlanRequest,
    journal: Journal | None,
    *,
    shown: Callable[[str], str] = str,
    merged: Mapping[str, Mapping[str, str]] | None = None,
) -> Prepared:
    """Look up what is on record, decide how groups run, compare with the files.

    Args:
        request: What is asked.
        journal: What is on record; ``None`` for nothing.
        shown: How a path stands on record, where secrets are taken out.
        merged: Nodes whose work a killed process had merged, with digests of what they wrote.

    Raises:
        UsageError: The plan is no graph, or something named in the request is not there.
    """
    plan = request.source.plan
    plan_digest = digest_of_plan(plan, request.procedures)
    fused, reasons = await _fused(plan, request, journal)
    graph = graph_of(
        plan,
        target=request.target,
        fused=fused,
        procedures=request.procedures,
        answered=frozenset(request.answered),
        serial=request.arm == "serial",
    )
    earlier, notes = await _earlier(request, journal, plan_digest, graph, shown)
    review = partial(standing_of, graph, earlier, request.work_dir, done=request.done, repeat=request.repeat)
    standing = await anyio.to_thread.run_sync(partial(review, merged=merged))
    return Prepared(plan_digest, graph, fused, standing, earlier, (*notes, *reasons, *standing.notes))


def questions(plan: Plan, prepared: Prepared) -> tuple[PlanStep, ...]:
    """The steps a person has to say yes to before they are run, in the order of the plan."""
    waiting = {step for node in prepared.pending for step in steps_of(node.id)}
    return tuple(step for step in plan.steps if step.confirmation and step.id in waiting)


async def _earlier(
    request: PlanRequest,
    journal: Journal | None,
    plan_digest: str,
    graph: Graph,
    shown: Callable[[str], str],
) -> tuple[EarlierRun | None, tuple[str, ...]]:
    if request.is_fresh or journal is None:
        return None, ()
    work_dir = shown(str(request.work_dir))
    if request.resume is None:
        found = await newest_run(journal, plan_digest, work_dir)
        # Whoever says what is done of it, or is to be done again, means the run they know.
        is_meant = bool(request.done or request.repeat)
        if found is None or not found.is_complete or is_meant:
            return found, ()
        complete = f"run {found.started.plan_run} of this plan is complete"
        if all(node.is_idempotent for node in graph.nodes.values()):
            return None, (f"{complete}; this is a new one",)
        # Whoever only gives the command a second time does not ask for all that again.
        return found, (f"{complete}, and not all of it may be repeated unasked; --fresh runs it anew",)
    found = await find_run(journal, request.resume)
    started = found.started
    if started.plan_digest != plan_digest or started.work_dir != work_dir:
        what = "of another plan" if started.plan_digest != plan_digest else f"in {started.work_dir}"
        raise UsageError(
            f"run {started.plan_run} is {what}", help="name the plan and the --workdir it was begun with"
        )
    if found.is_complete and not (request.done or request.repeat):
        raise UsageError(
            f"run {started.plan_run} is complete", help="leave --resume out to run the plan anew"
        )
    return found, ()


async def _fused(
    plan: Plan, request: PlanRequest, journal: Journal | None
) -> tuple[frozenset[str], tuple[str, ...]]:
    """The groups that run one after the other, and why, for whoever wonders."""
    if request.arm == "parallel" or not plan.groups:
        return frozenset(), ()
    if request.arm == "serial":
        return frozenset(group.id for group in plan.groups), ()
    from skvm.runtime.plan.deciding.history import GroupHistory, history_of

    history = GroupHistory()
    if journal is not None:
        history = await history_of(journal, plan.skill_digest, request.target)
    reasons: dict[str, list[str]] = {}
    for group, decision in history.decisions(plan).items():
        if decision.is_fused:
            reasons.setdefault(decision.reason, []).append(group)
    notes = tuple(f"in a row: {', '.join(groups)} ({reason})" for reason, groups in reasons.items())
    return frozenset(group for groups in reasons.values() for group in groups), notes
