"""What a conversation shows of a step: what came of it, and the words that close a run after it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.outfit import Verdict

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

__all__ = ["answers_in", "closing_of", "is_fresh", "told_last"]

CLOSING_CHARS = 20_000
"""The longest closing message that is said for a model."""
_HOLE = re.compile(r"\{(outputs|stdout)\}")


def told_last(messages: Sequence[ModelMessage]) -> str:
    """Everything that was said since the last answer: results of tools, and what a user or harness adds."""
    newest: list[str] = []
    for message in reversed(messages):
        if message.kind == "response":
            break
        newest = [*(text for part in message.parts for text in _texts(part)), *newest]
    return "\n".join(newest)


def answers_in(messages: Sequence[ModelMessage]) -> str:
    """Everything that was said and asked for in the model's name; the ticket of a step stands there."""
    answers = (message for message in messages if message.kind == "response")
    return "\n".join(text for answer in answers for part in answer.parts for text in _texts(part))


def is_fresh(messages: Sequence[ModelMessage]) -> bool:
    """Whether nobody has answered yet: what was said before may change what a prompt asks for."""
    return bool(messages) and all(message.kind == "request" for message in messages)


def _texts(part: Any) -> Iterator[str]:
    content = getattr(part, "content", None)
    if content is None:
        content = getattr(part, "args", None)
    if isinstance(content, str):
        yield content
    elif isinstance(content, list | tuple):
        yield from (each if isinstance(each, str) else str(getattr(each, "content", "")) for each in content)
    elif content is not None:
        yield json.dumps(content, default=str)


def closing_of(candidate: Candidate, verdict: Verdict) -> str | None:
    """The closing message after a step that held; ``None`` where only the model can close the run."""
    if not candidate.is_terminal or not candidate.closing.strip():
        return None
    known = {"outputs": verdict.outputs, "stdout": verdict.stdout}
    if any(known[name] is None for name in _HOLE.findall(candidate.closing)):
        return None
    text = _HOLE.sub(lambda hole: known[hole[1]] or "", candidate.closing).strip()
    return text if 0 < len(text) <= CLOSING_CHARS else None
