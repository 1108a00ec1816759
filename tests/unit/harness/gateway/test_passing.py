"""Same dialect upstream: what passes untouched, what is put in, and when."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.relay import _Unasked
from skvm.llm.fake import FakeAnswer, FakeRequest
from skvm.llm.fake_dialects import render_events
from tests.unit.harness.gateway.conftest import Gate, Open, body_of

pytestmark = pytest.mark.anyio

FOREIGN = (
    b'{ "model":"m",\t"x_unknown" : [1.0, 1e2, {"\\u006bey":null}],\n'
    b'  "messages":[{"role":"user","content":[{"type":"text","text":"h\xc3\xa9 \\u2602",'
    b'"cache_control":{"type":"ephemeral"}}]}],  "max_tokens":10,\n'
    b'"thinking":{"type":"disabled"},"metadata":{"user_id":"u"} }'
)


async def sent_on(at: Gate) -> FakeRequest:
    assert at.upstream is not None
    (request,) = at.upstream.requests
    return request


@pytest.mark.parametrize(("dialect", "model_id"), [("chat", "chat/m"), ("messages", "ant/m")])
async def test_a_request_that_needs_nothing_passes_byte_for_byte(
    gate: Open, monkeypatch: pytest.MonkeyPatch, dialect: str, model_id: str
) -> None:
    passed = await bytes_upstream(gate, monkeypatch, dialect, model_id, FOREIGN, Held())
    assert passed == FOREIGN


@pytest.mark.parametrize(("dialect", "model_id"), [("chat", "chat/other"), ("messages", "ant/other")])
async def test_only_the_name_is_another(
    gate: Open, monkeypatch: pytest.MonkeyPatch, dialect: str, model_id: str
) -> None:
    passed = await bytes_upstream(gate, monkeypatch, dialect, model_id, FOREIGN, Held())
    assert passed == FOREIGN.replace(b'"model":"m"', b'"model":"other"')


async def bytes_upstream(
    gate: Open, monkeypatch: pytest.MonkeyPatch, dialect: str, model_id: str, body: bytes, held: Held
) -> bytes:
    """The body as it was when it went on the network."""
    seen: list[bytes] = []
    async with gate([FakeAnswer("ok")], model_id, held=held) as at:
        send = at.session.port.send

        async def watched(request: Any) -> Any:
            seen.append(await request.aread())
            return await send(request)

        monkeypatch.setattr(at.session.port, "send", watched)
        assert (await at.ask(dialect, body)).status_code == 200
    (passed,) = seen
    return passed


@pytest.mark.parametrize(("dialect", "model_id"), [("chat", "chat/m"), ("messages", "ant/m")])
async def test_an_answer_passes_byte_for_byte(gate: Open, dialect: str, model_id: str) -> None:
    raw = b'{"id":"1",  "choices":[{"index":0,"message":{"role":"assistant","content":"a"},"x_\\u00e9":1e1}],'
    raw += b'"content":[], "usage":null}\n'
    async with gate([FakeAnswer(raw_body=raw, content_type="application/json; x=y")], model_id) as at:
        answer = await at.ask(dialect, body_of(dialect))
    assert answer.content == raw
    assert answer.headers["content-type"] == "application/json; x=y"


@pytest.mark.parametrize(("dialect", "model_id"), [("chat", "chat/m"), ("messages", "ant/m")])
async def test_a_stream_passes_byte_for_byte(gate: Open, dialect: str, model_id: str) -> None:
    spoken = FakeAnswer("one two  three")
    path = "/v1/messages" if dialect == "messages" else "/v1/chat/completions"
    raw = b": hello\r\n\r\n" + b"".join(render_events(path, {"model": "m"}, spoken)).replace(
        b"data:", b"data: "
    )
    body = body_of(
        dialect, stream=True, stream_options={"include_usage": True} if dialect == "chat" else None
    )
    async with gate([FakeAnswer(raw_body=raw, content_type="text/event-stream")], model_id) as at:
        answer = await at.ask(dialect, body)
        (exchange,) = (await at.recorded()).exchanges
    assert answer.content == raw
    assert exchange.response is not None
    assert exchange.response.text == "one two  three"


async def test_headers_that_mean_something_pass_and_credentials_do_not(gate: Open) -> None:
    async with gate([FakeAnswer("ok")], "ant/m") as at:
        await at.ask(
            "messages",
            body_of("messages"),
            query="?beta=true",
            anthropic_beta="context-1m",
            anthropic_version="2024-01-01",
            cookie="c=1",
            x_api_key=at.door.token,
            x_secret="s",
        )
        request = await sent_on(at)
        token = at.door.token
    assert request.path == "/v1/messages?beta=true"
    assert request.headers["anthropic-beta"] == "context-1m"
    assert request.headers["anthropic-version"] == "2024-01-01"
    assert {"cookie", "x-secret", "authorization"}.isdisjoint(request.headers)
    assert token not in repr(request.headers)


HELD = Held(temperature=0.0, seed=7, max_output_tokens=55)


@pytest.mark.parametrize(
    ("model_id", "dialect", "members", "put"),
    [
        ("chat/m", "chat", {"temperature": 0.7}, {"temperature": 0.0, "seed": 7, "max_tokens": 55}),
        ("chat/m", "chat", {"max_completion_tokens": 9}, {"temperature": 0.0, "seed": 7}),
        ("chat/m", "chat", {"temperature": 0.0, "seed": 7, "max_tokens": 9}, {}),
        ("chat/m", "chat", {"max_tokens": 900}, {"temperature": 0.0, "seed": 7, "max_tokens": 55}),
        (
            "chat/m",
            "chat",
            {"max_tokens": 8, "max_completion_tokens": 900},
            {"temperature": 0.0, "seed": 7, "max_completion_tokens": 55},
        ),
        ("ant/m", "messages", {"temperature": 1}, {"temperature": 0.0, "max_tokens": 55}),
        ("ant/m", "messages", {"max_tokens": 9}, {"temperature": 0.0}),
        (
            "ant/m",
            "messages",
            {"thinking": {"type": "enabled", "budget_tokens": 50}},
            {"max_tokens": 55},
        ),
        (
            "ant/m",
            "messages",
            {"thinking": {"type": "enabled", "budget_tokens": 99}},
            {"max_tokens": 55, "thinking": {"type": "disabled"}},
        ),
        ("ant/m", "messages", {"max_tokens": None}, {"temperature": 0.0, "max_tokens": 55}),
        (
            "or/openai/gpt-5",
            "chat",
            {"model": "openai/gpt-5"},
            {"seed": 7, "max_tokens": 55, "usage": {"include": True}},
        ),
    ],
)
async def test_what_a_run_is_held_to_is_put_in_where_it_differs(
    gate: Open, model_id: str, dialect: str, members: dict[str, Any], put: dict[str, Any]
) -> None:
    body = body_of(dialect, **{"model": "m", **members})
    async with gate([FakeAnswer("ok")], model_id, held=HELD) as at:
        await at.ask(dialect, body)
        request = await sent_on(at)
    assert request.body == body | put


@pytest.mark.parametrize(
    ("members", "put"),
    [
        # What it thinks counts as output, and must leave room for a word.
        (
            {"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": 31_999}},
            {"max_tokens": 4_096, "thinking": {"type": "enabled", "budget_tokens": 4_095}},
        ),
        ({"max_tokens": 32_000, "thinking": {"type": "adaptive"}}, {"max_tokens": 4_096}),
        ({"max_tokens": 2_000, "thinking": {"type": "enabled", "budget_tokens": 9_000}}, {}),
    ],
)
async def test_the_budget_of_thinking_stays_below_the_bound(
    gate: Open, members: dict[str, Any], put: dict[str, Any]
) -> None:
    body = body_of("messages", **{"model": "m", **members})
    async with gate([FakeAnswer("ok")], "ant/m", held=Held(max_output_tokens=4_096)) as at:
        await at.ask("messages", body)
        request = await sent_on(at)
    assert request.body == body | put


REASONING = ["or/openai/gpt-5", "or/openai/o3-mini", "or/openai/gpt-5.5", "chat/gpt-5-mini", "chat/gpt-5.6"]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("model_id", [*REASONING, "or/anthropic/claude-opus-4.8", "ant/claude-opus-4-8"])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_a_model_that_takes_no_temperature_is_sent_none_in_any_dialect(
    gate: Open, dialect: str, model_id: str, *, is_stream: bool
) -> None:
    """A warning of the library that drops it would be an error here, as it may be anywhere."""
    async with gate([FakeAnswer("ok")], model_id, held=HELD) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=is_stream))
        body = (await sent_on(at)).body
    assert answer.status_code == 200
    assert "temperature" not in body


@pytest.mark.parametrize(
    "model_id", ["or/openai/gpt-5.1", "or/openai/gpt-4o", "chat/m", "ant/claude-sonnet-4-6"]
)
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_a_model_that_takes_a_temperature_is_sent_it_in_any_dialect(
    gate: Open, dialect: str, model_id: str
) -> None:
    async with gate([FakeAnswer("ok")], model_id, held=HELD) as at:
        assert (await at.ask(dialect, body_of(dialect))).status_code == 200
        assert (await sent_on(at)).body["temperature"] == 0.0


@pytest.mark.parametrize("said", [{"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}])
async def test_a_model_that_may_reason_is_sent_no_temperature_where_it_is_asked_to(
    gate: Open, said: dict[str, Any]
) -> None:
    async with gate([FakeAnswer("ok")] * 2, "chat/gpt-5.1", held=HELD) as at:
        await at.ask("chat", body_of("chat", **said))
        await at.ask("chat", body_of("chat"))
        assert at.upstream is not None
        asked, unasked = at.upstream.requests
    assert "temperature" not in asked.body
    assert unasked.body["temperature"] == 0.0


BOUNDS = {"chat": "max_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}


@pytest.mark.parametrize(("asked", "sent"), [(900, 55), (9, 9)])
@pytest.mark.parametrize("model_id", ["chat/m", "ant/claude-sonnet-4-6", "or/qwen/qwen3.5-35b-a3b"])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_the_smaller_bound_counts_in_any_pair_of_dialects(
    gate: Open, dialect: str, model_id: str, asked: int, sent: int
) -> None:
    async with gate([FakeAnswer("ok")], model_id, held=HELD) as at:
        await at.ask(dialect, body_of(dialect, **{BOUNDS[dialect]: asked}))
        body = (await sent_on(at)).body
    bounds = [body[name] for name in ("max_tokens", "max_completion_tokens") if name in body]
    assert bounds == [sent]


async def test_usage_is_asked_for_and_kept_from_a_client_that_did_not(gate: Open) -> None:
    async with gate([FakeAnswer("hi you", output_tokens=3)]) as at:
        plain = await at.ask("chat", body_of("chat", stream=True))
        wanted = await at.ask(
            "chat", body_of("chat", stream=True, stream_options={"include_usage": True, "x": 1})
        )
        exchanges = (await at.recorded()).exchanges
        assert at.upstream is not None
        options = [request.body["stream_options"] for request in at.upstream.requests]
    assert options == [{"include_usage": True}, {"include_usage": True, "x": 1}]
    assert b'"choices": []' not in plain.content
    assert plain.content.endswith(b"data: [DONE]\n\n")
    assert wanted.content.count(b'"choices": []') == 1
    assert [exchange.usage.output_tokens for exchange in exchanges] == [3, 3]


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 50, 10_000])
def test_the_usage_chunk_is_found_however_the_stream_is_cut(cut: int) -> None:
    events = render_events("/v1/chat/completions", {}, FakeAnswer("one two"))
    stream = b": c\r\n\r\n" + b"".join(events)
    wanted = b": c\r\n\r\n" + b"".join(event for event in events if b'"choices": []' not in event)
    unasked = _Unasked()
    passed = b"".join(unasked.feed(stream[at : at + cut]) for at in range(0, len(stream), cut))
    assert passed + unasked.rest == wanted != stream


async def test_chunks_pass_as_they_come(gate: Open) -> None:
    """The first words are with the client while the endpoint still holds the rest back."""
    async with gate([FakeAnswer("one two three", chunk_delay_s=0.2)]) as at:
        body = json.dumps(body_of("chat", stream=True)).encode()
        seen: list[int] = []
        async with at.web.stream(
            "POST", "/v1/chat/completions", content=body, headers=at.door.headers
        ) as answer:
            async for _ in answer.aiter_bytes():
                seen.append(len(await calls_so_far(at)))
    # The port writes a call down when its stream has ended.
    assert seen[0] == 0
    assert len(seen) > 3


async def calls_so_far(at: Gate) -> list[Any]:
    await anyio.lowlevel.checkpoint()
    return list(at.session.calls)
