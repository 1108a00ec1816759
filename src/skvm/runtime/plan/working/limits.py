"""What all conversations of one run have in common: turns and time that are left."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from skvm.harness.hooks import Hook, HookContext

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["Gate", "RunLimits"]


@dataclass(slots=True)
class RunLimits:
    """Turns and time of one run, shared by everything in it.

    Args:
        steps: Model turns that are left.
        deadline: When it ends, in the event loop's time.
    """

    steps: float = math.inf
    deadline: float = math.inf
    is_out_of_steps: bool = field(default=False, init=False)

    @property
    def left_s(self) -> float:
        """Seconds that are left, ≥ 0; infinite without a deadline."""
        return max(0.0, self.deadline - anyio.current_time()) if self.deadline < math.inf else math.inf

    @property
    def bound_s(self) -> float | None:
        """The same for a cancel scope: ``None`` without a deadline."""
        return self.left_s if self.deadline < math.inf else None

    @property
    def is_over(self) -> bool:
        """Whether the deadline passed."""
        return self.left_s <= 0

    def take(self) -> bool:
        """Take a turn; ``False`` where none is left."""
        if self.steps < 1:
            self.is_out_of_steps = True
            return False
        self.steps -= 1
        return True


@dataclass(slots=True)
class Gate(Hook):
    """Ends a conversation once the turns of the whole run are used up.

    Args:
        limits: Of the run.
    """

    limits: RunLimits
    is_shut: bool = field(default=False, init=False)

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """Let the model be asked, or end the conversation as it stands."""
        if self.limits.take():
            return None
        from pydantic_ai.messages import ModelResponse, TextPart

        self.is_shut = True
        return ModelResponse([TextPart("")], finish_reason="stop")
