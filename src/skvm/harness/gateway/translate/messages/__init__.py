"""Messages, the dialect of Anthropic's endpoints."""

from __future__ import annotations

from functools import partial

from skvm.harness.gateway.translate.contract import Translation
from skvm.harness.gateway.translate.messages.answers import answer_body, error_body, read_answer, read_events
from skvm.harness.gateway.translate.messages.events import MessagesRenderer
from skvm.harness.gateway.translate.messages.requests import read_request

__all__ = ["TRANSLATION"]

TRANSLATION = Translation(
    name="messages",
    read_request=read_request,
    read_passed=partial(read_request, is_passed=True),
    read_answer=read_answer,
    read_events=read_events,
    render_answer=answer_body,
    renderer=MessagesRenderer,
    error_body=error_body,
)
