"""Putting a conversation together out of turns that come one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ModelResponsePart, ToolCallPart

__all__ = ["UNKNOWN_TOOL", "Conversation", "user_content"]

UNKNOWN_TOOL = "unknown"
"""The name of a tool whose result comes without a call."""

_OWN_ID = "call_unnamed"


@dataclass(slots=True)
class Conversation:
    """A conversation that grows. Call ``messages`` once, at the end."""

    _messages: list[ModelMessage] = field(default_factory=list)
    _asked: list[ModelRequestPart] = field(default_factory=list)
    _systems: list[str] = field(default_factory=list)
    _tool_names: dict[str, str] = field(default_factory=dict)
    _unanswered: list[str] = field(default_factory=list)

    def system(self, text: str) -> None:
        """A system text; all that stand before everything else are one."""
        from pydantic_ai.messages import SystemPromptPart

        if self._messages or self._asked:
            self._asked.append(SystemPromptPart(text))
        elif text:
            # Chat templates of many models take one system text, at the beginning.
            self._systems.append(text)

    def user(self, content: str | list[str]) -> None:
        """What the user said, in one text or in several."""
        from pydantic_ai.messages import UserPromptPart

        self._asked.append(UserPromptPart(content))

    def result(self, call_id: str, text: str, *, is_error: bool = False, name: str = "") -> None:
        """What a tool gave back."""
        from pydantic_ai.messages import ToolReturnPart

        if not call_id:
            call_id = self._unanswered.pop(0) if self._unanswered else f"{_OWN_ID}_none"
        self._asked.append(
            ToolReturnPart(
                tool_name=self._tool_names.get(call_id) or name or UNKNOWN_TOOL,
                content=text,
                tool_call_id=call_id,
                outcome="failed" if is_error else "success",
            )
        )

    def answer(self, parts: Iterable[ModelResponsePart]) -> None:
        """What the model said before, one answer; it may be empty."""
        from pydantic_ai.messages import ModelResponse, ToolCallPart

        self._close_request()
        said = list(parts)
        calls = [part for part in said if isinstance(part, ToolCallPart)]
        for call in calls:
            if not call.tool_call_id:
                self._name(call)
        self._tool_names |= {call.tool_call_id: call.tool_name for call in calls}
        self._messages.append(ModelResponse(parts=said))

    def _name(self, call: ToolCallPart) -> None:
        """Give a call an id; results without one answer these calls in order."""
        call.tool_call_id = f"{_OWN_ID}_{len(self._messages)}_{len(self._unanswered)}"
        self._unanswered.append(call.tool_call_id)

    def messages(self) -> tuple[ModelMessage, ...]:
        """The conversation."""
        self._close_request()
        return tuple(self._messages)

    def _close_request(self) -> None:
        from pydantic_ai.messages import ModelRequest, SystemPromptPart, ToolReturnPart

        parts: list[Any] = self._asked
        if self._messages:
            # Endpoints want the results right behind the calls they answer.
            parts.sort(key=lambda part: not isinstance(part, ToolReturnPart))
        if self._systems:
            parts = [SystemPromptPart("\n\n".join(self._systems)), *parts]
        if parts:
            self._messages.append(ModelRequest(parts=parts))
        self._asked, self._systems = [], []


def user_content(texts: list[str]) -> str | list[str]:
    """Several texts as they are, one as itself, none as an empty one."""
    return texts if len(texts) > 1 else "".join(texts)
