"""The bench of a session: its sandbox, its judge, what acts in its runs, what is left of its ceilings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from skvm.bench.plan import BenchPlan
from skvm.evaluate.bench import Bench, open_bench
from skvm.evaluate.judging import judge_of
from skvm.evidence.sessions import SessionEntry, recorded_session
from skvm.llm.contract import SpendLimit
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.runtime.plan.touching import with_touching
from skvm.settings import Settings

__all__ = ["kept_in", "opened_bench", "recorded_plan"]

_NOTHING_USD = 1e-12


def kept_in(folder: Path) -> Path:
    """Where a session keeps the work directories of its runs, made if absent."""
    place = folder / "work"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def recorded_plan(logs_dir: Path, plan: BenchPlan) -> AbstractContextManager[SessionEntry]:
    """Index the session of a plan, or its going on if it has an id already; see ``recorded_session``."""
    return recorded_session(
        logs_dir,
        "bench",
        models=list(dict.fromkeys(target.model for target in plan.targets)),
        harness=list(dict.fromkeys(target.harness for target in plan.targets)),
        skill=sorted({skill.id for task in plan.tasks for skill in task.skills}),
        conditions=plan.condition_names,
        resumed=plan.session_id or None,
        has_folder=True,
    )


@asynccontextmanager
async def opened_bench(
    settings: Settings, plan: BenchPlan, left: SpendLimit, folder: Path | None
) -> AsyncIterator[Bench]:
    """A bench as a plan wants it; leaving closes it.

    Args:
        settings: Where things lie.
        plan: What is run.
        left: What is left under its ceilings.
        folder: The session's own, where work directories are kept if the plan says so.

    Raises:
        InfrastructureError: No sandbox works, or the journal cannot be opened.
    """
    # Where a ceiling is reached nothing fits under the rest of it; a report can still be made.
    limit = SpendLimit(
        max_usd=None if left.max_usd is None else max(left.max_usd, _NOTHING_USD),
        max_tokens=None if left.max_tokens is None else max(left.max_tokens, 1),
    )
    async with open_bench(
        settings,
        sandbox=plan.sandbox,
        limit=limit if limit != SpendLimit() else None,
        config_mode=plan.adapter_config,
    ) as bench:
        held = replace(bench, temperature=plan.temperature, max_output_tokens=plan.max_output_tokens)
        shared = with_touching(with_plan_command(held))
        if plan.boost != "off":
            from skvm.runtime.boost.opening import boosted

            shared = boosted(shared, plan.boost)
        if plan.keep_work_dirs and folder is not None:
            # What lies among temporary files is swept away one day.
            shared = replace(shared, settings=replace(settings, tmp_dir=kept_in(folder)))
        if plan.judge_model is not None:
            judge = judge_of(
                bench, plan.judge_model, is_deferred=plan.is_judge_deferred, allow_self=plan.may_judge_itself
            )
            shared = replace(shared, judge=judge)
        async with _following(shared, plan) as whole:
            yield whole


def _following(bench: Bench, plan: BenchPlan) -> AbstractAsyncContextManager[Bench]:
    if plan.follow_plans == "off":
        return nullcontext(bench)
    from skvm.runtime.plan.driving.opening import following

    return following(bench, plan.follow_plans)
