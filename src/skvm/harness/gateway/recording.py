"""Keeping what passed through a door: every text once, within a bound, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from skvm.evidence.record import Usage
from skvm.harness.gateway.contract import Exchange, Recorded
from skvm.harness.tools import shorten

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

__all__ = ["MAX_KEPT_CHARS", "Recorder", "text_of"]

MAX_KEPT_CHARS = 16_000_000
"""Characters kept of one run; of what comes after, long texts are shortened."""
SHORT_CHARS = 1_000
"""What a text is shortened to then."""

Key = tuple[Any, ...]


@dataclass(slots=True)
class Recorder:
    """The record of one door while it is open.

    A program sends the whole conversation with every request; a message that came before is kept once.

    Args:
        is_kept: Whether exchanges are kept at all; a gateway that stands for days only counts.
        on_exchange: Told of every exchange as it ends.
        max_chars: Bound of what is kept.
    """

    is_kept: bool = True
    on_exchange: Callable[[Exchange], None] | None = None
    max_chars: int = MAX_KEPT_CHARS
    usage: Usage = field(default_factory=Usage)
    failure: Exception | None = None
    is_step_limit: bool = False
    is_deadline: bool = False
    is_too_long: bool = False
    _exchanges: list[Exchange] = field(default_factory=list)
    _known: dict[Key, ModelMessage] = field(default_factory=dict)
    _chars: int = 0
    _began: float = field(default_factory=time.monotonic)

    def now_s(self) -> float:
        """Seconds since the door was opened."""
        return time.monotonic() - self._began

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange that has ended."""
        self.usage = self.usage + exchange.usage
        if self.on_exchange is not None:
            self.on_exchange(exchange)
        if not self.is_kept:
            return
        is_full = self._chars >= self.max_chars
        messages = tuple(self._kept(message) for message in exchange.messages)
        response: ModelResponse | None = exchange.response
        if response is not None:
            response = self._bounded(response, _key(response))
        self._exchanges.append(
            replace(exchange, messages=messages, response=response, is_cut=exchange.is_cut or is_full)
        )

    def recorded(self) -> Recorded:
        """What has passed so far."""
        return Recorded(
            exchanges=tuple(sorted(self._exchanges, key=lambda each: each.started_s)),
            failure=self.failure,
            is_step_limit=self.is_step_limit,
            is_deadline=self.is_deadline,
            is_too_long=self.is_too_long,
            usage=self.usage,
        )

    def _kept(self, message: ModelMessage) -> ModelMessage:
        key = _key(message)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._bounded(message, key)
        return known

    def _bounded(self, message: Any, key: Key) -> Any:
        if self._chars >= self.max_chars:
            message = _short(message)
        self._chars += _size(key)
        return message


def _key(message: ModelMessage) -> Key:
    """What a message says, without the moment it was read."""
    return (message.kind, getattr(message, "instructions", None), *map(_part_key, message.parts))


def _part_key(part: Any) -> Key:
    content = getattr(part, "content", None)
    arguments = getattr(part, "args", None)
    return (
        part.part_kind,
        content if isinstance(content, str | None) else repr(content),
        getattr(part, "tool_call_id", None),
        getattr(part, "tool_name", None),
        arguments if isinstance(arguments, str | None) else repr(arguments),
        getattr(part, "outcome", None),
    )


def _size(key: Key) -> int:
    # An object takes some hundred bytes, however little it says.
    return 500 + sum(_size(each) if isinstance(each, tuple) else len(each or "") for each in key)


def _short(message: Any) -> Any:
    return replace(message, parts=[_short_part(part) for part in message.parts])


def _short_part(part: Any) -> Any:
    content = getattr(part, "content", None)
    if isinstance(content, str) and len(content) > SHORT_CHARS:
        return replace(part, content=shorten(content, SHORT_CHARS))
    return part


def text_of(messages: Iterable[ModelMessage]) -> str:
    """Everything the messages say, in order: system texts, words, calls with arguments, results."""
    return "\n".join(text for message in messages for text in _texts(message))


def _texts(message: ModelMessage) -> Sequence[str]:
    found = [getattr(message, "instructions", None) or ""]
    for part in message.parts:
        arguments = getattr(part, "args", None)
        for value in (getattr(part, "content", None), arguments):
            if isinstance(value, str):
                found.append(value)
            elif isinstance(value, list | tuple):
                found += [each for each in value if isinstance(each, str)]
            elif value is not None:
                found.append(str(value))
    return [text for text in found if text]
