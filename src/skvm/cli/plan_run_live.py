"""The live view of ``skvm plan run`` on a terminal, and its table of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from skvm.cli.console import out, progress
from skvm.cli.plan_run_report import next_of, spent_of, summary_of, told_of, visible
from skvm.compiler.plans.plan import Plan
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node, StepResult, StepState
from skvm.runtime.plan.running.request import Outcome, Watcher

__all__ = ["live_view", "print_outcome"]

_STYLES = {
    StepState.DONE: "green",
    StepState.FAILED: "bold red",
    StepState.LEFT: "yellow",
    StepState.CANCELLED: "dim",
    StepState.UNCERTAIN: "bold magenta",
}
_SHOWN = 4


class _Live:
    """A bar over the steps, with those under way beside it."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.task = bar.add_task("looking", total=None, note="")
        self.nodes: Mapping[str, Node] = {}
        self.running: dict[str, None] = {}
        self.items = 0
        self.failed = 0

    def began(self, plan_run: str, graph: Graph, finished: Mapping[str, StepResult]) -> None:
        """See ``Watcher``."""
        self.nodes = graph.nodes
        closed = sum(name in graph.nodes for name in finished)
        self.bar.update(self.task, total=len(graph.nodes), completed=closed)
        self._show()

    def started(self, node: Node) -> None:
        """See ``Watcher``."""
        self.running[node.id] = None
        self._show()

    def finished(self, node: Node, result: StepResult) -> None:
        """See ``Watcher``."""
        self.running.pop(node.id, None)
        self.failed += result.state is StepState.FAILED
        if node.id in self.nodes:
            self.bar.advance(self.task)
        else:
            self.items += 1
        self._show()

    def _show(self) -> None:
        names = list(self.running)
        shown = ", ".join(visible(name) for name in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        notes = [
            f"{self.items:,} item{'s' if self.items != 1 else ''}" if self.items else "",
            f"{self.failed} failed" if self.failed else "",
        ]
        self.bar.update(
            self.task, description=f"{shown}{more}" or "waiting", note=", ".join(filter(None, notes))
        )


@contextmanager
def live_view() -> Iterator[Watcher]:
    """A view of a run on the terminal, gone when it ends."""
    with progress() as bar:
        live = _Live(bar)
        yield live
        bar.update(live.task, visible=False)


def print_outcome(outcome: Outcome, plan: Plan, again: Sequence[str]) -> None:
    """A table of the steps, then what is left and how to go on."""
    results = outcome.report.results
    kept = set(outcome.kept)
    for note in outcome.notes:
        out.print(Text.assemble(("note: ", "cyan"), visible(note)))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("step", "state", "what", "why"):
        table.add_column(title, overflow="fold", no_wrap=title in {"step", "state"})
    for name in told_of(results):
        result = results[name]
        state = "done before" if name in kept else result.state.value
        table.add_row(
            Text(visible(name)),
            Text(state, style="dim green" if name in kept else _STYLES[result.state]),
            Text(visible(outcome.graph.nodes[name].title)),
            Text(visible(result.reason)[:600], style="dim" if result.is_done else ""),
        )
    out.print(table)
    out.print(
        Text.assemble(
            (summary_of(results), "bold"),
            f" in {outcome.report.wall_s:.1f} s{spent_of(outcome)}",
            (f"  run {outcome.plan_run}", "dim"),
        )
    )
    going_on = next_of(outcome.graph, plan, results, again)
    for todo in going_on.todo:
        out.print(Text.assemble(("to do: ", "yellow"), todo))
    for line in going_on.commands:
        out.print(Text.assemble(("next: ", "bold cyan"), line))
