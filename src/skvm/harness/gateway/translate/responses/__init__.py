"""Responses, OpenAI's newer dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import Asked, Heading
from skvm.harness.gateway.translate.responses.answers import answer_body, error_body, read_answer, read_events
from skvm.harness.gateway.translate.responses.events import ResponsesRenderer
from skvm.harness.gateway.translate.responses.requests import read_request

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["ResponsesTranslation"]


class ResponsesTranslation:
    """The dialect of ``/responses``. Nothing is stored: a request brings its whole conversation."""

    name = "responses"

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

    def renderer(self, heading: Heading) -> ResponsesRenderer:
        """What says one answer as it comes."""
        return ResponsesRenderer(heading)

    def error_body(self, status: int, message: str) -> dict[str, Any]:
        """The body of an error."""
        return error_body(status, message)
