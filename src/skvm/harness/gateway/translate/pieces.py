"""The parts of a streamed answer, one after the other.

pydantic-ai's events may add to any part at any time. Clients want one thing at a time, so a part is told to
its end before the next begins; what comes meanwhile for later parts waits. Calls end when their arguments are
a whole object, text and thinking when something else begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from skvm.harness.gateway.translate.writing import argument_text, is_argument_object
from skvm.llm.unicode import mended

if TYPE_CHECKING:
    from pydantic_ai.messages import (
        ModelResponse,
        ModelResponsePart,
        ModelResponsePartDelta,
        ModelResponseStreamEvent,
        ThinkingPart,
        ThinkingPartDelta,
        ToolCallPart,
        ToolCallPartDelta,
    )

__all__ = ["Begin", "End", "More", "Piece", "Pieces"]

Kind = Literal["text", "thinking", "call"]


@dataclass(slots=True, eq=False)
class _Section:
    """One part as far as it came."""

    kind: Kind
    waiting: str = ""
    told: list[str] = field(default_factory=list)
    name: str = ""
    id: str = ""
    values: dict[str, object] | None = None
    thinking: ThinkingPart | None = None
    is_begun: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it has nothing to come, as far as can be seen."""
        if self.kind != "call" or self.values is not None:
            return True
        return is_argument_object("".join(self.told) + self.waiting)


@dataclass(frozen=True, slots=True)
class Begin:
    """A part begins.

    Args:
        kind: What it is.
        name: The tool of a call.
        id: The id of a call.
        thinking: Thinking, as far as it is known; its text comes as ``More``.
    """

    kind: Kind
    name: str = ""
    id: str = ""
    thinking: ThinkingPart | None = None


@dataclass(frozen=True, slots=True)
class More:
    """Text of the part that began last: what is said, thought, or given as arguments."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The part that began last is complete.

    Args:
        text: All of its text.
        thinking: Thinking, with its signature.
    """

    text: str
    thinking: ThinkingPart | None = None


Piece = Begin | More | End


@dataclass(slots=True)
class Pieces:
    """Puts events into the order in which they are told."""

    _line: deque[_Section] = field(default_factory=deque)
    _by_index: dict[int, _Section] = field(default_factory=dict)
    _has_any: bool = False

    def feed(self, event: ModelResponseStreamEvent) -> Iterator[Piece]:
        """What can be told now."""
        from pydantic_ai.messages import PartDeltaEvent, PartStartEvent

        if isinstance(event, PartStartEvent):
            self._start(event.index, event.part)
        elif isinstance(event, PartDeltaEvent):
            self._add(event.index, event.delta)
        yield from self._tell(is_end=False)

    def finish(self, response: ModelResponse) -> Iterator[Piece]:
        """What is left; everything if nothing was fed."""
        if not self._has_any:
            for index, part in enumerate(response.parts):
                self._start(index, part)
        yield from self._tell(is_end=True)

    def _start(self, index: int, part: ModelResponsePart) -> None:
        from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

        self._has_any = True
        if isinstance(part, ToolCallPart):
            self._put(index, _call(part))
        elif isinstance(part, ThinkingPart):
            self._put(index, _Section("thinking", part.content, thinking=part))
        elif isinstance(part, TextPart):
            self._put(index, _Section("text", part.content))
        # Files, native tool calls and the like have no place in what a client asked for.

    def _put(self, index: int, section: _Section) -> None:
        self._by_index[index] = section
        self._line.append(section)

    def _add(self, index: int, delta: ModelResponsePartDelta) -> None:
        from pydantic_ai.messages import TextPartDelta, ThinkingPartDelta, ToolCallPartDelta

        section = self._by_index.get(index)
        if section is None:
            return
        if isinstance(delta, ToolCallPartDelta):
            # A whole object that another part followed has ended; what would come after it is no argument.
            _add_to_call(section, delta)
        elif isinstance(delta, TextPartDelta | ThinkingPartDelta):
            text = delta.content_delta or ""
            if section not in self._line and text:
                # It was told to its end already; what is late is told as a part of its own.
                section = _Section(section.kind, thinking=section.thinking)
                self._put(index, section)
            section.waiting += text
            if isinstance(delta, ThinkingPartDelta):
                section.thinking = _signed(section.thinking, delta)

    def _tell(self, *, is_end: bool) -> Iterator[Piece]:
        while self._line:
            section = self._line[0]
            is_last = len(self._line) == 1
            is_over = is_end or (not is_last and section.is_whole)
            if is_over and section.values is not None:
                section.waiting = argument_text(dict(section.values))
            yield from _told(section, is_over=is_over)
            if not is_over:
                return
            self._line.popleft()


def _told(section: _Section, *, is_over: bool) -> Iterator[Piece]:
    """What can be told of the first section in line."""
    text = _encodable(section, is_over=is_over)
    # The name and the id of a call may still change until its arguments begin; an empty text says nothing.
    if not section.is_begun and (text or (is_over and section.kind != "text")):
        section.is_begun = True
        yield Begin(section.kind, mended(section.name), mended(section.id), section.thinking)
    if text:
        section.told.append(text)
        yield More(text)
    if is_over and section.is_begun:
        yield End("".join(section.told), section.thinking)


def _encodable(section: _Section, *, is_over: bool) -> str:
    """The waiting text, but for half a character at its end whose other half may come."""
    text, section.waiting = section.waiting, ""
    if text and not is_over and "\ud800" <= text[-1] <= "\udbff":
        text, section.waiting = text[:-1], text[-1]
    return mended(text)


def _call(part: ToolCallPart) -> _Section:
    section = _Section("call", name=part.tool_name, id=part.tool_call_id)
    if isinstance(part.args, str):
        section.waiting = part.args
    elif part.args:
        section.values = dict(part.args)
    return section


def _add_to_call(section: _Section, delta: ToolCallPartDelta) -> None:
    section.name += delta.tool_name_delta or ""
    section.id = delta.tool_call_id or section.id
    if isinstance(delta.args_delta, str):
        section.waiting += delta.args_delta
    elif delta.args_delta:
        section.values = {**(section.values or {}), **delta.args_delta}


def _signed(part: ThinkingPart | None, delta: ThinkingPartDelta) -> ThinkingPart | None:
    """The thinking with what its delta says beside the text."""
    from dataclasses import replace

    if part is None:
        return None
    return replace(
        part,
        signature=part.signature if delta.signature_delta is None else delta.signature_delta,
        provider_name=delta.provider_name or part.provider_name,
    )
