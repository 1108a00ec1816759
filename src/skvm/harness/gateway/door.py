"""A door of the gateway while it is open: whose calls pass, and what they are held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from skvm.errors import UsageError
from skvm.harness.gateway.asking import AgentsOwn
from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.recording import Recorder
from skvm.harness.gateway.single import KeptCalls

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from skvm.llm.contract import PortSession

__all__ = ["OpenDoor"]


@dataclass(slots=True)
class OpenDoor:
    """A door while it is open.

    Args:
        session: Where its calls go.
        model_id: The model that answers; ``None`` for the one a request names.
        held: What the run is held to.
        recorder: Keeps what passes.
        own: Knows the agent's own conversation.
        kept_calls: Those of answers its program has taken the first call of.
        turns: Requests with tools that were answered, or are being answered.
        calls: All requests.
        under_way: The calls that are being answered, and what is set when they are recorded.
    """

    session: PortSession
    model_id: str | None
    held: Held
    recorder: Recorder
    own: AgentsOwn = field(default_factory=AgentsOwn)
    kept_calls: KeptCalls = field(default_factory=KeptCalls)
    turns: int = 0
    calls: int = 0
    under_way: dict[anyio.CancelScope, anyio.Event] = field(default_factory=dict)
    has_said_last_words: bool = False

    async def model(self, asked: str) -> Model:
        """The model for a request that names one.

        Raises:
            UsageError, ConfigError, InfrastructureError: As ``PortSession.model``.
        """
        model_id = self.model_id or asked
        if not model_id:
            raise UsageError("the request names no model", help="write it as provider/model")
        return await self.session.model(model_id)

    def is_over(self, *, has_tools: bool) -> bool:
        """Whether a call that was just counted is one too many.

        Calls that are no turns have a bound, too, beyond what any program needs.
        """
        limit = self.held.max_steps
        return limit is not None and ((has_tools and self.turns > limit) or self.calls > 4 * limit + 20)
