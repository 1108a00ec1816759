"""A cell of the matrix: one task under one condition, summed up over its repetitions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from skvm.bench.plan import PlannedTask
from skvm.bench.report.model import ConditionResult, CriterionReport, RunOutcome, RunStatus, Tokens
from skvm.evaluate.score import combine
from skvm.evidence.record import CriterionResult, Outcome, RunRecord

__all__ = ["PASS_MARK", "average", "cell_of", "has_score", "has_usage", "status_of"]

PASS_MARK = 0.5
"""A score from here on is a pass."""
_STATUSES: dict[Outcome, RunStatus] = {
    Outcome.SCORED: "ok",
    Outcome.STEP_LIMIT: "ok",
    Outcome.TIMED_OUT: "timeout",
    Outcome.HARNESS_FAILED: "adapter-crashed",
}
_ORDER: tuple[RunStatus, ...] = ("ok", "timeout", "adapter-crashed", "parse-failed", "tainted")


def status_of(outcome: Outcome) -> RunStatus:
    """The compatible word for how a run ended."""
    return _STATUSES.get(outcome, "tainted")


def has_score(run: RunRecord) -> bool:
    """Whether a mean stands on this run."""
    return run.outcome.is_graded and run.score is not None


def has_usage(run: RunRecord) -> bool:
    """Whether the harness told what the run read and wrote."""
    return run.usage.calls > 0 or run.usage.total_tokens > 0


def average(values: Iterable[float | None]) -> float | None:
    """The mean; ``None`` without a value, and where one of them is not known."""
    known: list[float] = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    if len(known) < 2:
        return float(known[0]) if known else None
    return math.fsum(known) / len(known)


def cell_of(task: PlannedTask, condition: str, runs: Sequence[RunRecord]) -> ConditionResult:
    """Sum up a cell.

    Args:
        task: The task.
        condition: The condition.
        runs: One a repetition, at least one.
    """
    scored = [run for run in runs if has_score(run)]
    told = [run for run in scored if has_usage(run)]
    score = average(run.score for run in scored)
    first = (scored or list(runs))[0]
    status = min((status_of(run.outcome) for run in scored or runs), key=_ORDER.index)
    paths = tuple(skill.path for skill in task.skills) if first.skill_id is not None else ()
    detail = _status_detail(runs)
    return ConditionResult(
        condition=condition,
        score=score,
        passed=None if score is None else score >= PASS_MARK,
        eval_details=_criteria(scored or runs),
        automated_score=_group(scored, lambda method: method != "llm-judge"),
        llm_judge_score=_group(scored, lambda method: method == "llm-judge"),
        tokens=_tokens(told),
        cost=average(run.usage.cost_usd for run in told),
        usage_available=bool(told),
        duration_ms=average(run.duration_ms for run in scored),
        llm_duration_ms=average(run.llm_duration_ms for run in scored),
        steps=average(run.turns for run in scored),
        skill_id=first.skill_id,
        skill_path=paths[0] if len(paths) == 1 else None,
        skill_paths=paths if len(paths) > 1 else None,
        skill_content_hash=first.skill_digest.removeprefix("sha256:")[:16] if first.skill_digest else None,
        skill_loaded=_loaded(runs),
        run_scores=tuple(run.score for run in runs) if len(runs) > 1 else None,
        error=None if scored else detail,
        run_status=status,
        status_detail=detail,
        outcomes=tuple(map(_outcome, runs)),
    )


def _outcome(run: RunRecord) -> RunOutcome:

    return RunOutcome(
        run_id=run.run_id,
        repetition=run.repetition,
        outcome=run.outcome,
        run_status=status_of(run.outcome),
        score=run.score if has_score(run) else None,
        tokens=run.usage.total_tokens,
        cost=run.usage.cost_usd if has_usage(run) else None,
        duration_ms=run.duration_ms,
        llm_duration_ms=run.llm_duration_ms,
        steps=run.turns,
        detail=run.detail,
        skill_loaded=run.skill_loaded,
        trajectory=run.trajectory_digest,
    )


def _status_detail(runs: Sequence[RunRecord]) -> str | None:
    """How the runs ended that did not end by themselves, each kind with the first one's detail."""
    kinds: dict[Outcome, list[RunRecord]] = {}
    for run in runs:
        if run.outcome is not Outcome.SCORED:
            kinds.setdefault(run.outcome, []).append(run)
    parts = []
    for outcome in sorted(kinds):
        found = kinds[outcome]
        words = outcome.value.replace("_", " ")
        share = words if len(runs) == 1 else f"{len(found)} of {len(runs)} {words}"
        detail = next((run.detail for run in found if run.detail), None)
        parts.append(f"{share}: {detail}" if detail else share)
    return "; ".join(parts) or None


def _loaded(runs: Sequence[RunRecord]) -> bool | None:
    """Whether the skill reached the model in every run that can tell."""
    known = [run.skill_loaded for run in runs if run.skill_loaded is not None]
    return all(known) if known else None


def _tokens(runs: Sequence[RunRecord]) -> Tokens | None:
    if not runs:
        return None
    count = len(runs)
    return Tokens(
        input=sum(run.usage.input_tokens for run in runs) / count,
        output=sum(run.usage.output_tokens for run in runs) / count,
        cache_read=sum(run.usage.cache_read_tokens for run in runs) / count,
        cache_write=sum(run.usage.cache_write_tokens for run in runs) / count,
    )


def _group(runs: Sequence[RunRecord], belongs: Callable[[str], bool]) -> float | None:
    """The mean score of one group of criteria, over the runs that have one."""
    if not any(belongs(each.method) for run in runs for each in run.criteria):
        return None
    scores = (combine([each for each in run.criteria if belongs(each.method)]) for run in runs)
    return average(score for score in scores if score is not None)


def _criteria(runs: Sequence[RunRecord]) -> tuple[CriterionReport, ...]:
    found: dict[tuple[str, str], list[CriterionResult]] = {}
    for run in runs:
        for criterion in run.criteria:
            found.setdefault((criterion.id, criterion.method), []).append(criterion)
    return tuple(map(_criterion, found.values()))


def _criterion(results: Sequence[CriterionResult]) -> CriterionReport:
    scored = [result for result in results if result.score is not None]
    lowest = min(scored, key=lambda result: result.score or 0.0) if scored else results[0]
    return CriterionReport(
        id=lowest.id,
        name=None,
        method=lowest.method,
        score=average(result.score for result in scored),
        weight=lowest.weight,
        details=lowest.details,
        checkpoints=lowest.checkpoints or None,
        run_scores=tuple(result.score for result in results) if len(results) > 1 else None,
        pending=sum(result.is_pending for result in results) or None,
        infra_error=None
        if scored
        else next((each.infra_error for each in results if each.infra_error), None),
    )
