from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import httpx2
import pytest

from skvm.llm import tap as tap_module
from skvm.llm.contract import ProviderError
from skvm.llm.tap import AnswerTooLongError, TappedStream, bounded, read_first_event

pytestmark = pytest.mark.anyio


class _Call:
    """A call that has seen its end and is told how its stream ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[bytes, bool]] = []

    @contextmanager
    def until_deadline(self) -> Iterator[None]:
        yield

    def network_error(self, error: Exception) -> ProviderError:
        return ProviderError(str(error))

    def has_ended(self, body: bytes) -> bool:
        return True

    async def end_stream(
        self, body: bytes, content_type: str, error: BaseException | None, *, is_whole: bool
    ) -> ProviderError | None:
        await anyio.lowlevel.checkpoint()
        self.ended.append((body, is_whole))
        return None


class _Body(httpx2.AsyncByteStream):
    is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


async def _silence() -> AsyncIterator[bytes]:
    await anyio.sleep_forever()
    yield b""


async def test_a_caller_cancelled_while_it_closes_still_settles_once() -> None:
    call, body = _Call(), _Body()
    tap = TappedStream(call, httpx2.Response(200, stream=body), b"data: [DONE]\n\n", _silence())
    with anyio.CancelScope() as scope:
        scope.cancel()
        await tap.aclose()
    assert scope.cancelled_caught
    assert call.ended == [(b"data: [DONE]\n\n", False)]
    assert body.is_closed
    await tap.aclose()
    assert len(call.ended) == 1


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    ("chunks", "taken"),
    [
        ((b": comment\n\n", b"data: {}\n"), b": comment\n\ndata: {}\n"),
        ((b": comment\r\n\r\ndata: {}\r\n\r\n", b"rest"), b": comment\r\n\r\ndata: {}\r\n\r\n"),
        ((b"event: x\ndata: {}\n", b"\nmore", b"rest"), b"event: x\ndata: {}\n\nmore"),
        ((b"data: {}\r\n\r", b"\n", b"rest"), b"data: {}\r\n\r\n"),
        ((), b""),
    ],
)
async def test_the_first_event_has_data_and_an_end(chunks: tuple[bytes, ...], taken: bytes) -> None:
    assert await read_first_event(_chunks(*chunks)) == taken


async def test_a_body_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_module, "MAX_ANSWER_BYTES", 10)
    body = bounded(_chunks(b"12345", b"67890", b"x"))
    assert [await anext(body), await anext(body)] == [b"12345", b"67890"]
    with pytest.raises(AnswerTooLongError, match="no end of it"):
        await anext(body)
