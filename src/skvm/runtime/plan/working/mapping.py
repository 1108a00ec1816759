"""A mapped step as a graph of its own: one node an item, and what came of all of them in one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import anyio.to_thread

from skvm.errors import UsageError
from skvm.evidence.record import Usage
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.instancing import needs_of
from skvm.runtime.plan.model import (
    AgentJob,
    AskJob,
    CommandJob,
    MapJob,
    Node,
    StepResult,
    StepState,
    Target,
)
from skvm.runtime.plan.working.items import fill_command, fill_path, find_files, safe_path

__all__ = ["as_one_agent", "items_of", "nodes_of", "summed_up"]

_NAMED = 5
"""Items a sentence names."""


async def items_of(job: MapJob, work_dir: Path) -> tuple[str, ...]:
    """The items of a map as things stand now, each once.

    Raises:
        UsageError: The pattern cannot be looked up.
    """
    if job.glob is None:
        return tuple(dict.fromkeys(job.items))
    return await anyio.to_thread.run_sync(find_files, work_dir, job.glob)


def nodes_of(node: Node, job: MapJob, items: Sequence[str], target: Target, *, primes: bool = False) -> Graph:
    """The graph of a map's items, in their order.

    Items were found to be independent; those that write the same file still wait for each other, so that it
    ends as it would have one by one.

    Args:
        node: The mapped step.
        job: What is done for each.
        items: The items.
        target: Whose model it is.
        primes: Whether the first goes alone.

    Raises:
        UsageError: An item's output leads out of the work directory.
    """
    # What the step has for itself its items cannot have at once.
    is_serial = job.is_serial or any(need.startswith("only:") for need in node.needs)
    made: list[Node] = []
    title = node.title.rstrip(" :")
    for item in items:
        each = _filled(job.each, item)
        made.append(
            Node(
                id=f"{node.id}[{item}]",
                title=f"{title}: {item}" if title else item,
                # What fails keeps none of the others from running.
                order=(made[-1 if is_serial else 0].id,) if made and (is_serial or primes) else (),
                reads=_reads(each),
                writes=_writes(each, job.each, item),
                is_open=isinstance(each, AgentJob) and node.is_open,
                needs=needs_of(each, target),
                is_idempotent=node.is_idempotent or isinstance(each, AgentJob),
                # Those that may touch anything stand side by side only as members of one group.
                group=node.group or (node.id if node.is_open else None),
                job=each,
            )
        )
    return Graph.of(made)


def _filled(job: CommandJob | AskJob | AgentJob, item: str) -> CommandJob | AskJob | AgentJob:
    if isinstance(job, CommandJob):
        return replace(job, commands=tuple(fill_command(line, item) for line in job.commands))
    if isinstance(job, AgentJob):
        return replace(job, item=item)
    output = safe_path(fill_path(job.output, item))
    if output == item:
        raise UsageError(f"{item}: an item of a map would be written over", help="name another output")
    return replace(job, output=output, item=item)


def _reads(job: CommandJob | AskJob | AgentJob) -> tuple[str, ...]:
    if isinstance(job, AskJob):
        return tuple(dict.fromkeys((*job.inputs, *((job.item,) if job.item else ()))))
    return ()


def _writes(job: CommandJob | AskJob | AgentJob, template: object, item: str) -> tuple[str, ...]:
    if isinstance(job, AskJob):
        return (job.output,)
    # Nothing is known of a command's files but that two items of one name may mean the same.
    is_named = isinstance(template, CommandJob) and any("{name}" in line for line in template.commands)
    return (f"name:{fill_path('{name}', item)}",) if is_named else ()


def as_one_agent(job: MapJob, items: Sequence[str], each: AgentJob) -> AgentJob:
    """One agent for all items of a map that is not to run at once: it reads the task only once."""
    listed = "\n".join(f"- {item}" for item in items)
    words = f"{each.instruction.strip()}\n\nDo it for each of these, one after the other:\n{listed}"
    return replace(each, instruction=words, item=None, is_alone=True)


def summed_up(items: Sequence[str], results: Mapping[str, StepResult]) -> StepResult:
    """What came of a map.

    Args:
        items: Its items.
        results: By node, in the same order.
    """
    usage = sum((result.usage for result in results.values()), Usage())
    pairs = list(zip(items, results.values(), strict=True))
    undone = [(item, result) for item, result in pairs if not result.is_done]
    if not undone:
        # A pattern that means nothing is worth a word: somebody may have expected something.
        text = f"{len(items)} items done" if items else "there was no item"
        return StepResult(StepState.DONE, text, usage=usage)
    states = {result.state for _, result in undone}
    for state in (StepState.FAILED, StepState.UNCERTAIN, StepState.LEFT, StepState.CANCELLED):
        if state in states:
            break
    told = [(item, result) for item, result in undone if result.state is state]
    named = "; ".join(f"{item}: {result.reason or result.state}" for item, result in told[:_NAMED])
    more = f"; and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    reason = f"{len(undone)} of {len(items)} items are not done: {named}{more}"
    return StepResult(state, f"{len(items) - len(undone)} of {len(items)} items done", reason, usage=usage)
