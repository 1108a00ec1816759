"""A model whose requests wait for a place. Imports pydantic-ai: import it inside functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from skvm.llm.model import PortModel
from skvm.runtime.plan.model import Share

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

__all__ = ["PlacedModel"]


class PlacedModel(WrapperModel):
    """Stands before a model.

    Args:
        model: The model itself.
        share: Gives the places.
        needs: What is held around each request.
        of: The session's own model, of which ``model`` is one conversation's.
    """

    def __init__(self, model: Model, share: Share, needs: Sequence[str], *, of: Model) -> None:
        super().__init__(model)
        self._of = of
        self._share = share
        self._needs = tuple(needs)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask the model once there is a place."""
        if not self._needs:
            return await self._ask(messages, model_settings, model_request_parameters)
        async with self._share.held(self._needs):
            return await self._ask(messages, model_settings, model_request_parameters)

    async def _ask(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await self.wrapped.request(messages, settings, parameters)
        asked = self.wrapped
        if isinstance(self._of, PortModel) and isinstance(asked, PortModel):
            # What this conversation found out about the endpoint the next ones need not.
            self._of.limit_field, self._of.wrapped = asked.limit_field, asked.wrapped
        return response
