"""Boost for any pydantic-ai agent: a capability whose trusted templates answer before the model is asked.

::

    async with BoostCapability.opened(
        "skills/data-chores", model="anthropic/claude-haiku-4.5", tool="run_command"
    ) as boost:
        agent = Agent(model, tools=[run_command], capabilities=[boost])
        await agent.run("Sum the column amount of sales.csv for each region …")

The agent brings a tool of its own that runs a shell command; a template answers with a call of that tool, so
that it runs where the agent's commands run. Templates are learnt by ``skvm run --boost=on``; an agent outside
a run shows no files and nobody grades it, so what holds there is no evidence, and what fails is.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart, UserPromptPart

from skvm.harness.hooks import HookContext, Hooks
from skvm.runtime.boost.alone import BoostAlone, Served

if TYPE_CHECKING:
    from pydantic_ai.capabilities import WrapModelRequestHandler
    from pydantic_ai.models import ModelRequestContext
    from pydantic_ai.tools import RunContext

    from skvm.settings import Settings

__all__ = ["BoostCapability"]


@dataclass
class BoostCapability(AbstractCapability[Any]):
    """Templates in front of an agent's model.

    Args:
        hooks: What answers.
        tool: Name of the agent's tool that runs a shell command.
        argument: What that tool calls the command.
        more: What else the tool must be given.
    """

    hooks: Hooks
    tool: str
    argument: str = "command"
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        *skills: str | Path,
        model: str,
        tool: str,
        argument: str = "command",
        harness: str = "bare-agent",
        settings: Settings | None = None,
    ) -> AsyncIterator[BoostCapability]:
        """A capability over what was learnt of some skills; what happens is recorded until this ends.

        Args:
            skills: Their folders.
            model: Full id of the model the templates were learnt on.
            tool: Name of the agent's tool that runs a shell command.
            argument: What that tool calls the command.
            harness: Name of the harness they were learnt in.
            settings: Where things lie; by default what the environment says.

        Raises:
            SkvmError: A skill or the journal cannot be read.
        """
        from skvm.evidence.blobs import BlobStore
        from skvm.evidence.journal import Journal
        from skvm.harness.confine import choose_sandbox
        from skvm.runtime.boost.library import Library
        from skvm.settings import load_settings
        from skvm.skill.emit import skill_digest
        from skvm.skill.frontend import load_skill

        settings = settings or load_settings()
        loaded = [load_skill(Path(folder)) for folder in skills]
        served = [Served(skill.id, skill_digest(skill), model, harness) for skill in loaded]
        async with Journal(settings.journal_path) as journal:
            library = Library.open(settings, journal, BlobStore(settings.blobs_dir), choose_sandbox("none"))
            yield cls(Hooks((BoostAlone(library, served, tell=_warn),)), tool, argument)

    async def wrap_model_request(
        self,
        ctx: RunContext[Any],
        *,
        request_context: ModelRequestContext,
        handler: WrapModelRequestHandler,
    ) -> ModelResponse:
        """Answer in the model's place where a template does."""
        messages = tuple(request_context.messages)
        offered = {tool.name for tool in request_context.model_request_parameters.function_tools}
        context = HookContext(
            prompt=_newest_prompt(messages),
            work_dir=Path(),
            turn=ctx.run_step,
            messages=messages,
            command_turn=self._turn if self.tool in offered else None,
            is_local=False,
        )
        answer = await self.hooks.before_model(context)
        return answer if answer is not None else await handler(request_context)

    def _turn(self, command: str) -> ModelResponse:
        call = ToolCallPart(self.tool, {**self.more, self.argument: command}, f"boost_{secrets.token_hex(8)}")
        return ModelResponse([call], finish_reason="tool_call")


def _warn(said: str) -> None:
    warnings.warn(f"boost gave up; the model answers: {said}", RuntimeWarning, stacklevel=2)


def _newest_prompt(messages: Sequence[ModelMessage]) -> str:
    """What the user asked last; empty where that is no plain text."""
    for message in reversed(messages):
        if message.kind != "request":
            continue
        for part in reversed(message.parts):
            if isinstance(part, UserPromptPart):
                return part.content if isinstance(part.content, str) else ""
    return ""
