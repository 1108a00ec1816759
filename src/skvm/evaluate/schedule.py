"""Many runs: bounded concurrency, results in the order of the specs, infrastructure failures tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from skvm.evaluate.bench import Bench, RunSpec
from skvm.evaluate.run import run_once
from skvm.evidence.record import Outcome, RunRecord

__all__ = ["make_run", "run_many", "run_persistently"]

Progress = Callable[[int, RunRecord], None]


async def make_run(spec: RunSpec, bench: Bench) -> RunRecord:
    """Run once, wherever the bench has its runs made.

    Raises:
        SkvmError: What ``run_once`` raises.
    """
    return await (run_once(spec, bench) if bench.runner is None else bench.runner.run(spec, bench))


async def run_many(
    specs: Sequence[RunSpec],
    bench: Bench,
    *,
    concurrency: int = 1,
    attempts: int = 2,
    pause_s: float = 1.0,
    on_done: Progress | None = None,
) -> tuple[RunRecord, ...]:
    """Run every spec; the records come back in the order of the specs, whatever finished first.

    Args:
        specs: What to run.
        bench: What the runs share.
        concurrency: Runs at once, ≥ 1.
        attempts: How often a run is tried while its infrastructure fails, ≥ 1. Each attempt is in the
            journal; the last one is returned, and if it failed too it is ``infra_failed`` and has no score.
        pause_s: Wait before the second attempt; doubled before each further one.
        on_done: Told the index of each spec and its last record, as it is done.

    Raises:
        SkvmError: What ``run_once`` passes on; the other runs are cancelled, and what they did is recorded.
        ValueError: ``concurrency`` or ``attempts`` is below 1.
    """
    if concurrency < 1 or attempts < 1:
        raise ValueError("concurrency and attempts are at least 1")
    done: list[RunRecord | None] = [None] * len(specs)
    waiting = iter(enumerate(specs))

    async def work() -> None:
        # One shared iterator is the queue: runs start in order.
        for index, spec in waiting:
            record = await run_persistently(spec, bench, attempts=attempts, pause_s=pause_s)
            done[index] = record
            if on_done is not None:
                on_done(index, record)

    try:
        async with anyio.create_task_group() as group:
            for _ in range(min(concurrency, len(specs))):
                group.start_soon(work)
    except BaseExceptionGroup as failures:
        # Cancelling its siblings is part of one failure: the caller sees the failure itself.
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from None
        raise
    return tuple(record for record in done if record is not None)


async def run_persistently(
    spec: RunSpec, bench: Bench, *, attempts: int = 2, pause_s: float = 1.0
) -> RunRecord:
    """Run once, and again while the infrastructure fails; see ``run_many`` for the arguments."""
    for attempt in range(attempts):
        if attempt:
            await anyio.sleep(pause_s * 2 ** (attempt - 1))
        record = await make_run(spec, bench)
        if record.outcome is not Outcome.INFRA_FAILED:
            break
    return record
