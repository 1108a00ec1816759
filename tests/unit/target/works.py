"""Work to be graded, laid out in a folder as an agent would have left it."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from skvm.harness.fake import FakeCell
from skvm.harness.trajectory import Trajectory
from skvm.target.contract import Answer, Level, Primitive, Probe, Verdict, Work
from skvm.target.trials import trajectory_of, visits_of

# The interpreter itself, not a shim that looks for one: solutions are run hundreds of times.
PATH = f"{Path(os.path.realpath(sys.executable)).parent}{os.pathsep}{os.environ['PATH']}"

Solve = Callable[[Level, Probe], Sequence[Answer]]


def lay_out(files: Mapping[str, str], folder: Path) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


async def graded(
    primitive: Primitive,
    level: Level,
    probe: Probe,
    answer: Answer,
    trajectory: Trajectory | None = None,
) -> Verdict:
    """Lay out a probe's files and an answer's, and ask the oracle."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out({**probe.files, **answer.files}, Path(folder))
        return await primitive.grade(level, probe, _work(probe, answer, FakeCell(Path(folder)), trajectory))


def _work(probe: Probe, answer: Answer, cell: Any, trajectory: Trajectory | None = None) -> Work:
    return Work(
        answer.response,
        cell,
        trajectory or trajectory_of(probe, answer),
        visits_of(probe.site, answer) if probe.site else None,
    )


class _CountingCell(FakeCell):
    executed = 0

    async def execute(self, *args: Any, **options: Any) -> Any:
        """Count, and run."""
        type(self).executed += 1
        return await super().execute(*args, **options)


async def runs_processes(primitive: Primitive, level: Level) -> bool:
    """Whether a level's oracle runs programs, which is slow; found by asking it once."""
    probe = primitive.probe(level, 0)
    _CountingCell.executed = 0
    with tempfile.TemporaryDirectory() as folder:
        lay_out({**probe.files, **probe.reference.files}, Path(folder))
        await primitive.grade(level, probe, _work(probe, probe.reference, _CountingCell(Path(folder))))
    return _CountingCell.executed > 0


def solver(primitive: Primitive) -> Solve | None:
    """The second algorithm of a primitive: from what an agent is shown alone to every right answer."""
    name = f"tests.solvers.{primitive.id.replace('.', '_')}"
    try:
        found: Solve = importlib.import_module(name).solve
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return found
