"""Ids of calls, each good for one call of a conversation, whatever an endpoint gives.

Some endpoints number the calls of every answer from zero. Programs tell calls apart by their ids: Claude Code
passes over one it has seen, result and all, and the model is never told what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponseStreamEvent

__all__ = ["CallIds"]


class CallIds:
    """The ids of one answer.

    Args:
        messages: The conversation before it.
    """

    def __init__(self, messages: Iterable[ModelMessage]) -> None:
        parts = (part for message in messages for part in message.parts)
        self._before = frozenset(part.tool_call_id for part in parts if part.part_kind == "tool-call")
        self._taken = set(self._before)
        self._by_index: dict[int, dict[str, str]] = {}

    def event(self, event: ModelResponseStreamEvent) -> ModelResponseStreamEvent:
        """An event of the stream, with an id nobody else has."""
        from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, ToolCallPart, ToolCallPartDelta

        if isinstance(event, PartStartEvent) and isinstance(event.part, ToolCallPart):
            self._by_index[event.index] = {}
            id = self._fresh(event.index, event.part.tool_call_id)
            return replace(event, part=replace(event.part, tool_call_id=id))
        if isinstance(event, PartDeltaEvent) and isinstance(event.delta, ToolCallPartDelta):
            given = event.delta.tool_call_id
            found = self._fresh(event.index, given) if given else None
            return replace(event, delta=replace(event.delta, tool_call_id=found))
        return event

    def response(self, response: ModelResponse) -> ModelResponse:
        """The whole answer, with the ids its events had."""
        from pydantic_ai.messages import ToolCallPart

        taken, parts = set(self._before), list(response.parts)
        for index, part in enumerate(parts):
            if isinstance(part, ToolCallPart):
                parts[index] = replace(part, tool_call_id=_free(part.tool_call_id, taken))
        return replace(response, parts=parts)

    def _fresh(self, index: int, id: str) -> str:
        known = self._by_index.setdefault(index, {})
        if id not in known:
            known[id] = _free(id, self._taken)
        return known[id]


def _free(id: str, taken: set[str]) -> str:
    """The id itself, or one that begins like it; it is taken from now on."""
    found, number = id, 2
    while found in taken:
        found, number = f"{id}_{number}", number + 1
    taken.add(found)
    return found
