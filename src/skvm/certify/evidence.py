"""Figures of a skill on a target, from the journal; the same records always give the same figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skvm.bench.history import STARTED, ending_of, preparations_of
from skvm.bench.judgements import JUDGED, judged_runs
from skvm.bench.plan import BenchPlan, PlannedTask, Preparation, Target
from skvm.bench.report.build import build_report
from skvm.bench.report.cells import has_score
from skvm.bench.report.comparisons import comparisons_of
from skvm.bench.report.gathering import gather
from skvm.bench.report.model import ComparisonReport, IntervalReport, Report
from skvm.certify.evidence_model import (
    Comparison,
    ConditionFigures,
    Evidence,
    Excluded,
    Held,
    Interval,
    JournalRecord,
    Prepared,
    Task,
)
from skvm.certify.subject import Wanted
from skvm.compiler.builds.build import json_digest
from skvm.evidence.record import RunRecord
from skvm.harness.contract import output_bound

if TYPE_CHECKING:
    from skvm.evidence.journal import Entry, Journal

__all__ = ["CONTROLS", "Candidate", "Sessions", "evidence_of", "has_runs", "sessions_about"]

CONTROLS = ("no-skill", "original")
"""What every other condition is compared with, where it ran."""
_MICRO = 1_000_000
_P_PLACES = 10_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that planned the skill on the target."""

    entry: Entry
    plan: BenchPlan


@dataclass(frozen=True, slots=True)
class Sessions:
    """What the journal holds about a skill on a target.

    Args:
        candidates: Sessions of this very skill, the newest first.
        other_states: How many were of another state of a skill of the same id.
    """

    candidates: tuple[Candidate, ...]
    other_states: int


async def sessions_about(journal: Journal, wanted: Wanted, target: Target) -> Sessions:
    """The sessions that planned a skill on a target; a plan that cannot be read is none."""
    found: list[Candidate] = []
    others = 0
    for entry in await journal.query(STARTED, newest_first=True):
        try:
            plan = BenchPlan.model_validate(entry.body)
        except ValueError:
            continue
        if target not in plan.targets:
            continue
        if _tasks(plan, wanted):
            found.append(Candidate(entry, plan))
        elif any(skill.id == wanted.id for task in plan.tasks for skill in task.skills):
            others += 1
    return Sessions(tuple(found), others)


def _tasks(plan: BenchPlan, wanted: Wanted) -> tuple[PlannedTask, ...]:
    """The tasks that use this skill and no other."""
    return tuple(
        task for task in plan.tasks if len(task.skills) == 1 and task.skills[0].digest in wanted.planned
    )


async def has_runs(journal: Journal, candidate: Candidate, wanted: Wanted, target: Target) -> bool:
    """Whether a session has runs that say something about the skill on the target."""
    _, recorded = await _recorded(journal, candidate, wanted, target)
    return _is_evidence(recorded, wanted)


def _is_evidence(runs: Iterable[RunRecord], wanted: Wanted) -> bool:
    """Of a variant only its own runs are; of a skill also those of what was made from it."""
    return any(
        run.skill_digest in wanted.delivered if wanted.is_variant else run.skill_id is not None
        for run in runs
    )


async def _recorded(
    journal: Journal, candidate: Candidate, wanted: Wanted, target: Target
) -> tuple[list[Entry], list[RunRecord]]:
    """The finished attempts of a session with tasks of this skill on this target, as they were recorded."""
    ids = {task.id for task in _tasks(candidate.plan, wanted)}
    names = set(candidate.plan.condition_names)
    entries, recorded = [], []
    for entry in await journal.query("run_finished", session=candidate.plan.session_id):
        run = RunRecord.model_validate(entry.body)
        if _is_of(run, target) and run.task_id in ids and run.condition in names:
            entries.append(entry)
            recorded.append(run)
    return entries, recorded


async def evidence_of(
    journal: Journal, candidate: Candidate, wanted: Wanted, target: Target
) -> Evidence | None:
    """What a session found; ``None`` if it has no run of this skill on this target.

    Raises:
        InfrastructureError: The journal cannot be read.
    """
    plan, session_id = candidate.plan, candidate.plan.session_id
    tasks = _tasks(plan, wanted)
    entries, recorded = await _recorded(journal, candidate, wanted, target)
    if not _is_evidence(recorded, wanted):
        return None
    runs = await judged_runs(journal, recorded, session_id=session_id)
    run_ids = {run.run_id for run in runs}
    judged = [
        entry
        for entry in await journal.query(JUDGED)
        if entry.body.get("session_id") == session_id and entry.body.get("run_id") in run_ids
    ]
    part = plan.model_copy(update={"tasks": tasks, "triggers": (), "skipped": ()})
    prepared = [
        each
        for each in await preparations_of(journal, candidate.entry.id)
        if (each.model, each.harness) == (target.model, target.harness)
        and each.skill_id in (None, *(skill.id for task in tasks for skill in task.skills))
    ]
    report = build_report(part, runs, target=target, preparations=prepared)
    gathered = gather(part, target, runs)
    conditions = tuple(_figures(name, report, gathered.of(name), wanted) for name in report.conditions)
    ended = await ending_of(journal, candidate.entry.id)
    return Evidence(
        session=session_id,
        is_whole=ended is not None,
        stopped=ended.stopped if ended is not None else None,
        plan=_record(candidate.entry),
        runs=tuple(map(_record, entries)),
        judgements=tuple(map(_record, judged)),
        tasks=tuple(Task(id=task.id, digest=task.digest) for task in tasks),
        left_out=len(plan.tasks) - len(tasks),
        is_simulated=any(run.simulated for run in runs),
        sandboxes=tuple(sorted({run.sandbox for run in runs if run.sandbox})),
        held=_held(plan, target),
        conditions=conditions,
        comparisons=tuple(
            _comparison(each)
            for control in CONTROLS
            if control in report.conditions
            for each in comparisons_of(gathered, control)
            # The mirror of what is said already.
            if each.treatment not in CONTROLS[: CONTROLS.index(control)]
        ),
        excluded=tuple(
            Excluded(
                condition=each.condition,
                reason=each.reason,
                explanation=each.explanation,
                runs=len(each.entries),
            )
            for each in report.exclusions
        ),
        prepared=tuple(map(_prepared, prepared)),
    )


def _is_of(run: RunRecord, target: Target) -> bool:
    return (run.model, run.harness) == (target.model, target.harness)


def _record(entry: Entry) -> JournalRecord:
    return f"{entry.id} {json_digest(entry.body)}"


def _held(plan: BenchPlan, target: Target) -> Held:
    return Held(
        repetitions=plan.repetitions,
        skill_mode=plan.skill_mode,
        temperature=plan.temperature,
        seed=plan.seed,
        sandbox=plan.sandbox,
        max_output_tokens=output_bound(target.harness, plan.max_output_tokens),
        max_steps=plan.max_steps,
        timeout_seconds=plan.timeout_s,
        judge_model=plan.judge_model,
        compiler_model=plan.compiler_model,
        boost=plan.boost,
        plans=plan.follow_plans,
    )


def _figures(name: str, report: Report, runs: Sequence[RunRecord], wanted: Wanted) -> ConditionFigures:
    found = report.summary.per_condition[name]
    delivered = {run.skill_digest for run in runs if run.skill_digest is not None}
    is_subject = bool(runs) and all(run.skill_digest in wanted.delivered for run in runs)
    return ConditionFigures(
        condition=name,
        delivered=tuple(sorted(delivered)),
        is_subject=is_subject,
        score=_figure(found.avg_score),
        interval=_interval(found.score_interval, lowest=0.0),
        strict_score=_figure(found.intention_to_treat.avg_score),
        pass_rate=_figure(found.pass_rate),
        runs=found.runs.total,
        scored=found.runs.scored,
        tasks=found.runs.tasks,
        loaded=_loaded(runs),
        tokens=_figure(found.avg_total_tokens),
        cost_micro_usd=_micro(found.avg_cost),
        seconds=_figure(found.avg_duration_ms, 1000),
        steps=_figure(found.avg_steps),
    )


def _loaded(runs: Sequence[RunRecord]) -> int | None:
    told = [run.skill_loaded for run in runs if run.skill_id is not None and has_score(run)]
    return sum(each is True for each in told) if any(each is not None for each in told) else None


def _comparison(compared: ComparisonReport) -> Comparison:
    view = compared.as_completed
    return Comparison(
        treatment=compared.treatment,
        control=compared.control,
        difference=_figure(view.difference),
        interval=_interval(view.interval, lowest=-1.0),
        p=_upwards(view.p),
        holm_p=_upwards(view.holm_p),
        verdict=view.verdict,
        sentence=view.sentence,
        tasks=len(view.per_task),
        runs=view.runs,
    )


def _prepared(made: Preparation) -> Prepared:
    return Prepared(
        condition=made.condition,
        what=made.what,
        digests=tuple(f"{name} {value}" for name, value in sorted(made.provenance.items())),
        tokens=made.usage.total_tokens,
        cost_micro_usd=_micro(made.usage.cost_usd),
        problem=made.problem,
    )


def _interval(found: IntervalReport | None, *, lowest: float) -> Interval | None:
    """An interval within what is possible, its ends rounded outwards."""
    if found is None or not (math.isfinite(found.low) and math.isfinite(found.high)):
        return None
    return Interval(
        low=max(lowest, math.floor(found.low * _P_PLACES + 1e-6) / _P_PLACES),
        high=min(1.0, math.ceil(found.high * _P_PLACES - 1e-6) / _P_PLACES),
        level=found.level,
        method=found.method,
        over=found.over,
    )


def _figure(value: float | None, divisor: float = 1.0) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value / divisor, 4)


def _micro(dollars: float | None) -> int | None:
    return None if dollars is None else round(dollars * _MICRO)


def _upwards(p: float | None) -> float | None:
    """A p-value to four decimals, never smaller than it is; later digits differ from machine to machine."""
    return None if p is None else min(1.0, math.ceil(p * _P_PLACES - 1e-6) / _P_PLACES)
