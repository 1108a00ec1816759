"""The compiler's counsel: asked once, recorded, frozen; nonsense, silence and absence are coded errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from pydantic import BaseModel, Field

from skvm.compiler.counsel import (
    DEFAULT_MODEL,
    MAX_TRIES,
    RecordedCounsel,
    answer_key,
    answers_dir,
    cost_of,
    model_to_ask,
    open_counsel,
)
from skvm.errors import ConfigError, FindingsError, InfrastructureError
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.llm.port import ModelPort
from skvm.llm.retry import RetryPolicy
from skvm.settings import Route, Settings, load_settings

pytestmark = pytest.mark.anyio
QUICK = RetryPolicy(base_s=0.001, jitter_s=0.0, max_s=0.01)
MODEL = "fake/adviser"


class Verdict(BaseModel):
    """A verdict."""

    score: int = Field(ge=0, le=10)
    reason: str


GOOD = '{"score": 7, "reason": "fine"}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def settings_in(folder: Path, server: FakeServer | None = None) -> Settings:
    base = load_settings(cache_dir=str(folder / "cache"), env={})
    url = server.base_url if server else "http://127.0.0.1:9/v1"
    route = Route("fake/*", "openai-compatible", base_url=url, api_key="k-0123456789")
    return replace(base, auto_probe=False, routes=(route,))


async def test_a_question_is_asked_once(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD)]) as server:
        settings = settings_in(tmp_path, server)
        async with open_counsel(settings, MODEL) as counsel:
            assert counsel is not None
            first = await counsel.ask("judge", Verdict, system="be fair")
            again = await counsel.ask("judge", Verdict, system="be fair")
            used = counsel.answers_used
        async with open_counsel(settings, MODEL) as later:
            assert later is not None
            assert await later.ask("judge", Verdict, system="be fair") == first == again
            assert later.answers_used == used
        assert len(server.requests) == 1
    key = answer_key(MODEL, "be fair", "judge", Verdict)
    assert [name for name, _ in used] == [key]
    record = json.loads((answers_dir(settings) / key[:2] / f"{key}.json").read_text())
    assert record == {
        "schema": 1,
        "key": key,
        "model": MODEL,
        "form": "Verdict",
        "answer": {"score": 7, "reason": "fine"},
    }


async def test_the_same_question_at_the_same_time_is_asked_once(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD, delay_s=0.05)]) as server:
        async with open_counsel(settings_in(tmp_path, server), MODEL) as shared:
            assert shared is not None
            counsels = [shared.begin() for _ in range(4)]
            async with anyio.create_task_group() as group:
                for counsel in counsels:
                    group.start_soon(counsel.ask, "judge", Verdict)
            assert len({counsel.answers_used for counsel in counsels}) == 1
            assert sum(counsel.usage.calls for counsel in counsels) == 1
        assert len(server.requests) == 1


async def test_the_key_is_of_model_system_prompt_and_schema(tmp_path: Path) -> None:
    class Other(BaseModel):
        score: int

    keys = {
        answer_key(MODEL, "s", "p", Verdict),
        answer_key("fake/other", "s", "p", Verdict),
        answer_key(MODEL, "t", "p", Verdict),
        answer_key(MODEL, "s", "q", Verdict),
        answer_key(MODEL, "s", "p", Other),
    }
    assert len(keys) == 5


async def test_a_frozen_counsel_answers_from_the_record_and_never_asks(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD)]) as server:
        settings = settings_in(tmp_path, server)
        async with open_counsel(settings, MODEL) as counsel:
            assert counsel is not None
            await counsel.ask("known", Verdict)
        async with open_counsel(settings, MODEL, frozen=True) as frozen:
            assert frozen is not None
            assert (await frozen.ask("known", Verdict)).score == 7
            with pytest.raises(FindingsError, match="SKV251"):
                await frozen.ask("unknown", Verdict)
        assert len(server.requests) == 1


async def test_answers_of_a_lock_come_first(tmp_path: Path) -> None:
    key = answer_key(MODEL, "", "p", Verdict)
    counsel = RecordedCounsel(MODEL, tmp_path, locked={key: {"score": 1, "reason": "locked"}})
    assert (await counsel.ask("p", Verdict)).score == 1
    assert counsel.answers == {key: {"score": 1, "reason": "locked"}}
    assert counsel.begin().answers == {}


async def test_a_damaged_record_is_asked_anew(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD)]) as server:
        settings = settings_in(tmp_path, server)
        for body in ("{", '{"schema": 1, "key": "x", "model": "m", "form": "f", "answer": {}}'):
            key = answer_key(MODEL, "", body, Verdict)
            path = answers_dir(settings) / key[:2] / f"{key}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
            async with open_counsel(settings, MODEL) as counsel:
                assert counsel is not None
                assert (await counsel.ask(body, Verdict)).score == 7
            assert json.loads(path.read_text())["answer"]["score"] == 7
        assert len(server.requests) == 2


async def test_the_error_is_told_back_and_three_tries_are_all(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer("seven"), FakeAnswer('{"score": 70, "reason": ""}')]) as server:
        settings = settings_in(tmp_path, server)
        async with open_counsel(settings, MODEL) as counsel:
            assert counsel is not None
            with pytest.raises(FindingsError, match="SKV252"):
                await counsel.ask("judge", Verdict)
            assert counsel.answers == {}
        assert len(server.requests) == MAX_TRIES
        assert "less than or equal to 10" in json.dumps(server.requests[2].body)
    assert not answers_dir(settings).exists()


async def test_a_model_that_does_not_answer_in_time(tmp_path: Path) -> None:
    async with (
        FakeServer([FakeAnswer(hang=True)]) as server,
        open_counsel(settings_in(tmp_path, server), MODEL, timeout_s=0.2) as counsel,
    ):
        assert counsel is not None
        with pytest.raises(InfrastructureError, match=r"SKV289: .* no answer within 0\.2 s"):
            await counsel.ask("judge", Verdict)


async def test_a_model_that_cannot_be_reached(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with ModelPort(settings, retry=QUICK) as port, open_counsel(settings, MODEL, port=port) as counsel:
        assert counsel is not None
        with pytest.raises(InfrastructureError, match=r"SKV289: .*127\.0\.0\.1"):
            await counsel.ask("judge", Verdict)


async def test_a_spend_ceiling_holds(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD)]) as server:
        limit = SpendLimit(max_tokens=10)
        async with open_counsel(settings_in(tmp_path, server), MODEL, limit=limit) as counsel:
            assert counsel is not None
            with pytest.raises(BudgetExceededError):
                await counsel.ask("judge", Verdict)
        assert server.requests == []


async def test_no_model_and_no_route(tmp_path: Path) -> None:
    async with open_counsel(settings_in(tmp_path), "none") as counsel:
        assert counsel is None
    with pytest.raises(ConfigError):
        async with open_counsel(settings_in(tmp_path), "openrouter/some/model"):
            pytest.fail("it has no key")


async def test_a_record_that_cannot_be_written(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD)]) as server:
        settings = settings_in(tmp_path, server)
        settings.cache_dir.mkdir(parents=True)
        answers_dir(settings).write_text("in the way")
        async with open_counsel(settings, MODEL) as counsel:
            assert counsel is not None
            with pytest.raises(InfrastructureError, match="cannot be"):
                await counsel.ask("judge", Verdict)


async def test_the_default_model_needs_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path)
    assert model_to_ask(settings, None) == model_to_ask(settings, "") == "none"
    assert model_to_ask(settings, "fake/m") == "fake/m"
    monkeypatch.setenv("OPENROUTER_API_KEY", "k-0123456789")
    assert model_to_ask(settings, None) == DEFAULT_MODEL
    assert model_to_ask(settings, "none") == "none"


async def test_what_was_asked_is_counted_once(tmp_path: Path) -> None:
    async with FakeServer([FakeAnswer(GOOD, input_tokens=30, output_tokens=4)]) as server:
        settings = settings_in(tmp_path, server)
        async with open_counsel(settings, MODEL) as counsel:
            assert counsel is not None
            await counsel.ask("judge", Verdict)
            await counsel.ask("judge", Verdict)
            assert (counsel.usage.calls, counsel.usage.input_tokens, counsel.usage.output_tokens) == (
                1,
                30,
                4,
            )
            # Nobody knows the price of this model, which is not the same as that it costs nothing.
            assert cost_of(counsel) is None
            assert cost_of(counsel.begin()) == cost_of(None) == 0
