"""Chat completions: an answer in chunks, as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.chat.answers import error_body, finish_reason, usage_body
from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.pieces import Begin, End, More, Piece, Pieces
from skvm.harness.gateway.translate.writing import event as sse
from skvm.harness.gateway.translate.writing import is_blank

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent

__all__ = ["ChatRenderer"]


class ChatRenderer:
    """One streamed answer; the last chunk but the end mark has the usage, asked for or not."""

    def __init__(self, heading: Heading) -> None:
        self._head = {
            "id": f"chatcmpl-{heading.id}",
            "object": "chat.completion.chunk",
            "created": heading.created_s,
            "model": heading.model,
        }
        self._pieces = Pieces()
        self._open: Begin | None = None
        self._calls = -1
        self._has_text = False
        self._has_thinking = False
        self._is_apart = False

    def start(self) -> bytes:
        """The chunk with the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def feed(self, event: ModelResponseStreamEvent) -> bytes:
        """The chunks that say what this adds."""
        return self._said(self._pieces.feed(event))

    def finish(self, response: ModelResponse) -> bytes:
        """What is left, the reason, the usage and the mark of the end."""
        said = self._said(self._pieces.finish(response))
        if response.finish_reason == "error":
            return said + self.fail(502, "the model ended with an error")
        usage = self._head | {"choices": [], "usage": usage_body(response.usage)}
        return said + self._chunk({}, finish_reason(response)) + sse(usage) + sse("[DONE]")

    def fail(self, status: int, message: str) -> bytes:
        """An error in the place of a chunk."""
        return sse(error_body(status, message)) + sse("[DONE]")

    def keep_alive(self) -> bytes:
        """A comment."""
        return b": waiting\n\n"

    def _said(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(self._piece(piece) for piece in pieces)

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, Begin):
            self._open = piece
            return self._begin(piece)
        if isinstance(piece, More):
            return self._more(piece.text)
        return self._end(piece)

    def _begin(self, piece: Begin) -> bytes:
        if piece.kind == "call":
            self._calls += 1
            function = {"name": piece.name, "arguments": ""}
            call = {"index": self._calls, "id": piece.id, "type": "function", "function": function}
            return self._chunk({"tool_calls": [call]})
        if piece.kind == "thinking":
            is_again, self._has_thinking = self._has_thinking, True
            return self._chunk({"reasoning_content": "\n\n"}) if is_again else b""
        is_again, self._has_text = self._has_text and self._is_apart, True
        self._is_apart = False
        return self._chunk({"content": "\n\n"}) if is_again else b""

    def _more(self, text: str) -> bytes:
        kind = self._open.kind if self._open else "text"
        if kind == "call":
            return self._arguments(text)
        return self._chunk({"reasoning_content" if kind == "thinking" else "content": text})

    def _end(self, piece: End) -> bytes:
        kind = self._open.kind if self._open else "text"
        self._is_apart = self._is_apart or kind != "text"
        # No arguments are an empty object; clients decode them as they stand.
        return self._arguments("{}") if kind == "call" and is_blank(piece.text) else b""

    def _arguments(self, text: str) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._calls, "function": {"arguments": text}}]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return sse(self._head | {"choices": [choice]})
