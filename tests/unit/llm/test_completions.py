"""The plain completions send what the SDK's own would have sent."""

from __future__ import annotations

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.openai import OpenAIProvider

from skvm.harness.tools import FILE_TOOLS, definition
from skvm.llm.completions import use_plain_completions

pytestmark = pytest.mark.anyio

MESSAGES: list[ModelMessage] = [
    ModelRequest([SystemPromptPart("system"), UserPromptPart("ünïcode 😀 and \\ ends")]),
    ModelResponse([ThinkingPart("hm"), TextPart("text"), ToolCallPart("read_file", {"path": "a"}, "id1")]),
    ModelRequest([ToolReturnPart("read_file", "content", "id1"), UserPromptPart("again")]),
    ModelResponse([ToolCallPart("execute_command", '{"command": "ls"}', "id2")]),
    ModelRequest(
        [ToolReturnPart("execute_command", {"a": [1, None, 2.5]}, "id2"), UserPromptPart(["a", "b"])]
    ),
]
SCHEMA = OutputObjectDefinition(json_schema={"type": "object", "properties": {"x": {"type": "integer"}}})
CASES = {
    "plain": (OpenAIChatModelSettings(), ModelRequestParameters()),
    "tools": (
        OpenAIChatModelSettings(temperature=0.0, max_tokens=7, seed=3, parallel_tool_calls=False),
        ModelRequestParameters(function_tools=[definition(tool) for tool in FILE_TOOLS]),
    ),
    "schema": (
        OpenAIChatModelSettings(
            top_p=0.5,
            stop_sequences=["x"],
            openai_user="u",
            timeout=3.0,
            extra_body={"extra": {"deep": True}},
            extra_headers={"x-more": "1"},
        ),
        ModelRequestParameters(output_mode="native", output_object=SCHEMA),
    ),
}
EVENTS = (
    b'data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": '
    b'[{"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
)
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
}


async def sent(case: str, *, is_plain: bool, is_stream: bool) -> httpx2.Request:
    """The request one call sends."""
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if is_stream:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=EVENTS)
        return httpx2.Response(200, json=ANSWER)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        client = AsyncOpenAI(api_key="k", base_url="http://fake.invalid/v1", http_client=http, max_retries=0)
        if is_plain:
            use_plain_completions(client)
        model = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))
        settings, parameters = CASES[case]
        if is_stream:
            async with model.request_stream(MESSAGES, settings, parameters):
                pass
        else:
            response = await model.request(MESSAGES, settings, parameters)
            assert response.parts == [TextPart("ok")]
    return requests[0]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("case", CASES)
async def test_the_bytes_are_the_sdks(case: str, is_stream: bool) -> None:
    own = await sent(case, is_plain=True, is_stream=is_stream)
    theirs = await sent(case, is_plain=False, is_stream=is_stream)
    assert own.content == theirs.content
    assert own.url == theirs.url
    assert own.headers == theirs.headers
    assert own.extensions == theirs.extensions
