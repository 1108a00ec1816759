"""Anthropic's dialect: an answer in events, as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.messages.answers import (
    answer_body,
    call_block,
    error_body,
    stop_reason,
    thinking_block,
    usage_body,
)
from skvm.harness.gateway.translate.pieces import Begin, End, More, Piece, Pieces
from skvm.harness.gateway.translate.writing import argument_object, argument_text, is_argument_object
from skvm.harness.gateway.translate.writing import event as sse
from skvm.llm.unicode import mended

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent, ThinkingPart

__all__ = ["MessagesRenderer"]


class MessagesRenderer:
    """One streamed answer. Input tokens are known at its end only, so the last event has all counts."""

    def __init__(self, heading: Heading) -> None:
        self._heading = heading
        self._pieces = Pieces()
        self._kind = "text"
        self._index = -1

    def start(self) -> bytes:
        """The message without content."""
        from pydantic_ai.messages import ModelResponse

        message = answer_body(ModelResponse(parts=[]), self._heading) | {"stop_reason": None}
        return self._event("message_start", message=message)

    def feed(self, event: ModelResponseStreamEvent) -> bytes:
        """The events that say what this adds."""
        return self._said(self._pieces.feed(event))

    def finish(self, response: ModelResponse) -> bytes:
        """What is left, the reason and the usage."""
        said = self._said(self._pieces.finish(response))
        if response.finish_reason == "error":
            return said + self.fail(502, "the model ended with an error")
        delta = {"stop_reason": stop_reason(response), "stop_sequence": None}
        end = self._event("message_delta", delta=delta, usage=usage_body(response.usage))
        return said + end + self._event("message_stop")

    def fail(self, status: int, message: str) -> bytes:
        """An error in the place of what would come."""
        return sse(error_body(status, message), "error")

    def keep_alive(self) -> bytes:
        """A ping."""
        return self._event("ping")

    def _said(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(self._piece(piece) for piece in pieces)

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, Begin):
            return self._begin(piece)
        if isinstance(piece, More):
            return self._more(piece.text)
        return self._end(piece)

    def _begin(self, piece: Begin) -> bytes:
        self._kind = piece.kind
        self._index += 1
        block: dict[str, Any] = {"type": "text", "text": ""}
        if piece.kind == "call":
            block = call_block(piece.id, piece.name, {})
        elif piece.thinking is not None:
            block = thinking_block(piece.thinking)
            if block["type"] == "thinking":
                block |= {"thinking": "", "signature": ""}
        return self._event("content_block_start", index=self._index, content_block=block)

    def _more(self, text: str) -> bytes:
        # Clients decode arguments while they come and give up on what is no JSON: they are told at the end.
        if self._kind == "call":
            return b""
        return self._delta(f"{self._kind}_delta", **{self._kind: text})

    def _end(self, piece: End) -> bytes:
        last = b""
        if self._kind == "call":
            last = self._delta("input_json_delta", partial_json=_object_text(piece.text))
        elif piece.thinking is not None:
            last = self._signature(piece.thinking)
        return last + self._event("content_block_stop", index=self._index)

    def _signature(self, part: ThinkingPart) -> bytes:
        signature = thinking_block(part).get("signature")
        return self._delta("signature_delta", signature=signature) if signature else b""

    def _delta(self, kind: str, **fields: str) -> bytes:
        return self._event("content_block_delta", index=self._index, delta={"type": kind, **fields})

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)


def _object_text(text: str) -> str:
    """Arguments that every client can decode."""
    whole = argument_object(text)
    # An escape can stand for half a character, which strict decoders refuse.
    is_fit = is_argument_object(text) and mended(whole) == whole
    return text if is_fit else argument_text(mended(whole))
