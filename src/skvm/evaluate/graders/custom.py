"""``custom``: an evaluator of its own decides, named by ``evaluatorId``; see ``evaluate/custom.py``."""

from __future__ import annotations

from dataclasses import dataclass

from skvm.diagnostics import Diagnostic
from skvm.errors import SkvmError, UsageError
from skvm.evaluate.contract import SKV312, Evidence, grader
from skvm.evaluate.custom import EVALUATORS, METHOD, Evaluator, unscored
from skvm.evidence.record import CriterionResult
from skvm.task.model import Criterion, Task

__all__ = ["Custom"]


@grader(METHOD)
@dataclass(frozen=True, slots=True)
class Custom:
    """Hands a criterion to its evaluator.

    Options: ``evaluatorId``; ``payload`` and whatever else that evaluator reads.
    """

    def check(self, criterion: Criterion, task: Task) -> list[Diagnostic]:
        """Find what is wrong with a criterion; an evaluator that is not here is for ``missing`` to say."""
        named = criterion.options.get("evaluatorId")
        found = []
        if not isinstance(named, str) or not named.strip():
            found.append("`evaluatorId` must name an evaluator")
        elif not isinstance(made := _evaluator(named), str):
            found += made.check(criterion, task)
        return [SKV312.at(f"custom criterion {criterion.id or ''}: {what}", path=task.id) for what in found]

    def missing(self, criterion: Criterion, task: Task) -> str | None:
        """Why no evaluator here can grade it."""
        made = _evaluator(str(criterion.options.get("evaluatorId")))
        return made if isinstance(made, str) else made.missing(criterion, task)

    async def grade(self, criterion: Criterion, evidence: Evidence) -> CriterionResult:
        """Ask the evaluator."""
        made = _evaluator(str(criterion.options.get("evaluatorId")))
        return unscored(made) if isinstance(made, str) else await made.evaluate(criterion, evidence)


def _evaluator(named: str) -> Evaluator | str:
    """The evaluator of that id, or why there is none."""
    try:
        return EVALUATORS.get(named)()
    except UsageError as error:
        return error.message
    except SkvmError as error:
        return f"{error.message} ({error.help})" if error.help else error.message
