"""Hooks: what may watch or act while a harness runs.

A hook is any object with some of these async methods; a harness calls them in order of registration.
``before_model`` may answer in the model's place: the first one that returns a response wins, and its
turn is executed like any other, in the harness's own tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_ai.messages import ModelMessage, ModelResponse

    from skvm.harness.trajectory import Observation, ToolCall, Trajectory

__all__ = ["Hook", "HookContext", "Hooks"]


@dataclass(frozen=True, slots=True)
class HookContext:
    """Where in a run a hook is called.

    Args:
        prompt: The task's prompt.
        work_dir: The agent's work directory, on the host.
        turn: Index of the turn about to be made or just made, from 0.
        messages: The conversation so far.
    """

    prompt: str
    work_dir: Path
    turn: int
    messages: Sequence[ModelMessage]


class Hook:
    """Base of all hooks: every method does nothing."""

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """Answer in the model's place, or return ``None``."""
        return None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        """See what the model (or a hook before) answered."""

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        """Answer in the tool's place, or return ``None``."""
        return None

    async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
        """See what a tool gave."""

    async def after_run(self, trajectory: Trajectory) -> None:
        """See the whole run."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """An ordered set of hooks, asked as one."""

    hooks: tuple[Hook, ...] = ()

    def joined(self, others: Hooks) -> Hooks:
        """These, then others."""
        return Hooks((*self.hooks, *others.hooks)) if others.hooks else self

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """The first answer any hook gives, else ``None``."""
        for hook in self.hooks:
            if (response := await hook.before_model(context)) is not None:
                return response
        return None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        """Tell every hook."""
        for hook in self.hooks:
            await hook.after_model(context, response)

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        """The first answer any hook gives, else ``None``."""
        for hook in self.hooks:
            if (observation := await hook.before_tool(context, call)) is not None:
                return observation
        return None

    async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
        """Tell every hook."""
        for hook in self.hooks:
            await hook.after_tool(context, call, observation)

    async def after_run(self, trajectory: Trajectory) -> None:
        """Tell every hook."""
        for hook in self.hooks:
            await hook.after_run(trajectory)
