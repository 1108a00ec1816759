"""Lowering ``gen.code.javascript``: complete code the text tells to write lies ready in the bundle."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.ready import READY_MOVES, ReadyKind, bundle_ready
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering
from skvm.compiler.reading.javascript import read_javascript

MOVES = READY_MOVES
_SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx")


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Bundle every file that is whole; doing without promises would make another program."""
    return bundle_ready(
        gaps, ground, ReadyKind("scripts", _SUFFIXES, "javascript", _is_whole, _runs_alone, "node")
    )


def _is_whole(code: str) -> bool:
    return read_javascript(code).is_complete


def _runs_alone(code: str) -> bool:
    """Whether it is whole and needs neither packages nor a compiler."""
    read = read_javascript(code)
    return read.is_complete and not read.third_party and ": string" not in code and "interface " not in code


LADDERS.register("gen.code.javascript", Ladder(MOVES, lower, by_command=True))
