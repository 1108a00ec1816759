"""A hook that says on the terminal what an agent does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from skvm.harness.hooks import Hook, HookContext

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from rich.status import Status

    from skvm.cli.progress_lines import ToldStatus
    from skvm.harness.trajectory import Observation, ToolCall, Trajectory

__all__ = ["WatchTurns"]


class WatchTurns(Hook):
    """Keeps a spinner's text up to date.

    Args:
        status: The spinner.
        name: What runs.
    """

    def __init__(self, status: Status | ToldStatus, name: str) -> None:
        self._status = status
        self._name = name

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """The model is asked."""
        self._say(f"turn {context.turn + 1}, waiting for the model")
        return None

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        """A tool runs."""
        self._say(f"turn {context.turn + 1}, {call.name}")
        return None

    async def after_run(self, trajectory: Trajectory) -> None:
        """The agent is done."""
        self._say("grading")

    def _say(self, what: str) -> None:
        self._status.update(escape(f"{self._name}: {what}"))
