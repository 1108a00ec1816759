"""Records of a report over all tasks: conditions, categories, comparisons."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from skvm.bench.report.cell_model import IntervalReport
from skvm.bench.report.record import Part
from skvm.evaluate.stats import View

__all__ = [
    "ComparisonReport",
    "ConditionSummary",
    "Deltas",
    "RatioReport",
    "RunCounts",
    "Summary",
    "ViewComparison",
    "ViewMean",
]


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


class Deltas(Part):
    """Mean paired differences of scores on the tasks both sides have a score for."""

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"originalVsBaseline", "aotVsOriginal", "jitVsAot"})

    original_vs_baseline: float | None = None
    aot_vs_original: float | None = None
    jit_vs_aot: float | None = None


class Summary(Part):
    """Everything over all tasks.

    Args:
        per_category: Mean scores by category and condition; one without any is left out.
    """

    task_count: int
    per_condition: dict[str, ConditionSummary]
    per_category: dict[str, dict[str, float]]
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
