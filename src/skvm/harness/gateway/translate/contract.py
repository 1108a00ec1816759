"""What a dialect can do: read requests and answers, say answers, whole or as they come, and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from skvm.errors import UsageError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponseStreamEvent
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

__all__ = ["DIALECTS", "Asked", "Heading", "RefusedRequestError", "Renderer", "Translation"]

DIALECTS = ("chat", "responses", "messages")


class RefusedRequestError(UsageError):
    """A request that cannot be translated without changing what it means.

    Args:
        message: What is wrong, and where in the request.
        status: The HTTP status to answer with, 4xx.
    """

    def __init__(self, message: str, *, status: int = 400, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, in pydantic-ai's words.

    Args:
        model: The model's name, as the client gave it.
        messages: The conversation. System texts before everything else are one ``SystemPromptPart``.
        settings: Sampling and limits, only those the client set.
        parameters: Its function tools, and the form of the output if it asked for one.
        is_stream: Whether the answer is to come as events.
        foreign: Paths of the fields nothing was made of, in the order of the request.
    """

    model: str
    messages: Sequence[ModelMessage]
    settings: ModelSettings
    parameters: ModelRequestParameters
    is_stream: bool
    foreign: tuple[str, ...] = ()

    @property
    def has_tools(self) -> bool:
        """Whether the client offers the model tools of its own."""
        return bool(self.parameters.function_tools)

    @property
    def system(self) -> str:
        """The system text before the conversation; empty if there is none."""
        from pydantic_ai.messages import ModelRequest, SystemPromptPart

        first = self.messages[0] if self.messages else None
        part = first.parts[0] if isinstance(first, ModelRequest) and first.parts else None
        return part.content if isinstance(part, SystemPromptPart) else ""


@dataclass(frozen=True, slots=True)
class Heading:
    """What an answer says of itself beside what the model wrote.

    Args:
        model: The model's name to answer with; the one that was asked for.
        id: Unique among the answers; letters, digits, ``-`` and ``_``. The dialect puts its prefix before it.
        created_s: When it was made, in seconds since the epoch.
    """

    model: str
    id: str
    created_s: int = 0


class Renderer(Protocol):
    """One streamed answer. Feed it events as they come and send what it returns at once.

    The order is ``start``, any number of ``feed``, then ``finish`` or ``fail``. What is returned may be
    empty.
    """

    def start(self) -> bytes:
        """The events before any content."""

    def feed(self, event: ModelResponseStreamEvent) -> bytes:
        """The events that say what this one adds."""

    def finish(self, response: ModelResponse) -> bytes:
        """The events of the end, with usage and the reason.

        Args:
            response: The whole answer. If nothing was fed, all of it is said now. One whose finish reason is
                ``error`` ends as ``fail`` does.
        """

    def fail(self, status: int, message: str) -> bytes:
        """The events that end a stream with an error.

        Args:
            status: The HTTP status it would have had.
            message: For the client.
        """

    def keep_alive(self) -> bytes:
        """An event that says nothing, for a client that would tire of waiting."""


@dataclass(frozen=True, slots=True)
class Translation:
    """One dialect.

    Args:
        name: Of the dialect.
        read_request: Reads the body of a request. Raises ``RefusedRequestError`` if it is malformed, or asks
            for what cannot be translated.
        read_passed: Reads a request that goes on as it is, for the record: what cannot be translated stands
            there as a word in brackets. Raises ``RefusedRequestError`` only if it is malformed.
        read_answer: Reads a whole answer; never raises on what an endpoint sent. An error body has no parts
            and the finish reason ``error``.
        read_events: Reads the decoded ``data:`` payloads of a stream, as ``llm.codecs.events`` yields them. A
            stream that was cut is what came of it, with ``state="interrupted"``.
        render_answer: The body of a whole answer. Send one whose finish reason is ``error`` as an error.
        renderer: Makes what says one answer as it comes.
        error_body: The body of an error, from the HTTP status it is sent with and a message for the client.
    """

    name: str
    read_request: Callable[[Mapping[str, Any]], Asked]
    read_passed: Callable[[Mapping[str, Any]], Asked]
    read_answer: Callable[[Mapping[str, Any]], ModelResponse]
    read_events: Callable[[Iterable[Mapping[str, Any]]], ModelResponse]
    render_answer: Callable[[ModelResponse, Heading], dict[str, Any]]
    renderer: Callable[[Heading], Renderer]
    error_body: Callable[[int, str], dict[str, Any]]
