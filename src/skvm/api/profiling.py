"""``skvm.profile``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skvm.api.progress import OnProgress, Progress, nobody, settings_or_default
from skvm.api.ranges import at_least_one, lists, more_than_zero

if TYPE_CHECKING:
    from skvm.profiler.measure import Measurement
    from skvm.profiler.measure import Progress as Measured
    from skvm.settings import Settings

__all__ = ["profile"]


async def profile(
    model: str,
    *,
    harness: str = "bare-agent",
    primitives: Sequence[str] = (),
    instances: int | None = None,
    concurrency: int = 1,
    timeout_s: float = 120.0,
    seed: int = 0,
    force: bool = False,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    sandbox: str = "auto",
    on_progress: OnProgress = nobody,
    settings: Settings | None = None,
) -> Measurement:
    """Measure what a model in a harness can do; as ``skvm profile``.

    What a stored profile answers for is not measured again, and a measurement that was cut short goes on.

    Args:
        model: Full model id, provider first.
        harness: Name of the harness.
        primitives: Ids of what to measure; all there are if none is named.
        instances: Probes of every level, ≥ 1; ``None`` asks until a level is decided.
        concurrency: Runs at once, ≥ 1.
        timeout_s: The agent's wall clock for one probe in seconds, > 0.
        seed: Seed of the first probe of each level.
        force: Measure everything again.
        max_usd: Spend ceiling in dollars, > 0.
        max_tokens: Spend ceiling in tokens, ≥ 1.
        sandbox: What confines the agent: ``auto``, or the name of a back end.
        on_progress: Told of every probe.
        settings: Where things lie; by default what the environment and the configuration file say.

    Returns:
        The profile, where it lies, and what it took. ``profile.is_partial`` says whether probes met faults.

    Raises:
        UsageError: The harness, a primitive or the model id is of no use.
        ConfigError: The model has no route or credential.
        BudgetExceededError: The ceiling is reached; what was measured is kept.
        InfrastructureError: No sandbox works, the disk refuses, or another process measures this target.
    """
    from anyio.to_thread import run_sync

    from skvm.evaluate.bench import open_bench
    from skvm.evidence.sessions import recorded_session
    from skvm.harness.contract import HARNESSES
    from skvm.llm.contract import SpendLimit
    from skvm.profiler.ladder import FixedDesign, SequentialDesign
    from skvm.profiler.measure import measure
    from skvm.profiler.plan import Request
    from skvm.profiler.simulated import read_dials
    from skvm.runtime.plan.touching import with_touching
    from skvm.target.contract import PRIMITIVES
    from skvm.target.store import ProfileStore

    lists(primitives=primitives)
    at_least_one(instances=instances, concurrency=concurrency, max_tokens=max_tokens)
    more_than_zero(timeout_s=timeout_s, max_usd=max_usd)
    at = await run_sync(settings_or_default, settings)
    if await run_sync(read_dials, model, harness) is None:
        HARNESSES.get(harness)
    request = Request(
        model=model,
        harness=harness,
        primitives=tuple(PRIMITIVES.get(name) for name in dict.fromkeys(primitives)) or PRIMITIVES.all(),
        design=SequentialDesign() if instances is None else FixedDesign(instances),
        concurrency=concurrency,
        timeout_s=timeout_s,
        first_seed=seed,
        force=force,
    )
    limit = SpendLimit(max_usd, max_tokens)

    def tell(event: Measured) -> None:
        on_progress(_told(event))

    with recorded_session(at.logs_dir, "profile", models=[model], harness=[harness]):
        async with open_bench(at, sandbox=sandbox, limit=limit if limit != SpendLimit() else None) as bench:
            return await measure(request, with_touching(bench), ProfileStore.of(at), tell)


def _told(event: Measured) -> Progress:
    where = event.primitive_id + (f" {event.level}" if event.level else "")
    return Progress(
        "profile",
        f"{where}: {event.detail}",
        done=event.done,
        total=event.total,
        tokens=event.usage.total_tokens,
        cost_usd=event.usage.cost_usd,
    )
