"""``llm-judge``: a model scores the work by a rubric.

What the judge is shown is in ``skvm.evaluate.judge_question``, how it is asked in ``judge_prompt``, and who
it is in ``judging``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import anyio.to_thread

from skvm.diagnostics import Diagnostic
from skvm.evaluate.contract import NO_JUDGE, SKV312, Evidence, grader
from skvm.evaluate.judge_prompt import rubric_order
from skvm.evaluate.judge_question import question_of
from skvm.evidence.record import CriterionResult
from skvm.task.model import Criterion, Task

__all__ = ["LlmJudge"]

_MAX_SCORE = 1e9


@grader("llm-judge")
@dataclass(frozen=True, slots=True)
class LlmJudge:
    """Grades by asking a model.

    Options: ``rubric``, text or descriptions by score; ``maxScore`` (1.0), the best score of the rubric.
    """

    needs_judge: ClassVar[bool] = True

    def check(self, criterion: Criterion, task: Task) -> list[Diagnostic]:
        """Find what is wrong with a criterion."""
        found = [*_check_rubric(criterion.options.get("rubric"))]
        if not _is_positive(criterion.options.get("maxScore", 1.0)):
            found.append("`maxScore` must be a number above 0, at most 1e9")
        return [
            SKV312.at(f"llm-judge criterion {criterion.id or ''}: {what}", path=task.id) for what in found
        ]

    async def grade(self, criterion: Criterion, evidence: Evidence) -> CriterionResult:
        """Ask the judge, or keep the question for later."""
        judge = evidence.judge
        if judge is None:
            return CriterionResult(id="", method="llm-judge", infra_error=NO_JUDGE, details=NO_JUDGE)
        question = await anyio.to_thread.run_sync(question_of, criterion, evidence, judge.redactor)
        digest = await anyio.to_thread.run_sync(judge.keep, question)
        if judge.is_deferred:
            details = "waits for its judge"
            return CriterionResult(
                id="", method="llm-judge", is_pending=True, inputs_digest=digest, details=details
            )
        return (await judge.ask(question)).model_copy(update={"inputs_digest": digest})


def _check_rubric(rubric: Any) -> list[str]:
    if isinstance(rubric, str) and rubric.strip():
        return []
    if not isinstance(rubric, dict) or not rubric:
        return ["`rubric` must be text, or descriptions by score"]
    found = [
        f"`rubric` entry {key!r:.40} does not begin with a score" for key in rubric if not _has_score(key)
    ]
    if not all(isinstance(text, str) and text.strip() for text in rubric.values()):
        found.append("`rubric` must describe every score in words")
    return found


def _has_score(key: Any) -> bool:
    return rubric_order(str(key)) is not None


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MAX_SCORE
