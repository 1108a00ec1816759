"""Give the runs of a bench boost."""

from __future__ import annotations

from dataclasses import replace

from skvm.evaluate.bench import Bench
from skvm.harness.hooks import Hooks
from skvm.runtime.boost.hook import SHADOW_EVERY, Boost, Mode
from skvm.runtime.boost.library import Library

__all__ = ["boosted"]


def boosted(bench: Bench, mode: Mode, *, shadow_every: int = SHADOW_EVERY) -> Bench:
    """The same bench, in whose runs templates act.

    Args:
        bench: Open.
        mode: What they may do.
        shadow_every: Of so many runs a trusted template could answer, it runs beside the model in one.
    """
    library = Library.open(bench.settings, bench.journal, bench.blobs, bench.sandbox)
    return replace(bench, hooks=bench.hooks.joined(Hooks((Boost(library, mode, shadow_every),))))
