"""What the rest of the house knows of the model port: scopes, limits and errors.

Message types are pydantic-ai's. A caller opens a ``PortSession`` for a scope, asks it for a pydantic-ai
``Model`` and calls ``model.request(messages, settings, parameters)``; every byte of that call passes
the port's transport, where it is metered, limited, cancelled at the deadline, recorded or replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from skvm.errors import InfrastructureError
from skvm.evidence.record import CallRecord, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_ai.models import Model

__all__ = [
    "BudgetExceededError",
    "CallScope",
    "DeadlineExceededError",
    "PortSession",
    "ProviderError",
    "SharesReading",
    "SpendLimit",
]


@dataclass(frozen=True, slots=True)
class CallScope:
    """Whose calls these are: the key of cassettes and records.

    Args:
        task: Task or probe id (or the name of a compiler stage).
        condition: What is varied.
        repetition: Which repeat, from 0.
    """

    task: str
    condition: str = "run"
    repetition: int = 0

    def repeated(self, repetition: int) -> CallScope:
        """The same scope for another repeat."""
        return replace(self, repetition=repetition)


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """Ceilings over everything one port does.

    Args:
        max_usd: Dollars; needs a known price, or ``max_tokens`` beside it.
        max_tokens: Input and output tokens together.
    """

    max_usd: float | None = None
    max_tokens: int | None = None


class ProviderError(InfrastructureError):
    """A provider answered with an error, or not at all.

    Args:
        status: HTTP status; ``None`` where no answer came.
    """

    def __init__(self, message: str, *, status: int | None = None, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.status = status


class BudgetExceededError(InfrastructureError):
    """The next call's worst case does not fit under the spend ceiling; nothing was sent."""


class DeadlineExceededError(Exception):
    """The session's deadline passed; the request was cancelled.

    Not an ``SkvmError``: for a run it is an outcome (``timed_out``), not the end of the command.
    """


class PortSession(Protocol):
    """Model calls of one scope. Obtained from ``ModelPort.session`` as an async context manager."""

    @property
    def scope(self) -> CallScope:
        """Whose calls these are."""

    @property
    def usage(self) -> Usage:
        """Everything spent so far in this session."""

    @property
    def calls(self) -> Sequence[CallRecord]:
        """Every call so far, oldest first."""

    async def model(self, model_id: str) -> Model:
        """The pydantic-ai model behind a full model id, its transport bound to this session.

        Raises:
            ConfigError: No route or no credential; lists what was tried.
            InfrastructureError: The embedded model cannot be served.
        """


@runtime_checkable
class SharesReading(Protocol):
    """A session whose model may serve several requests at once, each with a memory of its own."""

    async def share_reading(self, model_id: str) -> int:
        """Have what the last request read be known to the next ones, whichever of them begin at once.

        Returns:
            How many more may begin without reading it again; 0 where the provider sees to it, or cannot.
        """
