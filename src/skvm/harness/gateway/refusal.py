"""What a program is told when there is no answer, and whose doing that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skvm.errors import ConfigError, SkvmError, UsageError
from skvm.harness.gateway.recording import Recorder
from skvm.harness.gateway.translate.contract import RefusedRequestError
from skvm.harness.loop import is_too_long
from skvm.harness.serving import RefusedError
from skvm.llm.contract import BudgetExceededError, DeadlineExceededError, ProviderError

__all__ = ["NO_RETRY", "Refusal", "RunOverError", "note_failure", "refusal_of"]

NO_RETRY: Mapping[str, str] = {"x-should-retry": "false"}
"""The port has tried again already; clients that know this header do not do so themselves."""

OVER = 410
"""Nobody tries a thing that is gone again."""


class RunOverError(Exception):
    """The run has taken all its turns."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as the client sees it.

    Args:
        status: HTTP status.
        message: In words, free of secrets.
    """

    status: int
    message: str


def refusal_of(error: Exception) -> Refusal:
    """What to tell the client of an error."""
    if isinstance(error, RefusedError):
        return Refusal(error.status, error.reason)
    if isinstance(error, RunOverError):
        return Refusal(OVER, "the run has taken all its steps")
    if isinstance(error, DeadlineExceededError):
        return Refusal(OVER, "the time of the run is over")
    if not isinstance(error, SkvmError):
        return Refusal(500, f"the gateway failed: {type(error).__name__}")
    words = error.message if error.help is None else f"{error.message} ({error.help})"
    return Refusal(_status(error), words)


def _status(error: SkvmError) -> int:
    if isinstance(error, RefusedRequestError):
        return error.status
    if isinstance(error, BudgetExceededError):
        return 402
    if isinstance(error, UsageError | ConfigError):
        return 404
    if isinstance(error, ProviderError) and error.status is not None and 400 <= error.status < 600:
        # A credential that is refused is ours, not the client's.
        return 502 if error.status in {401, 402, 403} else error.status
    return 502


def note_failure(recorder: Recorder, error: Exception) -> None:
    """Remember what a program was refused for, where that is not its own doing."""
    if isinstance(error, RefusedError | RefusedRequestError):
        # What the program asked for cannot be had here, whoever answers; it says itself how that ended.
        return
    if isinstance(error, RunOverError):
        recorder.is_step_limit = True
    elif isinstance(error, DeadlineExceededError):
        recorder.is_deadline = True
    elif isinstance(error, ProviderError) and is_too_long(error):
        recorder.is_too_long = True
    else:
        recorder.failure = error
