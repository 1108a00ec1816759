"""Chat completions, the dialect of OpenAI-compatible endpoints."""

from __future__ import annotations

from functools import partial

from skvm.harness.gateway.translate.chat.answers import answer_body, error_body, read_answer, read_events
from skvm.harness.gateway.translate.chat.events import ChatRenderer
from skvm.harness.gateway.translate.chat.requests import read_request
from skvm.harness.gateway.translate.contract import Translation

__all__ = ["TRANSLATION"]

TRANSLATION = Translation(
    name="chat",
    read_request=read_request,
    read_passed=partial(read_request, is_passed=True),
    read_answer=read_answer,
    read_events=read_events,
    render_answer=answer_body,
    renderer=ChatRenderer,
    error_body=error_body,
)
