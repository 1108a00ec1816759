"""Evaluators: what the method ``custom`` dispatches to, by ``evaluatorId``.

One a file in ``evaluate/evaluators/``, named after it; third parties publish theirs through the entry-point
group ``skvm.evaluators``. An evaluator is a grader in all but the name it is found by: it sees what a
grader sees, and runs commands only in the cell of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from skvm.evaluate.contract import Evidence
from skvm.evidence.record import CriterionResult
from skvm.registry import Registry
from skvm.task.model import Criterion, Task

__all__ = [
    "EVALUATORS",
    "LIMIT_SAID",
    "METHOD",
    "Evaluator",
    "evaluator",
    "is_limit_ms",
    "score_of",
    "unscored",
]

METHOD = "custom"
_DAY_MS = 24 * 3600 * 1000
LIMIT_SAID = f"must be an integer in [1, {_DAY_MS}]"


class Evaluator(Protocol):
    """Grades one criterion of method ``custom``."""

    def check(self, criterion: Criterion, task: Task) -> list[str]:
        """Find what is wrong with a criterion, one line each, before anything is spent."""

    def missing(self, criterion: Criterion, task: Task) -> str | None:
        """What the criterion needs and does not find here, with the way out; see ``contract.Demanding``."""

    async def evaluate(self, criterion: Criterion, evidence: Evidence) -> CriterionResult:
        """Score the work; a fault of the evaluator is a result without a score, with ``infra_error``."""


EVALUATORS: Registry[Callable[[], Evaluator]] = Registry(
    "evaluator", package="skvm.evaluate.evaluators", group="skvm.evaluators"
)

F = TypeVar("F", bound=Callable[[], Evaluator])


def evaluator(evaluator_id: str) -> Callable[[F], F]:
    """Register an evaluator class under the id it serves."""

    def decorate(factory: F) -> F:
        EVALUATORS.register(evaluator_id, factory)
        return factory

    return decorate


def is_limit_ms(value: Any) -> bool:
    """Whether a value can be a time limit in milliseconds."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _DAY_MS


def score_of(score: float, details: str) -> CriterionResult:
    """A score in [0, 1] and why."""
    return CriterionResult(id="", method=METHOD, score=min(1.0, max(0.0, score)), details=_plain(details))


def unscored(why: str) -> CriterionResult:
    """No score, because the evaluator could not give one."""
    return CriterionResult(id="", method=METHOD, details=_plain(why), infra_error=_plain(why))


def _plain(text: str) -> str:
    # An agent's text may hold what UTF-8 does not take.
    return text.encode("utf-8", "replace").decode()
