"""Responses (OpenAI): ``input_tokens`` counts cached tokens too, so they are taken out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skvm.evidence.record import Usage
from skvm.llm.codecs import Reading, WireError
from skvm.llm.codecs.fields import count, error_in, first_count, mapping

__all__ = ["ResponsesCodec"]

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesCodec:
    """The dialect of OpenAI's responses endpoint."""

    name = "responses"

    def output_limit(self, request: Mapping[str, Any]) -> int | None:
        """``max_output_tokens``."""
        return first_count(request, "max_output_tokens")

    def read(self, answer: Mapping[str, Any]) -> Reading:
        """Read a whole answer."""
        error = error_in(answer)
        if error is None and answer.get("status") == "failed":
            error = WireError("the response failed")
        if error is None and not isinstance(answer.get("output"), list):
            error = WireError("the answer holds no output")
        return Reading(usage=_usage(answer.get("usage")), model=answer.get("model") or None, error=error)

    def read_events(self, events: Iterable[Mapping[str, Any]]) -> Reading:
        """Read a stream; the last event carries the whole response."""
        last: Reading | None = None
        error: WireError | None = None
        for event in events:
            kind = event.get("type")
            if isinstance(kind, str) and kind in _ENDS:
                last = self.read(mapping(event.get("response")))
            elif kind == "error":
                message = str(event.get("message") or "the stream ended with an error")
                error = error_in(event) or WireError(message, event.get("code"))
        if last is None:
            return Reading(error=error, complete=False)
        return Reading(usage=last.usage, model=last.model, error=error or last.error)


def _usage(found: Any) -> Usage | None:
    if not isinstance(found, Mapping) or "input_tokens" not in found:
        return None
    total = count(found.get("input_tokens"))
    details = mapping(found.get("input_tokens_details"))
    read = min(total, count(details.get("cached_tokens")))
    written = min(total - read, count(details.get("cache_write_tokens")))
    return Usage(
        input_tokens=total - read - written,
        output_tokens=count(found.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        calls=1,
        cost_usd=None,
    )
