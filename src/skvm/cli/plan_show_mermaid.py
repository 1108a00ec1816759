"""A plan as a Mermaid graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.cli.plan_show_view import PlanView, ProcedureView, StepView

__all__ = ["mermaid"]

_SHAPES = {"command": ("[", "]"), "model": ("([", "])"), "agent": ("{{", "}}"), "read": ("[/", "/]")}
_LABEL_CHARS = 80
_STYLES = (
    "classDef left stroke-dasharray: 4 3",
    "classDef critical stroke-width: 3px",
)


def mermaid(view: PlanView) -> str:
    """The graph of a plan: a part for each procedure, a shape for each kind of step.

    What is left is dashed, what is critical has a thick border, and members of a group that run at once are
    joined by a dotted line with the group's name.
    """
    return "\n".join(_lines(view)) + "\n"


def _lines(view: PlanView) -> Iterator[str]:
    names = {step.id: f"s{place}" for place, step in enumerate(view.plan.steps)}
    yield "flowchart TD"
    for place, found in enumerate(view.procedures):
        title = found.procedure.title or found.procedure.id or "in no procedure"
        yield f'    subgraph p{place}["{_label(title)}"]'
        for each in found.steps:
            yield f"        {names[each.step.id]}{_box(each)}"
        yield "    end"
    for step in view.plan.steps:
        for before in step.depends_on:
            if before.step in names:
                yield f"    {names[before.step]} --> {names[step.id]}"
    for group in view.plan.groups:
        decision = view.decisions.get(group.id)
        members = [names[step] for step in dict.fromkeys(group.steps) if step in names]
        if group.items is None and len(members) > 1 and not (decision and decision.is_fused):
            yield f'    {" & ".join(members[:1])} -. "{_label(group.id)}" .- {" & ".join(members[1:])}'
    yield from (f"    {style}" for style in _STYLES)
    if left := [names[each.step.id] for found in view.procedures for each in found.steps if each.left]:
        yield f"    class {','.join(left)} left"
    if critical := [names[step] for found in view.procedures for step in _critical(found) if step in names]:
        yield f"    class {','.join(critical)} critical"


def _box(view: StepView) -> str:
    begin, end = _SHAPES[view.kind]
    items = f" × {_label(view.map.items.over)}" if view.map and view.map.items else ""
    return f'{begin}"{_label(f"{view.step.id} {view.step.description}")}{items}"{end}'


def _critical(found: ProcedureView) -> Iterator[str]:
    known = {each.step.id for each in found.steps}
    for node in found.critical if len(found.critical) > 1 else ():
        yield from [node] if node in known else node.split("+")


def _label(text: str) -> str:
    """Words that cannot end the quotes they stand in, nor mean anything to Mermaid or a browser."""
    kept = "".join(each if each.isprintable() else " " for each in text.replace('"', "'"))
    plain = "".join(each for each in " ".join(kept.split()) if each not in "#<>&`\\")
    return plain if len(plain) <= _LABEL_CHARS else f"{plain[: _LABEL_CHARS - 1]}…"
