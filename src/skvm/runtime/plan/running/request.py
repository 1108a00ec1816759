"""What is asked of one plan run, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import Node, PlanReport, StepResult, Target
from skvm.runtime.plan.running.source import PlanSource

if TYPE_CHECKING:
    from skvm.llm.contract import SpendLimit

__all__ = ["Arm", "Outcome", "PlanRequest", "Silent", "Watcher"]

Arm = Literal["auto", "parallel", "serial"]


class Watcher(Protocol):
    """Is told what happens while a plan runs; it must not block."""

    def began(self, plan_run: str, graph: Graph, finished: Mapping[str, StepResult]) -> None:
        """The run begins, or goes on with what is finished."""

    def started(self, node: Node) -> None:
        """A node begins; items of maps, too."""

    def finished(self, node: Node, result: StepResult) -> None:
        """A node ended, or will never begin."""


class Silent:
    """A watcher that says nothing."""

    def began(self, plan_run: str, graph: Graph, finished: Mapping[str, StepResult]) -> None:
        """See ``Watcher``."""

    def started(self, node: Node) -> None:
        """See ``Watcher``."""

    def finished(self, node: Node, result: StepResult) -> None:
        """See ``Watcher``."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to run.

    Args:
        source: The plan.
        work_dir: Where, absolute and without links.
        jobs: Commands at once at most, ≥ 1.
        target: Whose model does what commands cannot; without one such steps are left.
        arm: How groups run: each as decided, all at once, or all in a row.
        procedures: Ids of the procedures to run; ``None``: the only one there is.
        resume: The run to go on with, by its id; ``None``: the newest one that is not complete.
        is_fresh: Whether to begin a new run in any case.
        done: Steps somebody did by hand.
        repeat: Steps to run again whatever became of them.
        answered: Steps with a question to a person that was answered with yes.
        sandbox: Name of the back end that confines commands, ``auto`` for the best that works.
        permissions: Whether commands are held to the skill's permissions (``enforce``), or what goes beyond
            them is told (``report``), or neither (``off``); ``None`` reports where it has any.
        allow_missing: Whether to run without what the skill requires of the machine.
        limit: Spend ceiling of its model calls.
        prompt: What the plan is run for, told to a model; ``""`` for the skill's own words.
    """

    source: PlanSource
    work_dir: Path
    jobs: int
    target: Target = field(default_factory=Target)
    arm: Arm = "auto"
    procedures: tuple[str, ...] | None = None
    resume: str | None = None
    is_fresh: bool = False
    done: tuple[str, ...] = ()
    repeat: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    sandbox: str = "auto"
    permissions: Literal["enforce", "report", "off"] | None = None
    allow_missing: bool = False
    limit: SpendLimit | None = None
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Args:
        plan_run: Its id.
        graph: What was run.
        report: How each node ended.
        resumed: Whether it went on with an earlier process's work.
        kept: Nodes that were done before.
        notes: What is worth telling, one line each.
    """

    plan_run: str
    graph: Graph
    report: PlanReport
    resumed: bool = False
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
