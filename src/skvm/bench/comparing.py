"""Two conditions of past sessions side by side: what changed in the scores and in what runs took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from skvm.bench.history import STARTED, attempts_of
from skvm.bench.judgements import judged_runs
from skvm.bench.plan import BenchPlan, PlannedTask, Target
from skvm.bench.report.cells import cell_of, has_score
from skvm.bench.report.comparisons import ratios_of, view_of
from skvm.bench.report.gathering import gather
from skvm.bench.report.model import ConditionResult, RatioReport, ViewComparison
from skvm.bench.report.pairing import METRICS, by_task, paired_difference
from skvm.bench.report.record import Part
from skvm.errors import UsageError
from skvm.evaluate.stats import View, decide
from skvm.evidence.record import RunRecord
from skvm.harness.contract import output_bound

if TYPE_CHECKING:
    from skvm.evidence.journal import Entry, Journal

__all__ = [
    "ComparedTask",
    "Found",
    "PastComparison",
    "Side",
    "SideReport",
    "compare_sides",
    "find_side",
    "parse_side",
]

_HELD = (
    "skill_mode",
    "temperature",
    "max_output_tokens",
    "seed",
    "sandbox",
    "timeout_s",
    "max_steps",
    "judge_model",
)
"""What should be the same on both sides; where it is not, the difference may be due to that."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is wanted: a condition, of a session or of the newest that fits."""

    condition: str
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A side that was found.

    Args:
        plan: Its session.
        target: Where it ran.
        condition: The condition.
        tasks: The tasks that fit, with their standing runs; at least one run in all.
    """

    plan: BenchPlan
    target: Target
    condition: str
    tasks: dict[str, tuple[PlannedTask, tuple[RunRecord, ...]]]

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All of its runs."""
        return tuple(run for _, runs in self.tasks.values() for run in runs)


class SideReport(Part):
    """Where a side comes from."""

    condition: str
    session_id: str
    timestamp: str
    skill_id: str | None = None
    skill_content_hash: str | None = None
    runs: int
    scored: int


class ComparedTask(Part):
    """One task on both sides; differences are right minus left.

    Args:
        incomparable: Why its difference counts for nothing, if so.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset({"score", "tokens", "durationMs", "steps"})

    task_id: str
    lhs: ConditionResult | None = None
    rhs: ConditionResult | None = None
    score: float | None = None
    tokens: float | None = None
    duration_ms: float | None = None
    steps: float | None = None
    incomparable: str | None = None


class PastComparison(Part):
    """Two conditions of past sessions, compared on the tasks they have in common.

    Args:
        differently_held: What the sessions did not hold the same: name, left, right.
        tokens: Mean paired difference a run, as all that follow.
        changed_lines: Lines of the skill's text that differ; ``None`` where a text is not known.
        analysis: What a model says changed, where one was asked.
    """

    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset(
        {"tokens", "durationMs", "steps", "cost", "changedLines"}
    )

    schema_: Literal[1] = Field(default=1, alias="schema")
    model: str
    adapter: str
    lhs: SideReport
    rhs: SideReport
    tasks: tuple[ComparedTask, ...]
    as_completed: ViewComparison
    intention_to_treat: ViewComparison
    ratios: dict[str, RatioReport] = Field(default_factory=dict)
    tokens: float | None = None
    duration_ms: float | None = None
    steps: float | None = None
    cost: float | None = None
    differently_held: tuple[tuple[str, str, str], ...] = ()
    changed_lines: int | None = None
    analysis: tuple[str, ...] | None = None


def parse_side(text: str) -> Side:
    """Read ``CONDITION`` or ``CONDITION@SESSION``.

    Raises:
        UsageError: It names no condition.
    """
    condition, _, session_id = text.strip().partition("@")
    if not condition.strip():
        raise UsageError(f"{text!r} names no condition", help="write original, or original@SESSION")
    return Side(condition.strip(), session_id.strip() or None)


async def find_side(
    journal: Journal, side: Side, *, model: str, harness: str, skill: str | None = None
) -> Found:
    """The newest session on one target that ran a condition, for tasks of a skill.

    A session that is named may have run on several targets.

    Args:
        journal: Where sessions are.
        side: What is wanted.
        model: Full model id.
        harness: Harness name.
        skill: Its folder or its id; ``None`` takes every task.

    Raises:
        UsageError: No session fits; says what was looked through.
    """
    seen = 0
    for entry in await journal.query(STARTED, newest_first=True):
        plan = _readable(entry)
        if plan is None or (side.session_id is not None and plan.session_id != side.session_id):
            continue
        seen += 1
        target = next((each for each in plan.targets if (each.model, each.harness) == (model, harness)), None)
        if target is None or (side.session_id is None and len(plan.targets) > 1):
            continue
        if side.condition in plan.condition_names and (
            found := await _found(journal, plan, target, side, skill)
        ):
            return found
    wanted = f"{side.condition} on {model} in {harness}" + (f" with skill {skill}" if skill else "")
    where = f"session {side.session_id}" if side.session_id else f"any of {seen} sessions"
    raise UsageError(
        f"there are no runs of {wanted} in {where}", help="`skvm bench --list-sessions` lists them"
    )


def _readable(entry: Entry) -> BenchPlan | None:
    """The plan; of a newer or older form there is none, and another session may do."""
    try:
        return BenchPlan.model_validate(entry.body)
    except ValueError:
        return None


async def _found(
    journal: Journal, plan: BenchPlan, target: Target, side: Side, skill: str | None
) -> Found | None:
    fitting = [task for task in plan.tasks if skill is None or _uses(task, skill)]
    if not fitting:
        return None
    runs = await judged_runs(journal, await attempts_of(journal, plan.session_id), session_id=plan.session_id)
    cells = gather(plan, target, runs).cells
    tasks = {
        task.id: (task, cells[task.id, side.condition])
        for task in fitting
        if cells.get((task.id, side.condition))
    }
    return Found(plan, target, side.condition, tasks) if tasks else None


def _uses(task: PlannedTask, skill: str) -> bool:
    path = Path(skill).expanduser()
    folder = path.parent if path.suffix == ".md" else path
    wanted = str(folder.absolute())
    return any(skill == each.id or Path(each.path).absolute() == Path(wanted) for each in task.skills)


def compare_sides(lhs: Found, rhs: Found) -> PastComparison:
    """Compare what was found, on the tasks that are the same on both sides.

    A task counts if both sides have a scored run of it and its digest is the same; every other one is
    listed with the reason. No clock, no disk: the same sides give the same comparison.
    """
    tasks = tuple(_task(name, lhs, rhs) for name in sorted({*lhs.tasks, *rhs.tasks}))
    fair = {task.task_id for task in tasks if task.incomparable is None}
    ours, theirs = ([run for run in side.runs if run.task_id in fair] for side in (rhs, lhs))
    left, right = ([run for run in runs if has_score(run)] for runs in (theirs, ours))

    taken = {
        key: paired_difference(by_task(right, metric), by_task(left, metric))
        for key, metric in METRICS.items()
    }

    def view(name: View) -> ViewComparison:
        return view_of(decide(ours, theirs, view=name))

    return PastComparison(
        model=rhs.target.model,
        adapter=rhs.target.harness,
        lhs=_side(lhs),
        rhs=_side(rhs),
        tasks=tasks,
        as_completed=view("as-completed"),
        intention_to_treat=view("intention-to-treat"),
        ratios=ratios_of(ours, theirs),
        differently_held=tuple(_differently_held(lhs, rhs)),
        tokens=taken["tokens"],
        duration_ms=taken["duration_ms"],
        steps=taken["steps"],
        cost=taken["cost"],
    )


def _task(name: str, lhs: Found, rhs: Found) -> ComparedTask:
    left, right = (
        cell_of(side.tasks[name][0], side.condition, side.tasks[name][1]) if name in side.tasks else None
        for side in (lhs, rhs)
    )
    if left is None or right is None:
        only = "right" if left is None else "left"
        return ComparedTask(task_id=name, lhs=left, rhs=right, incomparable=f"only the {only} side ran it")
    why = None
    for side, cell in (("left", left), ("right", right)):
        if cell.score is None:
            why = f"no run of the {side} side has a score: {cell.status_detail or cell.run_status}"
    if why is None and _digests(lhs, name) != _digests(rhs, name):
        why = "the task changed between the sessions"
    return ComparedTask(
        task_id=name,
        lhs=left,
        rhs=right,
        score=_minus(right.score, left.score),
        tokens=_minus(_total(right), _total(left)),
        duration_ms=_minus(right.duration_ms, left.duration_ms),
        steps=_minus(right.steps, left.steps),
        incomparable=why,
    )


def _digests(side: Found, name: str) -> set[str]:
    return {run.task_digest for run in side.tasks[name][1]}


def _total(cell: ConditionResult) -> float | None:
    return cell.tokens.total if cell.tokens is not None else None


def _minus(right: float | None, left: float | None) -> float | None:
    return None if right is None or left is None else right - left


def _side(found: Found) -> SideReport:
    first = next((run for run in found.runs if run.skill_digest), found.runs[0])
    return SideReport(
        condition=found.condition,
        session_id=found.plan.session_id,
        timestamp=found.plan.created_at,
        skill_id=first.skill_id,
        skill_content_hash=first.skill_digest.removeprefix("sha256:")[:16] if first.skill_digest else None,
        runs=len(found.runs),
        scored=sum(map(has_score, found.runs)),
    )


def _held(found: Found, name: str) -> object:
    value = getattr(found.plan, name)
    return output_bound(found.target.harness, value) if name == "max_output_tokens" else value


def _differently_held(lhs: Found, rhs: Found) -> Iterator[tuple[str, str, str]]:
    for name in _HELD:
        left, right = _held(lhs, name), _held(rhs, name)
        if left != right:
            yield name, str(left), str(right)
