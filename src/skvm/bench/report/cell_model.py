"""Records of a report about one task: its cells, their criteria and runs."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from skvm.bench.report.record import Part
from skvm.evidence.record import Checkpoint, Outcome

__all__ = [
    "ConditionResult",
    "CriterionReport",
    "IntervalReport",
    "RunOutcome",
    "RunStatus",
    "TaskReport",
    "Tokens",
]

RunStatus = Literal["ok", "timeout", "adapter-crashed", "parse-failed", "tainted"]
"""The compatible words for how a run ended."""


class IntervalReport(Part):
    """A confidence interval; see ``evaluate.stats.Interval``."""

    low: float
    high: float
    level: float
    method: str
    over: Literal["tasks", "runs"]


class Tokens(Part):
    """Tokens a run, in the mean."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    @property
    def total(self) -> float:
        """All of them, cached ones included."""
        return self.input + self.output + self.cache_read + self.cache_write


class CriterionReport(Part):
    """A criterion in one cell, over its repetitions.

    Args:
        id: The criterion's id.
        method: The grader's name.
        score: Mean of the repetitions that have one.
        weight: Its weight, if it has one.
        details: What the grader said of the repetition with the lowest score.
        checkpoints: Of the same repetition.
        run_scores: One for each repetition that was graded.
        pending: Repetitions a judge is still to be asked about.
        infra_error: Why no score exists, if none does.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"score"})

    id: str | None = None
    name: str | None = None
    method: str
    score: float | None
    weight: float | None = None
    details: str = ""
    checkpoints: tuple[Checkpoint, ...] | None = None
    run_scores: tuple[float | None, ...] | None = None
    pending: int | None = None
    infra_error: str | None = None


class RunOutcome(Part):
    """One run of a cell."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"score", "cost"})

    run_id: str
    repetition: int
    outcome: Outcome
    run_status: RunStatus
    score: float | None
    tokens: int
    cost: float | None
    duration_ms: float
    llm_duration_ms: float
    steps: int
    detail: str | None = None
    skill_loaded: bool | None = None
    trajectory: str | None = None


class ConditionResult(Part):
    """A cell: one task under one condition, over its repetitions.

    Tokens, cost, durations and steps are means over the runs that have a score.

    Args:
        score: Mean over the scored repetitions; a time-out counts as it was left.
        passed: Whether the score is 0.5 or more (``pass`` on disk).
        run_status: Of the cell: ``ok`` as soon as one repetition ended by itself or at its step limit.
        run_scores: By repetition, where there are several.
        outcomes: Its runs, in order of repetition.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset(
        {"score", "pass", "tokens", "cost", "durationMs", "llmDurationMs", "steps"}
    )

    condition: str
    score: float | None
    passed: bool | None = Field(serialization_alias="pass", validation_alias="pass")
    eval_details: tuple[CriterionReport, ...] = ()
    automated_score: float | None = None
    llm_judge_score: float | None = None
    tokens: Tokens | None
    cost: float | None
    usage_available: bool = True
    duration_ms: float | None
    llm_duration_ms: float | None
    steps: float | None
    skill_id: str | None = None
    skill_path: str | None = None
    skill_paths: tuple[str, ...] | None = None
    skill_content_hash: str | None = None
    skill_loaded: bool | None = None
    run_scores: tuple[float | None, ...] | None = None
    error: str | None = None
    run_status: RunStatus = "ok"
    status_detail: str | None = None
    outcomes: tuple[RunOutcome, ...] = ()


class TaskReport(Part):
    """A task and its cells, in the order of the conditions."""

    task_id: str
    task_name: str
    category: str
    grading_type: str
    conditions: tuple[ConditionResult, ...] = ()
