"""What oracles over files share: read text out of the cell, compare it, and run a program there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from skvm.harness.sandbox import Cell
from skvm.harness.trajectory import ToolKind, Trajectory
from skvm.target.answers import same_value
from skvm.target.contract import Verdict

__all__ = ["file_text", "ran_a_command", "rerun", "same_text"]

_RUN_TIMEOUT_S = 10.0
_ENV = {"PYTHONSAFEPATH": ""}
"""A solution may import what lies beside it; graders otherwise keep Python from looking there."""


async def file_text(cell: Cell, path: str) -> str | None:
    """The text of a file, ``None`` where there is none that can be read.

    Line ends become line feeds; blanks at the end of lines and empty lines at the end are dropped.
    """
    try:
        data = await cell.read(path)
    except OSError:
        return None
    lines = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).rstrip("\n")


def same_text(said: str, expected: str) -> bool:
    """Whether two one-value texts agree: the same text, or the same number."""
    said, expected = said.strip(), expected.strip()
    if said == expected:
        return True
    try:
        return Decimal(said) == Decimal(expected)
    except InvalidOperation:
        return False


def ran_a_command(trajectory: Trajectory | None) -> bool:
    """Whether a command ran; given work without a trajectory is judged by its evidence alone."""
    return trajectory is None or any(call.kind is ToolKind.RUN for call in trajectory.tool_calls)


async def rerun(
    cell: Cell,
    command: Sequence[str],
    *,
    files: Mapping[str, str],
    output: str | None,
    expected: Any,
    label: str,
) -> Verdict:
    """Lay out files, run a program, compare what it gives with what it should.

    Args:
        cell: Where.
        command: Argument vector.
        files: Inputs the agent never saw.
        output: File the program writes; ``None`` compares its standard output.
        expected: Text, or any other JSON value where the output is JSON.
        label: What to call this run in the reason.
    """
    try:
        for path, text in files.items():
            await cell.write(path, text.encode())
        if output is not None:
            await cell.write(output, b"")
        run = await cell.execute(command, timeout_s=_RUN_TIMEOUT_S, env=_ENV)
        said = run.stdout.strip() if output is None else await file_text(cell, output)
    except OSError as error:
        return Verdict(False, f"{label}: {error}")
    if run.exit_code != 0:
        ended = "ran too long" if run.is_timed_out else f"ended with {run.exit_code}"
        return Verdict(False, f"{label}: {' '.join(command)} {ended}: {run.stderr.strip()[-300:]}")
    if not said:
        return Verdict(False, f"{label}: nothing was written to {output or 'standard output'}")
    if isinstance(expected, str):
        right = same_text(said, expected)
    else:
        try:
            right = same_value(json.loads(said), expected)
        except (ValueError, RecursionError):
            return Verdict(False, f"{label}: {output} is not JSON: {said[:100]!r}")
    return Verdict(right, f"{label}: " + ("right" if right else f"expected {expected!r}, got {said[:200]!r}"))
