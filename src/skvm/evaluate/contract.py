"""Graders: a score is a function of what a run left behind.

A grader sees a *snapshot* of the work directory, in a fresh cell the agent never had, and what the
agent said and did. It never sees the agent's own directory, and the agent never sees a grader's files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from skvm.diagnostics import Diagnostic, Severity, rule
from skvm.evidence.record import CriterionResult
from skvm.harness.sandbox import Cell
from skvm.harness.site import Visit
from skvm.harness.trajectory import Trajectory
from skvm.registry import Registry
from skvm.task.model import Criterion, Task

if TYPE_CHECKING:
    from skvm.evaluate.judging import RunJudge

__all__ = ["GRADERS", "NO_JUDGE", "SKV311", "SKV312", "Demanding", "Evidence", "Grader", "grader"]

NO_JUDGE = "llm-judge: no judge is configured"
"""Why a criterion that a model is to judge is unscored where none is named."""

SKV311 = rule(
    "SKV311",
    "no grader of this method",
    "A criterion names a method nothing here can grade, or one that needs what is not here (a program, a "
    "judge). It is listed as unscored and the score stands on the other criteria; a task without any that "
    "can be graded has no score.",
)

SKV312 = rule(
    "SKV312",
    "malformed criterion",
    "A criterion lacks what its grader reads, or holds something the grader cannot use. The task is not run, "
    "because whatever an agent did, it could not be graded.",
    Severity.ERROR,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left behind.

    Args:
        task: The task.
        trajectory: What the agent did and said.
        snapshot: A private copy of the work directory, on the host.
        cell: A fresh cell whose work directory is that copy.
        visits: What the run's site was asked, in order; ``None`` where it had no site.
        untouched: Opens the evidence of an agent that did nothing: the task's files as they are laid out,
            its setup run, in a cell of its own. What a grader cannot grade there, it can grade nowhere.
        equipped: Opens another cell on the same copy. The function given to it fills a folder that the cell
            is shown read-only; its path is the second thing to come out.
        judge: The model that judges, if one is configured.
        given: Digests of the files that lay in the work directory before the agent started, by path (see
            ``work_files``); ``None`` where nobody took note.
    """

    task: Task
    trajectory: Trajectory
    snapshot: Path
    cell: Cell
    visits: Sequence[Visit] | None = None
    untouched: Callable[[], AbstractAsyncContextManager[Evidence]] | None = None
    equipped: Callable[[Callable[[Path], None]], AbstractAsyncContextManager[tuple[Cell, Path]]] | None = None
    judge: RunJudge | None = None
    given: Mapping[str, str] | None = None


class Grader(Protocol):
    """Grades one criterion.

    A class with a true ``needs_judge`` is not asked where no judge is configured; its criteria are unscored.
    """

    def check(self, criterion: Criterion, task: Task) -> list[Diagnostic]:
        """Find what is wrong with a criterion before anything is spent."""

    async def grade(self, criterion: Criterion, evidence: Evidence) -> CriterionResult:
        """Score the work.

        A fault of the grader is a result without a score and with ``infra_error``; it is never 0.
        """


@runtime_checkable
class Demanding(Protocol):
    """A grader that cannot grade every criterion everywhere, and knows it beforehand."""

    def missing(self, criterion: Criterion, task: Task) -> str | None:
        """What this criterion needs and does not find here, with the way out; ``None`` if nothing.

        The answer depends on the installation alone, so it is the same in every condition.
        """


GRADERS: Registry[Callable[[], Grader]] = Registry(
    "grader", package="skvm.evaluate.graders", group="skvm.graders"
)

F = TypeVar("F", bound=Callable[[], Grader])


def grader(method: str) -> Callable[[F], F]:
    """Register a grader class under the method name it serves."""

    def decorate(factory: F) -> F:
        GRADERS.register(method, factory)
        return factory

    return decorate
