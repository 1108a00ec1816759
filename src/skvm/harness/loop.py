"""The agent loop both built-in harnesses share: ask the model, do what it says, show it what came.

What differs between them is a ``Manner``: how an action is read out of an answer, how it is done, and how
its result is told. Limits, deadline, hooks, records and the ends of a run are here, once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from skvm.evidence.record import Outcome, Usage
from skvm.harness.contract import MAX_OUTPUT_TOKENS, RunContext
from skvm.harness.delivery import content_was_returned, is_injected
from skvm.harness.dispatch import EVERYTHING, Touches, dispatch, located
from skvm.harness.history import response_text, response_usage, shrink
from skvm.harness.hooks import HookContext
from skvm.harness.repetition import REPEAT_LIMIT, Repetition
from skvm.harness.tools import OBSERVATION_CHARS, Result, observe, touches_of
from skvm.harness.trajectory import Dialect, Observation, ToolCall, Trajectory, Turn
from skvm.llm.contract import DeadlineExceededError, ProviderError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse
    from pydantic_ai.models import Model
    from pydantic_ai.tools import ToolDefinition

__all__ = ["Manner", "Reading", "is_too_long", "run_loop"]

_TOO_LONG = re.compile(
    r"context.{0,40}(length|size|window|limit|exceed|full)"
    r"|(exceed|maximum|too long|too large).{0,60}(token|context|length|prompt)"
    r"|(prompt|input|request|messages).{0,40}(too long|too large|exceed)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer of a model asks for.

    Args:
        calls: The actions, in order; none ends the run.
        dialect: How they were written.
        history: The answer as it is kept in the conversation.
        final_text: What the agent's last words are if the run ends here.
        is_concurrent: Whether the model wants the actions at once, as far as that changes nothing.
        push_back: Said to the model instead of ending the run where there is no action.
    """

    calls: tuple[ToolCall, ...]
    dialect: Dialect
    history: ModelResponse
    final_text: str
    is_concurrent: bool = False
    push_back: str | None = None


class Manner(Protocol):
    """How one harness talks with a model. An object of one run."""

    @property
    def name(self) -> str:
        """Registered name of the harness."""

    @property
    def system(self) -> str:
        """The system text."""

    @property
    def definitions(self) -> Sequence[ToolDefinition]:
        """Tools declared to the endpoint."""

    @property
    def command_turn(self) -> Callable[[str, str], ModelResponse] | None:
        """Makes the answer of a model that runs a command, given that and an id; ``None`` without a tool."""

    def read(self, response: ModelResponse, turn: int) -> Reading:
        """Find the actions in an answer; their ids are unique within the run."""

    async def act(self, call: ToolCall) -> Result:
        """Do one action. Errors of the model's making are results."""

    def tell(self, reading: Reading, observations: Sequence[Observation]) -> ModelRequest:
        """The next message to the model."""


@dataclass(slots=True)
class _Open:
    """A turn whose actions are being done."""

    index: int
    text: str
    reading: Reading
    usage: Usage
    duration_ms: float
    finish_reason: str | None
    from_hook: bool
    observations: list[Observation | None] = field(default_factory=list)

    def close(self) -> Turn:
        calls = self.reading.calls
        given = self.observations or [None] * len(calls)
        return Turn(
            index=self.index,
            text=self.text,
            dialect=self.reading.dialect,
            tool_calls=calls,
            observations=tuple(
                observation
                or Observation(tool_call_id=call.id, text="[cut off by the deadline]", is_error=True)
                for call, observation in zip(calls, given, strict=True)
            ),
            usage=self.usage,
            duration_ms=self.duration_ms,
            finish_reason=self.finish_reason,
            from_hook=self.from_hook,
        )


class _ContextExhaustedError(Exception):
    """The endpoint cannot take the conversation, even shortened."""


@dataclass(slots=True)
class _Run:
    """The state of one run."""

    context: RunContext
    manner: Manner
    model: Model
    messages: list[ModelMessage] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    open: _Open | None = None
    final_text: str = ""
    outcome: Outcome = Outcome.SCORED
    detail: str | None = None
    sent_to_model: bool = False
    llm_duration_ms: float = 0.0
    repetition: Repetition = field(default_factory=Repetition)

    def hook_context(self) -> HookContext:
        index = self.open.index if self.open else len(self.turns)
        make = self.manner.command_turn
        command_turn = None if make is None else partial(_with_id, make, f"call_{index:04d}prepared")
        return HookContext(
            self.context.prompt, self.context.work_dir, index, tuple(self.messages), command_turn
        )

    async def go(self) -> None:
        """Take turns until the agent or the step limit ends it."""
        from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart

        system, prompt = SystemPromptPart(self.manner.system), UserPromptPart(self.context.prompt)
        self.messages.append(ModelRequest([system, prompt]))
        while len(self.turns) < self.context.max_steps:
            try:
                self.open = await self.ask()
            except _ContextExhaustedError as error:
                self.detail = f"context exhausted: {error}"
                return
            reading = self.open.reading
            self.final_text = reading.final_text
            self.messages.append(reading.history)
            is_last = len(self.turns) + 1 == self.context.max_steps
            if not reading.calls and (reading.push_back is None or is_last):
                self.end_turn()
                self.detail = self.how_it_ended()
                return
            is_stuck = self.repetition.is_reached(reading.calls, self.turns)
            await self.do(is_stuck=is_stuck)
            observations = self.end_turn().observations
            if is_stuck:
                self.detail = f"stopped: the same actions {REPEAT_LIMIT} times in a row"
                return
            self.messages.append(self.manner.tell(reading, observations))
        self.outcome = Outcome.STEP_LIMIT
        self.detail = f"still at work after {self.context.max_steps} turns"

    def end_turn(self) -> Turn:
        """Close the open turn into the record."""
        if self.open is None:
            raise RuntimeError("no turn is open")
        turn = self.open.close()
        self.turns.append(turn)
        self.open = None
        return turn

    def how_it_ended(self) -> str | None:
        last = self.turns[-1]
        if last.finish_reason == "length":
            return "the last answer was cut at the output limit"
        return None if last.text.strip() else "the last answer was empty"

    async def ask(self) -> _Open:
        """Get the next answer, from a hook or from the model."""
        hooks = self.context.hooks
        before = self.context.session.usage
        response = await hooks.before_model(self.hook_context())
        from_hook = response is not None
        usage = Usage()
        duration_ms = 0.0
        if response is None:
            started = time.monotonic()
            try:
                response = await self.request()
            finally:
                duration_ms = (time.monotonic() - started) * 1000
                self.llm_duration_ms += duration_ms
            usage = _spent(before, self.context.session.usage) or response_usage(response)
        await hooks.after_model(self.hook_context(), response)
        index = len(self.turns)
        is_end = from_hook and _ends(response)
        return _Open(
            index=index,
            text=response_text(response),
            reading=_last_words(response) if is_end else self.manner.read(response, index),
            usage=usage,
            duration_ms=duration_ms,
            finish_reason=response.finish_reason,
            from_hook=from_hook,
        )

    async def request(self) -> ModelResponse:
        """Call the model; where the conversation is too long for it, shorten that once."""
        try:
            return await self.request_once()
        except ProviderError as error:
            if not is_too_long(error):
                raise
            if not shrink(self.messages):
                raise _ContextExhaustedError(error.message) from error
        try:
            return await self.request_once()
        except ProviderError as error:
            if not is_too_long(error):
                raise
            raise _ContextExhaustedError(error.message) from error

    async def request_once(self) -> ModelResponse:
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.settings import ModelSettings

        context = self.context
        bound = context.max_output_tokens or MAX_OUTPUT_TOKENS
        settings = ModelSettings(temperature=context.temperature, max_tokens=bound)
        if context.seed is not None:
            settings["seed"] = context.seed
        parameters = ModelRequestParameters(function_tools=list(self.manner.definitions))
        response = await self.model.request(list(self.messages), settings, parameters)
        self.sent_to_model = True
        return response

    async def do(self, *, is_stuck: bool) -> None:
        """Do the open turn's actions, at once where they touch nothing in common; results stay in order."""
        if self.open is None:
            raise RuntimeError("no turn is open")
        calls, observations = self.open.reading.calls, self.open.observations
        observations.extend([None] * len(calls))
        if is_stuck:
            result = Result("[not done: the same actions several times in a row]", is_error=True)
            observations[:] = [
                observe(call, result, duration_ms=0.0, limit=OBSERVATION_CHARS) for call in calls
            ]
            return

        async def one(position: int) -> None:
            observations[position] = await self.do_one(calls[position])

        if self.open.reading.is_concurrent and len(calls) > 1:
            await dispatch(len(calls), lambda position: self.touches(calls[position]), one)
            return
        for position in range(len(calls)):
            await one(position)

    def touches(self, call: ToolCall) -> Touches:
        """What a call touches, as things lie now."""
        known = touches_of(call) or self.context.hooks.touches(call) or EVERYTHING
        return located(known, self.context.work_dir)

    async def do_one(self, call: ToolCall) -> Observation:
        hooks, started = self.context.hooks, time.monotonic()
        observation = await hooks.before_tool(self.hook_context(), call)
        if observation is None:
            result = await self.manner.act(call)
            elapsed_ms = (time.monotonic() - started) * 1000
            observation = observe(call, result, duration_ms=elapsed_ms, limit=self.observation_limit())
        elif observation.tool_call_id != call.id:
            observation = observation.model_copy(update={"tool_call_id": call.id})
        await hooks.after_tool(self.hook_context(), call, observation)
        return observation

    def observation_limit(self) -> int:
        """A skill that the model reads off the disk must fit in, or it could not be loaded."""
        skill = self.context.skill
        if skill is None or is_injected(skill):
            return OBSERVATION_CHARS
        return max(OBSERVATION_CHARS, len(skill.content) + 1_000)

    def skill_loaded(self) -> bool | None:
        """Whether the skill reached the model, read off what happened."""
        skill = self.context.skill
        if skill is None:
            return None
        if is_injected(skill):
            is_unasked = bool(self.turns) and all(turn.from_hook for turn in self.turns)
            return self.sent_to_model or (None if is_unasked else False)
        return content_was_returned(skill, self.turns)


async def run_loop(context: RunContext, manner: Manner) -> Trajectory:
    """Run one agent to its end, its step limit or its deadline.

    Raises:
        InfrastructureError: Provider or cell failed.
        ConfigError: There is no route or no credential for the model.
    """
    # Starting an embedded model may take seconds; they are not the agent's.
    model = await context.session.model(context.model_id)
    run, started = _Run(context, manner, model), time.monotonic()
    spent_before = context.session.usage
    with anyio.move_on_after(context.timeout_s) as deadline:
        try:
            await run.go()
        except DeadlineExceededError:
            run.outcome = Outcome.TIMED_OUT
    if deadline.cancelled_caught or run.outcome is Outcome.TIMED_OUT:
        run.outcome, run.detail = Outcome.TIMED_OUT, f"deadline of {context.timeout_s:g} s passed"
        if run.open is not None:
            run.end_turn()
    trajectory = Trajectory(
        harness=manner.name,
        model=context.model_id,
        system=manner.system,
        prompt=context.prompt,
        turns=tuple(run.turns),
        final_text=run.final_text,
        outcome=run.outcome,
        detail=run.detail,
        skill_loaded=run.skill_loaded(),
        usage=_spent(spent_before, context.session.usage) or _sum(run.turns),
        duration_ms=(time.monotonic() - started) * 1000,
        llm_duration_ms=run.llm_duration_ms,
    )
    await context.hooks.after_run(trajectory)
    return trajectory


def _with_id(make: Callable[[str, str], ModelResponse], call_id: str, command: str) -> ModelResponse:
    return make(command, call_id)


def _ends(response: ModelResponse) -> bool:
    """Whether a hook's answer ends the run: whatever its words look like, they are then no action."""
    return response.finish_reason == "stop" and not response.tool_calls


def _last_words(response: ModelResponse) -> Reading:
    return Reading((), Dialect.TEXT, response, response_text(response).strip())


def _spent(before: Usage, after: Usage) -> Usage | None:
    """What a session spent between two looks; ``None`` where it counts nothing."""
    if before == after:
        return None
    known = before.cost_usd is not None and after.cost_usd is not None
    cost_usd = max(0.0, (after.cost_usd or 0.0) - (before.cost_usd or 0.0)) if known else None
    counts: dict[str, Any] = {
        name: getattr(after, name) - getattr(before, name)
        for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "calls")
    }
    return Usage(**counts, cost_usd=cost_usd)


def _sum(turns: Sequence[Turn]) -> Usage:
    return sum((turn.usage for turn in turns), Usage())


def is_too_long(error: ProviderError) -> bool:
    """Whether an endpoint refused a conversation for its length."""
    return error.status in {400, 413, 422, 500} and bool(_TOO_LONG.search(error.message))
