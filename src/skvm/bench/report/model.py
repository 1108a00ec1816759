"""The report of a session as a record: the compatible fields of ``report.json``, and new optional ones.

``null`` means that there is no data, never 0. Scores are in [0, 1], differences in [-1, 1].
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from skvm.bench.report.cell_model import (
    ConditionResult,
    CriterionReport,
    IntervalReport,
    RunOutcome,
    RunStatus,
    TaskReport,
    Tokens,
)
from skvm.bench.report.record import Part
from skvm.bench.report.summary_model import (
    ComparisonReport,
    ConditionSummary,
    Deltas,
    RatioReport,
    RunCounts,
    Summary,
    ViewComparison,
    ViewMean,
)

__all__ = [
    "ComparisonReport",
    "ConditionResult",
    "ConditionSummary",
    "CriterionReport",
    "Deltas",
    "Excluded",
    "Exclusion",
    "IntervalReport",
    "JudgeReport",
    "PreparationReport",
    "RatioReport",
    "Report",
    "RunCounts",
    "RunOutcome",
    "RunStatus",
    "SessionSettings",
    "Skipped",
    "Spend",
    "Stopped",
    "Summary",
    "TaskReport",
    "Tokens",
    "Trigger",
    "ViewComparison",
    "ViewMean",
]


class Excluded(Part):
    """A run, or a cell that has none, that no mean stands on."""

    task_id: str
    repetition: int | None = None
    run_id: str | None = None
    detail: str | None = None


class Exclusion(Part):
    """What was left out of one condition for one reason.

    Args:
        condition: The condition.
        reason: An outcome without a score, or ``unavailable`` (the condition could not be prepared),
            ``no-skill-to-use`` (the task has none), ``not-run`` (the session ended before), ``repeated``
            (an attempt that another one stands for), ``unplanned`` (the plan knows no such cell).
        explanation: The reason in words.
        entries: Each run or cell.
    """

    condition: str
    reason: str
    explanation: str
    entries: tuple[Excluded, ...]


class Skipped(Part):
    """A task that was not run anywhere."""

    task_id: str
    reason: str


class PreparationReport(Part):
    """What making a condition ready cost, before its first run."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"cost"})

    condition: str
    skill_id: str | None = None
    what: str = ""
    is_reused: bool = True
    calls: int = 0
    tokens: int = 0
    cost: float | None
    duration_ms: float = 0.0
    problem: str | None = None
    help: str | None = None


class Spend(Part):
    """What something took in all, repeated attempts included; an unknown price makes the cost unknown."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"cost"})

    calls: int = 0
    tokens: int = 0
    cost: float | None = 0.0
    duration_ms: float = 0.0


class JudgeReport(Part):
    """Who judged, and what that took; no part of the runs' own tokens."""

    model: str | None = None
    is_deferred: bool = False
    spend: Spend = Spend()
    pending: int = 0


class Stopped(Part):
    """That a session ended before its plan did, and what the anytime-valid test said then.

    Args:
        rule: ``sure`` or another rule's name.
        sentence: What was known, in words.
        runs: Runs that were done.
        planned: Runs the plan asked for.
    """

    rule: str
    sentence: str
    runs: int
    planned: int


class Trigger(Part):
    """Whether a harness loads a skill when it should, and only then.

    Args:
        recall: Share of the should-fire prompts it was loaded for.
        precision: Share of the loads that were called for.
        unknown: Prompts for which it cannot be told.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"recall", "precision"})

    skill_id: str
    model: str
    adapter: str
    should_fire: int
    fired: int
    near_misses: int
    fired_wrongly: int
    unknown: int = 0
    recall: float | None
    precision: float | None
    recall_interval: IntervalReport | None = None
    precision_interval: IntervalReport | None = None


class SessionSettings(Part):
    """What was held the same in every condition.

    Args:
        max_output_tokens: Output tokens a turn at most; ``None`` where the harness decides.
    """

    skill_mode: str
    temperature: float
    max_output_tokens: int | None = None
    seed: int
    sandbox: str
    timeout_s: float | None = None
    max_steps: int | None = None
    compiler_model: str | None = None


class Report(Part):
    """A session on one target.

    Args:
        baseline: What the others are compared with.
        conditions: In the order they are shown.
        simulated: Whether any run was of a simulated model.
    """

    session_id: str
    model: str
    adapter: str
    timestamp: str
    runs_per_task: int | None = None
    tasks: tuple[TaskReport, ...]
    summary: Summary
    schema_: Literal[1] = Field(default=1, alias="schema")
    completed_at: str | None = None
    parent_session_id: str | None = None
    conditions: tuple[str, ...] = ()
    baseline: str | None = None
    comparisons: tuple[ComparisonReport, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    preparations: tuple[PreparationReport, ...] = ()
    judge: JudgeReport = JudgeReport()
    spend: Spend = Spend()
    stopped: Stopped | None = None
    triggers: tuple[Trigger, ...] = ()
    settings: SessionSettings
    simulated: bool | None = None

    @property
    def spent_preparations(self) -> tuple[PreparationReport, ...]:
        """Those that did something, or could not: what a person wants to see of them."""
        return tuple(
            each for each in self.preparations if not each.is_reused or each.calls or each.problem is not None
        )
