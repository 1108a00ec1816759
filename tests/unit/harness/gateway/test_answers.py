"""Three dialects in, two dialects upstream, whole and streamed: what a client gets and what is recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from skvm.harness.fake import ScriptedSession
from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.translate import translation_for
from skvm.llm.codecs.events import decode_events
from skvm.llm.contract import ProviderError
from skvm.llm.fake import FakeAnswer, FakeToolCall
from tests.unit.harness.gateway.conftest import SECRET, Open, at_the_gate, body_of

pytestmark = pytest.mark.anyio

CALL = FakeToolCall("read", {"path": "naïve ☂.txt"}, id="call_7")
ANSWER = FakeAnswer("I read it.", tool_calls=[CALL], input_tokens=100, output_tokens=7, cache_read_tokens=40)


def read(dialect: str, content: bytes, *, is_stream: bool) -> ModelResponse:
    """What a client of the dialect makes of an answer."""
    translation = translation_for(dialect)
    if is_stream:
        return translation.read_events(decode_events(content))
    return translation.read_answer(json.loads(content))


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("model_id", ["chat/m", "ant/claude-sonnet-4-6", "or/qwen/qwen3.5-35b-a3b"])
async def test_any_dialect_reaches_any_endpoint(
    gate: Open, model_id: str, dialect: str, *, is_stream: bool
) -> None:
    async with gate([ANSWER], model_id) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=is_stream))
        assert answer.status_code == 200
        assert ("event-stream" in answer.headers["content-type"]) == is_stream
        said = read(dialect, answer.content, is_stream=is_stream)
        assert said.text == "I read it."
        (call,) = said.tool_calls
        assert (call.tool_name, call.args_as_dict()) == ("read", {"path": "naïve ☂.txt"})
        (exchange,) = (await at.recorded()).exchanges
    assert exchange.response is not None
    assert exchange.response.text == "I read it."
    assert exchange.response.tool_calls[0].args_as_dict() == {"path": "naïve ☂.txt"}
    used = exchange.usage
    assert (used.input_tokens, used.output_tokens, used.cache_read_tokens, used.calls) == (100, 7, 40, 1)
    assert used == at.session.usage
    assert (exchange.system, exchange.has_tools, exchange.dialect) == ("You are an agent.", True, dialect)
    assert exchange.error is None
    assert at.upstream is not None
    (request,) = at.upstream.requests
    assert request.body["model"] == model_id.split("/", 1)[1]
    key = request.headers.get("x-api-key") or request.headers["authorization"].removeprefix("Bearer ")
    assert key == SECRET


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_a_session_without_a_wire_answers_too(dialect: str, *, is_stream: bool) -> None:
    said = ModelResponse(
        [TextPart("On it."), ToolCallPart("read", {"path": "a"}, "c1")], finish_reason="tool_call"
    )
    session = ScriptedSession([said])
    async with at_the_gate(session, "any/model", Held(temperature=0.0, seed=7, max_output_tokens=99)) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=is_stream, temperature=1.0))
        heard = read(dialect, answer.content, is_stream=is_stream)
        (exchange,) = (await at.recorded()).exchanges
    assert heard.text == "On it."
    assert [(call.tool_name, call.args_as_dict()) for call in heard.tool_calls] == [("read", {"path": "a"})]
    assert exchange.response is not None
    assert session.tools == [["read"]]
    assert session.settings[0]["temperature"] == 0.0
    assert session.settings[0]["seed"] == 7
    assert session.settings[0]["max_tokens"] == 99


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("status", [400, 404, 503])
async def test_errors_of_the_endpoint_are_told_in_the_clients_dialect(
    gate: Open, dialect: str, status: int, *, is_stream: bool
) -> None:
    async with gate([FakeAnswer(f"no, and {SECRET} neither", status=status)]) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=is_stream))
        recorded = await at.recorded()
    assert answer.status_code == status
    assert answer.headers["x-should-retry"] == "false"
    body = answer.json()
    assert "no, and [key] neither" in body["error"]["message"]
    assert (body.get("type") == "error") == (dialect == "messages")
    assert isinstance(recorded.failure, ProviderError)
    assert recorded.exchanges[0].response is None
    assert recorded.exchanges[0].status == status


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_credential_of_ours_is_not_taken_for_the_clients(
    gate: Open, dialect: str, status: int, *, is_stream: bool
) -> None:
    async with gate([FakeAnswer("Incorrect API key provided", status=status)]) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=is_stream))
        recorded = await at.recorded()
    # None of those that clients try again, or ask their user to sign in at.
    assert answer.status_code == 424
    told = answer.json()["error"]["message"]
    assert told == f"the provider refused the gateway itself ({status}), not this program; no retry helps"
    # Whose gateway it is hears what the provider said.
    assert isinstance(recorded.failure, ProviderError)
    [exchange] = recorded.exchanges
    assert exchange.status == 424
    assert exchange.error is not None
    assert "Incorrect API key provided" in exchange.error


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_the_libraries_of_the_providers_ask_once(gate: Open, status: int) -> None:
    import anthropic
    import openai

    refused = [FakeAnswer("Incorrect API key provided", status=status)] * 9
    async with gate(refused) as at:
        turn: Any = [{"role": "user", "content": "Hello."}]
        door = at.door
        async with openai.AsyncOpenAI(base_url=door.chat_url, api_key=door.token, max_retries=5) as ours:
            with pytest.raises(openai.APIStatusError, match="refused the gateway itself"):
                await ours.chat.completions.create(model="m", messages=turn)
            with pytest.raises(openai.APIStatusError, match="refused the gateway itself"):
                await ours.responses.create(model="m", input="Hello.")
        async with anthropic.AsyncAnthropic(
            base_url=door.messages_url, api_key=door.token, max_retries=5
        ) as theirs:
            with pytest.raises(anthropic.APIStatusError, match="refused the gateway itself"):
                await theirs.messages.create(model="m", messages=turn, max_tokens=9)
        assert at.upstream is not None
        assert len(at.upstream.requests) == 3


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("model_id", ["chat/m", "ant/m"])
async def test_a_stream_that_breaks_ends_in_an_error_event(gate: Open, dialect: str, model_id: str) -> None:
    async with gate([FakeAnswer("one two three four", truncate_events=3)], model_id) as at:
        answer = await at.ask(dialect, body_of(dialect, stream=True))
        recorded = await at.recorded()
    assert answer.status_code == 200
    errors = [
        each
        for each in decode_events(answer.content)
        if each.get("error") or "error" in str(each.get("type"))
    ]
    assert errors or "response.failed" in answer.text
    assert isinstance(recorded.failure, ProviderError)
    assert recorded.exchanges[0].response is None


async def test_an_error_after_half_an_event_can_be_read(gate: Open) -> None:
    half = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: {"cho'
    async with gate([FakeAnswer(raw_body=half, content_type="text/event-stream")]) as at:
        body = body_of("chat", stream=True, stream_options={"include_usage": True})
        answer = await at.ask("chat", body)
    assert answer.content.startswith(half)
    assert [each for each in decode_events(answer.content) if each.get("error")]


async def test_a_failure_is_forgotten_when_the_program_came_over_it(gate: Open) -> None:
    async with gate([FakeAnswer("what?", status=400), FakeAnswer("fine")]) as at:
        assert (await at.ask("chat", body_of("chat"))).status_code == 400
        assert (await at.recorded()).failure is not None
        assert (await at.ask("chat", body_of("chat"))).status_code == 200
        assert (await at.recorded()).failure is None


async def test_a_conversation_that_is_too_long_is_nobodys_failure(gate: Open) -> None:
    told = FakeAnswer("This model's maximum context length is 8192 tokens", status=400)
    async with gate([told]) as at:
        answer = await at.ask("messages", body_of("messages"))
        recorded = await at.recorded()
    assert answer.status_code == 400
    assert "maximum context length" in answer.text
    assert recorded.failure is None
    assert recorded.is_too_long


async def test_the_clients_own_mistakes_are_not_ours(gate: Open) -> None:
    async with gate() as at:
        bad: list[Any] = [b"", b"[1]", b'{"a":1', b'{"a":1}x', b"\xff{}", b'{"a":' + b"[" * 100_000]
        for body in bad:
            answer = await at.ask("messages", body)
            assert answer.status_code == 400
            assert answer.json()["type"] == "error"
        recorded = await at.recorded()
        assert at.upstream is not None
        assert at.upstream.requests == []
    assert recorded.failure is None
    assert recorded.exchanges == ()


async def test_without_a_model_of_its_own_the_door_serves_the_one_asked_for(gate: Open) -> None:
    async with gate([FakeAnswer("hi")], None) as at:
        assert (await at.ask("responses", body_of("responses", model="ant/claude-x"))).status_code == 200
        unknown = await at.ask("responses", body_of("responses", model="nobody"))
        assert (unknown.status_code, "provider/model" in unknown.text) == (404, True)
        assert at.upstream is not None
        assert [each.path for each in at.upstream.requests] == ["/v1/messages"]


async def test_answers_of_another_dialect_carry_the_name_that_was_asked_for(gate: Open) -> None:
    async with gate([replace(ANSWER)], "ant/claude-sonnet-4-6") as at:
        answer = await at.ask("chat", body_of("chat", model="my-name"))
    assert answer.json()["model"] == "my-name"


async def test_what_cannot_be_translated_is_no_failure_of_ours(gate: Open) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}
    body = body_of("messages", messages=[{"role": "user", "content": [picture]}])
    async with gate([ANSWER], "chat/m") as at:
        answer = await at.ask("messages", body)
        recorded = await at.recorded()
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "cannot be passed" in answer.json()["error"]["message"]
    assert recorded.failure is None
    assert [each.response for each in recorded.exchanges] == [None]
