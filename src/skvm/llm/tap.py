"""The tap on a streamed body: passed on as it comes, kept for the record, cancelled at the deadline."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Protocol

import anyio
import httpx2

from skvm.llm.contract import ProviderError

__all__ = [
    "MAX_ANSWER_BYTES",
    "AnswerTooLongError",
    "StreamedCall",
    "TappedStream",
    "bounded",
    "read_first_event",
]

MAX_ANSWER_BYTES = 32 << 20
"""More than any model writes in one answer: an endpoint that goes on and on must not fill our memory."""
_KEPT_OF_ENDLESS_BYTES = 64 << 10
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")

DRAIN_S = 0.1
"""How long to wait for the last bytes of a stream whose end was seen."""


class AnswerTooLongError(httpx2.TransportError):
    """An answer that does not end within ``MAX_ANSWER_BYTES``."""


async def bounded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a body, as long as they are not too much.

    Raises:
        AnswerTooLongError: They are.
    """
    left = MAX_ANSWER_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise AnswerTooLongError(f"more than {MAX_ANSWER_BYTES >> 20} MiB, and no end of it")
        yield chunk


class StreamedCall(Protocol):
    """The call a stream belongs to."""

    def until_deadline(self) -> contextlib.AbstractContextManager[None]:
        """Cancel what happens inside at the session's deadline."""

    def network_error(self, error: Exception) -> ProviderError:
        """A connection that broke."""

    def has_ended(self, body: bytes) -> bool:
        """Whether a stream has come to its logical end."""

    async def end_stream(
        self, body: bytes, content_type: str, error: BaseException | None, *, is_whole: bool
    ) -> ProviderError | None:
        """Read what a stream brought, settle and record; the error it ended with, if it did."""


class TappedStream(httpx2.AsyncByteStream):
    """A streamed body on its way through; the client's pace is the server's.

    Args:
        call: What is told when it ends.
        response: Whose body it is; closed with the tap.
        head: What was read of it already.
        chunks: The rest.
    """

    def __init__(
        self, call: StreamedCall, response: httpx2.Response, head: bytes, chunks: AsyncIterator[bytes]
    ) -> None:
        self._call = call
        self._response = response
        self._kept = [head]
        self._chunks = chunks
        self._is_ended = False
        self._kind = response.headers.get("content-type", "")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._kept[0]
        while True:
            try:
                chunk = await self._next()
            except BaseException as error:
                self._is_ended = True
                await self._call.end_stream(b"".join(self._kept), self._kind, error, is_whole=False)
                raise
            if chunk is None:
                break
            self._kept.append(chunk)
            yield chunk
        self._is_ended = True
        failure = await self._call.end_stream(b"".join(self._kept), self._kind, None, is_whole=True)
        if failure is not None:
            raise failure

    async def _next(self) -> bytes | None:
        chunk: bytes | None = None
        try:
            with self._call.until_deadline():
                chunk = await anext(self._chunks, None)
        except httpx2.TransportError as error:
            if isinstance(error, AnswerTooLongError):
                # The beginning of it tells what it was.
                self._kept = [b"".join(self._kept)[:_KEPT_OF_ENDLESS_BYTES]]
            raise self._call.network_error(error) from error
        return chunk

    async def aclose(self) -> None:
        """Close the connection; a consumer that stops early is a complete call if the end was seen."""
        try:
            if not self._is_ended:
                await self._drain()
        finally:
            # A caller that is cancelled here must not leave its worst case reserved.
            with anyio.CancelScope(shield=True):
                try:
                    await self._end_early()
                finally:
                    await self._response.aclose()

    async def _end_early(self) -> None:
        if not self._is_ended:
            self._is_ended = True
            await self._call.end_stream(b"".join(self._kept), self._kind, None, is_whole=False)

    async def _drain(self) -> None:
        """Read what follows the end the client saw: a connection with bytes left in it is thrown away."""
        with anyio.move_on_after(DRAIN_S), contextlib.suppress(httpx2.TransportError):
            if self._call.has_ended(b"".join(self._kept)):
                async for chunk in self._chunks:
                    self._kept.append(chunk)


async def read_first_event(chunks: AsyncIterator[bytes]) -> bytes:
    """Read until one event with data is whole; all there is if the body ends before."""
    head = bytearray()
    begin = 0
    async for chunk in chunks:
        # Only what is new is looked at: a flood of comments is as long as it likes.
        look = max(begin, len(head) - 3)
        head += chunk
        for blank in _BLANK_LINE.finditer(head, look):
            if any(line.startswith(b"data:") for line in head[begin : blank.end()].split(b"\n")):
                return bytes(head)
            begin = blank.end()
    return bytes(head)
