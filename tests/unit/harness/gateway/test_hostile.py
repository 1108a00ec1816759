"""Clients that do not behave: whatever comes, the gateway goes on for the others."""

from __future__ import annotations

import json
import random
from contextlib import suppress

import anyio
import anyio.abc
import pytest

from skvm.harness.gateway import exchange as exchange_module
from skvm.harness.gateway import relay as relay_module
from skvm.harness.serving import Bounds
from skvm.llm.fake import FakeAnswer
from tests.unit.harness.gateway.conftest import PATHS, Gate, Open, body_of, until

pytestmark = pytest.mark.anyio


def request_bytes(
    at: Gate, body: bytes, *, dialect: str = "chat", extra: str = "", length: int | None = None
) -> bytes:
    size = len(body) if length is None else length
    head = (
        f"POST {PATHS[dialect]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {at.door.token}\r\n"
        f"content-length: {size}\r\n{extra}\r\n"
    )
    return head.encode() + body


def chat_bytes(**members: object) -> bytes:
    return json.dumps(body_of("chat", **members)).encode()


async def rest(stream: anyio.abc.ByteStream) -> bytes:
    received = b""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            received += await stream.receive()
    return received


async def say(at: Gate, sent: bytes) -> bytes:
    """All that is said to these bytes until the connection ends."""
    async with await anyio.connect_tcp(*at.address) as stream:
        with suppress(anyio.BrokenResourceError):
            await stream.send(sent)
            await stream.send_eof()
        with anyio.fail_after(20):
            return await rest(stream)


async def is_well(at: Gate) -> bool:
    """Whether others are still served, and nothing is left of those before."""
    answer = await at.ask("chat", body_of("chat"))
    recorded = await at.recorded()
    return answer.status_code == 200 and recorded.failure is None and at.gateway._room.used == 0


@pytest.mark.parametrize("seed", range(5))
async def test_garbage_is_refused_or_dropped(gate: Open, seed: int) -> None:
    rng = random.Random(seed)
    async with gate([FakeAnswer("ok")]) as at:
        good = request_bytes(at, chat_bytes())
        for _ in range(20):
            broken = bytearray(good)
            for _ in range(rng.randint(1, 8)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
            await say(at, bytes(broken[: rng.randrange(1, len(broken) + 1)]))
        for sent in (
            b"\x16\x03\x01\x02\x00\x01",
            b"\r\n" * 50,
            b"GET\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            said = await say(at, sent)
            assert said == b"" or said.startswith(b"HTTP/1.1 4")
        await until(lambda: at.gateway._room.used == 0)
        assert await is_well(at)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: " + b"b" * 100_000, b"431"),
        (b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n", b"401"),
    ],
)
async def test_broken_heads_are_answered(gate: Open, sent: bytes, status: bytes) -> None:
    async with gate([FakeAnswer("ok")]) as at:
        assert (await say(at, sent)).startswith(b"HTTP/1.1 " + status)
        assert await is_well(at)


async def test_bodies_that_are_too_long_are_refused_before_they_are_read(gate: Open) -> None:
    async with gate([FakeAnswer("ok")]) as at:
        assert b" 413 " in await say(at, request_bytes(at, b"{}", length=Bounds().max_body_bytes + 1))
        assert await is_well(at)


async def test_bodies_that_do_not_say_how_long_they_are_have_a_bound_too(gate: Open) -> None:
    async with gate([FakeAnswer("ok")], bounds=Bounds(max_body_bytes=1_000)) as at:
        head = request_bytes(at, b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
        assert b" 413 " in await say(at, head + b"400\r\n" + b" " * 1024 + b"\r\n")
        assert await is_well(at)


async def test_all_bodies_together_have_a_bound(gate: Open) -> None:
    async with gate([FakeAnswer("ok")]) as at:
        at.gateway._room.size = 10_000
        async with await anyio.connect_tcp(*at.address) as slow:
            await slow.send(request_bytes(at, b" " * 8_000, length=9_000))
            await until(lambda: at.gateway._room.used == 8_000)
            refused = await at.ask("messages", body_of("messages", "x" * 4_000))
            assert (refused.status_code, refused.json()["type"]) == (503, "error")
        await until(lambda: at.gateway._room.used == 0)
        assert await is_well(at)


async def test_a_chunk_that_is_none_is_the_clients_fault(gate: Open) -> None:
    async with gate([FakeAnswer("ok")]) as at:
        head = request_bytes(at, b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
        assert b" 400 " in await say(at, head + b"zz\r\nabc\r\n")
        assert await is_well(at)


async def test_clients_that_are_slow_on_purpose_are_cut_off(gate: Open) -> None:
    async with gate([FakeAnswer("ok")], bounds=Bounds(first_s=0.2, request_s=0.2)) as at:
        for begun in (b"", b"POST /v1/mess", request_bytes(at, b"{", length=100)):
            async with await anyio.connect_tcp(*at.address) as stream:
                await stream.send(begun or b"G")
                with anyio.fail_after(20):
                    said = await rest(stream)
                assert said == b"" or b" 408 " in said
        assert await is_well(at)


async def test_more_connections_than_places_wait_and_are_served(gate: Open) -> None:
    async with gate([FakeAnswer("ok")], bounds=Bounds(max_connections=2)) as at:
        async with (
            await anyio.connect_tcp(*at.address),
            await anyio.connect_tcp(*at.address),
            await anyio.connect_tcp(*at.address) as third,
        ):
            await third.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
            with anyio.move_on_after(0.05) as waited:
                await third.receive()
            assert waited.cancelled_caught
        assert await is_well(at)


@pytest.mark.parametrize("model_id", ["chat/m", "ant/m"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_client_that_leaves_ends_the_call_upstream(
    gate: Open, model_id: str, *, is_stream: bool
) -> None:
    async with gate([FakeAnswer(hang=True)], model_id) as at:
        assert at.upstream is not None
        async with await anyio.connect_tcp(*at.address) as stream:
            await stream.send(request_bytes(at, chat_bytes(stream=is_stream)))
            await until(lambda: at.upstream is not None and len(at.upstream.requests) == 1)
        with anyio.fail_after(20):
            await at.upstream.disconnected.wait()
        (exchange,) = (await at.recorded()).exchanges
        (call,) = at.session.calls
    assert exchange.response is None
    assert exchange.error
    assert exchange.usage == call.usage


async def test_a_client_that_leaves_in_the_middle_of_a_stream_ends_it(gate: Open) -> None:
    async with gate([FakeAnswer("word " * 500, chunk_delay_s=0.01)]) as at:
        assert at.upstream is not None
        async with await anyio.connect_tcp(*at.address) as stream:
            await stream.send(request_bytes(at, chat_bytes(stream=True)))
            assert b"word" in await stream.receive() + await stream.receive()
        with anyio.fail_after(20):
            await at.upstream.disconnected.wait()
        recorded = await at.recorded()
    assert recorded.failure is None
    assert recorded.exchanges[0].response is None
    assert recorded.exchanges[0].error == "the client left before the end"


async def test_a_client_that_closes_its_side_has_left(gate: Open) -> None:
    async with gate([FakeAnswer(hang=True)]) as at:
        assert await say(at, request_bytes(at, chat_bytes())) == b""
        assert (await at.recorded()).exchanges[0].error


async def test_a_client_that_asks_ahead_is_answered_in_order(gate: Open) -> None:
    async with gate([FakeAnswer("first", delay_s=0.1), FakeAnswer("second")]) as at:
        last = request_bytes(at, chat_bytes(), extra="connection: close\r\n")
        stream = await anyio.connect_tcp(*at.address)
        await stream.send(request_bytes(at, chat_bytes()) + last)
        with anyio.fail_after(20):
            said = await rest(stream)
        await stream.aclose()
    assert 0 < said.index(b"first") < said.index(b"second")


async def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(gate: Open) -> None:
    async with gate([FakeAnswer("fine")]) as at:
        body = chat_bytes()
        asked = request_bytes(at, body, extra="expect: 100-continue\r\nconnection: close\r\n")
        async with await anyio.connect_tcp(*at.address) as stream:
            await stream.send(asked.removesuffix(body))
            assert (await stream.receive()).startswith(b"HTTP/1.1 100")
            await stream.send(body)
            assert b"fine" in await rest(stream)


async def test_what_the_client_does_not_take_is_not_read(gate: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes wait at the endpoint, not here."""
    taken = 0
    add = relay_module.Kept.add

    def counted(kept: relay_module.Kept, chunk: bytes) -> None:
        nonlocal taken
        taken += len(chunk)
        add(kept, chunk)

    monkeypatch.setattr(relay_module.Kept, "add", counted)
    word = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % (b"x" * 1000)
    ending = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    raw = word * 30_000 + ending
    async with gate([FakeAnswer(raw_body=raw, content_type="text/event-stream")]) as at:
        async with await anyio.connect_tcp(*at.address) as stream:
            asked = chat_bytes(stream=True, stream_options={"include_usage": True})
            await stream.send(request_bytes(at, asked))
            before = -1
            while taken != before:
                before = taken
                await anyio.sleep(0.1)
            assert 0 < taken < len(raw) / 2
            assert at.session.calls == ()
        assert (await at.recorded()).failure is None


async def test_an_answer_too_long_to_be_kept_passes_whole(
    gate: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "MAX_ANSWER_BYTES", 1_000)
    async with gate([FakeAnswer("word " * 1_000, output_tokens=1_000)]) as at:
        answer = await at.ask("chat", body_of("chat"))
        (exchange,) = (await at.recorded()).exchanges
    assert answer.json()["choices"][0]["message"]["content"] == "word " * 1_000
    assert (exchange.response, exchange.is_cut, exchange.usage.output_tokens) == (None, True, 1_000)
    assert exchange.error == "the answer was too long to be kept"


@pytest.mark.parametrize(
    ("dialect", "model_id"), [("chat", "chat/m"), ("responses", "chat/m"), ("messages", "ant/m")]
)
async def test_who_waits_long_for_a_stream_hears_that_it_is_not_forgotten(
    gate: Open, monkeypatch: pytest.MonkeyPatch, dialect: str, model_id: str
) -> None:
    monkeypatch.setattr(exchange_module, "KEEP_ALIVE_S", 0.05)
    async with gate(
        [FakeAnswer("at last", delay_s=0.4), FakeAnswer("no", status=400, delay_s=0.4)], model_id
    ) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=True))
        assert answer.content.startswith(b": waiting\n\n: waiting\n\n")
        assert b"last" in answer.content
        refused = await at.ask(dialect, body_of(dialect, stream=True))
        recorded = await at.recorded()
    assert (refused.status_code, b"error" in refused.content) == (200, True)
    assert [each.response is not None for each in recorded.exchanges] == [True, False]
    assert recorded.failure is not None
