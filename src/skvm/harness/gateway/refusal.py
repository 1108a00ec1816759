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

__all__ = ["NO_RETRY", "Refusal", "RunOverError", "note_failure", "refusal_of", "words_of"]

NO_RETRY: Mapping[str, str] = {"x-should-retry": "false"}
"""The port has tried again already; clients that know this header do not do so themselves."""

OVER = 410
"""Nobody tries a thing that is gone again."""
DEPENDENCY = 424
"""What the call depends on failed. Clients try 408, 409, 429 and all from 500 on again, some ask their user
to sign in at 401 and 403, and Claude Code tries other forms of a request after a 400; nobody does so here."""
_OURS = frozenset({401, 402, 403})
"""With these a provider refuses the credential it is asked with, or the account behind it."""


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
        return Refusal(error.status, words_of(error))
    if isinstance(error, RunOverError | DeadlineExceededError):
        return Refusal(OVER, words_of(error))
    if not isinstance(error, SkvmError):
        return Refusal(500, words_of(error))
    if isinstance(error, ProviderError) and error.status in _OURS:
        # Not in the provider's words: programs know those of a refused key, and take it for theirs.
        told = f"the provider refused the gateway itself ({error.status}), not this program; no retry helps"
        return Refusal(DEPENDENCY, told)
    return Refusal(_status(error), words_of(error))


def words_of(error: Exception) -> str:
    """One line on what went wrong, for those whose gateway it is."""
    if isinstance(error, RefusedError):
        return error.reason
    if isinstance(error, RunOverError):
        return "the run has taken all its steps"
    if isinstance(error, DeadlineExceededError):
        return "the time of the run is over"
    if not isinstance(error, SkvmError):
        return f"the gateway failed: {type(error).__name__}"
    return error.message if error.help is None else f"{error.message} ({error.help})"


def _status(error: SkvmError) -> int:
    if isinstance(error, RefusedRequestError):
        return error.status
    if isinstance(error, BudgetExceededError):
        return 402
    if isinstance(error, UsageError | ConfigError):
        return 404
    if isinstance(error, ProviderError) and error.status is not None and 400 <= error.status < 600:
        return error.status
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
