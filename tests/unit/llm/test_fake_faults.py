"""The faulty server, and what the port makes of each of its faults, in every dialect, streamed or not."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace

import anyio
import httpx2
import pytest

from skvm.llm import tap
from skvm.llm.contract import CallScope, DeadlineExceededError, ProviderError
from skvm.llm.fake import FakeAnswer
from skvm.llm.fake_faults import FaultKind, FaultSchedule, FaultyServer
from skvm.llm.model import PortModel
from skvm.llm.port import ModelPort
from skvm.llm.retry import RetryPolicy
from tests.unit.llm.asking import say
from tests.unit.llm.conftest import SettingsFor

pytestmark = pytest.mark.anyio

BODIES = {
    "chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"input": "hi"},
}
QUICK = RetryPolicy(base_s=0.001, jitter_s=0.0, max_s=0.01, max_retry_after_s=0.01)
NEVER_ENDS = {FaultKind.SILENCE, FaultKind.DRIP}
WORDS = {
    FaultKind.RATE_LIMIT: "429 (after 4 attempts)",
    FaultKind.RATE_LIMIT_SECONDS: "429 (after 4 attempts)",
    FaultKind.RATE_LIMIT_DATE: "429 (after 4 attempts)",
    FaultKind.SERVER_ERROR: "(after 4 attempts)",
    FaultKind.RESET_EARLY: "the connection was reset",
    FaultKind.RESET_BODY: "the connection was reset",
    FaultKind.RESET_STREAM: "the connection was reset",
    FaultKind.ERROR_BODY: "the engine is overloaded",
    FaultKind.ENDLESS: "more than 1 MiB, and no end of it",
}


async def ask(server: FaultyServer, model: PortModel, dialect: str, *, is_stream: bool) -> bytes:
    request = httpx2.Request(
        "POST", f"{server.base_url}/{dialect}", json=BODIES[dialect] | {"model": "m", "stream": is_stream}
    )
    response = await model.relay(request)
    try:
        return b"".join([chunk async for chunk in response.aiter_raw()] if is_stream else [response.content])
    finally:
        await response.aclose()


@pytest.mark.parametrize("kind", FaultKind)
async def test_every_fault_ends_in_an_answer_or_in_words(
    settings_for: SettingsFor, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    monkeypatch.setattr(tap, "MAX_ANSWER_BYTES", 1 << 20)
    deadline_s = 0.1 if kind in NEVER_ENDS else 30.0
    async with (
        FaultyServer(FaultSchedule(kinds=(kind,)), [FakeAnswer("hello")], late_s=0.01) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
    ):
        for dialect, is_stream in itertools.product(BODIES, (False, True)):
            async with port.session(CallScope("t"), deadline_s=deadline_s) as session:
                model = await session.model("fake/m")
                assert isinstance(model, PortModel)
                with anyio.fail_after(40):
                    await look(kind, ask(server, model, dialect, is_stream=is_stream))
            # One call, whatever it took.
            assert len(session.calls) == 1
            assert (session.calls[0].error is None) == (kind is FaultKind.LATENCY)
    assert set(server.injected) == {kind}


async def look(kind: FaultKind, asking: Awaitable[bytes]) -> None:
    if kind is FaultKind.LATENCY:
        assert b"hello" in await asking
    elif kind in NEVER_ENDS:
        with pytest.raises(DeadlineExceededError, match="fake/m: the deadline of 't'"):
            await asking
    else:
        with pytest.raises(ProviderError) as told:
            await asking
        assert WORDS.get(kind, "200 with an error inside") in told.value.message
        assert told.value.message.startswith("fake/m: ")
        assert told.value.help


async def test_what_passes_is_tried_again(settings_for: SettingsFor) -> None:
    kinds = (FaultKind.RESET_EARLY, FaultKind.RATE_LIMIT_DATE, FaultKind.SERVER_ERROR, FaultKind.ERROR_BODY)
    schedule = FaultSchedule(kinds=kinds, until=3)
    async with (
        FaultyServer(schedule, [FakeAnswer("first"), FakeAnswer("second")]) as server,
        ModelPort(settings_for(server), retry=QUICK) as port,
        port.session(CallScope("t")) as session,
    ):
        answers = [(await say(session)).text for _ in range(2)]
    # A fault uses up nothing of the script.
    assert answers == ["first", "second"]
    assert (server.asked, sum(server.injected.values())) == (5, 3)
    assert [call.attempts for call in session.calls] == [4, 1]


def test_a_schedule_is_a_function_of_its_seed() -> None:
    schedule = FaultSchedule(rate=0.05, seed=3)
    drawn = [schedule.fault_of(number) for number in range(4000)]
    assert drawn == [replace(schedule).fault_of(number) for number in range(4000)]
    assert drawn != [replace(schedule, seed=4).fault_of(number) for number in range(4000)]
    found = Counter(kind for kind in drawn if kind is not None)
    assert set(found) == set(FaultKind)
    assert 120 < found.total() < 280
    assert {schedule.fault_of(0) for schedule in (FaultSchedule(0.0), FaultSchedule(until=0))} == {None}


def test_a_blocking_client_may_use_it() -> None:
    with FaultyServer.under(FaultSchedule(kinds=(FaultKind.RATE_LIMIT_SECONDS,)), retry_after_s=7) as server:
        answer = httpx2.post(f"{server.base_url}/responses", json={"input": "hi"}, trust_env=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
