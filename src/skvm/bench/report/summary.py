"""A target's cells summed up: by condition, by category, and the compatible deltas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from skvm.bench.report.cells import PASS_MARK, average, has_score, has_usage
from skvm.bench.report.gathering import Gathered
from skvm.bench.report.intervals import exact_share, mean_in_view
from skvm.bench.report.model import (
    ConditionResult,
    ConditionSummary,
    Deltas,
    RunCounts,
    Summary,
    TaskReport,
)
from skvm.bench.report.pairing import paired_difference
from skvm.evaluate.stats import mean_score, scores_of
from skvm.evaluate.stats.intervals import mean_of
from skvm.evidence.record import RunRecord

__all__ = ["summary_of"]


def summary_of(gathered: Gathered, tasks: Sequence[TaskReport]) -> Summary:
    """Sum up a target.

    Args:
        gathered: The runs.
        tasks: The cells.
    """
    cells: dict[str, list[ConditionResult]] = {name: [] for name in gathered.conditions}
    scores: dict[str, dict[str, list[float]]] = {}
    for task in tasks:
        for cell in task.conditions:
            cells[cell.condition].append(cell)
            if cell.score is not None:
                scores.setdefault(task.category, {}).setdefault(cell.condition, []).append(cell.score)
    return Summary(
        task_count=len(tasks),
        per_condition={name: _condition(gathered.of(name), found) for name, found in cells.items()},
        per_category={
            category: {
                name: mean_of(scores[category][name])
                for name in gathered.conditions
                if name in scores[category]
            }
            for category in sorted(scores)
        },
        delta=_deltas(gathered),
    )


def _condition(runs: Sequence[RunRecord], cells: Sequence[ConditionResult]) -> ConditionSummary:
    mean = mean_score(runs)
    scored = [run for run in runs if has_score(run)]
    told = [run for run in scored if has_usage(run)]
    passed = [cell.score >= PASS_MARK for cell in cells if cell.score is not None]
    as_completed = mean_in_view(runs, "as-completed")
    return ConditionSummary(
        avg_score=mean.value,
        pass_rate=average(passed),
        avg_tokens=average(run.usage.input_tokens + run.usage.output_tokens for run in told),
        avg_cost=average(run.usage.cost_usd for run in told),
        avg_duration_ms=average(run.duration_ms for run in scored),
        avg_llm_duration_ms=average(run.llm_duration_ms for run in scored),
        evaluable_count=len(passed),
        tainted_count=len(cells) - len(passed),
        by_status=dict(sorted(Counter(cell.run_status for cell in cells).items())),
        avg_total_tokens=average(run.usage.total_tokens for run in told),
        avg_steps=average(run.turns for run in scored),
        score_interval=as_completed.interval,
        pass_interval=exact_share(sum(passed), len(passed)) if passed else None,
        intention_to_treat=mean_in_view(runs, "intention-to-treat", otherwise=as_completed),
        runs=RunCounts(
            total=len(runs), scored=mean.runs, tasks=mean.tasks, excluded=dict(sorted(mean.excluded.items()))
        ),
    )


def _deltas(gathered: Gathered) -> Deltas:
    """The three differences old readers look for; a compiled condition of any passes stands for ``aot``."""
    names = gathered.conditions
    compiled = next((name for name in ("aot-compiled", *names) if name in names and _is_compiled(name)), None)
    scores = {
        name: scores_of(gathered.of(name))
        for name in ("no-skill", "original", "jit-optimized", compiled)
        if name in names and name is not None
    }

    def delta(treatment: str | None, control: str | None) -> float | None:
        ours, theirs = scores.get(treatment or ""), scores.get(control or "")
        return None if ours is None or theirs is None else paired_difference(ours, theirs)

    return Deltas(
        original_vs_baseline=delta("original", "no-skill"),
        aot_vs_original=delta(compiled, "original"),
        jit_vs_aot=delta("jit-optimized", compiled),
    )


def _is_compiled(name: str) -> bool:
    return name == "aot-compiled" or name.startswith("aot-compiled-")
