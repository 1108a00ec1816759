"""What a run sees of the gateway: a door with a token, what is held alike, and what passed through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skvm.evidence.record import Usage
from skvm.harness.command_tool import FindsCommandTool
from skvm.harness.hooks import Hooks

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.settings import ModelSettings

__all__ = ["Door", "Exchange", "Held", "Recorded", "Wire"]

Wire = Literal["chat", "responses", "messages"]
"""The dialects of the gateway."""


@dataclass(frozen=True, slots=True)
class Door:
    """The gateway, as one run sees it.

    Args:
        origin: ``http://127.0.0.1:PORT``, as the program reaches it.
        token: The only secret a harness gets; good for this run alone.
        model: The name of the model the gateway answers for; requests for any other name get it, too.
            Empty where every request names the model it wants.
    """

    origin: str
    token: str = field(repr=False)
    model: str

    @property
    def chat_url(self) -> str:
        """Base URL for clients that add ``/chat/completions`` or ``/responses``."""
        return f"{self.origin}/v1"

    @property
    def messages_url(self) -> str:
        """Base URL for clients that add ``/v1/messages``."""
        return self.origin

    @property
    def headers(self) -> Mapping[str, str]:
        """What a client sends to be let in."""
        return {"authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Held:
    """What a run is held to, whatever its program asks for.

    Args:
        temperature: Sampling temperature; left alone where the model takes none.
        seed: Sampling seed, where the upstream's dialect has one.
        max_output_tokens: Output tokens of a request at most; one that asks for fewer gets fewer.
        max_steps: Turns. The request after the last is told in the model's place that it is over; the ones
            after that get an error. ``None`` for no bound.
        deadline: On anyio's clock; nothing is answered after it.
        hooks: ``before_model`` and ``after_model`` are asked of every turn.
        prompt: What the hooks are told the agent was asked; empty for the newest words of the user, where
            one door is everybody's.
        work_dir: Where the hooks are told it works.
        is_local: Whether that is so; not where a gateway stands alone.
        tools: Knows the tool a hook can run a command with; ``None``: no hook can.
        one_call: Whether its program carries out one call an answer; what is beyond that is kept for its
            next requests. One that says so itself with a request is believed.
    """

    temperature: float | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
    max_steps: int | None = None
    deadline: float = math.inf
    hooks: Hooks = field(default_factory=Hooks)
    prompt: str = ""
    work_dir: Path = field(default_factory=Path)
    is_local: bool = True
    tools: FindsCommandTool | None = None
    one_call: bool = False

    def applied_to(self, settings: ModelSettings) -> ModelSettings:
        """The settings of a request, but for what a run is held to."""
        held = settings.copy()
        if self.temperature is not None:
            held["temperature"] = self.temperature
        if self.seed is not None:
            held["seed"] = self.seed
        if bound := self.output_bound(held.get("max_tokens")):
            held["max_tokens"] = bound
        return held

    def output_bound(self, asked: object) -> int | None:
        """The output tokens of a request: the fewer of what it asks for and what the run is held to.

        Args:
            asked: What it asks for, if that is a number.

        Returns:
            ``None`` where neither sets a bound.
        """
        named = int(asked) if isinstance(asked, int | float) and asked >= 1 else None
        return min((each for each in (named, self.max_output_tokens) if each), default=None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a program and what it was answered.

    Args:
        dialect: How it was asked.
        model: The name the program asked for.
        messages: What the model was sent; empty where that could not be read.
        response: The answer; ``None`` if none came, or none that could be read or kept.
        usage: Of this exchange, as the port counted it.
        started_s: When the request was there, on a clock of this run alone.
        duration_ms: From the request to the last byte of the answer.
        has_tools: Whether the request offered tools.
        system: The system text.
        from_hook: Whether a hook, or the step limit, answered in the model's place.
        is_kept_back: Whether the answer is a call the model made in an earlier one, which the program could
            not take then; the model was asked nothing.
        status: What the client was told.
        error: One line on why there is no answer, or only a part of one.
        is_cut: Whether texts were shortened in keeping them.
    """

    dialect: Wire
    model: str
    messages: tuple[ModelMessage, ...] = ()
    response: ModelResponse | None = None
    usage: Usage = field(default_factory=Usage)
    started_s: float = 0.0
    duration_ms: float = 0.0
    has_tools: bool = False
    system: str = ""
    from_hook: bool = False
    is_kept_back: bool = False
    status: int = 200
    error: str | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What passed through one door.

    Args:
        exchanges: In the order they were asked.
        failure: The error of ours (provider, budget, replay, or a fault in the gateway) that the program
            was told last and no answer came after; ``None`` if there is none. With it, how the program
            ended is not the agent's doing.
        is_step_limit: Whether the program asked for more turns than it may take.
        is_deadline: Whether it was refused because the deadline had passed.
        is_too_long: Whether the last refusal was that the conversation is longer than the model's context.
        usage: Of all exchanges, those that are no turns included.
    """

    exchanges: tuple[Exchange, ...] = ()
    failure: Exception | None = None
    is_step_limit: bool = False
    is_deadline: bool = False
    is_too_long: bool = False
    usage: Usage = field(default_factory=Usage)
