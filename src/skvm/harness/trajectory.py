"""The trajectory: what an agent did, turn by turn, as a frozen record."""

from __future__ import annotations

import enum
from typing import Any, Literal

from pydantic import ConfigDict, Field

from skvm.evidence.record import Outcome, Record, Usage

__all__ = ["Dialect", "Observation", "ToolCall", "ToolKind", "Trajectory", "Turn"]


class ToolKind(enum.StrEnum):
    """What a tool call does, whatever the harness calls it."""

    READ = "read"
    WRITE = "write"
    EDIT = "edit"
    RUN = "run"
    LIST = "list"
    FETCH = "fetch"
    OTHER = "other"


class Dialect(enum.StrEnum):
    """How the model expressed its action in a turn."""

    NATIVE = "native"
    JSON_FENCE = "json-fence"
    SHELL_FENCE = "shell-fence"
    TEXT = "text"


class ToolCall(Record):
    """One action of the model.

    Args:
        id: Unique within the trajectory.
        name: The harness's own tool name.
        kind: The normalized kind.
        arguments: As the model gave them; ``{}`` where they did not parse (see ``raw_arguments``).
        raw_arguments: The text they came as, where it did not parse.
    """

    id: str
    name: str
    kind: ToolKind
    arguments: dict[str, Any] = Field(default_factory=dict)
    raw_arguments: str | None = None


class Observation(Record):
    """What came back from one tool call."""

    tool_call_id: str
    text: str
    is_error: bool = False
    exit_code: int | None = None
    duration_ms: float = 0.0
    is_truncated: bool = False


class Turn(Record):
    """One answer of the model and what its actions gave.

    Args:
        index: From 0.
        text: What it said beside its actions.
        dialect: How it expressed its actions.
        tool_calls: Its actions, in order.
        observations: One for each action, in the same order.
        usage: Of this model call.
        duration_ms: Of this model call.
        finish_reason: The provider's, normalized by pydantic-ai.
        from_hook: Whether a hook answered in the model's place.
        is_kept_back: Whether its action is one the model wanted in an earlier turn, which the harness could
            not take then; the model was asked nothing, and ``usage`` is empty.
    """

    index: int
    text: str = ""
    dialect: Dialect = Dialect.TEXT
    tool_calls: tuple[ToolCall, ...] = ()
    observations: tuple[Observation, ...] = ()
    usage: Usage = Usage()
    duration_ms: float = 0.0
    finish_reason: str | None = None
    from_hook: bool = False
    is_kept_back: bool = False


class Trajectory(Record):
    """Everything an agent did in one run.

    Args:
        outcome: ``scored`` where the agent ended by itself (the score comes later), else how it ended.
        detail: One line on any other outcome, or on how the agent ended where that is not plain.
        final_text: The agent's last words.
        skill_loaded: Whether the skill reached the model; ``None`` where that cannot be told.
        timings and usage: Of the agent; grading is not part of it.
        reported_usage: What a harness that is a program says it used; ``usage`` is what it really asked for.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    harness: str
    model: str
    system: str = ""
    prompt: str
    turns: tuple[Turn, ...] = ()
    final_text: str = ""
    outcome: Outcome = Outcome.SCORED
    detail: str | None = None
    skill_loaded: bool | None = None
    usage: Usage = Usage()
    reported_usage: Usage | None = None
    duration_ms: float = 0.0
    llm_duration_ms: float = 0.0

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """All tool calls in order."""
        return tuple(call for turn in self.turns for call in turn.tool_calls)
