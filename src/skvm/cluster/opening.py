"""From what the command line says of an executor to a bench whose runs are made there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skvm.cluster.order import RouteOrder, WorkerOrder
from skvm.errors import ConfigError
from skvm.evaluate.bench import Bench
from skvm.evidence.redact import keys_of_url
from skvm.llm.local import usable_processors
from skvm.settings import Settings

if TYPE_CHECKING:
    from skvm.cluster.fleet import Fleet
    from skvm.compiler.study.corpus import Portion

__all__ = ["Executor", "on_cluster", "study_on_cluster", "worker_order"]

SLOTS = 8
"""Runs at once of a worker, where nobody says."""
_MOST_LOCAL = 4
_MOST_NODES = 64
"""Workers of a cluster whose size is not known yet: what is asked for beyond them waits."""


@dataclass(frozen=True, slots=True)
class Executor:
    """Where runs are made.

    Args:
        kind: ``local`` is this process.
        address: Of a Ray cluster; ``None`` starts one for the command.
        workers: How many, ≥ 1; one a node if ``None``.
        slots: Runs at once of each, ≥ 1.
    """

    kind: Literal["local", "ray"] = "local"
    address: str | None = None
    workers: int | None = None
    slots: int = SLOTS

    def wanted(self, nodes: int | None = None) -> int:
        """How many workers there are to be.

        Args:
            nodes: Of a cluster that was joined; ``None`` for one that is started here.
        """
        if self.workers is not None:
            return self.workers
        here = min(_MOST_LOCAL, usable_processors())
        return here if nodes is None else max(1, nodes)

    @property
    def places(self) -> int:
        """Runs at once, where nobody says: as many as all workers take, as far as their number is known."""
        if self.workers is None and self.address is not None:
            return _MOST_NODES * self.slots
        return self.wanted() * self.slots


def worker_order(settings: Settings, slots: int, *, is_ours: bool) -> WorkerOrder:
    """What workers are told.

    Args:
        settings: The driver's.
        slots: Runs at once of each.
        is_ours: Whether the cluster is of this machine only, so that its folders can be used.

    Raises:
        ConfigError: A route of the configuration holds a key itself.
    """
    for route in settings.routes:
        # An address may hold one, too.
        if route.api_key or keys_of_url(route.base_url or ""):
            raise ConfigError(
                f"the route {route.match!r} holds its key in the configuration file; keys do not travel",
                help="name a variable that every node has (apiKeyEnv) instead of the key (apiKey)",
            )
    return WorkerOrder(
        slots=slots,
        routes=tuple(
            RouteOrder(
                match=route.match, kind=route.kind, api_key_env=route.api_key_env, base_url=route.base_url
            )
            for route in settings.routes
        ),
        auto_probe=settings.auto_probe,
        cache_dir=str(settings.cache_dir) if is_ours else None,
        tmp_dir=str(settings.tmp_dir) if is_ours else None,
    )


@asynccontextmanager
async def on_cluster(
    bench: Bench, executor: Executor, on_note: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Bench]:
    """The same bench, whose runs are made where the executor says; leaving lets the workers go.

    Args:
        bench: Open.
        executor: Where.
        on_note: Told one line of what a person may want to know.

    Raises:
        UsageError: Ray is not installed.
        ConfigError: A route of the configuration holds a key itself.
        InfrastructureError: There is no cluster, or no worker comes up on it.
    """
    if executor.kind == "local":
        yield bench
        return
    from skvm.cluster.driver import RayRunner

    def tell(model_id: str) -> None:
        _tell(bench, model_id)

    async with _fleet(bench.settings, executor, on_note, tell) as fleet:
        yield replace(bench, runner=RayRunner(fleet, local=executor.wanted(), on_note=on_note))


async def study_on_cluster(
    settings: Settings,
    files: Sequence[Path],
    executor: Executor,
    on_portion: Callable[[Portion], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> tuple[Portion, ...]:
    """Study skills on a cluster; what comes of it is what comes of ``study_corpus``.

    Args:
        settings: Where things lie.
        files: The skills' ``SKILL.md`` files.
        executor: Where.
        on_portion: Told of each portion as it is done, in any order.
        on_note: Told one line of what a person may want to know.

    Raises:
        UsageError: Ray is not installed.
        InfrastructureError: There is no cluster, or no worker comes up on it.
    """
    from skvm.cluster.studying import study_there

    # No model is asked: no route need travel.
    async with _fleet(replace(settings, routes=()), executor, on_note) as fleet:
        return await study_there(files, fleet, on_portion)


@asynccontextmanager
async def _fleet(
    settings: Settings,
    executor: Executor,
    on_note: Callable[[str], None],
    on_throttled: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Fleet]:
    from skvm.cluster.fleet import open_fleet
    from skvm.cluster.joining import joined, start_lane

    worker_order(settings, executor.slots, is_ours=False)  # before anything is started
    with joined(executor.address, executor.wanted()) as cluster:
        order = worker_order(settings, executor.slots, is_ours=cluster.is_ours)
        wanted = executor.wanted(None if cluster.is_ours else cluster.nodes)
        async with open_fleet(
            lambda: start_lane(order),
            wanted,
            executor.slots,
            on_throttled=on_throttled,
            on_note=on_note,
            # A cluster of our own is started from this very installation.
            is_checked=not cluster.is_ours,
        ) as fleet:
            yield fleet


def _tell(bench: Bench, model_id: str) -> None:
    """Tell who listens here that a provider asked a worker for less."""
    from skvm.llm.port import ModelPort
    from skvm.llm.route import resolve_endpoint

    if isinstance(bench.port, ModelPort):
        bench.port.throttled(resolve_endpoint(bench.settings, model_id, need_credential=False))
