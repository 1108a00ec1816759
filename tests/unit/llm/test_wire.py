"""Codecs, faults and pauses: what the bytes say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.llm.codecs import codec_for
from skvm.llm.codecs.events import decode_events
from skvm.llm.fake import FakeAnswer
from skvm.llm.fake_dialects import render_answer, render_events
from skvm.llm.faults import inspect_answer, scrub
from skvm.llm.retry import RetryPolicy, retry_after_s

PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
COUNTS = st.integers(0, 10**6)


@pytest.mark.parametrize("path", PATHS)
@given(st.data())
def test_a_stream_says_the_same_as_a_whole_answer(path: str, data: st.DataObject) -> None:
    read, written, cached = (data.draw(COUNTS) for _ in range(3))
    answer = FakeAnswer("some text", input_tokens=read, output_tokens=written, cache_read_tokens=cached)
    codec = codec_for(path)
    whole = codec.read(json.loads(json.dumps(render_answer(path, {"model": "m"}, answer))))
    events = b"".join(render_events(path, {"model": "m"}, answer))
    streamed = codec.read_events(decode_events(events))
    assert whole.usage is not None
    assert whole.usage == streamed.usage
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (read, written)
    assert whole.usage.cache_read_tokens == cached
    assert whole.model == streamed.model == "m"
    assert streamed.complete


@pytest.mark.parametrize("path", PATHS)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["usage", "choices", "error", "message", "prompt_tokens", "input_tokens", "type", "x"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_breaks_the_reading(path: str, body: Any) -> None:
    codec = codec_for(path)
    _, fault = inspect_answer(codec, 200, "application/json", json.dumps(body).encode(), is_stream=False)
    assert isinstance(body, dict) or fault is not None
    event = b"data: " + json.dumps(body).encode() + b"\n\n"
    reading, _ = inspect_answer(codec, 200, "text/event-stream", event, is_stream=True)
    assert reading.usage is None or reading.usage.total_tokens >= 0


@pytest.mark.parametrize("path", PATHS)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(path: str, body: bytes) -> None:
    for status in (200, 500):
        _, fault = inspect_answer(codec_for(path), status, "", body, is_stream=False)
        assert status == 200 or (fault is not None and fault.is_transient)
        _, fault = inspect_answer(codec_for(path), status, "text/event-stream", body, is_stream=True)
        assert status == 200 or (fault is not None and fault.is_transient)


@pytest.mark.parametrize(
    ("path", "request_body", "limit"),
    [
        (PATHS[0], {"max_tokens": 5}, 5),
        (PATHS[0], {"max_tokens": 5, "max_completion_tokens": 7, "n": 3}, 21),
        (PATHS[1], {"max_tokens": 9}, 9),
        (PATHS[2], {"max_output_tokens": 11}, 11),
        (PATHS[0], {}, None),
        (PATHS[0], {"max_tokens": "many"}, None),
    ],
)
def test_output_limits(path: str, request_body: dict[str, Any], limit: int | None) -> None:
    assert codec_for(path).output_limit(request_body) == limit


def test_retry_after_in_both_forms() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after_s("7", now=now) == 7
    assert retry_after_s("0.5", now=now) == 0.5
    assert retry_after_s("Thu, 01 Jan 2026 00:00:20 GMT", now=now) == 20
    assert retry_after_s("Thu, 01 Jan 2025 00:00:20 GMT", now=now) == 0
    for nonsense in (None, "", "soon", "9" * 400):
        found = retry_after_s(nonsense, now=now)
        assert found is None or found > 60


def test_pauses_double_up_to_a_bound() -> None:
    policy = RetryPolicy(jitter_s=0)
    assert [policy.pause_s(attempt, None) for attempt in (1, 2, 3, 6)] == [1, 2, 4, 30]
    assert policy.pause_s(1, 5) == 5
    assert policy.pause_s(1, 500) == 60
    assert 1 <= RetryPolicy().pause_s(1, None) <= 1.25


@pytest.mark.parametrize(
    "text", ["key sk-abcdef123456 is bad", "Bearer abc.def-ghi", "my-own-key here", "pk-12345678***"]
)
def test_no_key_stays_in_a_message(text: str) -> None:
    assert "[key]" in scrub(text, "my-own-key")
    assert "my-own-key" not in scrub(text, "my-own-key")


@pytest.mark.parametrize(
    "odd", [float("nan"), float("inf"), -5, "7", None, True, [], pytest.param(10**400, id="huge")]
)
def test_odd_figures_neither_crash_nor_lower_the_bill(odd: object) -> None:
    usage = {"prompt_tokens": odd, "completion_tokens": odd, "cost": odd}
    read = codec_for("/v1/chat/completions").read({"choices": [{"message": {}}], "usage": usage}).usage
    assert read is not None
    assert read.input_tokens == read.output_tokens == 0
    assert read.cost_usd is None
