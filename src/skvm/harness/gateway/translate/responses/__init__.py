"""Responses, OpenAI's newer dialect. Nothing is stored: a request brings its whole conversation."""

from __future__ import annotations

from functools import partial

from skvm.harness.gateway.translate.contract import Translation
from skvm.harness.gateway.translate.responses.answers import answer_body, error_body, read_answer, read_events
from skvm.harness.gateway.translate.responses.events import ResponsesRenderer
from skvm.harness.gateway.translate.responses.requests import read_request

__all__ = ["TRANSLATION"]

TRANSLATION = Translation(
    name="responses",
    read_request=read_request,
    read_passed=partial(read_request, is_passed=True),
    read_answer=read_answer,
    read_events=read_events,
    render_answer=answer_body,
    renderer=ResponsesRenderer,
    error_body=error_body,
)
