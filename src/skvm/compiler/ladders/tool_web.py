"""Lowering ``tool.web``: nothing a rule could do."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering

MOVES = (
    "none by rule: a request needs what the server answers, and which fields matter is not known beforehand",
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Leave the gaps to be told."""
    return Lowering()


LADDERS.register("tool.web", Ladder(MOVES, lower))
