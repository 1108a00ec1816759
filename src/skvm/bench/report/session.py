"""What a whole session reports: one report of one target, or a parent over several."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from skvm.bench.plan import BenchPlan, Preparation, Target
from skvm.bench.report.build import build_report
from skvm.bench.report.model import Report, Stopped, Summary, TaskReport, Trigger
from skvm.bench.report.record import Part
from skvm.evidence.record import RunRecord

__all__ = ["Ranked", "SessionComparison", "SessionReport", "Sub", "SubReport", "build_session"]

_MOST_NAME = 60


class SubReport(Part):
    """The report of one target in short, and where the whole of it lies.

    Args:
        tasks: Its cells, without their single runs.
        label: How the matrices name the target.
        path: Its folder, relative to the parent's.
    """

    session_id: str
    model: str
    adapter: str
    timestamp: str
    runs_per_task: int | None = None
    tasks: tuple[TaskReport, ...]
    summary: Summary
    label: str
    path: str


class Ranked(Part):
    """A target's place.

    Args:
        avg_score: Mean score of its best condition.
        pass_rate: Of the same.
        rank: From 1; equal scores share one. A target without any score has none and stands last.
        condition: Its best condition.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"rank", "condition", "avgScore", "passRate"})

    model: str
    adapter: str
    avg_score: float | None
    pass_rate: float | None
    rank: int | None
    label: str
    condition: str | None


class SessionComparison(Part):
    """Targets side by side; what has no data is left out of a matrix.

    Args:
        score_matrix: Mean score by target and condition.
        token_matrix: Mean input and output tokens, likewise.
        task_matrix: Best score of any condition by task and target.
        ranking: Targets, the best first.
    """

    score_matrix: dict[str, dict[str, float]]
    token_matrix: dict[str, dict[str, float]]
    task_matrix: dict[str, dict[str, float]]
    ranking: tuple[Ranked, ...]


class SessionReport(Part):
    """The parent report of a session on several targets; ``tasks`` and ``summary`` stand in each its own."""

    session_id: str
    timestamp: str
    completed_at: str | None = None
    models: tuple[str, ...]
    model: str | None = None
    adapters: tuple[str, ...]
    reports: tuple[SubReport, ...]
    comparison: SessionComparison
    schema_: Literal[1] = Field(default=1, alias="schema")


@dataclass(frozen=True, slots=True)
class Sub:
    """A report and its folder relative to the session's; ``""`` where it is the only one."""

    report: Report
    folder: str = ""


def build_session(
    plan: BenchPlan,
    runs: Sequence[RunRecord],
    *,
    preparations: Sequence[Preparation] = (),
    triggers: Sequence[Trigger] = (),
    stopped: Stopped | None = None,
) -> tuple[SessionReport | None, tuple[Sub, ...]]:
    """Report a session: the parent, where there are several targets, and the report of each target.

    Args:
        plan: What was asked for.
        runs: Every finished attempt, judgements applied.
        preparations: What making the conditions ready took.
        triggers: What was measured of loading skills.
        stopped: That the session ended early, if it did.
    """
    if len(plan.targets) == 1:
        only = build_report(plan, runs, preparations=preparations, triggers=triggers, stopped=stopped)
        return None, (Sub(only),)
    by_target: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        by_target.setdefault((run.model, run.harness), []).append(run)
    subs = tuple(
        Sub(
            build_report(
                plan,
                by_target.get((target.model, target.harness), ()),
                target=target,
                preparations=preparations,
                triggers=triggers,
                stopped=stopped,
                session_id=f"{plan.session_id}-{name}",
            ),
            f"targets/{name}",
        )
        for name, target in zip(_names(plan.targets), plan.targets, strict=True)
    )
    return _parent(plan, subs), subs


def _parent(plan: BenchPlan, subs: Sequence[Sub]) -> SessionReport:
    models = tuple(dict.fromkeys(target.model for target in plan.targets))
    adapters = tuple(dict.fromkeys(target.harness for target in plan.targets))
    labels = {_key(sub.report): _label(sub.report, models, adapters) for sub in subs}
    ended = [sub.report.completed_at for sub in subs if sub.report.completed_at]
    return SessionReport(
        session_id=plan.session_id,
        timestamp=plan.created_at,
        completed_at=max(ended) if ended else None,
        models=models,
        model=models[0] if len(models) == 1 else None,
        adapters=adapters,
        reports=tuple(_short(sub, labels[_key(sub.report)]) for sub in subs),
        comparison=_comparison([(labels[_key(sub.report)], sub.report) for sub in subs]),
    )


def _short(sub: Sub, label: str) -> SubReport:
    report = sub.report
    tasks = tuple(
        task.model_copy(
            update={"conditions": tuple(each.model_copy(update={"outcomes": ()}) for each in task.conditions)}
        )
        for task in report.tasks
    )
    return SubReport(
        session_id=report.session_id,
        model=report.model,
        adapter=report.adapter,
        timestamp=report.timestamp,
        runs_per_task=report.runs_per_task,
        tasks=tasks,
        summary=report.summary,
        label=label,
        path=sub.folder,
    )


def _comparison(reports: Sequence[tuple[str, Report]]) -> SessionComparison:
    tasks: dict[str, dict[str, float]] = {}
    for label, report in reports:
        for task in report.tasks:
            scores = [cell.score for cell in task.conditions if cell.score is not None]
            own = tasks.setdefault(task.task_id, {})
            if scores:
                own[label] = max(scores)
    return SessionComparison(
        score_matrix={
            label: {
                name: each.avg_score
                for name, each in report.summary.per_condition.items()
                if each.avg_score is not None
            }
            for label, report in reports
        },
        token_matrix={
            label: {
                name: each.avg_tokens
                for name, each in report.summary.per_condition.items()
                if each.avg_tokens is not None
            }
            for label, report in reports
        },
        task_matrix=tasks,
        ranking=_ranking(reports),
    )


def _ranking(reports: Sequence[tuple[str, Report]]) -> tuple[Ranked, ...]:
    best = []
    for label, report in reports:
        scored = [
            (each.avg_score, name)
            for name, each in report.summary.per_condition.items()
            if each.avg_score is not None
        ]
        # Of equal conditions the one that was named first.
        score, condition = max(scored, key=lambda found: found[0], default=(None, None))
        best.append((score, condition, label, report))
    # Whoever has no score stands last, in the order given.
    best.sort(key=lambda found: -1.0 if found[0] is None else found[0], reverse=True)
    known = [score for score, *_ in best if score is not None]
    return tuple(
        Ranked(
            rank=None if score is None else 1 + sum(other > score for other in known),
            label=label,
            model=report.model,
            adapter=report.adapter,
            condition=condition,
            avg_score=score,
            pass_rate=report.summary.per_condition[condition].pass_rate if condition else None,
        )
        for score, condition, label, report in best
    )


def _key(report: Report) -> tuple[str, str]:
    return report.model, report.adapter


def _label(report: Report, models: Sequence[str], adapters: Sequence[str]) -> str:
    """By what differs: the model, the harness, or both."""
    if len(adapters) == 1:
        return report.model
    return report.adapter if len(models) == 1 else f"{report.model} in {report.adapter}"


def _names(targets: Sequence[Target]) -> tuple[str, ...]:
    """A folder name for each target, in order; no two are the same."""
    names: list[str] = []
    for place, target in enumerate(targets, start=1):
        tail = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{target.model.rpartition('/')[2]}-{target.harness}").strip(
            "-."
        )
        digest = hashlib.sha256(f"{target.model}\0{target.harness}".encode()).hexdigest()[:6]
        names.append(f"{place:02}-{tail[:_MOST_NAME]}-{digest}")
    return tuple(names)
