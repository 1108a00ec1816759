"""What providers and clients send: three dialects, whole and in streams, damaged and cut anywhere."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.evidence.redact import Redactor
from skvm.harness.gateway.translate import translation_for
from skvm.harness.gateway.translate.contract import RefusedRequestError
from skvm.llm.codecs import codec_for
from skvm.llm.codecs.events import decode_events
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.llm.fake_dialects import render_answer, render_events
from skvm.llm.faults import inspect_answer
from skvm.llm.retry import retry_after_s
from tests import wire
from tests.fuzz.damage import WORDS, damaged, few, within_bounds

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
ANSWER = FakeAnswer(
    "some text, päivää",
    [FakeToolCall("write_file", {"path": "a", "content": "x\n"}), FakeToolCall("run", '{"broken": ')],
)
ASKED = {"model": "m", "stream": True}
KEY = "cnry-key-0123456789abcdef"


def whole(dialect: str) -> bytes:
    return json.dumps(render_answer(PATHS[dialect], {"model": "m"}, ANSWER)).encode()


def streamed(dialect: str) -> bytes:
    return b"".join(render_events(PATHS[dialect], ASKED, ANSWER))


def request_of(dialect: str) -> bytes:
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    said = [
        ModelRequest([SystemPromptPart("be kind"), UserPromptPart("hi")]),
        ModelResponse([TextPart("hello")]),
        ModelRequest([UserPromptPart("again")]),
    ]
    return json.dumps(wire.request_body(dialect, said, {"max_tokens": 9, "temperature": 0.5})).encode()


def is_read(dialect: str, body: bytes, content_type: str, *, is_stream: bool) -> None:
    codec = codec_for(PATHS[dialect])
    with within_bounds():
        for status in (200, 429, 500):
            inspect_answer(codec, status, content_type, body, is_stream=is_stream)
        events = list(decode_events(body))
        codec.read_events(events)
        translation_for(dialect).read_events(events)
        assert Redactor([KEY]).data(Redactor([KEY]).data(body)) == Redactor([KEY]).data(body)


@pytest.mark.parametrize("dialect", PATHS)
@few
@given(data=st.data())
def test_any_answer_is_read(dialect: str, data: st.DataObject):
    body = data.draw(damaged(whole(dialect)))
    kind = data.draw(
        st.sampled_from(["application/json", "text/event-stream", "text/html", "", "a/b; x=\xff"])
    )
    is_read(dialect, body, kind, is_stream=data.draw(st.booleans()))
    with contextlib.suppress(ValueError, RecursionError):
        if isinstance(answer := json.loads(body), dict):
            codec_for(PATHS[dialect]).read(answer)
            translation_for(dialect).read_answer(answer)


@pytest.mark.parametrize("dialect", PATHS)
@few
@given(data=st.data())
def test_any_stream_is_read(dialect: str, data: st.DataObject):
    is_read(dialect, data.draw(damaged(streamed(dialect))), "text/event-stream", is_stream=True)


@pytest.mark.parametrize("dialect", PATHS)
def test_a_stream_may_be_cut_anywhere(dialect: str):
    body = streamed(dialect)
    codec = codec_for(PATHS[dialect])
    for cut in range(0, len(body), 3):
        reading, fault = inspect_answer(codec, 200, "text/event-stream", body[:cut], is_stream=True)
        assert fault is not None or not reading.complete or cut > len(body) // 2
        translation_for(dialect).read_events(list(decode_events(body[:cut])))


@pytest.mark.parametrize("word", [word for word in WORDS if len(word) > 400], ids=lambda word: repr(word[:9]))
@pytest.mark.parametrize("dialect", PATHS)
def test_a_hostile_word_in_an_event_is_passed_over(dialect: str, word: bytes):
    body = b"data: " + word.replace(b"\n", b" ") + b"\n\n" + streamed(dialect)
    is_read(dialect, body, "text/event-stream", is_stream=True)
    assert codec_for(PATHS[dialect]).read_events(decode_events(body)).complete


@pytest.mark.parametrize("dialect", PATHS)
@few
@given(data=st.data())
def test_any_request_is_read_or_refused(dialect: str, data: st.DataObject):
    body = data.draw(damaged(request_of(dialect)))
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(request, dict):
        return
    with within_bounds(), contextlib.suppress(RefusedRequestError):
        limit = codec_for(PATHS[dialect]).output_limit(request)
        assert limit is None or isinstance(limit, int)
        translation_for(dialect).read_passed(request)
        translation_for(dialect).read_request(request)


@few
@given(
    value=st.text(max_size=40)
    | st.sampled_from(["1e999", "nan", "9" * 400, "Wed, 99 Xyz 99999 99:99:99 GMT"])
)
def test_any_pause_is_a_number_or_none(value: str):
    pause = retry_after_s(value, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert pause is None or pause >= 0
