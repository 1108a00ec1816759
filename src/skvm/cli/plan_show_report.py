"""A plan in the terminal and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skvm.cli.plan_words import chain_words, ratio_words, span_words

if TYPE_CHECKING:
    from rich.table import Table

    from skvm.cli.plan_show_view import PlanView, ProcedureView, StepView
    from skvm.compiler.plans.plan import Group

__all__ = ["as_document", "print_view"]

_SCHEMA = 1
_STYLES = {"command": "green", "model": "cyan", "agent": "magenta", "read": "dim"}
_TYPES = {"dlp": "items of one step", "ilp": "steps in one turn", "tlp": "steps of agents of their own"}
_MOST_STEPS, _MOST_GROUPS = 200, 50
_LISTED = 6
_CELL_CHARS, _LEAST_CELL_CHARS = 28, 4
_LEAST_TITLE_CHARS, _MOST_TITLE_CHARS = 16, 72


def print_view(view: PlanView, *, is_whole: bool = False) -> None:
    """Print a plan for a person.

    Args:
        view: The plan.
        is_whole: All steps and groups, however many.
    """
    from rich.text import Text

    from skvm.cli.console import out, visible

    where = f"{visible(view.target.model)} in {visible(view.target.harness)}"
    told = where if view.target.model else "commands alone"
    counts = f"{_amount(len(view.plan.steps), 'step')}, {_amount(len(view.plan.groups), 'group')}"
    out.print(Text.assemble((visible(view.plan.skill), "bold"), f"  {counts}  ({told})"))
    if not view.plan.steps:
        out.print("It has no steps: nothing in the skill reads as a procedure.", style="dim")
    for found in view.procedures:
        _print_procedure(found, is_only=len(view.procedures) == 1, most=None if is_whole else _MOST_STEPS)
    if view.plan.groups:
        _print_groups(view, None if is_whole else _MOST_GROUPS)


def _print_procedure(found: ProcedureView, *, is_only: bool, most: int | None) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    procedure = found.procedure
    out.print()
    head = Text(f"{visible(procedure.id)}  {visible(procedure.title)}" if procedure.id else "in no procedure")
    head.stylize("bold")
    if procedure.part_of is not None:
        head.append(f"  inside of step {visible(procedure.part_of)}", style="dim")
    elif procedure.id and not found.is_run and not is_only:
        head.append(f"  run with --procedure {visible(procedure.id)}", style="dim")
    out.print(head)
    if found.steps:
        out.print(_steps(found, found.steps[:most]))
        _print_more(len(found.steps), most, "step")
    if found.fault:
        fault = f"cannot be run: {visible(found.fault)}; skvm plan check says what is wrong"
        out.print(Text(fault, style="bold red"))
    if len(found.critical) > 1:
        chain = chain_words(found.critical)
        times = f"  ({span_words(found.critical_s)} expected, {span_words(found.serial_s)} in a row)"
        out.print(Text.assemble(("critical path  ", "dim"), chain, (times, "dim")))


def _steps(found: ProcedureView, steps: Sequence[StepView]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, visible

    rows = [
        (
            _cut(visible(view.step.id), _CELL_CHARS),
            _kind(view),
            " ".join(visible(view.step.description).split()),
            _names([each.step for each in view.step.depends_on]) or "–",
            _names(view.step.writes),
        )
        for view in steps
    ]
    titles = ("step", "kind", "what", "waits for", "makes")
    longest = [max(len(row[place]) for row in (titles, *rows)) for place in range(len(titles))]
    _narrow(longest, out.width)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title, chars in zip(titles, longest, strict=True):
        table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=chars)
    critical = {step for node in found.critical for step in (node, *node.split("+"))}
    for view, (name, kind, title, after, makes) in zip(steps, rows, strict=True):
        shown = Text(name, style="bold" if view.step.id in critical else "")
        style = "yellow" if view.left else _STYLES[view.kind]
        cut = _cut(title, longest[2])
        table.add_row(shown, Text(kind, style=style), cut, after, Text(makes, style="dim"))
    return table


def _narrow(longest: list[int], width: int) -> None:
    """Cut columns down to what a terminal has room for: the words first, ids never."""
    longest[2] = min(longest[2], _MOST_TITLE_CHARS)
    what, cells = (2,), (1, 3, 4)
    for places, least in ((what, _LEAST_TITLE_CHARS), (cells, _LEAST_CELL_CHARS), (what, _LEAST_CELL_CHARS)):
        while sum(longest) + 2 * len(longest) > width:
            place = max(places, key=lambda each: longest[each])
            if longest[place] <= least:
                break
            longest[place] -= 1


def _kind(view: StepView) -> str:
    kind = f"map: {view.kind}" if view.map is not None else view.kind
    return f"left ({kind})" if view.left else kind


def _names(names: Sequence[str]) -> str:
    from skvm.cli.console import visible

    listed = ", ".join(visible(name) for name in names[:_LISTED])
    more = f" +{len(names) - _LISTED}" if len(names) > _LISTED else ""
    return _cut(listed, _CELL_CHARS - len(more)) + more


def _print_groups(view: PlanView, most: int | None) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    out.print()
    out.print(Text("groups", style="bold"))
    for group in view.plan.groups[:most]:
        decision = view.decisions.get(group.id)
        line = Text.assemble(
            (visible(group.id), "bold"), f"  {_TYPES[group.type]}: {_names(group.steps)}", _over(group)
        )
        if group.forecast is not None:
            line.append(f"  {_forecast(group)}", style="dim")
        out.print(line)
        if decision is not None:
            word, style = ("in a row", "yellow") if decision.is_fused else ("at once", "green")
            out.print(Text.assemble("    ", (word, style), f": {visible(decision.reason)}"))
        because = " ".join(visible(group.reason).split())
        out.print(Text(f"    independent because {_cut(because, 200)}", style="dim"))
    _print_more(len(view.plan.groups), most, "group")


def _print_more(count: int, most: int | None, noun: str) -> None:
    from skvm.cli.console import out

    if most is not None and count > most:
        out.print(f"and {_amount(count - most, noun)} more: --verbose", style="dim")


def _over(group: Group) -> str:
    from skvm.cli.console import visible

    if group.items is None:
        return ""
    shown = ", ".join(group.items.values[:_LISTED]) if group.items.kind == "list" else group.items.over
    return f" over {_cut(' '.join(visible(shown).split()), 60)}"


def _forecast(group: Group) -> str:
    forecast = group.forecast
    if forecast is None:
        return ""
    times = f"{span_words(forecast.serial_s)} → {span_words(forecast.parallel_s)}"
    ratio = f", × {ratio_words(forecast.serial_s / forecast.parallel_s)}" if forecast.parallel_s > 0 else ""
    return f"{times}{ratio} ({forecast.basis})"


def _amount(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_document(view: PlanView) -> dict[str, Any]:
    """The plan as ``--json`` prints it: itself, and what it comes to on the target."""
    return {
        "schema": _SCHEMA,
        "model": view.target.model,
        "harness": view.target.harness,
        "plan": view.plan.record(),
        "procedures": [
            {
                "id": found.procedure.id,
                "isRun": found.is_run,
                "fault": found.fault or None,
                "criticalPath": list(found.critical),
                "expectedS": round(found.critical_s, 6),
                "serialS": round(found.serial_s, 6),
                "nodes": _nodes(found),
                "steps": [
                    {
                        "id": each.step.id,
                        "kind": each.kind,
                        "isMap": each.map is not None,
                        "left": each.left or None,
                        "expectedS": round(each.expected_s, 6),
                    }
                    for each in found.steps
                ],
            }
            for found in view.procedures
        ],
        "decisions": {
            group: {
                "arm": decision.arm,
                "isSettled": decision.is_settled,
                "reason": decision.reason,
                "gain": decision.gain,
                "low": decision.low,
                "high": decision.high,
                "parallelRuns": decision.parallel_runs,
                "serialRuns": decision.serial_runs,
            }
            for group, decision in view.decisions.items()
        },
    }


def _nodes(found: ProcedureView) -> list[dict[str, Any]]:
    """What would run, and what each waits for: said or because it touches the same."""
    if found.graph is None:
        return []
    return [{"id": node, "after": list(found.graph.after[node])} for node in found.graph.nodes]
