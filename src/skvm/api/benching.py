"""``skvm.bench``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skvm.api.progress import OnProgress, Progress, nobody, settings_or_default
from skvm.api.ranges import MODES, at_least_one, between, lists, more_than_zero, one_of

if TYPE_CHECKING:
    from skvm.bench.history import Ended
    from skvm.bench.matrix import Cell
    from skvm.bench.plan import BenchPlan, Preparation, Target
    from skvm.bench.report.model import Report
    from skvm.evidence.record import RunRecord
    from skvm.settings import Settings

__all__ = ["BenchResult", "bench"]


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What a session came to.

    Args:
        session_id: ``skvm bench --resume=ID`` goes on with it where it is not whole.
        folder: Where its reports lie: ``report.json``, ``report.md``, ``report.html``.
        reports: One a target, in their order: scores with intervals, comparisons, what was left out.
        runs: Every finished attempt.
        is_whole: Whether every run of the matrix has a result that counts.
    """

    session_id: str
    folder: Path
    reports: tuple[Report, ...]
    runs: tuple[RunRecord, ...]
    is_whole: bool


async def bench(
    tasks: Sequence[str | Path] = (),
    *,
    models: Sequence[str],
    harnesses: Sequence[str] = ("bare-agent",),
    skills: Sequence[str | Path] = (),
    conditions: Sequence[str] = (),
    repetitions: int = 1,
    skill_mode: Literal["inject", "discover"] = "inject",
    concurrency: int = 1,
    timeout_s: float | None = None,
    max_steps: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    judge_model: str | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    sandbox: str = "auto",
    on_progress: OnProgress = nobody,
    settings: Settings | None = None,
) -> BenchResult:
    """Run tasks in several conditions, and say what can be said of the differences; as ``skvm bench``.

    Args:
        tasks: Task folders, or ids in the dataset; the whole dataset if none is named.
        models: Full model ids, provider first; at least one.
        harnesses: Names of harnesses; each runs with each model.
        skills: Skill folders, instead of those the tasks name.
        conditions: What is varied; all but those that need runs beforehand (``jit-…``) if none is named.
        repetitions: Of every cell, ≥ 1.
        skill_mode: Whether a skill is put before the model, or has to be found by it.
        concurrency: Runs at once, ≥ 1.
        timeout_s: Wall clock of a run in seconds, > 0; ``None`` takes the tasks'.
        max_steps: Model turns, ≥ 1; ``None`` takes the tasks'.
        temperature: Of every run, in [0, 2].
        seed: Sampling seed of repetition 0.
        judge_model: Who judges what rubrics ask for; ``None`` leaves that unscored.
        max_usd: Spend ceiling of the session in dollars, > 0.
        max_tokens: Spend ceiling of the session in tokens, ≥ 1.
        sandbox: What confines agents: ``auto``, or the name of a back end.
        on_progress: Told of every run.
        settings: Where things lie; by default what the environment and the configuration file say.

    Returns:
        The session's reports and runs. They are also on disk, as the command writes them.

    Raises:
        UsageError: A task, skill, condition, harness or model id is of no use, or no task can run here.
        ConfigError: A model has no route or credential.
        BudgetExceededError: A ceiling is reached; what was run is in the journal.
        InfrastructureError: No sandbox works, or the disk refuses.
    """
    from anyio.to_thread import run_sync

    from skvm.bench.opening import recorded_plan
    from skvm.bench.plan import BenchPlan
    from skvm.bench.preflight import check_plan
    from skvm.bench.session import hold

    lists(tasks=tasks, models=models, harnesses=harnesses, skills=skills, conditions=conditions)
    at_least_one(repetitions=repetitions, concurrency=concurrency, max_steps=max_steps, max_tokens=max_tokens)
    more_than_zero(timeout_s=timeout_s, max_usd=max_usd)
    between(0, 2, temperature=temperature)
    one_of(MODES, skill_mode=skill_mode)
    at = await run_sync(settings_or_default, settings)
    shared: dict[str, Any] = {
        "repetitions": repetitions,
        "skill_mode": skill_mode,
        "concurrency": concurrency,
        "timeout_s": timeout_s,
        "max_steps": max_steps,
        "temperature": temperature,
        "seed": seed,
        "judge_model": judge_model,
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "sandbox": sandbox,
    }

    def prepare() -> BenchPlan:
        made = BenchPlan(
            session_id="",
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            targets=_targets(models, harnesses),
            **_asked(at, tasks, skills, conditions, has_judge=judge_model is not None),
            **shared,
        )
        check_plan(at, made)
        return made

    plan = await run_sync(prepare)
    with ExitStack() as stack:
        entry = stack.enter_context(recorded_plan(at.logs_dir, plan))
        folder = Path(entry.log_dir)
        stack.enter_context(hold(folder))
        named = plan.model_copy(update={"session_id": entry.id})
        return await _run(at, named, folder, on_progress)


def _asked(
    settings: Settings,
    tasks: Sequence[str | Path],
    skills: Sequence[str | Path],
    conditions: Sequence[str],
    *,
    has_judge: bool,
) -> dict[str, Any]:
    """Tasks and conditions of a plan."""
    from skvm.bench.planning import plan_conditions, plan_tasks
    from skvm.bench.selection import tasks_of
    from skvm.errors import UsageError

    planned = plan_conditions(conditions)
    folders = [Path(skill).expanduser() for skill in skills] or None
    selected = tasks_of(
        settings,
        [str(task) for task in tasks],
        has_judge=has_judge,
        needs_skill=folders is None and any(each.name != "no-skill" for each in planned),
    )
    if not selected.tasks:
        why = "; ".join(f"{each.task_id}: {each.reason}" for each in selected.skipped[:3])
        raise UsageError(f"no task can run here ({why or 'none was found'})")
    return {
        "tasks": plan_tasks(selected.tasks, folders),
        "skipped": selected.skipped,
        "conditions": planned,
    }


def _targets(models: Sequence[str], harnesses: Sequence[str]) -> tuple[Target, ...]:
    from skvm.bench.plan import Target
    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES

    if not models:
        raise UsageError("no model to bench", help="models=['local/qwen2.5-coder-1.5b']")
    for harness in harnesses:
        HARNESSES.get(harness)
    pairs = dict.fromkeys((model, harness) for harness in harnesses for model in models)
    return tuple(Target(model=model, harness=harness) for model, harness in pairs)


async def _run(settings: Settings, plan: BenchPlan, folder: Path, tell: OnProgress) -> BenchResult:
    from skvm.bench.history import attempts_of, counted, counts, ending_of, preparations_of
    from skvm.bench.limits import Limits
    from skvm.bench.opening import opened_bench
    from skvm.bench.session import open_session, run_session
    from skvm.llm.contract import SpendLimit

    async with opened_bench(settings, plan, SpendLimit(plan.max_usd, plan.max_tokens), folder) as opened:
        if opened.judge is not None:
            await opened.judge.warm_up()
        watch = _Watch(tell)
        session = await open_session(plan, opened, folder, watch)
        watch.planned(session.cells, len(session.known))
        await run_session(session, opened, Limits(plan.concurrency, plan.limits), watch)
        attempts = await attempts_of(opened.journal, plan.session_id)
        ended: Ended | None = None
        accounts: tuple[Preparation, ...] = ()
        if session.record is not None:
            ended = await ending_of(opened.journal, session.record)
            accounts = await preparations_of(opened.journal, session.record)
        reports = await _report(plan, folder, attempts, accounts, opened.blobs)
    is_whole = ended is not None and all(map(counts, counted(attempts).values()))
    return BenchResult(plan.session_id, folder, reports, tuple(attempts), is_whole)


async def _report(
    plan: BenchPlan, folder: Path, runs: Sequence[RunRecord], accounts: Sequence[Preparation], blobs: Any
) -> tuple[Report, ...]:
    """Write the reports of a session, and give those of its targets."""
    from anyio.to_thread import run_sync

    from skvm.bench.report.session import build_session
    from skvm.bench.report.write import write_session
    from skvm.evaluate.bench import load_trajectory

    def work() -> tuple[Report, ...]:
        parent, subs = build_session(plan, runs, preparations=accounts)
        write_session(folder, parent, subs, runs, load=lambda run: load_trajectory(blobs, run))
        return tuple(sub.report for sub in subs)

    return await run_sync(work)


@dataclass(slots=True)
class _Watch:
    """Tells of a session, as ``bench.session.SessionWatcher`` is told."""

    tell: OnProgress
    total: int = 0
    done: int = 0
    tokens: int = 0
    cost_usd: float | None = 0.0

    def prepared(self, account: Preparation) -> None:
        about = f"{account.condition} on {account.model} in {account.harness}"
        said = f"left out: {account.problem}" if account.problem is not None else account.what
        self._say(f"{about}: {said}")

    def planned(self, cells: tuple[Cell, ...], done: int) -> None:
        self.total = len(cells)
        self._say(f"{len(cells) - done} runs to make")

    def begins(self, cell: Cell) -> None:
        self._say(f"{cell.spec.task.id}, {cell.spec.condition} #{cell.spec.repetition}: begins")

    def ends(self, cell: Cell, run: RunRecord) -> None:
        self.done += 1
        self.tokens += run.usage.total_tokens
        known = self.cost_usd is not None and run.usage.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (run.usage.cost_usd or 0.0) if known else None
        scored = f" {run.score:.2f}" if run.score is not None else ""
        self._say(f"{run.task_id}, {run.condition} #{run.repetition}: {run.outcome.value}{scored}")

    def _say(self, text: str) -> None:
        self.tell(Progress("bench", text, self.done, self.total or None, self.tokens, self.cost_usd))
