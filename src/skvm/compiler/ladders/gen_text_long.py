"""Lowering ``gen.text.long``: a text of named parts is written one part at a time."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.portions import portion_edits
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering

MOVES = ("portions: the parts the text names are written one at a time, and a command joins them in order",)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Name the parts of every text that names them."""
    return Lowering(portion_edits(gaps, ground))


LADDERS.register("gen.text.long", Ladder(MOVES, lower))
