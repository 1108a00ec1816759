"""How a run of a program ended: what it says, how it exited and what the gateway saw, put together."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import InfrastructureError, SkvmError
from skvm.evidence.record import Outcome
from skvm.harness.gateway.contract import Recorded
from skvm.harness.programs.contract import Told
from skvm.harness.sandbox import Execution

__all__ = ["Ending", "Ran", "complaint", "ending_of"]

_TAIL_BYTES = 64 << 10
_LINE_CHARS = 300
_ERROR = re.compile(
    r"\b(error|err|fatal|failed|failure|panic\w*|exception|denied|cannot|could not|refused)\b", re.IGNORECASE
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended, and one line on that where it is not plain."""

    outcome: Outcome
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What is known of a run that is over.

    Args:
        name: Of the harness.
        execution: How the program exited.
        told: What it says.
        recorded: What passed at the gateway.
        stderr: File with its complaints.
        timeout_s: What the run had.
    """

    name: str
    execution: Execution
    told: Told
    recorded: Recorded
    stderr: Path
    timeout_s: float


def ending_of(run: Ran) -> Ending:
    """How a run ended.

    Raises:
        InfrastructureError: The provider failed, or we did; the program could do nothing about it.
    """
    recorded, told = run.recorded, run.told
    if recorded.failure is not None:
        raise _infrastructure(recorded.failure)
    if run.execution.is_timed_out or recorded.is_deadline:
        return Ending(Outcome.TIMED_OUT, f"deadline of {run.timeout_s:g} s passed")
    if recorded.is_step_limit or told.is_step_limit:
        return Ending(Outcome.STEP_LIMIT)
    if recorded.is_too_long:
        return Ending(Outcome.SCORED, "context exhausted: the conversation is longer than the model takes")
    if line := _failure(run):
        return Ending(Outcome.HARNESS_FAILED, line)
    return Ending(Outcome.SCORED)


def _infrastructure(failure: Exception) -> SkvmError:
    if isinstance(failure, SkvmError):
        return failure
    error = InfrastructureError(f"the gateway failed: {type(failure).__name__}: {failure}")
    error.__cause__ = failure
    return error


def _failure(run: Ran) -> str | None:
    """One line on what went wrong in the program itself, ``None`` if nothing did."""
    name, told, exit_code = run.name, run.told, run.execution.exit_code
    if run.execution.is_truncated:
        return f"{name} printed without end and was stopped"
    if told.error is not None:
        line = _one_line(told.error)
        return f"{line}; {_one_line(told.hint)}" if told.hint else line
    said = complaint(run.stderr) or "it said nothing"
    if exit_code:
        how = f"exit code {exit_code}" if exit_code > 0 else f"signal {-exit_code}"
        return f"{name} ended with {how}: {said}"
    if not any(each.response is not None for each in run.recorded.exchanges):
        return f"{name} ended without an answer of the model: {said}"
    return None


def complaint(stderr: Path) -> str | None:
    """The last line that looks like an error, else the last one; ``None`` where nothing was written."""
    try:
        with stderr.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    lines = [line for each in text.splitlines() if (line := _one_line(each))]
    # A stack trace follows what it is about.
    lines = [line for line in lines if not line.startswith("at ")] or lines
    telling = [line for line in lines if _ERROR.search(line)]
    chosen = telling or lines
    return chosen[-1] if chosen else None


def _one_line(text: str) -> str:
    return " ".join(_COLOURS.sub("", text).split())[:_LINE_CHARS]
