"""What the client in the cell wrote down of a session, read within a bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skvm.evidence.record import Usage
from skvm.harness.programs.contract import Told
from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events

__all__ = ["Asked", "Report", "ToolEvent", "read_report", "told_of"]

MAX_FINAL_CHARS = 1 << 20
_MAX_EVENTS = 10_000
_LOGIN = -32000


@dataclass(frozen=True, slots=True)
class ToolEvent:
    """A tool call as the agent told of it.

    Args:
        id: Its own.
        title: For people.
        kind: The protocol's: ``read``, ``edit``, ``execute`` …
        status: The last one: ``completed``, ``failed`` …
        paths: Files it touches.
    """

    id: str
    title: str = ""
    kind: str = ""
    status: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Something the agent asked of our client: the method, and why it was refused if it was."""

    method: str
    error: str | None = None


@dataclass(slots=True)
class Report:
    """One session.

    Args:
        final_text: What the agent said after its last tool call.
        tools: Its tool calls in order.
        asked: What it asked of the client, in order.
        stop_reason: The protocol's; ``None`` if the turn did not end.
        usage: Of the turn, if the agent tells it.
        error: One line on what went wrong.
        hint: The way out.
        is_deadline: Whether the client told the agent to stop.
    """

    final_text: str = ""
    tools: dict[str, ToolEvent] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    stop_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None
    hint: str | None = None
    is_deadline: bool = False

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        kind = event.get("event")
        if kind == "update":
            self._update(as_mapping(event.get("update")))
        elif kind == "asked" and len(self.asked) < _MAX_EVENTS:
            self.asked.append(Asked(as_text(event.get("method")), as_text(event.get("error")) or None))
        elif kind == "deadline":
            self.is_deadline = True
        elif kind == "failed":
            self._failed(event)
        elif kind == "gone":
            code = event.get("exitCode")
            how = f" with exit code {code}" if isinstance(code, int) else ""
            self.error = f"the agent ended{how} before it answered {as_text(event.get('step'))}"
        elif kind == "end":
            self._end(as_mapping(event.get("result")))

    def _update(self, update: Mapping[str, Any]) -> None:
        kind = update.get("sessionUpdate")
        if kind == "agent_message_chunk":
            self._say(update)
        elif kind in ("tool_call", "tool_call_update"):
            self._tool(update)

    def _say(self, update: Mapping[str, Any]) -> None:
        content = as_mapping(update.get("content"))
        if content.get("type") == "text":
            self.final_text = (self.final_text + as_text(content.get("text")))[-MAX_FINAL_CHARS:]
        # Where it tells no usage of the turn, it may tell that of every message.
        counted = as_mapping(as_mapping(update.get("_meta")).get("usage"))
        if counted:
            self.usage = (self.usage or Usage(cost_usd=None)) + _usage(counted)

    def _tool(self, update: Mapping[str, Any]) -> None:
        call_id = as_text(update.get("toolCallId"))
        known = self.tools.get(call_id)
        if known is None:
            if len(self.tools) >= _MAX_EVENTS:
                return
            known = ToolEvent(call_id)
            # What it said before was no last word.
            self.final_text = ""
        locations = update.get("locations")
        paths = (
            [as_text(as_mapping(each).get("path")) for each in locations]
            if isinstance(locations, list)
            else []
        )
        self.tools[call_id] = replace(
            known,
            title=as_text(update.get("title")) or known.title,
            kind=as_text(update.get("kind")) or known.kind,
            status=as_text(update.get("status")) or known.status,
            paths=tuple(filter(None, paths)) or known.paths,
        )

    def _failed(self, event: Mapping[str, Any]) -> None:
        step, message = as_text(event.get("step")), as_text(event.get("message")) or "no reason given"
        details = as_mapping(event.get("data"))
        more = next(
            (as_text(details[key]) for key in ("details", "message") if as_text(details.get(key))), ""
        )
        self.error = f"{step}: {message}" + (f" ({more})" if more and more not in message else "")
        if event.get("code") == _LOGIN and step != "session/prompt":
            self.hint = "it wants a login before it works; it must take its endpoint from variables or files"

    def _end(self, result: Mapping[str, Any]) -> None:
        self.stop_reason = as_text(result.get("stopReason")) or None
        meta = as_mapping(result.get("_meta"))
        quota = as_mapping(as_mapping(meta.get("quota")).get("token_count"))
        counted = as_mapping(result.get("usage")) or quota
        if counted:
            self.usage = _usage(counted)


def read_report(path: Path) -> Report:
    """Read the client's lines; what is none of them is passed over."""
    report = Report()
    for event in read_events(path):
        report.take(event)
    return report


def told_of(report: Report) -> Told:
    """What the driver wants to know of a session."""
    error = report.error
    if error is None and report.stop_reason == "cancelled" and not report.is_deadline:
        error = "the agent cancelled the turn"
    return Told(
        final_text=None if error else report.final_text.strip() or None,
        usage=report.usage,
        error=error,
        hint=report.hint,
        is_step_limit=report.stop_reason == "max_turn_requests",
    )


def _usage(counted: Mapping[str, Any]) -> Usage:
    """A count in any of the ways agents write it."""

    def of(*names: str) -> int:
        return next((as_count(counted[name]) for name in names if name in counted), 0)

    read, written = of("inputTokens", "input_tokens"), of("outputTokens", "output_tokens")
    cached = of("cachedReadTokens", "cached_tokens")
    # Some count what came from the cache among what was read, and then their sum says so.
    is_among = cached <= read and as_count(counted.get("totalTokens")) == read + written
    return Usage(
        input_tokens=read - cached if is_among else read,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=of("cachedWriteTokens"),
        # It knows no price of a model that is behind a gateway.
        cost_usd=None,
    )
