"""One bench session from the command line: plan, forecast, run, judge, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.bench.forecast import Forecast
    from skvm.bench.history import Ended
    from skvm.bench.plan import BenchPlan, Preparation
    from skvm.cli.bench_watch import BenchWatch
    from skvm.cluster.opening import Executor
    from skvm.evaluate.bench import Bench
    from skvm.evidence.journal import Journal
    from skvm.evidence.record import RunRecord, Usage
    from skvm.llm.contract import SpendLimit
    from skvm.settings import Settings

__all__ = ["Ending", "run_plan", "say_how_to_go_on"]

_PAST_RUNS = 5000
"""So many of the newest runs of any session judge what is to come."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a session left.

    Args:
        plan: What was asked for.
        forecast: What it would have taken, before it began.
        accounts: What preparing it took, over all its starts.
        attempts: Every finished attempt, judgements applied.
        ended: How it ended; ``None`` where cells are open.
    """

    plan: BenchPlan
    forecast: Forecast
    accounts: tuple[Preparation, ...] = ()
    attempts: tuple[RunRecord, ...] = ()
    ended: Ended | None = None


async def run_plan(
    settings: Settings,
    plan: BenchPlan,
    folder: Path | None,
    *,
    record: int | None = None,
    spent: Usage | None = None,
    quiet: bool = False,
    executor: Executor | None = None,
    at_once: int | None = None,
) -> Ending:
    """Run a session as far as it goes.

    Args:
        settings: Where things lie.
        plan: What was asked for.
        folder: The session's own; without one, conditions are prepared and a forecast made, nothing is run.
        record: The plan's record in the journal, where the session is resumed.
        spent: What earlier starts of the session used; its ceilings hold over all of them.
        quiet: Show nothing.
        executor: Where runs are made; in this process if ``None``.
        at_once: Runs at once, ≥ 1; as the plan says if ``None``.

    Raises:
        SkvmError: The bench cannot go on; what was run is in the journal.
    """
    from skvm.bench.forecast import forecast
    from skvm.bench.history import attempts_of, counts, ending_of, preparations_of
    from skvm.bench.limits import Limits
    from skvm.bench.opening import opened_bench
    from skvm.bench.session import open_session, run_session
    from skvm.bench.stopping import SureStop
    from skvm.cli.bench_watch import BenchWatch
    from skvm.cli.console import progress
    from skvm.cli.placing import placed
    from skvm.cli.progress_channel import tell_session

    left = _left(plan, spent)
    at_once = at_once or plan.concurrency
    async with opened_bench(settings, plan, left, folder) as bench:
        if bench.judge is not None:
            await bench.judge.warm_up()
        with progress(quiet=quiet) as bars:
            watch = BenchWatch(bars, quiet=quiet)
            if plan.session_id:
                tell_session(plan.session_id)
            opened = await open_session(plan, bench, folder, watch, record)
            standing = {key: run for key, run in opened.known.items() if counts(run)}
            expected = forecast(opened.cells, standing, await _past(bench.journal), at_once)
            if folder is None or opened.record is None:
                return Ending(plan, expected, tuple(watch.accounts))
            _announce(expected, plan, watch)
            if expected.runs:
                _check_left(plan, left)
            watch.planned(opened.cells, len(standing))
            sure = SureStop.of(plan, opened.cells) if plan.stop_when == "sure" else None
            async with placed(bench, executor if expected.runs else None) as there:
                # A provider that asks for less halves what is under way, not what waits for a place.
                at_once = min(at_once, there.runner.places) if there.runner is not None else at_once
                await run_session(opened, there, Limits(at_once, plan.limits), watch, sure)
        if plan.is_judge_deferred:
            await _settle(bench, plan, folder, quiet=quiet)
        return Ending(
            plan=plan,
            forecast=expected,
            accounts=await preparations_of(bench.journal, opened.record),
            attempts=await attempts_of(bench.journal, plan.session_id),
            ended=await ending_of(bench.journal, opened.record),
        )


def say_how_to_go_on(session_id: str) -> None:
    """Name the command that goes on with a session."""
    from skvm.cli.console import err

    err.print(f"go on with: skvm bench --resume={session_id}", style="cyan", markup=False)


def _left(plan: BenchPlan, spent: Usage | None) -> SpendLimit:
    """What is left under the ceilings of a session; 0 or less where one is reached."""
    from skvm.llm.contract import SpendLimit

    usd = 0.0 if spent is None or spent.cost_usd is None else spent.cost_usd
    tokens = 0 if spent is None else spent.total_tokens
    return SpendLimit(
        max_usd=None if plan.max_usd is None else plan.max_usd - usd,
        max_tokens=None if plan.max_tokens is None else plan.max_tokens - tokens,
    )


def _check_left(plan: BenchPlan, left: SpendLimit) -> None:
    from skvm.llm.contract import BudgetExceededError

    reached = []
    if left.max_usd is not None and left.max_usd <= 0:
        reached.append(f"${plan.max_usd:g} (--max-usd)")
    if left.max_tokens is not None and left.max_tokens <= 0:
        reached.append(f"{plan.max_tokens:,} tokens (--max-tokens)")
    if reached:
        raise BudgetExceededError(
            f"earlier starts of session {plan.session_id} used up its {' and '.join(reached)}",
            help="give a higher ceiling beside --resume; it holds for the whole session",
        )


async def _past(journal: Journal) -> Sequence[RunRecord]:
    from skvm.evidence.record import RunRecord

    entries = await journal.query("run_finished", limit=_PAST_RUNS, newest_first=True)
    return [RunRecord.model_validate(entry.body) for entry in entries]


def _announce(expected: Forecast, plan: BenchPlan, watch: BenchWatch) -> None:
    from skvm.cli.console import err

    if watch.quiet:
        return
    err.print(f"{plan.session_id}: {forecast_line(expected)}", markup=False)
    for skipped in plan.skipped:
        err.print(f"  {skipped.task_id}: skipped: {skipped.reason}", style="dim", markup=False)


def forecast_line(expected: Forecast) -> str:
    """One line: runs, tokens, dollars, minutes; what is unknown is said to be."""
    parts = [f"{expected.runs:,} {'run' if expected.runs == 1 else 'runs'} to make"]
    if not expected.runs:
        return ", ".join([*parts, f"{expected.done:,} stand already"])
    if expected.done:
        parts.append(f"{expected.done:,} stand already")
    parts.append(f"about {expected.tokens:,} tokens" if expected.tokens is not None else "tokens unknown")
    parts.append(f"${expected.cost_usd:.2f}" if expected.cost_usd is not None else "price unknown")
    if expected.duration_s is not None:
        minutes = expected.duration_s / 60
        parts.append(f"{minutes:.0f} min" if minutes >= 2 else f"{max(1, expected.duration_s):.0f} s")
    if 0 < expected.known_runs < expected.runs:
        parts.append(f"scaled up from what is known of {expected.known_runs:,} of them")
    return ", ".join(parts)


async def _settle(bench: Bench, plan: BenchPlan, folder: Path, *, quiet: bool) -> None:
    """Judge what the session left to be judged, with a bar; its manifest says what that is."""
    from skvm.bench.deferred import manifest_path, write_manifest
    from skvm.bench.judgements import settle_pending
    from skvm.cli.console import err, progress

    waiting = await write_manifest(plan.session_id, bench.journal, bench.blobs, manifest_path(folder))
    if not waiting or bench.judge is None:
        return
    with progress(quiet=quiet) as bars:
        bar = bars.add_task("judging", total=waiting, note="")
        tally = await settle_pending(
            plan.session_id,
            bench.journal,
            bench.blobs,
            bench.judge,
            on_done=lambda _: bars.update(bar, advance=1),
        )
    for id, why in sorted(tally.failed.items()):
        if not quiet:
            err.print(f"{id}: not judged: {why}", style="yellow", markup=False)


def session_time() -> str:
    """Now, as a plan records it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def forecast_json(expected: Forecast) -> dict[str, Any]:
    """The same as JSON; ``null`` is unknown."""
    return {
        "runs": expected.runs,
        "done": expected.done,
        "knownRuns": expected.known_runs,
        "tokens": expected.tokens,
        "costUsd": expected.cost_usd,
        "durationS": expected.duration_s,
    }
