"""What the parts of a plan say of each other: ids, circles, groups whose members are not independent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from skvm.compiler.effects.resources import clash
from skvm.compiler.plans.plan import Group, Plan, PlanStep
from skvm.diagnostics import Severity
from skvm.runtime.plan.checking.findings import SKV805, SKV806, SKV807, SKV808, SKV813, SKV814
from skvm.runtime.plan.checking.places import Path
from skvm.runtime.plan.checking.report import Report, shown
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node

__all__ = ["check_relations"]

_MOST_CIRCLES = 5
_SHOWN_STEPS = 8
Waits = dict[str, list[str]]
"""By step, those it waits for."""


def check_relations(plan: Plan, report: Report) -> None:
    """Note what does not fit together."""
    _check_ids(plan, report)
    known = {step.id for step in plan.steps}
    waits: Waits = {step.id: [] for step in plan.steps}
    for step in plan.steps:
        waits[step.id] += [found.step for found in step.depends_on if found.step in known]
    order = _check_circles(plan, waits, report)
    _check_procedures(plan, report)
    steps = {step.id: step for step in plan.steps}
    for place, group in enumerate(plan.groups):
        where = ("groups", place)
        _check_group(group, where, report)
        members = [steps[each] for each in dict.fromkeys(group.steps) if each in steps]
        if group.items is None and len(members) > 1:
            _check_waiting(group, where, report, _dependent({each.id for each in members}, waits, order))
            _check_clashes(group, where, report, _clashes(members))


def _check_ids(plan: Plan, report: Report) -> None:
    known = {step.id for step in plan.steps}
    for kind, ids in (
        ("steps", [step.id for step in plan.steps]),
        ("procedures", [one.id for one in plan.procedures]),
        ("groups", [group.id for group in plan.groups]),
    ):
        for place in _repeated(ids):
            report.add(SKV805, f"two {kind} are called {shown(ids[place])}", (kind, place, "id"))
    for place, step in enumerate(plan.steps):
        for number, found in enumerate(step.depends_on):
            where: Path = ("steps", place, "dependsOn", number, "step")
            _check_id(found.step, known, f"step {shown(step.id)} waits for", where, report)
    for kind, lists in (
        ("procedures", [(one.id, one.steps) for one in plan.procedures]),
        ("groups", [(group.id, group.steps) for group in plan.groups]),
    ):
        for place, (name, steps) in enumerate(lists):
            listed: Path = (kind, place, "steps")
            for number, step_id in enumerate(steps):
                _check_id(step_id, known, f"{kind[:-1]} {shown(name)} has", (*listed, number), report)
            for number in _repeated(steps):
                said = f"step {shown(steps[number])} stands twice in {kind[:-1]} {shown(name)}"
                report.add(SKV805, said, (*listed, number))
    for place, procedure in enumerate(plan.procedures):
        if procedure.part_of is not None:
            said = f"procedure {shown(procedure.id)} is a part of"
            _check_id(procedure.part_of, known, said, ("procedures", place, "partOf"), report)


def _repeated(ids: Sequence[str]) -> Iterator[int]:
    seen: set[str] = set()
    for place, each in enumerate(ids):
        if each in seen:
            yield place
        seen.add(each)


def _check_id(step: str, known: set[str], said: str, where: Path, report: Report) -> None:
    if step not in known:
        report.add(SKV806, f"{said} {shown(step)}, which is no step of the plan", where)


def _check_procedures(plan: Plan, report: Report) -> None:
    held = {step for procedure in plan.procedures for step in procedure.steps}
    for place, step in enumerate(plan.steps):
        if step.id not in held:
            report.add(SKV813, f"step {shown(step.id)} is in no procedure", ("steps", place))


def _check_circles(plan: Plan, waits: Waits, report: Report) -> list[str] | None:
    """Note circles; the steps in an order that can be run, or ``None`` where there is none."""
    for _ in range(_MOST_CIRCLES):
        order = _ordered(waits)
        if len(order) == len(waits):
            return order
        circle = _circle(waits, set(waits) - set(order))
        names = circle if len(circle) <= _SHOWN_STEPS else [*circle[: _SHOWN_STEPS - 2], "…", circle[-1]]
        said = " → ".join(names)
        place, number = _dependency(plan, circle[0], circle[1])
        where = ("steps", place, "dependsOn", number)
        report.add(
            SKV807,
            f"steps wait for each other in a circle: {said}",
            where,
            help="take out the dependency that is not true",
        )
        # Whatever else goes round is another circle.
        waits = {name: [each for each in found if (name, each) != (circle[0], circle[1])]
                 for name, found in waits.items()}  # fmt: skip
    return None


def _dependency(plan: Plan, step: str, before: str) -> tuple[int, int]:
    """The places of a step and of what it says of another; of steps of one id, of the one that says it."""
    return next(
        (place, number)
        for place, each in enumerate(plan.steps)
        if each.id == step
        for number, found in enumerate(each.depends_on)
        if found.step == before
    )


def _ordered(waits: Waits) -> list[str]:
    left = {step: len(found) for step, found in waits.items()}
    behind: dict[str, list[str]] = {step: [] for step in waits}
    for step, found in waits.items():
        for before in found:
            behind[before].append(step)
    order = [step for step, count in left.items() if not count]
    for step in order:
        for other in behind[step]:
            left[other] -= 1
            if not left[other]:
                order.append(other)
    return order


def _circle(waits: Waits, stuck: set[str]) -> list[str]:
    """One circle among steps that can never begin; its first is also its last."""
    step = next(each for each in waits if each in stuck)
    seen: dict[str, int] = {}
    path: list[str] = []
    while step not in seen:
        seen[step] = len(path)
        path.append(step)
        step = next(before for before in waits[step] if before in stuck)
    return [*path[seen[step] :], step]


def _check_group(group: Group, where: Path, report: Report) -> None:
    name = shown(group.id)
    if group.items is None:
        if group.type == "dlp":
            report.add(SKV814, f"group {name} is a map, and has no items", where)
        elif len(set(group.steps)) < 2:
            report.add(SKV814, f"group {name} has {len(set(group.steps))} step: nothing goes at once", where)
        return
    items, inside = group.items, (*where, "items")
    if len(group.steps) != 1:
        report.add(SKV814, f"group {name} goes through items for {len(group.steps)} steps, not one", where)
    if (items.kind == "glob" and not items.over.strip()) or (items.kind == "list" and not items.values):
        report.add(SKV814, f"the items of group {name} are none", inside)
    for field, line in (("command", items.command), ("output", items.output)):
        if line is None or "{item}" in line or "{name}" in line:
            continue
        said = f"the {field} of group {name} names neither {{item}} nor {{name}}: it is the same for all"
        rule = SKV808 if field == "output" else SKV814
        report.add(rule, said, (*inside, field))
    for number in _repeated(items.values):
        said = f"item {shown(items.values[number])} of group {name} stands there twice"
        report.add(SKV808, said, (*inside, "values", number), severity=Severity.WARNING)


def _check_waiting(group: Group, where: Path, report: Report, found: Iterable[tuple[str, str]]) -> None:
    for member, before in found:
        said = f"step {shown(member)} of group {shown(group.id)} waits for {shown(before)} of the same group"
        report.add(SKV808, said, (*where, "steps", group.steps.index(member)))


def _check_clashes(group: Group, where: Path, report: Report, found: Iterable[tuple[str, str, str]]) -> None:
    for one, other, name in found:
        said = f"steps {shown(one)} and {shown(other)} of group {shown(group.id)} both touch {shown(name)}"
        report.add(SKV808, f"{said}, and one writes it", (*where, "steps", group.steps.index(other)))


def _dependent(members: set[str], waits: Waits, order: list[str] | None) -> Iterator[tuple[str, str]]:
    """Members that wait for another one, directly or not, with one they wait for."""
    above: dict[str, str] = {}
    for step in order or ():
        found = next((above[before] for before in waits[step] if before in above), None)
        if step in members:
            if found is not None:
                yield step, found
            above[step] = step
        elif found is not None:
            above[step] = found


def _clashes(members: Iterable[PlanStep]) -> Iterator[tuple[str, str, str]]:
    """Members that touch the same thing, one of them writing it, with what that is."""
    steps: Mapping[str, PlanStep] = {step.id: step for step in members}
    graph = Graph.of(Node(step.id, reads=step.reads, writes=step.writes) for step in steps.values())
    for step_id, found in graph.after.items():
        for before in found:
            one, other = steps[before], steps[step_id]
            name = clash(one.writes, (*other.reads, *other.writes)) or clash(other.writes, one.reads)
            yield before, step_id, name or ""
