"""From a plan to the graph that runs: what each step does here, on this target, and with what.

A step whose commands are exact is run; one whose files are known is a question to a model; any other step is
an agent's. Without a model, what needs one is left. Groups that do not pay are put in a row, and chains of
agents become one, which reads the task once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from skvm.compiler.plans.plan import Group, Items, Plan, PlanProcedure, PlanStep
from skvm.compiler.plans.work import has_known_items, is_only_reading, leaned_files, only_output, work_of
from skvm.errors import UsageError
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import (
    CPU,
    AgentJob,
    AskJob,
    CommandJob,
    Job,
    LeftJob,
    MapJob,
    Node,
    Target,
)

__all__ = ["BRANCH", "graph_of", "main_procedure", "needs_of", "provider_resource"]

BRANCH = "branch"
"""The resource of an agent in a directory of its own."""
_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class _Run:
    """What is asked of a plan."""

    target: Target
    fused: Container[str]
    chosen: frozenset[str]
    answered: Container[str]
    steps: Mapping[str, PlanStep]


def graph_of(
    plan: Plan,
    *,
    target: Target,
    fused: Container[str] = (),
    procedures: Sequence[str] | None = None,
    answered: Container[str] = (),
    serial: bool = False,
) -> Graph:
    """The graph of a plan on a target.

    Where all groups are fused nothing runs at once: what lies between them was not measured by itself.

    Args:
        plan: The plan.
        target: Whose model does what commands cannot; without one such steps are left.
        fused: Ids of groups that run one after the other.
        procedures: Ids of the procedures to run; by default the only one there is.
        answered: Ids of steps with a question to a person that has been answered: they are done as any other.
        serial: Whether everything goes one after the other.

    Raises:
        UsageError: The plan has several procedures and none is named, a named one is not there, or its
            dependencies are no graph.
    """
    steps = {step.id: step for step in plan.steps}
    chosen = frozenset(_chosen(plan, procedures))
    own = [group.id for group in plan.groups if chosen & set(group.steps)]
    is_serial = serial or (bool(own) and all(name in fused for name in own))
    run = _Run(target, own if is_serial else fused, chosen, answered, steps)
    groups = _groups_of(plan)
    nodes = [_node(step, groups.get(step.id, ()), run) for step in plan.steps if step.id in run.chosen]
    nodes = _members_in_a_row(nodes, plan.groups, fused)
    return _agents_fused(Graph.of(_in_a_row(nodes) if is_serial else nodes))


def main_procedure(plan: Plan) -> PlanProcedure | None:
    """The one procedure a plan is about: not a part of another one's step, and no loop beside it.

    Returns:
        ``None`` where there are several, or none.
    """
    found = _top(plan)
    return found[0] if len(found) == 1 else None


def needs_of(job: Job, target: Target, exclusive: Iterable[str] = ()) -> tuple[str, ...]:
    """The resources a job holds while it is done, in one order."""
    only = tuple(f"only:{name}" for name in sorted(set(exclusive)))
    if isinstance(job, CommandJob):
        return (CPU, *only) if job.commands else only
    if isinstance(job, AskJob):
        return (provider_resource(target), *only)
    if isinstance(job, AgentJob):
        return only if job.is_alone else (BRANCH, *only)
    return only


def provider_resource(target: Target) -> str:
    """The resource of a model call: a place at the provider of the target's model."""
    return f"model:{target.model.partition('/')[0]}"


def _top(plan: Plan) -> list[PlanProcedure]:
    found = [one for one in plan.procedures if one.part_of is None and one.steps]
    workflows = [one for one in found if not one.id.startswith("loop-")]
    return workflows or found


def _chosen(plan: Plan, procedures: Sequence[str] | None) -> Iterable[str]:
    if procedures is None:
        found = _top(plan)
        if len(found) > 1:
            listed = "; ".join(f"{one.id} ({one.title})" for one in found)
            raise UsageError(
                f"the plan of {plan.skill!r} has {len(found)} procedures: {listed}",
                help="say which one is to run with --procedure",
            )
        return found[0].steps if found else ()
    known = {one.id: one for one in plan.procedures}
    for name in procedures:
        if name not in known:
            raise UsageError(
                f"the plan of {plan.skill!r} has no procedure {name!r}",
                help=f"it has {', '.join(known) or 'none'}",
            )
    return [step for name in procedures for step in known[name].steps]


def _groups_of(plan: Plan) -> dict[str, list[Group]]:
    """By step, the groups it is in."""
    found: dict[str, list[Group]] = {}
    for group in plan.groups:
        for step in group.steps:
            found.setdefault(step, []).append(group)
    return found


def _node(step: PlanStep, groups: Sequence[Group], run: _Run) -> Node:
    mapped = next(
        (group for group in groups if group.items is not None and has_known_items(group.items)), None
    )
    beside = next((group for group in groups if group.items is None), None)
    job = _job(step, mapped, run)
    if step.confirmation and step.id not in run.answered:
        job = LeftJob(_short(f"a person has to answer first: {step.text or step.description}"))
    elif not run.target.model and _asks_a_model(job):
        job = LeftJob(_short(f"it needs a model: {step.text or step.description}"))
    # In a row as well: what is measured in both arms must be the same work.
    group = beside or mapped
    work = job.each if isinstance(job, MapJob) else job
    is_asked = isinstance(work, AskJob)
    reads = (*step.reads, *work.inputs) if isinstance(work, AskJob) else step.reads
    return Node(
        id=step.id,
        title=step.description,
        after=tuple(found.step for found in step.depends_on if found.step in run.chosen),
        reads=tuple(dict.fromkeys(reads)),
        writes=step.writes,
        # What a question reads and writes is what we show and write, whatever its words say.
        is_open=step.open and not is_asked,
        needs=needs_of(job, run.target, step.exclusive),
        is_idempotent=step.idempotent or is_asked or isinstance(job, LeftJob),
        group=group.id if group is not None else None,
        job=job,
    )


def _job(step: PlanStep, mapped: Group | None, run: _Run) -> Job:
    if mapped is not None and mapped.items is not None:
        items = mapped.items
        return MapJob(
            _each(step, items, run),
            glob=items.over if items.kind == "glob" else None,
            items=items.values if items.kind == "list" else (),
            is_serial=mapped.id in run.fused,
        )
    work = work_of(step, None, run.steps)
    if work == "command":
        return CommandJob(tuple(action.command for action in step.actions))
    if work == "none":
        return CommandJob(())
    if work == "ask" and (output := only_output(step, run.steps)) is not None:
        inputs = (*(leaned_files(step, run.steps) or ()), *(name for name in step.reads if ":" not in name))
        return AskJob(_words(step), tuple(dict.fromkeys(inputs)), output)
    return AgentJob(_with_readings(step, run.steps), (step.id,))


def _each(step: PlanStep, items: Items, run: _Run) -> CommandJob | AskJob | AgentJob:
    """What is done for one item."""
    work = work_of(step, items, run.steps)
    if work == "command" and items.command is not None:
        return CommandJob((items.command,))
    if work == "ask" and items.output is not None:
        inputs = (*(leaned_files(step, run.steps) or ()), *items.inputs)
        return AskJob(_words(step), tuple(dict.fromkeys(inputs)), items.output, item="{item}")
    return AgentJob(_with_readings(step, run.steps), (step.id,), item="{item}")


def _with_readings(step: PlanStep, steps: Mapping[str, PlanStep]) -> str:
    """A step's words, after those of the steps before it that only say what to read."""
    before = [steps[found.step] for found in step.depends_on if found.step in steps]
    return "\n\n".join([*(_words(one) for one in before if is_only_reading(one)), _words(step)])


def _words(step: PlanStep) -> str:
    return (step.text or step.description).strip()


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _REASON_CHARS else f"{plain[: _REASON_CHARS - 1]}…"


def _asks_a_model(job: Job) -> bool:
    work = job.each if isinstance(job, MapJob) else job
    return isinstance(work, AskJob | AgentJob)


def _in_a_row(nodes: Sequence[Node]) -> list[Node]:
    """Each after the one before, in an order that keeps what they wait for."""
    ordered = list(Graph.of(nodes).nodes.values())
    later = [replace(node, order=(before.id,)) for before, node in pairwise(ordered)]
    return [*ordered[:1], *later]


def _members_in_a_row(nodes: Sequence[Node], groups: Iterable[Group], fused: Container[str]) -> list[Node]:
    """The members of a fused group wait for each other in the order of the plan."""
    found = {node.id: node for node in nodes}
    for group in groups:
        members = [node.id for node in nodes if node.id in group.steps]
        if group.id not in fused:
            continue
        for before, member in pairwise(members):
            found[member] = replace(found[member], order=(*found[member].order, before))
    return list(found.values())


def _agents_fused(graph: Graph) -> Graph:
    """Agents that only follow each other become one; the last word on which agent is alone is said here."""
    heads: dict[str, list[Node]] = {}
    head_of: dict[str, str] = {}
    for node in graph.nodes.values():
        before = _follows(graph, node)
        if before is not None:
            head = head_of[before]
            heads[head].append(node)
        else:
            head = node.id
            heads[head] = [node]
        head_of[node.id] = head
    names = {head: "+".join(node.id for node in chain) for head, chain in heads.items()}
    renamed = {node: names[head] for node, head in head_of.items()}
    fused = Graph.of(_chain(chain, graph, renamed) for chain in heads.values())
    return Graph.of(_told_if_alone(fused, node) for node in fused.nodes.values())


def _follows(graph: Graph, node: Node) -> str | None:
    """The agent a node comes directly after, with nothing else between or beside them."""
    waits = {*graph.after[node.id], *node.order}
    if len(node.order) == 1:
        # In a row nothing runs beside them, whatever else they wait for.
        (before,) = node.order
        is_next = graph.followers.get(before) == (node.id,) and waits - {before} <= graph.earlier(before)
    else:
        before = next(iter(waits), "")
        is_next = len(waits) == 1 and graph.successors[before] == (node.id,)
    if not is_next:
        return None
    first = graph.nodes[before]
    both = isinstance(first.job, AgentJob) and isinstance(node.job, AgentJob)
    return before if both and first.group == node.group else None


def _chain(chain: Sequence[Node], graph: Graph, renamed: dict[str, str]) -> Node:
    first, members = chain[0], {node.id for node in chain}
    waits = [before for node in chain for before in graph.after[node.id] if before not in members]
    after = tuple(dict.fromkeys(renamed[before] for before in waits))
    order = tuple(dict.fromkeys(renamed[before] for before in first.order))
    if len(chain) == 1:
        return replace(first, after=after, order=order)
    jobs = [node.job for node in chain if isinstance(node.job, AgentJob)]
    return replace(
        first,
        id=renamed[first.id],
        title="; ".join(node.title for node in chain),
        after=after,
        order=order,
        reads=tuple(dict.fromkeys(name for node in chain for name in node.reads)),
        writes=tuple(dict.fromkeys(name for node in chain for name in node.writes)),
        is_open=any(node.is_open for node in chain),
        needs=tuple(dict.fromkeys(need for node in chain for need in node.needs)),
        is_idempotent=all(node.is_idempotent for node in chain),
        job=AgentJob(
            "\n\n".join(job.instruction for job in jobs), tuple(step for job in jobs for step in job.steps)
        ),
    )


def _told_if_alone(graph: Graph, node: Node) -> Node:
    if not isinstance(node.job, AgentJob):
        return node
    is_alone = not graph.may_overlap(node.id)
    needs = tuple(need for need in node.needs if need != BRANCH or not is_alone)
    # In a directory of its own nothing is changed before it is done.
    repeatable = node.is_idempotent or not is_alone
    return replace(node, job=replace(node.job, is_alone=is_alone), needs=needs, is_idempotent=repeatable)
