"""Who gets in, what is there beside model calls, and what of a secret ever comes out."""

from __future__ import annotations

import json
import socket
from typing import Any

import anyio
import httpx2
import pytest

from skvm.harness.fake import ScriptedSession
from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.server import Gateway
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.llm.fake import FakeAnswer
from tests.unit.harness.gateway.conftest import PATHS, SECRET, Open, at_the_gate, body_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_a_token_opens_by_any_of_the_headers_clients_use(gate: Open, dialect: str) -> None:
    async with gate([FakeAnswer("ok")]) as at:
        token = at.door.token
        good = [
            {"authorization": f"Bearer {token}"},
            {"authorization": f"bearer  {token}"},
            {"x-api-key": token},
            {"api-key": token},
            {"authorization": "Bearer other", "x-api-key": token},
        ]
        bad: list[dict[str, Any]] = [
            {},
            {"authorization": "Bearer"},
            {"x-api-key": token[:-1]},
            {"api-key": f"{token}x"},
        ]
        bad += [
            {"authorization": f"Basic {token}"},
            {"x-api-key": ""},
            {"x-api-key": "ü".encode()},
        ]
        for headers in good:
            answer = await at.web.post(PATHS[dialect], json=body_of(dialect), headers=headers)
            assert answer.status_code == 200, headers
        for headers in bad:
            answer = await at.web.post(PATHS[dialect], json=body_of(dialect), headers=headers)
            assert answer.status_code == 401, headers
            assert (answer.json().get("type") == "error") == (dialect == "messages")
            assert token not in answer.text
        assert at.upstream is not None
        assert len(at.upstream.requests) == len(good)


async def test_a_token_is_good_for_its_own_run_and_until_it_is_closed() -> None:
    one, two = ScriptedSession(["one"]), ScriptedSession(["two"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with Gateway() as gateway, httpx2.AsyncClient(trust_env=False) as web:
            await gateway.serve(listener)
            doors = [gateway.open(session, "a/m") for session in (one, two)]
            for door, word in zip(doors, ("one", "two"), strict=True):
                answer = await web.post(
                    f"{door.chat_url}/responses", json=body_of("responses"), headers=door.headers
                )
                assert word in answer.text
            first = await gateway.close(doors[0].token)
            again = await web.post(f"{doors[0].messages_url}/v1/messages", json={}, headers=doors[0].headers)
            assert again.status_code == 401
            second = await gateway.close(doors[1].token)
    assert [len(each.exchanges) for each in (first, second)] == [1, 1]
    assert (len(one.requests), len(two.requests)) == (1, 1)


async def test_several_sockets_lead_to_one_gateway() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        async with Gateway() as gateway, httpx2.AsyncClient(trust_env=False) as web:
            origins = [await gateway.serve(listener) for listener in (first, second)]
            door = gateway.open(ScriptedSession(["hi"]), "a/m", origin=origins[0])
            assert door.origin == origins[0] != origins[1]
            for origin in origins:
                answer = await web.post(
                    f"{origin}/v1/messages", json=body_of("messages"), headers=door.headers
                )
                assert answer.status_code == 200
        # They are their owner's, and still listen.
        assert first.getsockname()[1] == int(origins[0].rpartition(":")[2])


async def test_what_clients_probe_is_answered_at_once(gate: Open) -> None:
    async with gate() as at:
        web, headers = at.web, at.door.headers
        assert (await web.head("/")).status_code == 200
        listed = (await web.get("/v1/models", headers=headers)).json()
        assert [each["id"] for each in listed["data"]] == ["chat/m"]
        assert (listed["object"], listed["has_more"]) == ("list", False)
        one = (await web.get("/v1/models/some%2Fname", headers=headers)).json()
        assert (one["id"], one["object"], one["type"]) == ("some/name", "model", "model")
        assert (await web.get("/v1/models")).status_code == 401
        counted = await web.post(
            "/v1/messages/count_tokens?beta=true", json=body_of("messages"), headers=headers
        )
        assert 20 < counted.json()["input_tokens"] < 200
        assert (await web.post("/v1/messages/count_tokens", content=b"[", headers=headers)).status_code == 400
        for method, path in (
            ("GET", "/api/hello"),
            ("POST", "/api/show"),
            ("GET", "/v1/nothing"),
            ("PUT", "/" + "x" * 500),
        ):
            missing = await web.request(method, path, headers=headers, json={})
            assert (missing.status_code, missing.headers["content-type"]) == (404, "application/json")
            assert missing.json()["error"]["message"]
            assert len(missing.content) < 300
        assert (await web.get("/v1/messages", headers=headers)).status_code == 405
        packed = await at.ask("chat", body_of("chat"), content_encoding="zstd")
        assert packed.status_code == 415
        assert at.upstream is not None
        assert at.upstream.requests == []
        assert (await at.recorded()).failure is None


async def test_one_connection_serves_many_requests(gate: Open) -> None:
    async with gate([FakeAnswer("ok")]) as at:
        ports = set()
        for _ in range(3):
            body = json.dumps(body_of("chat", stream=True)).encode()
            async with at.web.stream("POST", PATHS["chat"], content=body, headers=at.door.headers) as answer:
                ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
                await answer.aread()
    assert len(ports) == 1


@pytest.mark.parametrize("model_id", ["chat/m", "ant/claude-sonnet-4-6"])
async def test_a_planted_key_comes_out_nowhere(gate: Open, model_id: str) -> None:
    """Not in answers, not in errors, not in what is recorded."""
    echo = FakeAnswer(f"the key is {SECRET}", status=403)
    blobs: list[bytes] = []
    answers = [FakeAnswer("fine"), echo, echo, FakeAnswer(raw_body=f"<html>{SECRET}".encode())]

    def put(data: bytes) -> str:
        blobs.append(data)
        return "0" * 64

    async with gate(answers, model_id, put_blob=put) as at:
        for dialect in ("chat", "responses", "messages"):
            for is_stream in (False, True):
                await at.ask(dialect, body_of(dialect, stream=is_stream))
        recorded = await at.recorded()
        calls = at.session.calls
        assert at.upstream is not None
        assert any(SECRET in repr(request.headers) for request in at.upstream.requests)
        token = at.door.token
        requests = repr([request.body for request in at.upstream.requests])
    everything = repr(recorded) + repr(recorded.failure) + repr(calls) + repr(at.said) + repr(at.door)
    assert SECRET not in everything
    assert token not in everything + requests
    assert not any(SECRET.encode() in blob for blob in blobs[::2])


async def test_a_ceiling_is_told_and_remembered(gate: Open) -> None:
    async with gate([FakeAnswer("hi")], limit=SpendLimit(max_tokens=10)) as at:
        answer = await at.ask("messages", body_of("messages"))
        recorded = await at.recorded()
        assert at.upstream is not None
        assert at.upstream.requests == []
    assert answer.status_code == 402
    assert isinstance(recorded.failure, BudgetExceededError)


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_a_deadline_of_the_session_ends_a_call(gate: Open, dialect: str) -> None:
    async with gate([FakeAnswer(hang=True)], deadline_s=0.2) as at:
        answer = await at.ask(dialect, body_of(dialect))
        recorded = await at.recorded()
    assert answer.status_code == 410
    assert (recorded.is_deadline, recorded.failure) == (True, None)


async def test_a_deadline_of_the_run_ends_a_call_of_any_session() -> None:
    async def never(_: object) -> object:
        return await anyio.sleep_forever()

    session = ScriptedSession([never])  # type: ignore[list-item]
    async with at_the_gate(session, "a/m", Held(deadline=anyio.current_time() + 0.2)) as at:
        answer = await at.ask("chat", body_of("chat"))
        recorded = await at.recorded()
    assert answer.status_code == 410
    assert (recorded.is_deadline, recorded.failure) == (True, None)


async def test_a_fault_of_ours_is_told_as_one_and_remembered() -> None:
    async with at_the_gate(ScriptedSession([RuntimeError("private")]), "a/m", Held()) as at:
        answer = await at.ask("chat", body_of("chat"))
        recorded = await at.recorded()
    assert (answer.status_code, "private" in answer.text) == (500, False)
    assert isinstance(recorded.failure, RuntimeError)


async def test_closing_a_door_ends_and_records_what_is_under_way(gate: Open) -> None:
    async with gate([FakeAnswer("x", hang=True)]) as at, anyio.create_task_group() as group:
        recorded = []

        async def close_soon() -> None:
            while not at.session.port or not at.upstream or not at.upstream.requests:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            recorded.append(await at.gateway.close(at.door.token))

        group.start_soon(close_soon)
        with pytest.raises(httpx2.RemoteProtocolError):
            await at.ask("chat", body_of("chat"))
    assert [exchange.response for exchange in recorded[0].exchanges] == [None]
