"""The way from the driver to one worker: text and bytes there and back, and the news that it is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

__all__ = ["Answer", "Lane", "LaneLostError", "StartLane"]


class LaneLostError(Exception):
    """The worker, or its node, is gone; what it had under way is to be asked of another.

    Not an ``SkvmError``: it is dealt with where it is met.
    """


Answer = Callable[[], Awaitable[str | bytes]]
"""Waits for what a worker answers; may be given up and waited for again."""


class Lane(Protocol):
    """One worker, as the driver sees it."""

    def submit(self, method: str, *given: str | bytes) -> Answer:
        """Ask a worker for something; its answer may raise ``LaneLostError``."""

    def end(self) -> None:
        """Let the worker go, whatever it does."""


StartLane = Callable[[], Lane]
"""Starts a worker somewhere; the lane is there at once, the worker answers when it is up."""
