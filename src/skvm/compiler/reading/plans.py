"""Plans in tables: steps, what each needs, how long it takes, and what is done when it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from skvm.compiler.reading.prose import BlockKind, Prose

__all__ = ["PlanStep", "blocked_by", "ordered", "plan_table", "times"]


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A row of a plan.

    Args:
        name: As written.
        needs: Names of the steps it follows.
        length: How long it takes, in ``unit``; ``None`` where the table does not say.
        way_out: What is done when it fails; ``""`` where the table does not say.
        unit: The head of the column that holds the length.
    """

    name: str
    needs: tuple[str, ...]
    length: float | None = None
    way_out: str = ""
    unit: str = ""


_STEP = re.compile(r"(?:steps?|jobs?|tasks?|activit(?:y|ies)|work|步骤|任务|工作|工序)\Z", re.IGNORECASE)
_NEEDS = re.compile(
    r"(?:needs|after|depends on|dependenc(?:y|ies)|requires|prerequisites?|predecessors?|follows|blocked by"
    r"|前置(?:步骤|任务)?|依赖|先做|需要)\Z",
    re.IGNORECASE,
)
_LENGTH = re.compile(
    r"(?:minutes|min|hours|days|weeks|duration|time|分钟|小时|天|时长|用时)\b.*\Z|(?:分钟|小时|天)",
    re.IGNORECASE,
)
_WAY_OUT = re.compile(
    r"(?:when|if) it fails|(?:if|on|in case of) failure|on failure|fallback|way out|otherwise|plan b|失败时"
    r"|失败后|出错时|补救",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?:[-–—]|nothing|none|n/a|无|没有|—)?\Z", re.IGNORECASE)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([^\W\d]*)")


def plan_table(prose: Prose, before: int) -> tuple[PlanStep, ...]:
    """The only table of the skill that is a plan, where it stands before a place; empty where there is none.

    Every dependency must be the name of a row, and no row may need itself in a circle.
    """
    plans = [steps for rows in _tables(prose, before) if (steps := _plan(rows))]
    return plans[0] if len(plans) == 1 else ()


def _tables(prose: Prose, before: int) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = []
    kind: BlockKind | None = None
    end = 0
    for block in prose.blocks:
        if block.kind is BlockKind.ROW and block.span.start < before:
            between = prose.skill.source[end : block.span.start]
            if kind is not BlockKind.ROW or between.count(b"\n") > 2 or b"\n\n" in between:
                tables.append([])
            tables[-1].append([cell.strip() for cell in prose.text(block.span).strip().strip("|").split("|")])
        kind, end = block.kind, block.span.end
    return tables


def _plan(rows: list[list[str]]) -> tuple[PlanStep, ...]:
    head = [re.sub(r"[*`_]", "", cell).strip() for cell in rows[0]]
    columns = {
        name: next((index for index, cell in enumerate(head) if pattern.match(cell)), None)
        for name, pattern in (("step", _STEP), ("needs", _NEEDS), ("length", _LENGTH), ("way", _WAY_OUT))
    }
    step, needs = columns["step"], columns["needs"]
    body = rows[1:]
    if step is None or needs is None or not 2 < len(body) <= 12 or any(len(row) != len(head) for row in body):
        return ()
    names = [row[step] for row in body]
    if len(set(names)) != len(names):
        return ()
    unit = head[columns["length"]].lower() if columns["length"] is not None else ""
    is_mixed = len(_units(body, columns["length"])) > 1
    made: list[PlanStep] = []
    for row in body:
        wanted = _needed(row[needs], names)
        length = None if is_mixed else _length(row, columns["length"])
        if wanted is None or row[step] in wanted:
            return ()
        way = columns["way"]
        made.append(PlanStep(row[step], wanted, length, row[way] if way is not None else "", unit))
    steps = tuple(made)
    return steps if len(ordered(steps)) == len(steps) else ()


def _needed(cell: str, names: list[str]) -> tuple[str, ...] | None:
    if _NOTHING.match(cell):
        return ()
    parts = tuple(
        part.strip() for part in re.split(r"\s*[,;+，、；]\s*(?:and\s+)?|\s+and\s+", cell) if part.strip()
    )
    if cell in names:
        return (cell,)
    return parts if all(part in names for part in parts) else None


def _length(row: list[str], column: int | None) -> float | None:
    found = _NUMBER.fullmatch(row[column]) if column is not None else None
    return float(found[1]) if found else None


def _units(body: list[list[str]], column: int | None) -> set[str]:
    """The units that stand behind the numbers of a column."""
    found = (_NUMBER.fullmatch(row[column]) for row in body) if column is not None else ()
    return {hit[2] for hit in found if hit}


def ordered(steps: tuple[PlanStep, ...]) -> tuple[PlanStep, ...]:
    """The steps, each after what it needs, else as they stand; steps of a circle are left out."""
    done: dict[str, PlanStep] = {}
    left = list(steps)
    while ready := next((step for step in left if all(name in done for name in step.needs)), None):
        done[ready.name] = ready
        left.remove(ready)
    return tuple(done.values())


def times(steps: tuple[PlanStep, ...]) -> Mapping[str, tuple[float, float]] | None:
    """When each step starts and ends, each as early as it can; ``None`` where a length is not said."""
    made: dict[str, tuple[float, float]] = {}
    for step in ordered(steps):
        if step.length is None:
            return None
        start = max((made[name][1] for name in step.needs), default=0.0)
        made[step.name] = (start, start + step.length)
    return made


def blocked_by(steps: tuple[PlanStep, ...], name: str) -> tuple[str, ...]:
    """The steps that cannot be done without one, directly or by others, in order."""
    lost = {name}
    for step in ordered(steps):
        if lost & set(step.needs):
            lost.add(step.name)
    return tuple(step.name for step in ordered(steps) if step.name in lost and step.name != name)
