"""The report of a session as a record: the compatible fields of ``report.json``, and new optional ones.

``null`` means that there is no data, never 0. Scores are in [0, 1], differences in [-1, 1].
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from skvm.bench.report.record import Part
from skvm.evaluate.stats import View
from skvm.evidence.record import Checkpoint, Outcome

__all__ = [
    "CategorySummary",
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

RunStatus = Literal["ok", "timeout", "adapter-crashed", "parse-failed", "tainted"]


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
    passed: bool | None = Field(alias="pass")
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


class RunCounts(Part):
    """What a mean stands on.

    Args:
        total: Runs of the condition, one a repetition.
        scored: Those with a score.
        tasks: Tasks with a scored run.
        excluded: Runs without a score, by outcome.
    """

    total: int = 0
    scored: int = 0
    tasks: int = 0
    excluded: dict[str, int] = Field(default_factory=dict)


class ViewMean(Part):
    """A mean score in one view."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"avgScore", "interval"})

    avg_score: float | None
    interval: IntervalReport | None


class ConditionSummary(Part):
    """A condition over all tasks.

    ``evaluable_count`` and ``tainted_count`` count cells with and without a score; ``runs`` counts runs.

    Args:
        avg_tokens: Input and output tokens a scored run; cached ones are left out, as they always were.
        avg_total_tokens: The same with cached ones.
        score_interval: Around ``avg_score``.
        pass_interval: Around ``pass_rate``, exact, over tasks.
        intention_to_treat: The score with a time-out counted as 0.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset(
        {
            "avgScore",
            "passRate",
            "avgTokens",
            "avgCost",
            "avgDurationMs",
            "avgLlmDurationMs",
            "avgTotalTokens",
            "avgSteps",
            "scoreInterval",
            "passInterval",
        }
    )

    avg_score: float | None
    pass_rate: float | None
    avg_tokens: float | None
    avg_cost: float | None
    avg_duration_ms: float | None
    avg_llm_duration_ms: float | None
    evaluable_count: int
    tainted_count: int
    by_status: dict[str, int]
    avg_total_tokens: float | None = None
    avg_steps: float | None = None
    score_interval: IntervalReport | None = None
    pass_interval: IntervalReport | None = None
    intention_to_treat: ViewMean
    runs: RunCounts = RunCounts()


class CategorySummary(Part):
    """A condition over the tasks of one category."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"avgScore", "passRate"})

    avg_score: float | None
    pass_rate: float | None
    evaluable_count: int
    tainted_count: int


class Deltas(Part):
    """Mean paired differences of scores on the tasks both sides have a score for."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"originalVsBaseline", "aotVsOriginal", "jitVsAot"})

    original_vs_baseline: float | None = None
    aot_vs_original: float | None = None
    jit_vs_aot: float | None = None


class Summary(Part):
    """Everything over all tasks."""

    task_count: int
    per_condition: dict[str, ConditionSummary]
    per_category: dict[str, dict[str, CategorySummary]]
    delta: Deltas = Deltas()

    @property
    def is_whole(self) -> bool:
        """Whether every run there was has a score."""
        return all(each.runs.scored == each.runs.total for each in self.per_condition.values())


class ViewComparison(Part):
    """Two conditions on their common tasks, in one view; see ``evaluate.stats``.

    Args:
        interval: The differences the test does not reject.
        p: Of the test the verdict stands on, before Holm's correction.
        holm_p: After it, over the comparisons of this report.
        verdict: ``better``, ``worse``, ``no difference found`` or ``undecided``.
        sentence: The verdict with what it stands on.
        test: ``sign-flip`` or ``anytime``.
        over: What the test, ``wins``, ``losses`` and ``ties`` count.
        sign_p: Exact sign test over the same.
        mcnemar_p: Exact McNemar test of pass against fail.
        smallest_detectable: The difference a bench like this one would have found with 80 % power.
        per_task: The difference of each common task.
        dropped: Tasks only one side has a score for.
        runs: Scored runs of the common tasks: of the treatment, of the control.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset(
        {"difference", "interval", "p", "holmP", "smallestDetectable", "mcnemarP"}
    )

    view: View
    difference: float | None
    interval: IntervalReport | None
    p: float | None
    holm_p: float | None
    verdict: str
    sentence: str
    test: str
    over: Literal["tasks", "runs"]
    sign_p: float
    wins: int
    losses: int
    ties: int
    mcnemar_p: float | None
    smallest_detectable: float | None
    per_task: dict[str, float]
    dropped: tuple[str, ...] = ()
    runs: tuple[int, int] = (0, 0)


class RatioReport(Part):
    """How many times as much the treatment took as the control: a geometric mean over the common tasks."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"interval", "p"})

    ratio: float
    interval: IntervalReport | None
    p: float | None


class ComparisonReport(Part):
    """A condition compared with the baseline.

    ``tokens``, ``duration_ms``, ``steps`` and ``cost`` are mean paired differences a run, over the tasks for
    which both sides know them; ``ratios`` compares ``tokens`` and ``seconds`` as ratios.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"tokens", "durationMs", "steps", "cost"})

    treatment: str
    control: str
    as_completed: ViewComparison
    intention_to_treat: ViewComparison
    tokens: float | None = None
    duration_ms: float | None = None
    steps: float | None = None
    cost: float | None = None
    ratios: dict[str, RatioReport] = Field(default_factory=dict)


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
    """What was held the same in every condition."""

    skill_mode: str
    temperature: float
    max_output_tokens: int
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
