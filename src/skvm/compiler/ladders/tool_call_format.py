"""Lowering ``tool.call.format``: nothing a rule could do."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering

MOVES = ("none by rule: the form of arguments is the tool's, and no text can flatten it",)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Leave the gaps to be told."""
    return Lowering()


LADDERS.register("tool.call.format", Ladder(MOVES, lower))
