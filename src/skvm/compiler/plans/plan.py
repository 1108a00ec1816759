"""The plan of a skill: its steps, what each touches, what must come before what, and what may go at once.

``plan.json`` is written by the compiler and run by an executor. An executor may run a procedure's steps in
any order that keeps ``dependsOn``; it must ask a person before a step with ``confirmation``; a group is a
set of steps, or the items of one step, that were checked to be independent; ``fallback`` is always allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "PLAN_SCHEMA",
    "Dependency",
    "Group",
    "GroupForecast",
    "Items",
    "Plan",
    "PlanAction",
    "PlanProcedure",
    "PlanStep",
    "TextSpan",
    "dag_of",
    "mermaid_of",
]

PLAN_SCHEMA = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class TextSpan(_Record):
    """Bytes of ``SKILL.md`` as it was compiled, ``start`` included, ``end`` not."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Dependency(_Record):
    """That a step must come after another one.

    ``kind``: ``flow`` (uses what it makes or finds), ``anti`` (would overwrite what it reads), ``output``
    (both write it), ``control`` (nothing is known of one of them), ``confirmation`` (a person answers
    first), ``stated`` (the text says so).
    """

    step: str
    kind: Literal["flow", "anti", "output", "control", "confirmation", "stated"]
    reason: str


class PlanAction(_Record):
    """A command of a step, exactly as it can be run, with what it touches."""

    command: str
    script: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    idempotent: bool = False


class PlanStep(_Record):
    """A step.

    ``primitives`` are what it needs of a target; ``actions`` are its exact commands: a step is
    ``executable`` without a model if these are all it does. ``text`` is the step as it is written;
    ``idempotent`` says that it may be repeated after it was cut short; ``exclusive`` names what it must have
    for itself (``browser``, ``db:stock.sqlite``, ``packages``). ``open`` says that it may touch anything.
    """

    id: str
    description: str
    span: TextSpan
    kind: Literal["read", "check", "write", "command", "ask", "open"]
    primitives: tuple[str, ...] = ()
    actions: tuple[PlanAction, ...] = ()
    executable: bool = False
    text: str = ""
    idempotent: bool = False
    exclusive: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    open: bool = False
    conditional: bool = False
    confirmation: bool = False
    depends_on: tuple[Dependency, ...] = Field(default=(), alias="dependsOn")


class PlanProcedure(_Record):
    """Steps that belong together; steps of different procedures have no order."""

    id: str
    title: str
    span: TextSpan
    part_of: str | None = Field(default=None, alias="partOf")
    steps: tuple[str, ...] = ()


class Items(_Record):
    """What a DLP group goes through.

    ``kind``: ``glob`` (a pattern of file names), ``list`` (``values``), ``named`` (words of the skill or of
    its code), ``helpers`` (sub-agents). ``command`` is the command for one item with ``{item}`` in its place.
    ``output`` is the one file a model writes for each item, with ``{item}`` or ``{name}`` (the item's file
    name without its suffix) in it; ``inputs`` are the files beside the item that it reads for that.
    """

    kind: Literal["glob", "list", "named", "helpers"]
    over: str
    values: tuple[str, ...] = ()
    variable: str | None = None
    command: str | None = None
    output: str | None = None
    inputs: tuple[str, ...] = ()


class GroupForecast(_Record):
    """What a group is expected to gain.

    ``serial_s`` and ``parallel_s``: seconds one after the other and at once, all costs of running at once
    included. ``basis``: ``assumed`` (usual durations) or ``measured`` (runs on this target).
    """

    serial_s: float = Field(alias="serialS", ge=0)
    parallel_s: float = Field(alias="parallelS", ge=0)
    basis: Literal["assumed", "measured"] = "assumed"


class Group(_Record):
    """Steps, or the items of one step, that may go at once."""

    id: str
    type: Literal["dlp", "ilp", "tlp"]
    steps: tuple[str, ...]
    items: Items | None = None
    mechanism: str
    reason: str
    span: TextSpan
    source: Literal["static", "model"] = "static"
    forecast: GroupForecast | None = None
    fallback: Literal["sequential_execution"] = "sequential_execution"


class Plan(_Record):
    """What ``plan.json`` holds."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    skill: str
    skill_digest: str = Field(alias="skillDigest")
    procedures: tuple[PlanProcedure, ...] = ()
    steps: tuple[PlanStep, ...] = ()
    groups: tuple[Group, ...] = ()

    def record(self) -> dict[str, Any]:
        """The JSON value, keys in the order of the fields."""
        return self.model_dump(mode="json", by_alias=True)


def dag_of(plan: Plan) -> dict[str, Any]:
    """The compatible WorkflowDAG: only procedures with a group in them; empty where there is none."""
    grouped = {step for group in plan.groups for step in group.steps}
    chosen = {
        step_id
        for procedure in plan.procedures
        if grouped & set(procedure.steps)
        for step_id in procedure.steps
    }
    return {
        "steps": [
            {
                "id": step.id,
                "description": step.description,
                "primitives": list(step.primitives),
                "dependsOn": [dependency.step for dependency in step.depends_on],
            }
            for step in plan.steps
            if step.id in chosen
        ],
        "parallelism": [
            {
                "type": group.type,
                "steps": list(group.steps),
                "mechanism": group.mechanism,
                "fallback": group.fallback,
            }
            for group in plan.groups
        ],
    }


def mermaid_of(dag: Mapping[str, Any]) -> str:
    """``workflow-dag.md``: the graph as Mermaid, and its groups in words; ``""`` for an empty one."""
    if not dag["parallelism"]:
        return ""
    lines = ["# Workflow", "", "```mermaid", "flowchart TD"]
    lines += [
        f'    {_node(step["id"])}["{step["id"]}. {_label(step["description"])}"]' for step in dag["steps"]
    ]
    lines += [
        f"    {_node(before)} --> {_node(step['id'])}"
        for step in dag["steps"]
        for before in step["dependsOn"]
    ]
    lines += ["```", ""]
    lines += [
        f"- {group['type'].upper()} {', '.join(group['steps'])}: {' '.join(group['mechanism'].split())}; "
        f"else {group['fallback'].replace('_', ' ')}."
        for group in dag["parallelism"]
    ]
    return "\n".join(lines) + "\n"


def _node(step_id: str) -> str:
    return "s" + step_id.replace(".", "_")


def _label(text: str) -> str:
    """A description that cannot end the quotes it stands in."""
    kept = " ".join(text.replace('"', "'").replace("#", "").split())
    return "".join(char for char in kept if char not in "<>{}[]|`")[:80]
