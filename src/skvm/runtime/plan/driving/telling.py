"""What an agent is told of a plan that ran, and the one trajectory all of its conversations make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skvm.harness.contract import Facility, Harness, RunContext
from skvm.harness.trajectory import ToolKind, Turn
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node, PlanReport, StepState
from skvm.runtime.plan.working.agents import PLAN_COMMAND

__all__ = ["Conversations", "closing_prompt"]

_LINE_CHARS = 300
_MAX_LINES = 40
_WORDS = {
    StepState.DONE: "done",
    StepState.FAILED: "FAILED",
    StepState.LEFT: "not done",
    StepState.CANCELLED: "not done",
    StepState.UNCERTAIN: "perhaps done",
}


def closing_prompt(context: RunContext, graph: Graph, report: PlanReport) -> str:
    """What the agent is asked that ends a run: to answer where all is done, else to go on from there."""
    prompt = context.prompt.strip()
    lines = [_line(graph.nodes[name], report) for name in report.results]
    if len(lines) > _MAX_LINES:
        lines = [*lines[:_MAX_LINES], f"- and {len(lines) - _MAX_LINES} more"]
    listed = "\n".join(lines)
    if report.is_done:
        ask = (
            "All steps of the skill have been carried out already; their results are in the work directory. "
            f"Do not do them again{_not_with(context)}. "
            "If the task asks for something that is still missing, do that. "
            "Then give the final answer of the task."
        )
        return f"{prompt}\n\nWhat was done already:\n{listed}\n\n{ask}"
    ask = (
        "The work stopped in the middle. What is marked as done need not be done again; do the rest "
        "yourself, beginning with a look at the work directory, and then give the final answer of the task."
    )
    return f"{prompt}\n\nWhat was done so far:\n{listed}\n\n{ask}"


def _not_with(context: RunContext) -> str:
    """Words that keep an agent from the command its skill names."""
    names_it = context.skill is not None and PLAN_COMMAND in context.skill.content
    return f", and do not call `{PLAN_COMMAND}`" if names_it else ""


def _line(node: Node, report: PlanReport) -> str:
    result = report.results[node.id]
    said = result.text if result.is_done else result.reason or result.text
    words = " ".join(said.split())
    shown = words if len(words) <= _LINE_CHARS else f"{words[: _LINE_CHARS - 1]}…"
    title = " ".join(node.title.split()) or node.id
    return f"- [{_WORDS[result.state]}] {title}" + (f": {shown}" if shown else "")


@dataclass(slots=True)
class Conversations:
    """Turns of everything that ran for a plan, kept by node.

    Args:
        harness: Whose tools a command is told in.
    """

    harness: Harness
    _turns: dict[str, list[Sequence[Turn]]] = field(default_factory=dict)

    def add(self, node: Node, turns: Sequence[Turn]) -> None:
        """Take a conversation of a node; a node that was tried twice has two."""
        self._turns.setdefault(node.id, []).append(turns)

    def in_order(
        self, graph: Graph, items: Mapping[str, Sequence[str]], closing: Sequence[Turn] = ()
    ) -> tuple[Turn, ...]:
        """All turns as one sequence: nodes and items in the order of the plan, the closing last.

        Indexes are made anew and ids of calls unique.

        Args:
            graph: The plan's.
            items: Ids of the items of mapped nodes, in order, by node.
            closing: Turns of the conversation that ended the run.
        """
        names = [name for node in graph.nodes for name in (node, *items.get(node, ()))]
        parts = [
            (name if not attempt else f"{name}#{attempt}", turns)
            for name in names
            for attempt, turns in enumerate(self._turns.get(name, ()))
        ]
        parts.append(("", tuple(closing)))
        found: list[Turn] = []
        for name, turns in parts:
            found += [self._placed(turn, name, len(found) + index) for index, turn in enumerate(turns)]
        return tuple(found)

    def _placed(self, turn: Turn, name: str, index: int) -> Turn:
        prefix = f"{name}:" if name else "end:"
        calls = tuple(
            call.model_copy(update={"id": f"{prefix}{call.id}", "name": self._tool(call.name, call.kind)})
            for call in turn.tool_calls
        )
        seen = tuple(
            each.model_copy(update={"tool_call_id": f"{prefix}{each.tool_call_id}"})
            for each in turn.observations
        )
        return turn.model_copy(update={"index": index, "tool_calls": calls, "observations": seen})

    def _tool(self, name: str, kind: ToolKind) -> str:
        """Our own commands under the name the harness has for them."""
        has_tools = Facility.NATIVE_TOOLS in self.harness.facilities
        return "execute_command" if has_tools and kind is ToolKind.RUN and name == "shell" else name
