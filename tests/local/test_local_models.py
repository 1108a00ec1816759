"""The 135M model, really loaded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import httpx2
import pytest

from skvm.errors import ConfigError, UsageError
from skvm.llm.catalog import find_entry
from skvm.llm.local import Endpoint, LocalModels
from skvm.llm.weights import weights_path, weights_state
from skvm.settings import Settings, load_settings

MODEL = "smollm2-135m"
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


@pytest.fixture
def models(settings: Settings) -> Iterator[LocalModels]:
    return LocalModels(settings, context_tokens=2048, threads=2)


@asynccontextmanager
async def client_of(endpoint: Endpoint) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    async with httpx2.AsyncClient(base_url=endpoint.base_url, headers=headers, timeout=120) as client:
        yield client


async def chat(client: httpx2.AsyncClient, prompt: str, tokens: int = 12, **more: object) -> httpx2.Response:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "temperature": 0,
        **more,
    }
    return await client.post("/chat/completions", json=body)


async def test_answers_counts_and_reuses_the_prompt(models: LocalModels) -> None:
    async with models, client_of(await models.endpoint(f"local/{MODEL}")) as client:
        first = (await chat(client, "Name a colour.")).json()
        again = (await chat(client, "Name a colour.")).json()
        assert first["choices"][0]["message"]["content"].strip()
        assert first["usage"]["completion_tokens"] <= 12
        assert first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
        assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


async def test_without_the_prompt_cache_the_same_question_has_the_same_answer(models: LocalModels) -> None:
    async with models, client_of(await models.endpoint(MODEL)) as client:
        answers = set()
        for _ in range(3):
            answer = (await chat(client, "Name three colours and why.", 24, cache_prompt=False)).json()
            answers.add(answer["choices"][0]["message"]["content"])
            await chat(client, "Something else.", 4)
        assert len(answers) == 1


async def test_a_schema_binds_the_answer(models: LocalModels) -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "maximum": 150, "minimum": 0}},
        "required": ["age"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    async with models, client_of(await models.endpoint(MODEL)) as client:
        answer = (await chat(client, "How old is Ada?", 60, response_format=wanted)).json()
        value = json.loads(answer["choices"][0]["message"]["content"])
        assert set(value) == {"age"}
        assert 0 <= value["age"] <= 150


async def test_only_who_has_the_key_is_served_on_loopback(models: LocalModels) -> None:
    async with models:
        endpoint = await models.endpoint(MODEL)
        assert endpoint.base_url.startswith("http://127.0.0.1:")
        assert endpoint.api_key not in repr(endpoint)
        async with client_of(replace(endpoint, api_key="guess")) as stranger:
            assert (await chat(stranger, "hi")).status_code == 401


async def test_a_prompt_too_long_is_refused_with_its_size(models: LocalModels) -> None:
    async with models, client_of(await models.endpoint(MODEL)) as client:
        answer = await chat(client, "word " * 3000)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "exceed_context_size_error"
        assert answer.json()["error"]["n_ctx"] == 2048


async def test_one_server_a_model_gone_with_its_owner(models: LocalModels) -> None:
    async with models:
        found: list[str] = []

        async def ask() -> None:
            found.append(await models.base_url(MODEL))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
        assert len(set(found)) == 1
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{found[0]}/models")


async def test_a_server_that_died_is_started_again(models: LocalModels) -> None:
    async with models:
        first = await models.endpoint(MODEL)
        process = models._running[MODEL].process
        process.kill()
        await process.wait()
        second = await models.endpoint(MODEL)
        assert second.api_key != first.api_key
        async with client_of(second) as client:
            assert (await chat(client, "hi", 2)).status_code == 200


async def test_a_file_that_is_not_the_model_is_not_loaded(tmp_path: Path) -> None:
    settings = load_settings(cache_dir=str(tmp_path))
    path = weights_path(settings, find_entry(MODEL))
    path.parent.mkdir()
    path.write_bytes(b"GGUF but not really")
    with pytest.raises(ConfigError, match="is not smollm2-135m") as caught:
        await LocalModels(settings).endpoint(MODEL)
    assert "skvm models rm" in str(caught.value.help)


async def test_absent_weights_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        await LocalModels(load_settings(cache_dir=str(tmp_path))).endpoint(MODEL)
    assert caught.value.help == f"run `skvm models pull {MODEL}`"


async def test_an_unknown_model_and_a_senseless_size_are_usage_errors(tmp_path: Path) -> None:
    settings = load_settings(cache_dir=str(tmp_path))
    with pytest.raises(UsageError, match="no embedded model") as caught:
        await LocalModels(settings).endpoint("local/smollm2-153m")
    assert MODEL in str(caught.value.help)
    with pytest.raises(UsageError):
        LocalModels(settings, parallel=0)


async def test_what_one_slot_has_read_the_others_need_not_read_again(models: LocalModels) -> None:
    beginning = "Every ticket gets one word: refund, delivery, damage, login, invoice or other. " * 20
    async with models:
        endpoint = await models.endpoint(MODEL)
        assert await models.spread(MODEL) == 0
        async with client_of(endpoint) as client:
            await chat(client, f"{beginning} The first ticket.")
            assert await models.spread(MODEL) == 1
            found: list[int] = []

            async def ask(number: int) -> None:
                answer = (await chat(client, f"{beginning} Ticket number {number}.")).json()
                found.append(answer["usage"]["prompt_tokens_details"]["cached_tokens"])

            async with anyio.create_task_group() as group:
                group.start_soon(ask, 2)
                group.start_soon(ask, 3)
            # Both begin with what the first one left, wherever they are served.
            assert min(found) > 200
            assert await LocalModels(models._settings).spread(MODEL) == 0
