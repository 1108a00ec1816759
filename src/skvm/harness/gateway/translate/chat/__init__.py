"""Chat completions, the dialect of OpenAI-compatible endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.chat.answers import answer_body, error_body, read_answer, read_events
from skvm.harness.gateway.translate.chat.events import ChatRenderer
from skvm.harness.gateway.translate.chat.requests import read_request
from skvm.harness.gateway.translate.contract import Asked, Heading

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["ChatTranslation"]


class ChatTranslation:
    """The dialect of ``/chat/completions``."""

    name = "chat"

    def read_request(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""
        return read_request(body)

    def read_answer(self, body: Mapping[str, Any]) -> ModelResponse:
        """Read a whole answer."""
        return read_answer(body)

    def read_events(self, events: Iterable[Mapping[str, Any]]) -> ModelResponse:
        """Read a streamed answer."""
        return read_events(events)

    def render_answer(self, response: ModelResponse, heading: Heading) -> dict[str, Any]:
        """The body of a whole answer."""
        return answer_body(response, heading)

    def renderer(self, heading: Heading) -> ChatRenderer:
        """What says one answer as it comes."""
        return ChatRenderer(heading)

    def error_body(self, status: int, message: str) -> dict[str, Any]:
        """The body of an error."""
        return error_body(status, message)
