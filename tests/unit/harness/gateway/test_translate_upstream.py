"""What was read of a request can be sent to an endpoint of another dialect and says the same there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import pytest
from anthropic import AsyncAnthropic
from hypothesis import HealthCheck, assume, given, settings
from openai import AsyncOpenAI
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from skvm.harness.gateway.translate import translation_for
from skvm.harness.gateway.translate.contract import Asked, Heading
from tests import wire


def listening(dialect: str, heard: list[dict[str, Any]]) -> Model:
    """A model whose endpoint answers and keeps what it was sent."""
    answer = ModelResponse(parts=[TextPart("ok")])
    body = json.dumps(translation_for(dialect).render_answer(answer, Heading("m", "1")))

    def handle(request: httpx2.Request) -> httpx2.Response:
        heard.append(json.loads(request.content))
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
    if dialect == "messages":
        sdk = AsyncAnthropic(api_key="k", base_url="http://x", http_client=client)
        return AnthropicModel("m", provider=AnthropicProvider(anthropic_client=sdk))
    chat = AsyncOpenAI(api_key="k", base_url="http://x/v1", http_client=client)
    return OpenAIChatModel("m", provider=OpenAIProvider(openai_client=chat))


def sent_to(dialect: str, asked: Asked) -> dict[str, Any]:
    heard: list[dict[str, Any]] = []
    model = listening(dialect, heard)
    anyio.run(model.request, list(asked.messages), asked.settings, asked.parameters)
    return heard[0]


def strings_in(value: Any) -> Iterator[str]:
    """Every text in a body, also those in JSON in a text: failed results come as such."""
    if isinstance(value, str):
        yield value
        with contextlib.suppress(ValueError):
            decoded = json.loads(value)
            if isinstance(decoded, dict):
                yield from strings_in(decoded)
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings_in(each)


def texts_of(turn: tuple[Any, ...]) -> list[str]:
    if turn[0] == "answer":
        return []
    content = turn[-1]
    return [text for text in ([content] if isinstance(content, str) else content) if text.strip()]


@pytest.mark.parametrize("upstream", ["chat", "messages"])
@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=wire.conversations())
def test_a_conversation_reaches_an_endpoint(upstream: str, messages: list[ModelMessage]) -> None:
    turns = wire.turns_in(messages)
    assume(any(texts_of(turn) for turn in turns if turn[0] == "user"))
    for dialect in wire.DIALECTS:
        asked = translation_for(dialect).read_request(wire.request_body(dialect, messages))
        body = sent_to(upstream, asked)
        heard = list(strings_in(body))
        for text in (text for turn in turns for text in texts_of(turn)):
            assert any(text in each for each in heard), text
        again = translation_for(upstream).read_request(body)
        calls, back = (
            [call for turn in wire.turns_in(each) if turn[0] == "answer" for call in turn[3]]
            for each in (messages, again.messages)
        )
        assert back == calls
