"""The values of a plan that runs: nodes, what each has to do, what came of it, and the records of it.

A plan (``plan.json``) speaks of steps; what runs is a graph of *nodes*: a step, several steps that were fused
into one, or one item of a mapped step. Everything here is a frozen value without behaviour of its own.
"""

from __future__ import annotations

import enum
import os
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic import ConfigDict, Field

from skvm.evidence.record import Record, Usage, process_started

__all__ = [
    "CPU",
    "FINISHED_KIND",
    "MEASURED_KIND",
    "STARTED_KIND",
    "STEP_FINISHED_KIND",
    "STEP_STARTED_KIND",
    "AgentJob",
    "AskJob",
    "CommandJob",
    "Do",
    "GroupMeasured",
    "Job",
    "LeftJob",
    "Log",
    "MapJob",
    "Node",
    "PlanFinished",
    "PlanReport",
    "PlanStarted",
    "Share",
    "StepFinished",
    "StepResult",
    "StepStarted",
    "StepState",
    "Target",
    "plain_digests",
]

CPU = "cpu"
"""The resource a command needs: one of so many places on this machine."""
STARTED_KIND, FINISHED_KIND = "plan_started", "plan_finished"
STEP_STARTED_KIND, STEP_FINISHED_KIND = "plan_step_started", "plan_step_finished"
MEASURED_KIND = "plan_group"


class StepState(enum.StrEnum):
    """How a node ended.

    ``left``: nothing here can do it (it needs a model or a person); ``cancelled``: something it depends on
    did not get done; ``uncertain``: it was under way when an earlier process ended and may not be
    repeated without being asked.
    """

    DONE = "done"
    FAILED = "failed"
    LEFT = "left"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class CommandJob:
    """Shell command lines, one after the other, each the only one of its shell.

    Args:
        commands: The lines; the first that fails ends the job.
        timeout_s: Wall clock of each.
    """

    commands: tuple[str, ...]
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class AskJob:
    """A model reads some files and gives the content of one: a conversation of one question.

    Args:
        instruction: The step's words; the same for all items of a map, so that they share a prefix.
        inputs: Files it is shown, or patterns of them.
        output: The file its answer is written to.
        item: What this conversation is about, if it is one of several.
    """

    instruction: str
    inputs: tuple[str, ...]
    output: str
    item: str | None = None


@dataclass(frozen=True, slots=True)
class AgentJob:
    """An agent with tools does it, in a directory of its own that is merged back.

    Args:
        instruction: The step's words.
        steps: Ids of the steps it stands for; several where they were fused.
        item: What it is about, if it is one of several.
        is_alone: Whether nothing else can run beside it: then it works in the directory itself.
    """

    instruction: str
    steps: tuple[str, ...]
    item: str | None = None
    is_alone: bool = False


@dataclass(frozen=True, slots=True)
class MapJob:
    """The same for each of several items.

    Args:
        each: What is done for one item; ``{item}`` in it stands for the item, ``{name}`` for its file
            name without the suffix.
        glob: Pattern of files, relative to the work directory, looked up when the node begins.
        items: The items, where they are listed.
        is_serial: Whether the items go one after the other.
    """

    each: CommandJob | AskJob | AgentJob
    glob: str | None = None
    items: tuple[str, ...] = ()
    is_serial: bool = False


@dataclass(frozen=True, slots=True)
class LeftJob:
    """Nothing here can do it.

    Args:
        reason: Why, for whoever has to do it.
    """

    reason: str


Job = CommandJob | AskJob | AgentJob | MapJob | LeftJob


@dataclass(frozen=True, slots=True)
class Node:
    """One unit of work of a graph.

    Args:
        id: Unique in its graph: a step's id, ``1.2+1.3`` for fused steps, ``1.2[a.txt]`` for an item.
        title: For a person.
        after: Ids of the nodes that must be done before.
        order: Ids of nodes that must have ended before, however they ended.
        reads: Files and other things it reads, named as in the plan.
        writes: Those it makes, changes or removes.
        is_open: Whether it may touch anything.
        needs: Resources it holds while it runs: ``cpu``, ``model:<provider>``, ``branch``, or
            ``only:<thing>`` of which there is one.
        is_idempotent: Whether it may be repeated after it was cut short.
        group: The plan's group it belongs to.
        forecast_s: How long it is expected to take, if anything is known.
        job: What it does.
    """

    id: str
    title: str = ""
    after: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    is_open: bool = False
    needs: tuple[str, ...] = ()
    is_idempotent: bool = True
    group: str | None = None
    forecast_s: float | None = None
    job: Job = field(default_factory=lambda: LeftJob("it has no work"))


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a node.

    Args:
        state: How it ended.
        text: What it printed or said, shortened by whoever made it.
        reason: Why it is not done, or what is worth knowing (a merge that was tried again).
        exit_code: Of the command that ended it.
        digests: Files it wrote, by path relative to the work directory; ``""`` for one it removed.
        usage: Model calls it took.
    """

    state: StepState
    text: str = ""
    reason: str = ""
    exit_code: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    @property
    def is_done(self) -> bool:
        """Whether what depends on it may begin."""
        return self.state is StepState.DONE


Do = Callable[[Node], Awaitable[StepResult]]
"""Does a node. What it raises other than an ``SkvmError`` is a fault of ours and ends the plan."""


class Share(Protocol):
    """One run's part of the machine and of the providers. Waiting holds nothing."""

    def width(self, needs: Sequence[str]) -> int:
        """How many nodes with these needs are worth starting at once now, ≥ 1."""

    def held(self, needs: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Wait until all of them are free at once, and hold them."""


class Log(Protocol):
    """Where a plan that runs is written down."""

    async def started(self, node: Node) -> None:
        """A node begins; on disk when this returns, if the node may not be repeated."""

    async def finished(self, node: Node, result: StepResult, queued_s: float) -> None:
        """A node ended, or will never begin.

        Args:
            node: The node.
            result: How.
            queued_s: How long it was ready before it began.
        """


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What came of a graph.

    Args:
        results: By node id, in the order of the graph; without texts where it has many nodes.
        wall_s: From its beginning to its end.
    """

    results: Mapping[str, StepResult]
    wall_s: float

    def of(self, state: StepState) -> tuple[str, ...]:
        """Ids of the nodes that ended so."""
        return tuple(node for node, result in self.results.items() if result.state is state)

    @property
    def is_done(self) -> bool:
        """Whether everything got done."""
        return all(result.is_done for result in self.results.values())


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan runs: the model and the harness of its model steps; empty for commands alone."""

    model: str = ""
    harness: str = ""


class _PlanRecord(Record):
    schema_: Literal[1] = Field(default=1, alias="schema")
    plan_run: str
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class PlanStarted(_PlanRecord):
    """That a plan run began, or was taken up again.

    Args:
        plan_run: Id of the run, unique, sortable by time.
        plan_digest: Of the plan's record and of what the run adds to it (arm, target, fusions).
        skill: Name of the skill.
        skill_digest: Of the skill the plan was made of.
        model: Full model id of its model steps, ``""`` for commands alone.
        harness: Registered name, ``""`` for commands alone.
        work_dir: Where it runs.
        arm: How its groups run: ``parallel``, ``serial``, or ``auto`` (each as decided).
        jobs: Commands at once at most.
        nodes: Nodes of the graph, items not counted.
        resumed: Whether it goes on with a run that was cut short.
        pid: The process that runs it; with ``process_started`` and ``host`` it says whether it still does.
    """

    plan_digest: str
    skill: str
    skill_digest: str
    model: str = ""
    harness: str = ""
    work_dir: str
    arm: Literal["parallel", "serial", "auto"] = "auto"
    jobs: int = Field(ge=1)
    nodes: int = Field(ge=0)
    resumed: bool = False
    pid: int = Field(default_factory=os.getpid)
    process_started: int | None = Field(default_factory=lambda: process_started(os.getpid()))
    host: str = Field(default_factory=platform.node)
    started_at: datetime

    @property
    def is_alive(self) -> bool:
        """Whether the process that runs it still does, on this machine."""
        return (
            self.host == platform.node()
            and self.process_started is not None
            and process_started(self.pid) == self.process_started
        )


class StepStarted(_PlanRecord):
    """That a node began.

    Args:
        node: Its id.
        attempt: Which try in this run, from 1.
        at_s: Since the record of the plan run's (or its resumption's) beginning.
    """

    node: str
    attempt: int = Field(default=1, ge=1)
    at_s: float = Field(ge=0)


class StepFinished(_PlanRecord):
    """How a node ended.

    Args:
        node: Its id.
        title: For a person.
        group: The group it belongs to.
        parent: The node it is an item of.
        state: How it ended.
        reason: Why it is not done, or what is worth knowing.
        exit_code: Of its command.
        text: What it printed or said, shortened.
        digests: Files it wrote, by path; ``""`` for one it removed.
        after: Nodes it waited for, what touches the same things included; empty for items of a map.
        attempt: Which try in this run, from 1.
        ready_s: When everything it waits for was done, since the plan run's beginning.
        started_s: When it began; ``None`` if it never did.
        ended_s: When it ended.
        needs: Resources it held.
        usage: Model calls it took.
    """

    node: str
    title: str = ""
    group: str | None = None
    parent: str | None = None
    state: StepState
    reason: str = ""
    exit_code: int | None = None
    text: str = ""
    digests: dict[str, str] = Field(default_factory=dict)
    after: tuple[str, ...] = ()
    attempt: int = Field(default=1, ge=1)
    ready_s: float = Field(default=0.0, ge=0)
    started_s: float | None = Field(default=None, ge=0)
    ended_s: float = Field(ge=0)
    needs: tuple[str, ...] = ()
    usage: Usage = Usage()


class GroupMeasured(_PlanRecord):
    """How long a group of a plan took.

    Args:
        skill_digest: Of the skill the plan was made of.
        model: Of the target, ``""`` for commands alone.
        harness: Of the target.
        group: Its id.
        arm: How it ran.
        units: Members or items, ≥ 1.
        wall_s: From the beginning of the first to the end of the last, in seconds.
        work_s: All their durations together.
        overhead_s: Of it, what only running at once took (directories copied, merges, second tries).
    """

    skill_digest: str
    model: str = ""
    harness: str = ""
    group: str
    arm: Literal["parallel", "serial"]
    units: int = Field(ge=1)
    wall_s: float = Field(ge=0)
    work_s: float = Field(ge=0)
    overhead_s: float = Field(default=0.0, ge=0)


class PlanFinished(_PlanRecord):
    """How a plan run ended.

    Args:
        states: Nodes by how they ended.
        wall_s: Since this process began or resumed it.
        interrupted: Whether it was stopped from outside; what was under way has no end on record.
    """

    states: dict[str, int] = Field(default_factory=dict)
    wall_s: float = Field(ge=0)
    interrupted: bool = False


def plain_digests(digests: Mapping[str, str]) -> dict[str, str]:
    """Digests as records have them and files are compared with: without the name of the algorithm."""
    return {path: digest.removeprefix("sha256:") for path, digest in digests.items()}
