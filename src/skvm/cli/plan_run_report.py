"""What ``skvm plan run`` says of a run, in lines that an agent reads and as JSON; imports nothing heavy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skvm.compiler.plans.plan import Plan
from skvm.evidence.record import Usage
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import (
    AgentJob,
    AskJob,
    CommandJob,
    LeftJob,
    MapJob,
    Node,
    PlanReport,
    StepResult,
    StepState,
)
from skvm.runtime.plan.running.preparing import Prepared
from skvm.runtime.plan.running.request import Outcome

__all__ = [
    "Next",
    "dry_json",
    "dry_lines",
    "exit_code_of",
    "kind_of",
    "next_of",
    "outcome_json",
    "outcome_lines",
    "spent_of",
    "summary_of",
    "told_of",
    "visible",
]

_MAX_CHARS = 300
_MAX_LINES = 200
_ORDER = (
    StepState.DONE,
    StepState.FAILED,
    StepState.UNCERTAIN,
    StepState.LEFT,
    StepState.CANCELLED,
)


class Next:
    """What somebody has to do, and the commands to say so.

    Args:
        todo: A line each: what is to be done or decided.
        commands: The exact commands that go on.
    """

    def __init__(self, todo: Sequence[str], commands: Sequence[str]) -> None:
        self.todo = tuple(todo)
        self.commands = tuple(commands)


def visible(text: str) -> str:
    """Words of strangers on one line, without what a terminal would obey."""
    plain = " ".join(text.split())
    return "".join(char if char.isprintable() else "\ufffd" for char in plain)


def exit_code_of(report: PlanReport) -> int:
    """0 if everything is done or left, else 1."""
    is_bad = report.of(StepState.FAILED) or report.of(StepState.UNCERTAIN) or report.of(StepState.CANCELLED)
    return 1 if is_bad else 0


def kind_of(node: Node) -> str:
    """What does a node: ``command``, ``question``, ``agent``, ``left``, ``none``; ``each …`` for a map."""
    if node.job == CommandJob(()):
        return "none"
    job = node.job.each if isinstance(node.job, MapJob) else node.job
    names = {CommandJob: "command", AskJob: "question", AgentJob: "agent", LeftJob: "left"}
    return ("each " if isinstance(node.job, MapJob) else "") + names[type(job)]


def summary_of(results: Mapping[str, StepResult]) -> str:
    """How many ended how: ``3 done, 1 left``."""
    counts = [(state, sum(result.state is state for result in results.values())) for state in _ORDER]
    return ", ".join(f"{count:,} {state.value}" for state, count in counts if count) or "no steps"


def spent_of(outcome: Outcome) -> str:
    """What the model calls of this process took: ``, 4 calls, 1,204 tokens, $0.0012``; ``""`` without any."""
    kept = set(outcome.kept)
    used = sum((result.usage for name, result in outcome.report.results.items() if name not in kept), Usage())
    if not used.calls:
        return ""
    cost = "cost unknown" if used.cost_usd is None else f"${used.cost_usd:.4f}"
    return f", {used.calls:,} model calls, {used.total_tokens:,} tokens, {cost}"


def told_of(results: Mapping[str, StepResult]) -> list[str]:
    """The steps worth a line: of very many, only those that are not done."""
    return [name for name, result in results.items() if not (result.is_done and len(results) > _MAX_LINES)]


def next_of(graph: Graph, plan: Plan, results: Mapping[str, StepResult], again: Sequence[str]) -> Next:
    """What is in the way of the rest, and how to go on.

    Args:
        graph: What was run.
        plan: The plan.
        results: How each node ended.
        again: The words of the command that goes on.
    """
    todo: list[str] = []
    done: list[str] = []
    repeat: list[str] = []
    confirm: list[str] = []
    failed: list[str] = []
    asked = {step.id for step in plan.steps if step.confirmation}
    for name, result in results.items():
        node = graph.nodes[name]
        if result.state is StepState.LEFT and isinstance(node.job, LeftJob):
            if not all(results[before].is_done for before in graph.after[name]):
                continue
            todo.append(f"step {name}: {visible(node.job.reason)}")
            (confirm if name in asked else done).append(name)
        elif result.state is StepState.UNCERTAIN:
            todo.append(f"step {name}: look whether it is done: {_clip(visible(node.title))}")
            repeat.append(name)
        elif result.state is StepState.FAILED:
            (failed if node.is_idempotent else repeat).append(name)
    commands = []
    if done:
        commands.append(_line(again, "--done", done))
    if confirm:
        commands.append(shlex.join([*again, "--yes"]))
    if repeat:
        commands.append(_line(again, "--repeat", repeat))
        commands.append(_line(again, "--done", repeat))
    if failed and not repeat:
        commands.append(shlex.join(again))
    return Next(todo, commands)


def _line(again: Sequence[str], flag: str, steps: Sequence[str]) -> str:
    return shlex.join([*again, *(word for step in steps for word in (flag, step))])


def outcome_lines(outcome: Outcome, plan: Plan, again: Sequence[str]) -> Iterator[str]:
    """A run in plain lines: one a step, then what is left and the exact commands to go on."""
    results = outcome.report.results
    for note in outcome.notes:
        yield f"note: {visible(note)}"
    kept = set(outcome.kept)
    told = told_of(results)
    for name in told[:_MAX_LINES]:
        result, node = results[name], outcome.graph.nodes[name]
        state = "done before" if name in kept else result.state.value
        yield f"{state:<12}{name}  {_clip(visible(node.title))}".rstrip()
        if not result.is_done and result.reason:
            yield f"{'':<12}{_clip(visible(result.reason), 2 * _MAX_CHARS)}"
    if len(told) > _MAX_LINES:
        yield f"… and {len(told) - _MAX_LINES:,} more"
    going_on = next_of(outcome.graph, plan, results, again)
    took = f"{outcome.report.wall_s:.1f} s{spent_of(outcome)}"
    yield f"{summary_of(results)} in {took} (run {outcome.plan_run})"
    for todo in going_on.todo[:_MAX_LINES]:
        yield f"to do: {todo}"
    for command in going_on.commands:
        yield f"next: {command}"


def outcome_json(outcome: Outcome, plan: Plan, again: Sequence[str]) -> dict[str, Any]:
    """Everything of a run."""
    results = outcome.report.results
    kept = set(outcome.kept)
    going_on = next_of(outcome.graph, plan, results, again)
    return {
        "schema": 1,
        "planRun": outcome.plan_run,
        "skill": plan.skill,
        "resumed": outcome.resumed,
        "wallS": round(outcome.report.wall_s, 6),
        "states": {
            state.value: len(outcome.report.of(state)) for state in _ORDER if outcome.report.of(state)
        },
        "steps": [
            {
                "id": name,
                "title": outcome.graph.nodes[name].title,
                "kind": kind_of(outcome.graph.nodes[name]),
                "group": outcome.graph.nodes[name].group,
                "after": list(outcome.graph.after[name]),
                "state": result.state.value,
                "doneBefore": name in kept,
                "reason": result.reason,
                "exitCode": result.exit_code,
                "text": result.text,
                "digests": dict(result.digests),
                "usage": result.usage.model_dump(mode="json"),
            }
            for name, result in results.items()
        ],
        "notes": list(outcome.notes),
        "todo": list(going_on.todo),
        "next": list(going_on.commands),
    }


def _rounds(prepared: Prepared) -> list[list[Node]]:
    """Which pending nodes may run at once, if every node took equally long."""
    level: dict[str, int] = {}
    rounds: list[list[Node]] = []
    pending = {node.id for node in prepared.pending}
    for name, node in prepared.graph.nodes.items():
        if name not in pending:
            continue
        before = (*prepared.graph.after[name], *node.order)
        level[name] = 1 + max((level[other] for other in before if other in level), default=-1)
        if level[name] == len(rounds):
            rounds.append([])
        rounds[level[name]].append(node)
    return rounds


def dry_lines(prepared: Prepared) -> Iterator[str]:
    """What would run, round by round."""
    for note in prepared.notes:
        yield f"note: {visible(note)}"
    for name, result in prepared.standing.finished.items():
        if name in prepared.graph.nodes:
            reason = f": {_clip(visible(result.reason))}" if not result.is_done else ""
            yield f"{result.state.value:<12}{name}{reason}"
    for number, nodes in enumerate(_rounds(prepared), 1):
        at_once = f", {len(nodes)} at once" if len(nodes) > 1 else ""
        yield f"round {number}{at_once}"
        for node in nodes:
            yield f"  {kind_of(node):<14}{node.id}  {_clip(visible(_words(node)))}"
    if not prepared.pending:
        yield "nothing is left to run"


def dry_json(prepared: Prepared) -> dict[str, Any]:
    """What would run, round by round."""
    return {
        "schema": 1,
        "isDryRun": True,
        "planRun": prepared.earlier.started.plan_run if prepared.earlier else None,
        "finished": {
            name: result.state.value
            for name, result in prepared.standing.finished.items()
            if name in prepared.graph.nodes
        },
        "rounds": [
            [{"id": node.id, "kind": kind_of(node), "what": _words(node)} for node in nodes]
            for nodes in _rounds(prepared)
        ],
        "notes": list(prepared.notes),
    }


def _words(node: Node) -> str:
    job = node.job.each if isinstance(node.job, MapJob) else node.job
    return "; ".join(job.commands) if isinstance(job, CommandJob) and job.commands else node.title


def _clip(text: str, most: int = _MAX_CHARS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
