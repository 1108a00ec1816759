"""Lowering ``tool.browser``: nothing a rule could do."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering

MOVES = ("none by rule: what a page shows is only known when it is open",)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Leave the gaps to be told."""
    return Lowering()


LADDERS.register("tool.browser", Ladder(MOVES, lower))
