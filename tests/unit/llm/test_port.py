from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from skvm.errors import ConfigError, UsageError
from skvm.llm.contract import CallScope, DeadlineExceededError, ProviderError
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.llm.fake_dialects import render_events
from skvm.llm.port import ModelPort
from tests.unit.llm.asking import say, stream
from tests.unit.llm.conftest import QUICK, SECRET, SettingsFor

pytestmark = pytest.mark.anyio
SCOPE = CallScope("task")


@pytest.mark.parametrize("model_id", ["fake/m", "ant/claude-sonnet-4-6", "or/qwen/qwen3.5-35b-a3b"])
async def test_every_dialect_is_metered_alike(settings_for: SettingsFor, model_id: str) -> None:
    answer = FakeAnswer("hi there, you", input_tokens=100, output_tokens=7, cache_read_tokens=40)
    async with FakeServer([answer]) as server, ModelPort(settings_for(server)) as port:
        async with port.session(SCOPE) as session:
            assert (await say(session, model_id=model_id)).text == "hi there, you"
            assert await stream(session, model_id=model_id) == "hi there, you"
        for call in session.calls:
            assert call.usage.input_tokens == 100
            assert call.usage.output_tokens == 7
            assert call.usage.cache_read_tokens == 40
            assert (call.status, call.attempts, call.error) == (200, 1, None)
        assert session.usage == port.usage
        assert port.usage.calls == 2
    first = server.requests[0]
    assert first.body["model"] == model_id.split("/", 1)[1]
    assert SECRET in first.headers.get("authorization", first.headers.get("x-api-key", ""))


async def test_an_unknown_price_is_unknown_and_a_known_one_is_not(settings_for: SettingsFor) -> None:
    async with (
        FakeServer() as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE) as session,
    ):
        await say(session, model_id="ant/claude-sonnet-4-6")
        assert session.usage.cost_usd == pytest.approx(10 * 3e-6 + 5 * 15e-6)
        await say(session, model_id="fake/m")
        assert session.usage.cost_usd is None


async def test_a_billed_cost_beats_the_price_list(settings_for: SettingsFor) -> None:
    async with (
        FakeServer([FakeAnswer("x", billed_usd=0.25)]) as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE) as session,
    ):
        await say(session, model_id="or/qwen/qwen3.5-35b-a3b")
    assert session.usage.cost_usd == 0.25
    assert server.requests[0].body["usage"] == {"include": True}


async def test_tool_calls_come_through(settings_for: SettingsFor) -> None:
    answer = FakeAnswer(tool_calls=[FakeToolCall("read", {"path": "a"})])
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE) as session,
    ):
        for model_id in ("fake/m", "ant/claude-sonnet-4-6"):
            (call,) = (await say(session, model_id=model_id)).tool_calls
            assert (call.tool_name, call.args_as_dict()) == ("read", {"path": "a"})


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529])
async def test_transient_statuses_are_tried_again(settings_for: SettingsFor, status: int) -> None:
    answers = [FakeAnswer("busy", status=status), FakeAnswer("fine")]
    async with (
        FakeServer(answers) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        assert (await say(session)).text == "fine"
    assert session.calls[0].attempts == 2
    assert session.usage.calls == 1


async def test_four_attempts_then_an_error_that_names_everything(settings_for: SettingsFor) -> None:
    async with (
        FakeServer([FakeAnswer("slow down", status=429)]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError) as caught:
            await say(session)
        assert len(server.requests) == 4
        assert caught.value.status == 429
        for part in ("fake/m", "127.0.0.1", "429", "4 attempts", "slow down"):
            assert part in caught.value.message
        assert caught.value.help
        assert session.calls[0].error is not None


@pytest.mark.parametrize("model_id", ["fake/m", "ant/claude-sonnet-4-6"])
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_told_at_once(
    settings_for: SettingsFor, status: int, model_id: str
) -> None:
    answer = FakeAnswer(f"Incorrect API key provided: {SECRET}", status=status)
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError) as caught:
            await say(session, model_id=model_id)
        assert len(server.requests) == 1
        assert "credential" in (caught.value.help or "")
        assert SECRET not in caught.value.message
        assert SECRET not in repr(session.calls) + repr(port.resolve(model_id))


@pytest.mark.parametrize(
    ("answer", "attempts", "words"),
    [
        (FakeAnswer(raw_body=b'{"error": {"message": "no such model", "code": 400}}'), 1, "no such model"),
        (FakeAnswer(raw_body=b'{"error": {"message": "overloaded", "code": 529}}'), 4, "overloaded"),
        (FakeAnswer(raw_body=b'{"error": "rate limit reached"}'), 4, "rate limit"),
        (FakeAnswer(raw_body=b"<html>gateway</html>", content_type="text/html"), 4, "HTML"),
        (FakeAnswer(raw_body=b'{"choices": [{"mess'), 4, "not a JSON object"),
        (FakeAnswer(raw_body=b""), 4, "empty"),
        (FakeAnswer(raw_body=b"[1, 2]"), 4, "not a JSON object"),
        (FakeAnswer(raw_body=b'{"choices": []}'), 1, "no choices"),
        (FakeAnswer(raw_body=b'{"choices": [{"error": {"message": "cut", "code": 502}}]}'), 4, "cut"),
    ],
)
async def test_an_error_inside_a_200_is_an_error(
    settings_for: SettingsFor, answer: FakeAnswer, attempts: int, words: str
) -> None:
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError, match=words):
            await say(session)
        assert len(server.requests) == attempts


async def test_a_body_that_fits_no_form_is_our_error_not_the_sdks(settings_for: SettingsFor) -> None:
    answer = FakeAnswer(raw_body=b'{"choices": [{"message": 7}], "usage": {"prompt_tokens": "many"}}')
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError) as caught:
            await say(session)
        assert "\n" not in caught.value.message


async def test_a_closed_connection_is_tried_again(settings_for: SettingsFor) -> None:
    answers = [FakeAnswer(disconnect=True), FakeAnswer("fine")]
    async with (
        FakeServer(answers) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        assert (await say(session)).text == "fine"
    assert session.calls[0].attempts == 2


async def test_a_dead_host_is_named(settings_for: SettingsFor) -> None:
    async with FakeServer() as server:
        settings = settings_for(server)
    async with ModelPort(settings, retry=QUICK) as port, port.session(SCOPE) as session:
        with pytest.raises(ProviderError, match=r"no answer from 127\.0\.0\.1") as caught:
            await say(session)
        assert caught.value.status is None


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/v1", "127.0.0.1/v1", "http://", "http://[::1/v1", "http://127.0.0.1:99999/v1"]
)
async def test_an_address_that_cannot_be_is_told_at_once(settings_for: SettingsFor, url: str) -> None:
    async with FakeServer() as server:
        settings = settings_for(server)
    settings = replace(settings, routes=(replace(settings.routes[0], base_url=url),))
    async with ModelPort(settings) as port, port.session(SCOPE) as session:
        with pytest.raises(ConfigError, match="is not an address"):
            await say(session)


async def test_retry_after_is_honoured_and_a_deadline_in_it_is_the_providers_fault(
    settings_for: SettingsFor,
) -> None:
    answers = [FakeAnswer("wait", status=429, headers={"retry-after": "30"}), FakeAnswer("late")]
    async with (
        FakeServer(answers) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE, deadline_s=2.0) as session,
    ):
        with pytest.raises(ProviderError, match="wait"):
            await say(session)
        assert len(server.requests) == 1


async def test_a_stream_that_just_stops_is_an_error(settings_for: SettingsFor) -> None:
    whole = render_events("/chat/completions", {"model": "m"}, FakeAnswer("one two three"))
    cut = FakeAnswer(raw_body=b"".join(whole[:3]), content_type="text/event-stream")
    without_done = FakeAnswer(raw_body=b"".join(whole[:-1]), content_type="text/event-stream")
    async with (
        FakeServer([cut, without_done]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError, match="stopped before its end"):
            await stream(session)
        assert await stream(session) == "one two three"
        assert session.calls[1].usage.output_tokens == 5


async def test_leaving_a_stream_early_is_noted(settings_for: SettingsFor) -> None:
    async with (
        FakeServer([FakeAnswer("one two three four", chunk_delay_s=0.05)]) as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE) as session,
    ):
        model = await session.model("fake/m")
        messages = [ModelRequest(parts=[UserPromptPart("x")])]
        async with model.request_stream(messages, None, ModelRequestParameters()) as response:
            async for _ in response:
                break
        with anyio.fail_after(5):
            await server.disconnected.wait()
        (call,) = session.calls
        assert call.error == "the client left before the end"
        assert call.usage.cost_usd is None


@pytest.mark.parametrize("model_id", ["fake/m", "ant/claude-sonnet-4-6"])
async def test_the_deadline_cancels_the_request_on_the_wire(settings_for: SettingsFor, model_id: str) -> None:
    async with (
        FakeServer([FakeAnswer(hang=True)]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
    ):
        async with port.session(SCOPE) as warm:  # the first model of a kind imports its SDK
            await warm.model(model_id)
        async with port.session(SCOPE, deadline_s=1.0) as session:
            with pytest.raises(DeadlineExceededError, match="'task'"):
                await say(session, model_id=model_id)
        with anyio.fail_after(5):
            await server.disconnected.wait()
        (call,) = session.calls
        assert "DeadlineExceededError" in (call.error or "")
        assert call.usage.cost_usd is None


async def test_a_deadline_that_has_passed_sends_nothing(settings_for: SettingsFor) -> None:
    async with (
        FakeServer() as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE, deadline_s=0) as session,
    ):
        with pytest.raises(DeadlineExceededError):
            await say(session)
        assert server.requests == []
        assert session.usage.cost_usd == 0


async def test_a_context_overflow_says_what_to_do(settings_for: SettingsFor) -> None:
    answer = FakeAnswer("the request exceeds the available context size", status=400)
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError) as caught:
            await say(session)
        assert "longer than the model's context" in (caught.value.help or "")


async def test_the_deadline_cancels_a_stream_half_way(settings_for: SettingsFor) -> None:
    answer = FakeAnswer("one two three four five six seven eight", chunk_delay_s=0.3)
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE, deadline_s=1.5) as session,
    ):
        with pytest.raises(DeadlineExceededError):
            await stream(session)
        with anyio.fail_after(5):
            await server.disconnected.wait()
        assert len(session.calls) == 1


async def test_cancelling_the_caller_closes_the_connection(settings_for: SettingsFor) -> None:
    asked = anyio.Event()

    def answer(body: dict[str, object]) -> FakeAnswer:
        asked.set()
        return FakeAnswer(hang=True)

    async with (
        FakeServer(answer) as server,
        ModelPort(settings_for(server)) as port,
        port.session(SCOPE) as session,
    ):
        async with anyio.create_task_group() as group:
            group.start_soon(say, session)
            await asked.wait()
            group.cancel_scope.cancel()
        with anyio.fail_after(5):
            await server.disconnected.wait()
        assert session.calls[0].error == "cancelled"


async def test_a_stream_cut_short_is_an_error(settings_for: SettingsFor) -> None:
    answer = FakeAnswer("one two three", truncate_events=2)
    async with (
        FakeServer([answer]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError, match="no answer"):
            await stream(session)
        assert session.calls[0].error


async def test_a_stream_that_starts_with_an_error_is_tried_again(settings_for: SettingsFor) -> None:
    bad = b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'
    answers = [FakeAnswer(raw_body=bad, content_type="text/event-stream"), FakeAnswer("fine")]
    async with (
        FakeServer(answers) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        assert await stream(session) == "fine"
    assert session.calls[0].attempts == 2


async def test_a_stream_that_ends_with_an_error_is_an_error(settings_for: SettingsFor) -> None:
    choice = {"index": 0, "delta": {"content": "a"}}
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    chunk = b"data: " + json.dumps(head).encode() + b"\n\n"
    bad = chunk + b'data: {"error": {"message": "upstream died", "code": 502}}\n\n'
    async with (
        FakeServer([FakeAnswer(raw_body=bad, content_type="text/event-stream")]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(SCOPE) as session,
    ):
        with pytest.raises(ProviderError, match="upstream died"):
            await stream(session)


async def test_the_other_limit_field_is_used_when_one_is_refused(settings_for: SettingsFor) -> None:
    def answer(body: dict[str, object]) -> FakeAnswer:
        if "max_tokens" in body:
            return FakeAnswer(
                "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", status=400
            )
        return FakeAnswer("fine")

    async with FakeServer(answer) as server, ModelPort(settings_for(server), retry=QUICK) as port:
        async with port.session(SCOPE) as session:
            assert (await say(session)).text == "fine"
            assert (await say(session, "again")).text == "fine"
        assert len(server.requests) == 3


def test_the_fake_server_runs_in_a_thread_too() -> None:
    import httpx2

    with FakeServer.running([FakeAnswer("hi")]) as server:
        response = httpx2.post(f"{server.base_url}/chat/completions", json={"model": "m"})
        assert response.json()["choices"][0]["message"]["content"] == "hi"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_fake_server_speaks_responses(is_stream: bool) -> None:
    from openai import AsyncOpenAI

    async with (
        FakeServer([FakeAnswer("hi")]) as server,
        AsyncOpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
    ):
        if not is_stream:
            assert (await client.responses.create(model="m", input="x")).output_text == "hi"
            return
        events = [
            event.type async for event in await client.responses.create(model="m", input="x", stream=True)
        ]
        assert events[-1] == "response.completed"


async def test_a_name_the_provider_cannot_have_is_a_usage_error(settings_for: SettingsFor) -> None:
    async with (
        FakeServer() as server,
        ModelPort(settings_for(server)) as port,
        port.session(CallScope("task")) as session,
    ):
        with pytest.raises(UsageError, match="or/m: not a model of this provider") as told:
            await session.model("or/m")
    assert told.value.help
