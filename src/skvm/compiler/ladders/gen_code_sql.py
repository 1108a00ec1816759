"""Lowering ``gen.code.sql``: a complete query the text tells to write lies ready in the bundle."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.ready import READY_MOVES, ReadyKind, bundle_ready
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering
from skvm.compiler.reading.sql import read_sql

MOVES = READY_MOVES


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Bundle every whole query; taking one apart would need the values that go from one to the next."""
    return bundle_ready(gaps, ground, ReadyKind("assets", (".sql",), "sql", _is_whole))


def _is_whole(code: str) -> bool:
    return read_sql(code).is_complete


LADDERS.register("gen.code.sql", Ladder(MOVES, lower, by_command=True))
