"""From what passed a door to a trajectory: answers are turns, the results that follow are observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from skvm.harness.gateway.contract import Exchange, Recorded
from skvm.harness.gateway.recording import text_of
from skvm.harness.history import response_text
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Turn

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ToolCallPart

__all__ = ["ToolNames", "main_system", "seen_text", "turn_exchanges", "turns_of"]

UNSEEN = "[the model was not told]"
"""The observation of an action whose result never came back."""


class ToolNames(Protocol):
    """What a program calls its tools; ``programs.contract.ToolTable`` is one."""

    @property
    def renamed(self) -> Mapping[str, Mapping[str, str]]:
        """Arguments that have another name with us, by tool."""

    def kind_of(self, name: str, arguments: Mapping[str, Any]) -> ToolKind:
        """The normalized kind of a call."""


@dataclass(frozen=True, slots=True)
class _Result:
    text: str
    is_error: bool
    after_ms: float


def turn_exchanges(recorded: Recorded) -> tuple[Exchange, ...]:
    """The exchanges that are turns: those that offer tools, and those of the same conversations.

    What else a program asks (a title, a summary, whether the model is there) offers no tools and has words of
    its own. Of a program that never offers tools, the conversation most requests belong to is the agent's.
    """
    answered = [each for each in recorded.exchanges if each.response is not None and each.response.parts]
    conversations = {_conversation(each) for each in answered if each.has_tools}
    if not conversations:
        common = Counter(_conversation(each) for each in answered).most_common(1)
        conversations = {conversation for conversation, _ in common}
    return tuple(each for each in answered if each.has_tools or _conversation(each) in conversations)


def turns_of(recorded: Recorded, table: ToolNames) -> tuple[Turn, ...]:
    """The turns of a run. The ids of their calls are unique, whatever the provider's were."""
    turns: list[Turn] = []
    used: set[str] = set()
    places = {id(exchange): place for place, exchange in enumerate(recorded.exchanges)}
    for exchange in turn_exchanges(recorded):
        if exchange.response is None:
            continue
        place = places[id(exchange)]
        calls: list[ToolCall] = []
        observations: list[Observation] = []
        for part in exchange.response.tool_calls:
            call = _call(part, table, used)
            calls.append(call)
            observations.append(_observation(call.id, _result(part, place, recorded.exchanges)))
        turns.append(_turn(len(turns), exchange, exchange.response, calls, observations))
    return tuple(turns)


def main_system(recorded: Recorded) -> str:
    """The system text of the agent's own conversation: that of the first turn."""
    return next((each.system for each in turn_exchanges(recorded)), "")


def seen_text(recorded: Recorded) -> str:
    """Everything the model was sent in the whole run, what was sent again left out."""
    seen: dict[int, Any] = {}
    for exchange in recorded.exchanges:
        # Messages that came before are the same objects.
        seen |= {id(message): message for message in exchange.messages}
    return text_of(seen.values())


def _turn(
    index: int,
    exchange: Exchange,
    response: ModelResponse,
    calls: list[ToolCall],
    observations: list[Observation],
) -> Turn:
    return Turn(
        index=index,
        text=response_text(response),
        dialect=Dialect.NATIVE if calls else Dialect.TEXT,
        tool_calls=tuple(calls),
        observations=tuple(observations),
        usage=exchange.usage,
        duration_ms=exchange.duration_ms,
        finish_reason=response.finish_reason,
        from_hook=exchange.from_hook,
        is_kept_back=exchange.is_kept_back,
    )


def _conversation(exchange: Exchange) -> tuple[str, str]:
    """What stays the same as long as a conversation goes on."""
    for message in exchange.messages:
        for part in message.parts:
            if part.part_kind == "user-prompt":
                return exchange.system, str(part.content)
    return exchange.system, ""


def _call(part: ToolCallPart, table: ToolNames, used: set[str]) -> ToolCall:
    raw, arguments = None, {}
    try:
        arguments = dict(part.args_as_dict(raise_if_invalid=True))
    except (ValueError, AssertionError, TypeError):
        raw = str(part.args)
    names = table.renamed.get(part.tool_name, {})
    return ToolCall(
        id=_unique(part.tool_call_id, used),
        name=part.tool_name,
        kind=table.kind_of(part.tool_name, arguments),
        arguments={names.get(name, name): value for name, value in arguments.items()},
        raw_arguments=raw,
    )


def _unique(id: str, used: set[str]) -> str:
    found, number = id, 2
    while found in used:
        found, number = f"{id}-{number}", number + 1
    used.add(found)
    return found


def _observation(call_id: str, result: _Result | None) -> Observation:
    if result is None:
        return Observation(tool_call_id=call_id, text=UNSEEN, is_error=True)
    return Observation(
        tool_call_id=call_id, text=result.text, is_error=result.is_error, duration_ms=result.after_ms
    )


def _result(part: ToolCallPart, index: int, exchanges: tuple[Exchange, ...]) -> _Result | None:
    """What came of a call: the newest result of its id in the request that follows, answered or not."""
    asked = exchanges[index]
    ended_ms = asked.started_s * 1000 + asked.duration_ms
    conversation = _conversation(asked)
    later = exchanges[index + 1 :]
    # Providers that number their calls give two conversations the same ids, so their own one comes first.
    own = [each for each in later if _conversation(each) == conversation]
    renamed = _id_there(part, asked, own[0]) if own else part.tool_call_id
    for following, id in ((own[:1], renamed), (own, part.tool_call_id), (later, part.tool_call_id)):
        for exchange in following:
            if found := _newest_result(exchange, id):
                failed = found.part_kind == "retry-prompt" or found.outcome != "success"
                after_ms = max(0.0, exchange.started_s * 1000 - ended_ms)
                return _Result(_text(found), failed, after_ms)
            if exchange.response and any(
                call.tool_call_id == part.tool_call_id for call in exchange.response.tool_calls
            ):
                break  # what comes now belongs to that one
    return None


def _id_there(part: ToolCallPart, asked: Exchange, following: Exchange) -> str:
    """What a program calls a call in the request after it: some give calls ids of their own."""
    calls = asked.response.tool_calls if asked.response else []
    answers = (message for message in reversed(following.messages) if message.kind == "response")
    theirs = next((answer.tool_calls for answer in answers), [])
    if [each.tool_name for each in theirs] != [each.tool_name for each in calls]:
        return part.tool_call_id
    return next(their.tool_call_id for our, their in zip(calls, theirs, strict=True) if our is part)


def _newest_result(exchange: Exchange, call_id: str) -> Any:
    """The result of the newest call with this id, ``None`` if it has none."""
    for message in reversed(exchange.messages):
        for part in reversed(message.parts):
            if getattr(part, "tool_call_id", None) == call_id:
                return part if part.part_kind in {"tool-return", "retry-prompt"} else None
    return None


def _text(part: Any) -> str:
    content = part.content
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        return "\n".join(each if isinstance(each, str) else str(each) for each in content)
    return str(content)
