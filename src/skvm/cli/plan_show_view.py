"""What ``skvm plan show`` shows: what each step is on a target, and what decides how long a plan takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.compiler.plans.forecast import ASSUMED_S
from skvm.compiler.plans.plan import Group, Plan, PlanProcedure, PlanStep
from skvm.compiler.plans.work import has_known_items, work_of
from skvm.errors import UsageError
from skvm.runtime.plan.deciding.decision import Decision
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.instancing import graph_of, main_procedure
from skvm.runtime.plan.model import Target

__all__ = ["PlanView", "ProcedureView", "StepView", "view_of"]

_KINDS = {"command": "command", "ask": "model", "agent": "agent", "none": "read"}


@dataclass(frozen=True, slots=True)
class StepView:
    """A step on a target.

    Args:
        step: The step.
        kind: ``command``, ``model`` (one question), ``agent`` or ``read``.
        map: The group whose items it goes through, if there is one that can be gone through.
        left: Why nothing here does it; ``""`` if something does.
        expected_s: How long it is expected to take.
    """

    step: PlanStep
    kind: str
    map: Group | None
    left: str
    expected_s: float


@dataclass(frozen=True, slots=True)
class ProcedureView:
    """A procedure on a target.

    Args:
        procedure: The procedure.
        steps: Its steps.
        graph: What would run; ``None`` where its dependencies are no graph.
        fault: Why they are none.
        critical: The longest chain of what would run, by what is expected.
        critical_s: How long that takes.
        serial_s: How long all takes in a row.
        is_run: Whether ``skvm plan run`` runs it unasked.
    """

    procedure: PlanProcedure
    steps: tuple[StepView, ...]
    graph: Graph | None
    fault: str
    critical: tuple[str, ...]
    critical_s: float
    serial_s: float
    is_run: bool


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan on a target.

    Args:
        plan: With the forecasts that hold there.
        target: The target.
        procedures: In the order of the plan; last, without a title, steps that are in none.
        decisions: How each group runs next, by its id.
    """

    plan: Plan
    target: Target
    procedures: tuple[ProcedureView, ...]
    decisions: Mapping[str, Decision]


def view_of(plan: Plan, target: Target, decisions: Mapping[str, Decision]) -> PlanView:
    """Look at a plan on a target.

    Args:
        plan: With forecasts.
        target: Whose model does what commands cannot; without one such steps are left.
        decisions: How each group runs next.
    """
    held = {step for procedure in plan.procedures for step in procedure.steps}
    procedures = list(plan.procedures)
    if loose := tuple(step.id for step in plan.steps if step.id not in held):
        span = plan.steps[0].span
        procedures.append(PlanProcedure(id="", title="", span=span, steps=loose))
    maps = _maps(plan)
    steps = {step.id: step for step in plan.steps}
    views = {step.id: _step(step, maps.get(step.id), steps, target, decisions) for step in plan.steps}
    main = main_procedure(plan)
    fused = {group for group, decision in decisions.items() if decision.is_fused}
    found = []
    for procedure in procedures:
        members = tuple(views[step] for step in dict.fromkeys(procedure.steps) if step in views)
        graph, fault = _graph(plan, procedure, target, fused)
        critical, critical_s = _critical(graph, views) if graph is not None else ((), 0.0)
        found.append(
            ProcedureView(
                procedure=procedure,
                steps=members,
                graph=graph,
                fault=fault,
                critical=critical,
                critical_s=critical_s,
                serial_s=sum(_serial_s(view) for view in members),
                is_run=main is not None and procedure.id == main.id,
            )
        )
    return PlanView(plan, target, tuple(found), decisions)


def _maps(plan: Plan) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for group in plan.groups:
        if group.items is not None and has_known_items(group.items):
            for step in group.steps:
                found.setdefault(step, group)
    return found


def _step(
    step: PlanStep,
    group: Group | None,
    steps: Mapping[str, PlanStep],
    target: Target,
    decisions: Mapping[str, Decision],
) -> StepView:
    kind = _KINDS[work_of(step, group.items if group else None, steps)]
    left = "it needs a model" if kind in {"model", "agent"} and not target.model else ""
    left = "a person has to answer first" if step.confirmation else left
    forecast = group.forecast if group else None
    if forecast is None or group is None:
        expected_s = ASSUMED_S.get(work_of(step, None, steps), 0.0)
    else:
        decision = decisions.get(group.id)
        is_fused = decision is not None and decision.is_fused
        expected_s = forecast.serial_s if is_fused else forecast.parallel_s
    return StepView(step, kind, group, left, expected_s)


def _serial_s(view: StepView) -> float:
    forecast = view.map.forecast if view.map else None
    return forecast.serial_s if forecast is not None else view.expected_s


def _graph(plan: Plan, procedure: PlanProcedure, target: Target, fused: set[str]) -> tuple[Graph | None, str]:
    if not procedure.id:
        return None, ""
    try:
        return graph_of(plan, target=target, fused=fused, procedures=[procedure.id]), ""
    except UsageError as error:
        return None, error.message


def _critical(graph: Graph, views: Mapping[str, StepView]) -> tuple[tuple[str, ...], float]:
    """The chain of nodes that takes longest."""
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for node in graph.nodes:
        waits = (*graph.after[node], *graph.nodes[node].order)
        last = max(waits, key=lambda each: ends[each], default=None)
        before[node] = last
        own_s = sum(views[step].expected_s for step in _steps_in(node, views))
        ends[node] = own_s + (ends[last] if last is not None else 0.0)
    at = max(ends, key=lambda each: ends[each], default=None)
    total_s = ends[at] if at is not None else 0.0
    chain: list[str] = []
    while at is not None:
        chain.append(at)
        at = before[at]
    return tuple(reversed(chain)), total_s


def _steps_in(node: str, views: Mapping[str, StepView]) -> Sequence[str]:
    """The steps a node stands for."""
    return [node] if node in views else [step for step in node.split("+") if step in views]
