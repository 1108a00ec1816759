"""Lowering ``gen.code.python``: complete code the text tells to write lies ready in the bundle."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.ready import READY_MOVES, ReadyKind, bundle_ready
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering
from skvm.compiler.reading.commands import PLACEHOLDER
from skvm.compiler.reading.python_code import read_python

MOVES = READY_MOVES


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Bundle every complete program; one that needs modules of the skill would not find them from there."""
    own = {"scripts", "src"} | ground.reading.bundle.own_modules()

    def is_program(code: str) -> bool:
        read = read_python(code)
        return read.is_program and not own & set(read.third_party)

    def is_file(code: str) -> bool:
        read = read_python(code)
        return (read.is_program or read.is_module) and not PLACEHOLDER.search(code)

    kind = ReadyKind("scripts", (".py",), "python", is_file, is_program, "python3")
    return bundle_ready(gaps, ground, kind)


LADDERS.register("gen.code.python", Ladder(MOVES, lower, by_command=True))
