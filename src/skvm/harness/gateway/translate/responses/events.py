"""The responses dialect: an answer in events, as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.pieces import Begin, End, More, Piece, Pieces
from skvm.harness.gateway.translate.responses.answers import (
    answer_body,
    call_item,
    error_body,
    message_item,
    thinking_item,
)
from skvm.harness.gateway.translate.writing import argument_text, is_blank
from skvm.harness.gateway.translate.writing import event as sse

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent, ThinkingPart

__all__ = ["ResponsesRenderer"]

_PREFIXES = {"text": "msg", "thinking": "rs", "call": "fc"}


class ResponsesRenderer:
    """One streamed answer; its last event has the whole of it."""

    def __init__(self, heading: Heading) -> None:
        self._heading = heading
        self._pieces = Pieces()
        self._open = Begin("text")
        self._item_id = ""
        self._items: list[dict[str, Any]] = []
        self._has_summary = False
        self._number = -1

    def start(self) -> bytes:
        """The response without content."""
        response = self._unfinished("in_progress")
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def feed(self, event: ModelResponseStreamEvent) -> bytes:
        """The events that say what this adds."""
        return self._said(self._pieces.feed(event))

    def finish(self, response: ModelResponse) -> bytes:
        """What is left, and the whole response with its usage."""
        said = self._said(self._pieces.finish(response))
        if response.finish_reason == "error":
            return said + self.fail(502, "the model ended with an error")
        whole = answer_body(response, self._heading, self._items)
        return said + self._event(f"response.{whole['status']}", response=whole)

    def fail(self, status: int, message: str) -> bytes:
        """The response that failed, with what was complete of it."""
        error = error_body(status, message)["error"]
        failed = self._unfinished("failed") | {
            "error": {"code": error["type"], "message": error["message"]},
            "output": self._items,
        }
        return self._event("response.failed", response=failed)

    def keep_alive(self) -> bytes:
        """A comment."""
        return b": waiting\n\n"

    def _unfinished(self, status: str) -> dict[str, Any]:
        from pydantic_ai.messages import ModelResponse

        empty = answer_body(ModelResponse(parts=[]), self._heading, [])
        return empty | {"status": status, "usage": None}

    def _said(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(self._piece(piece) for piece in pieces)

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, Begin):
            return self._begin(piece)
        if isinstance(piece, More):
            return self._more(piece.text)
        return self._end(piece)

    def _begin(self, piece: Begin) -> bytes:
        self._open, self._has_summary = piece, False
        id = self._item_id = f"{_PREFIXES[piece.kind]}_{self._heading.id}_{len(self._items)}"
        if piece.kind == "call":
            return self._item("added", call_item(id, piece.id, piece.name, None))
        if piece.thinking is not None:
            item = thinking_item(id, piece.thinking, "")
            self._item_id = item["id"]
            return self._item("added", item)
        part = _output_text("")
        return self._item("added", message_item(id, None)) + self._within("content_part.added", part=part)

    def _more(self, text: str) -> bytes:
        if self._open.kind == "call":
            return self._of_item("function_call_arguments.delta", delta=text)
        if self._open.kind == "text":
            return self._within("output_text.delta", delta=text, logprobs=[])
        begun = b"" if self._has_summary else self._summary("part.added", part=_summary_text(""))
        self._has_summary = True
        return begun + self._summary("text.delta", delta=text)

    def _end(self, piece: End) -> bytes:
        if self._open.kind == "call":
            return self._end_call(piece)
        if piece.thinking is not None:
            return self._end_thinking(piece.text, piece.thinking)
        text = piece.text
        done = self._within("output_text.done", text=text, logprobs=[])
        done += self._within("content_part.done", part=_output_text(text))
        return done + self._item("done", message_item(self._item_id, text))

    def _end_call(self, piece: End) -> bytes:
        arguments = argument_text(piece.text)
        missing = self._more(arguments) if is_blank(piece.text) else b""
        name = self._open.name
        done = self._of_item("function_call_arguments.done", name=name, arguments=arguments)
        item = call_item(self._item_id, self._open.id, name, arguments)
        return missing + done + self._item("done", item)

    def _end_thinking(self, text: str, part: ThinkingPart) -> bytes:
        done = b""
        if self._has_summary:
            done = self._summary("text.done", text=text)
            done += self._summary("part.done", part=_summary_text(text))
        return done + self._item("done", thinking_item(self._item_id, part, text) | {"id": self._item_id})

    def _item(self, what: str, item: dict[str, Any]) -> bytes:
        index = len(self._items)
        if what == "done":
            self._items.append(item)
        return self._event(f"response.output_item.{what}", output_index=index, item=item)

    def _of_item(self, kind: str, **fields: Any) -> bytes:
        place = {"item_id": self._item_id, "output_index": len(self._items)}
        return self._event(f"response.{kind}", **place, **fields)

    def _within(self, kind: str, **fields: Any) -> bytes:
        return self._of_item(kind, content_index=0, **fields)

    def _summary(self, kind: str, **fields: Any) -> bytes:
        return self._of_item(f"reasoning_summary_{kind}", summary_index=0, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return sse({"type": kind, "sequence_number": self._number, **fields}, kind)


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _summary_text(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
