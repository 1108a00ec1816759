"""The gateway over the 135M model, really loaded: clients of three dialects, whole and streamed."""

from __future__ import annotations

import socket

import anyio
import httpx2
import pytest

from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.server import Gateway
from skvm.harness.gateway.translate import translation_for
from skvm.llm.catalog import find_entry
from skvm.llm.codecs.events import decode_events
from skvm.llm.contract import CallScope
from skvm.llm.port import ModelPort
from skvm.llm.weights import weights_state
from skvm.settings import Settings, load_settings

MODEL = "smollm2-135m"
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
pytestmark = [pytest.mark.local, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def settings() -> Settings:
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    found = load_settings()
    if weights_state(found, find_entry(MODEL)) != "present":
        pytest.skip(f"no weights: run `skvm models pull {MODEL}`")
    return found


async def test_the_embedded_model_answers_in_every_dialect(settings: Settings) -> None:
    turn = {"role": "user", "content": "Say hello."}
    held = Held(temperature=0.0, seed=1, max_output_tokens=12)
    texts: dict[tuple[str, bool], str] = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with (
            ModelPort(settings) as port,
            port.session(CallScope("gateway")) as session,
            Gateway() as gateway,
            httpx2.AsyncClient(trust_env=False, timeout=120) as web,
        ):
            origin = await gateway.serve(listener)
            door = gateway.open(session, f"local/{MODEL}", held=held)
            for dialect, path in PATHS.items():
                for is_stream in (False, True):
                    asked = {"input": [turn]} if dialect == "responses" else {"messages": [turn]}
                    bound = {"max_tokens": 12} if dialect == "messages" else {}
                    body = {"model": "any", "stream": is_stream, **asked, **bound}
                    answer = await web.post(origin + path, json=body, headers=door.headers)
                    assert answer.status_code == 200, answer.text
                    translation = translation_for(dialect)
                    if is_stream:
                        said = translation.read_events(decode_events(answer.content))
                    else:
                        said = translation.read_answer(answer.json())
                    texts[dialect, is_stream] = said.text or ""
            recorded = await gateway.close(door.token)
    # The conditions are the same whatever way they came, and so is the answer.
    assert len(set(texts.values())) == 1, texts
    assert texts["chat", True]
    assert [exchange.error for exchange in recorded.exchanges] == [None] * 6
    assert all(0 < exchange.usage.output_tokens <= 12 for exchange in recorded.exchanges)
    assert recorded.usage.cost_usd == 0


async def test_a_client_that_leaves_frees_the_model(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with (
            ModelPort(settings) as port,
            port.session(CallScope("gateway")) as session,
            Gateway() as gateway,
            httpx2.AsyncClient(trust_env=False, timeout=120) as web,
        ):
            origin = await gateway.serve(listener)
            door = gateway.open(session, f"local/{MODEL}")
            turn = {"role": "user", "content": "Count to a million, one number a line."}
            body = {"model": "any", "messages": [turn], "max_tokens": 100_000}
            await session.model(f"local/{MODEL}")
            with anyio.move_on_after(2):
                await web.post(f"{origin}/v1/chat/completions", json=body, headers=door.headers)
            with anyio.fail_after(60):
                body["max_tokens"] = 4
                answer = await web.post(f"{origin}/v1/chat/completions", json=body, headers=door.headers)
            assert answer.status_code == 200
            recorded = await gateway.close(door.token)
    # Whether the first came to an end by itself is the model's affair; the second was served at once.
    assert recorded.exchanges[-1].response is not None
