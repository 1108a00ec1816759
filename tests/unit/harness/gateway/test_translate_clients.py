"""What a renderer says is understood by the clients people use, byte by byte as it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from anthropic import APIStatusError as AnthropicError
from anthropic import AsyncAnthropic
from openai import APIError, AsyncOpenAI
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import RequestUsage

from skvm.harness.gateway.translate import translation_for
from skvm.harness.gateway.translate.contract import Heading
from skvm.harness.gateway.translate.writing import argument_object, argument_text, wire_id
from skvm.llm.codecs.events import decode_events
from skvm.llm.unicode import mended
from tests import wire

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


HEADING = Heading("m-1", "abc", 1_700_000_000)
USAGE = RequestUsage(input_tokens=130, cache_read_tokens=100, cache_write_tokens=20, output_tokens=9)
CALLS = [
    ToolCallPart("read_file", {"path": "a/ü.txt", "n": [1, 2.5, None]}, "call_1"),
    ToolCallPart("run", '{"command": "ls \\ud83c\\udf89"}', "toolu_2"),
    ToolCallPart("now", "", "call:3 §"),
]
ANSWERS = {
    "text": [TextPart("Grüße, 世界 🎉\u2028\x00 end")],
    "calls": CALLS,
    "text around calls": [TextPart("First."), *CALLS, TextPart("Then.")],
    "thinking": [ThinkingPart("Let me see.\nWell."), TextPart("42"), CALLS[0]],
    "broken arguments": [
        ToolCallPart("run", '{"command": "ls', "call_4"),
        ToolCallPart("run", "[1]", "call_5"),
    ],
    "half a character": [ToolCallPart("run", '{"command": "\\ud83c"}', "call_6")],
    "nothing": [],
}


def answer(name: str, reason: Any = None) -> ModelResponse:
    return ModelResponse(parts=ANSWERS[name], usage=USAGE, finish_reason=reason)


@pytest.fixture(params=list(ANSWERS))
def said(request: pytest.FixtureRequest) -> ModelResponse:
    return answer(request.param)


def stream_of(dialect: str, response: ModelResponse) -> list[bytes]:
    renderer = translation_for(dialect).renderer(HEADING)
    begun = [renderer.start(), renderer.keep_alive()]
    told = [renderer.feed(event) for event in wire.letter_by_letter(response)]
    return [*begun, *told, renderer.finish(response)]


def client_for(chunks: list[bytes], *, status: int = 200) -> httpx2.AsyncClient:
    """An HTTP client that is answered with these events, or with one JSON body."""

    async def pieces() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    def handle(request: httpx2.Request) -> httpx2.Response:
        is_stream = bool(json.loads(request.content).get("stream"))
        kind = "text/event-stream" if is_stream else "application/json"
        return httpx2.Response(status, headers={"content-type": kind}, content=pieces())

    return httpx2.AsyncClient(transport=httpx2.MockTransport(handle))


def openai(chunks: list[bytes], **options: Any) -> AsyncOpenAI:
    http_client = client_for(chunks, **options)
    return AsyncOpenAI(api_key="k", base_url="http://x/v1", http_client=http_client, max_retries=0)


def anthropic(chunks: list[bytes], **options: Any) -> AsyncAnthropic:
    http_client = client_for(chunks, **options)
    return AsyncAnthropic(api_key="k", base_url="http://x", http_client=http_client, max_retries=0)


def body_of(dialect: str, response: ModelResponse) -> list[bytes]:
    return [json.dumps(translation_for(dialect).render_answer(response, HEADING)).encode()]


async def test_openai_reads_streamed_chat(said: ModelResponse) -> None:
    client = openai(stream_of("chat", said))
    async with client.chat.completions.stream(model="m", messages=[]) as stream:
        async for _ in stream:
            pass
        found = await stream.get_final_completion()
    check_chat(found, said)
    assert found.usage is not None
    assert found.usage.prompt_tokens == 130
    assert found.usage.completion_tokens == 9


async def test_openai_reads_whole_chat(said: ModelResponse) -> None:
    found = await openai(body_of("chat", said)).chat.completions.create(model="m", messages=[])
    check_chat(found, said)
    assert found.usage is not None
    assert found.usage.prompt_tokens_details is not None
    assert found.usage.prompt_tokens_details.cached_tokens == 100


def check_chat(found: Any, said: ModelResponse) -> None:
    message = found.choices[0].message
    assert (message.content or "") == wire.text_in(said.parts)
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    told = [part for part in said.parts if isinstance(part, ToolCallPart)]
    assert calls == [(c.tool_call_id, c.tool_name, argument_text(c.args)) for c in told]
    assert found.choices[0].finish_reason == ("tool_calls" if told else "stop")
    assert (found.id, found.model, found.created) == ("chatcmpl-abc", "m-1", 1_700_000_000)


async def test_openai_reads_streamed_responses(said: ModelResponse) -> None:
    numbers = []
    async with openai(stream_of("responses", said)).responses.stream(model="m", input="hi") as stream:
        async for event in stream:
            numbers.append(event.sequence_number)
        found = await stream.get_final_response()
    assert numbers == sorted(set(numbers))
    check_response(found, said)


async def test_openai_reads_whole_responses(said: ModelResponse) -> None:
    check_response(await openai(body_of("responses", said)).responses.create(model="m", input="hi"), said)


def check_response(found: Any, said: ModelResponse) -> None:
    assert found.output_text.replace("\n", "") == wire.text_in(said.parts).replace("\n", "")
    calls = [item for item in found.output if item.type == "function_call"]
    told = [part for part in said.parts if isinstance(part, ToolCallPart)]
    assert [(c.name, c.arguments) for c in calls] == [(c.tool_name, argument_text(c.args)) for c in told]
    assert [c.call_id for c in calls] == [wire_id(c.tool_call_id, "call") for c in told]
    usage = found.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (130, 9, 139)
    assert usage.input_tokens_details.cached_tokens == 100
    assert found.status == "completed"


async def test_anthropic_reads_streamed_messages(said: ModelResponse) -> None:
    async with anthropic(stream_of("messages", said)).messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        async for _ in stream:
            pass
        check_message(await stream.get_final_message(), said)


async def test_anthropic_reads_whole_messages(said: ModelResponse) -> None:
    client = anthropic(body_of("messages", said))
    found = await client.messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
    )
    check_message(found, said)


def check_message(found: Any, said: ModelResponse) -> None:
    texts = [block.text for block in found.content if block.type == "text"]
    assert texts == [part.content for part in said.parts if isinstance(part, TextPart)]
    calls = [block for block in found.content if block.type == "tool_use"]
    told = [part for part in said.parts if isinstance(part, ToolCallPart)]
    assert [(c.id, c.name) for c in calls] == [(wire_id(c.tool_call_id, "toolu"), c.tool_name) for c in told]
    expected = [mended(argument_object(call.args)) for call in told]
    assert [call.input for call in calls] == expected
    usage = found.usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 9)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (100, 20)
    assert found.stop_reason == ("tool_use" if told else "end_turn")


def model_for(dialect: str, chunks: list[bytes]) -> Model:
    if dialect == "messages":
        return AnthropicModel("m", provider=AnthropicProvider(anthropic_client=anthropic(chunks)))
    provider = OpenAIProvider(openai_client=openai(chunks))
    kind = OpenAIChatModel if dialect == "chat" else OpenAIResponsesModel
    return kind("m", provider=provider)


PROMPT: list[ModelMessage] = [ModelRequest([UserPromptPart("hi")])]


async def ask_whole(model: Model) -> ModelResponse:
    return await model.request(PROMPT, None, ModelRequestParameters())


async def ask_streamed(model: Model) -> ModelResponse:
    async with model.request_stream(PROMPT, None, ModelRequestParameters()) as stream:
        async for _ in stream:
            pass
        return stream.get()


@pytest.mark.parametrize("dialect", wire.DIALECTS)
async def test_pydantic_ai_reads_what_is_told(dialect: str, said: ModelResponse) -> None:
    whole = await ask_whole(model_for(dialect, body_of(dialect, said)))
    streamed = await ask_streamed(model_for(dialect, stream_of(dialect, said)))
    for found in (whole, streamed):
        calls, told = (part_list(each, ToolCallPart) for each in (found, said))
        assert [call.tool_call_id for call in calls] == [id_in(dialect, call.tool_call_id) for call in told]
        assert [call.tool_name for call in calls] == [call.tool_name for call in told]
        assert [arguments_of(call) for call in calls] == [arguments_of(call) for call in told]
        assert wire.text_in(found.parts).split() == wire.text_in(said.parts).split()
        assert wire.thinking_in(found.parts) == wire.thinking_in(said.parts)
        usage = found.usage
        assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (130, 100, 9)
        assert usage.cache_write_tokens == 20


def part_list(response: ModelResponse, kind: type) -> list[Any]:
    return [part for part in response.parts if isinstance(part, kind)]


def id_in(dialect: str, id: str) -> str:
    return id if dialect == "chat" else wire_id(id, {"responses": "call", "messages": "toolu"}[dialect])


def arguments_of(call: ToolCallPart) -> Any:
    return mended(argument_object(call.args))


@pytest.mark.parametrize("reason", ["length", "content_filter"])
@pytest.mark.parametrize("dialect", wire.DIALECTS)
async def test_why_an_answer_ended_is_read_too(dialect: str, reason: Any) -> None:
    said = answer("text", reason)
    whole = await ask_whole(model_for(dialect, body_of(dialect, said)))
    streamed = await ask_streamed(model_for(dialect, stream_of(dialect, said)))
    assert whole.finish_reason == streamed.finish_reason == reason


@pytest.mark.parametrize("dialect", wire.DIALECTS)
async def test_thinking_comes_back_to_the_provider_that_thought_it(dialect: str) -> None:
    thought = ThinkingPart("Hm.", id="reasoning_content", signature="s3cr", provider_name="elsewhere")
    said = ModelResponse(parts=[thought, TextPart("Yes.")], usage=USAGE)
    streamed = translation_for(dialect).read_events(decode_events(b"".join(stream_of(dialect, said))))
    whole = translation_for(dialect).read_answer(json.loads(body_of(dialect, said)[0]))
    for found in (streamed, whole):
        back = found.parts[0]
        assert isinstance(back, ThinkingPart)
        kept = (back.content, back.id, back.signature, back.provider_name)
        # A chat completion has no place for anything but the text of it.
        assert kept == (("Hm.", None, None, None) if dialect == "chat" else thought_of(thought))


def thought_of(part: ThinkingPart) -> tuple[Any, ...]:
    return (part.content, part.id, part.signature, part.provider_name)


async def test_a_signature_of_the_dialect_stays_as_it_is() -> None:
    thought = ThinkingPart("Hm.", signature="WaUj", provider_name="anthropic")
    hidden = ThinkingPart("", id="redacted_thinking", signature="0xDA", provider_name="anthropic")
    said = ModelResponse(parts=[thought, hidden, TextPart("Yes.")], usage=USAGE)
    async with anthropic(stream_of("messages", said)).messages.stream(
        model="m", max_tokens=9, messages=[]
    ) as stream:
        blocks = (await stream.get_final_message()).content
    assert [block.type for block in blocks] == ["thinking", "redacted_thinking", "text"]
    assert (blocks[0].signature, blocks[1].data) == ("WaUj", "0xDA")
    found = translation_for("messages").read_events(decode_events(b"".join(stream_of("messages", said))))
    assert [thought_of(part) for part in found.parts[:2]] == [thought_of(thought), thought_of(hidden)]


def failing_stream(dialect: str) -> list[bytes]:
    renderer = translation_for(dialect).renderer(HEADING)
    begun = [renderer.start()]
    begun += [renderer.feed(event) for event in wire.letter_by_letter(answer("text"))]
    return [*begun, renderer.fail(529, "upstream is gone")]


async def test_openai_raises_on_an_error_within_a_stream() -> None:
    stream = await openai(failing_stream("chat")).chat.completions.create(model="m", messages=[], stream=True)
    with pytest.raises(APIError, match="upstream is gone"):
        async for _ in stream:
            pass


async def test_openai_is_told_that_a_response_failed() -> None:
    stream = await openai(failing_stream("responses")).responses.create(model="m", input="hi", stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error is not None
    assert "upstream is gone" in last.response.error.message


async def test_anthropic_raises_on_an_error_within_a_stream() -> None:
    stream = await anthropic(failing_stream("messages")).messages.create(
        model="m", max_tokens=9, messages=[], stream=True
    )
    with pytest.raises(AnthropicError, match="upstream is gone"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("dialect", wire.DIALECTS)
async def test_an_error_within_a_stream_is_read_with_what_came_before(dialect: str) -> None:
    found = translation_for(dialect).read_events(decode_events(b"".join(failing_stream(dialect))))
    assert found.finish_reason == "error"
    assert wire.text_in(found.parts) == wire.text_in(answer("text").parts)


@pytest.mark.parametrize("dialect", wire.DIALECTS)
async def test_an_answer_that_ended_with_an_error_ends_as_one(dialect: str) -> None:
    said = answer("text", "error")
    found = translation_for(dialect).read_events(decode_events(b"".join(stream_of(dialect, said))))
    assert found.finish_reason == "error"


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request_error"), (429, "rate_limit_error")])
async def test_clients_read_error_bodies(status: int, kind: str) -> None:
    for dialect in wire.DIALECTS:
        body = [json.dumps(translation_for(dialect).error_body(status, "no \ud83c")).encode()]
        if dialect == "messages":
            with pytest.raises(AnthropicError) as caught:
                await anthropic(body, status=status).messages.create(model="m", max_tokens=9, messages=[])
            assert caught.value.type == kind
        else:
            with pytest.raises(APIError) as raised:
                await openai(body, status=status).chat.completions.create(model="m", messages=[])
            assert raised.value.type == kind
            assert raised.value.message.endswith("no �") or "no �" in raised.value.message


async def test_a_stream_goes_from_one_provider_to_a_client_of_another() -> None:
    """Chat completions behind a client of Anthropic's, read with what the port reads them with."""
    said = answer("text around calls")
    renderer = translation_for("messages").renderer(HEADING)
    chunks = [renderer.start()]
    async with model_for("chat", stream_of("chat", said)).request_stream(
        PROMPT, None, ModelRequestParameters()
    ) as stream:
        chunks += [renderer.feed(event) async for event in stream]
        chunks.append(renderer.finish(stream.get()))
    async with anthropic(chunks).messages.stream(model="m", max_tokens=9, messages=[]) as told:
        found = await told.get_final_message()
    assert [block.type for block in found.content] == ["text", "tool_use", "tool_use", "tool_use", "text"]
    assert found.content[1].input == CALLS[0].args
    assert found.usage.input_tokens == 10
    assert found.stop_reason == "tool_use"
