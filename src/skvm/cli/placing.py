"""Where the runs of a command are made: a bench on the executor that the command line names."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.cluster.opening import Executor
    from skvm.evaluate.bench import Bench

__all__ = ["placed"]


def placed(bench: Bench, executor: Executor | None) -> AbstractAsyncContextManager[Bench]:
    """The bench, whose runs are made there; ``None`` is this process."""
    if executor is None or executor.kind == "local":
        return nullcontext(bench)
    from skvm.cli.console import tell_note
    from skvm.cluster.opening import on_cluster

    return on_cluster(bench, executor, tell_note)
