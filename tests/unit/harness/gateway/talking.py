"""A program as a test plays it: it takes an answer into its conversation, and brings results."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
from pydantic_ai.messages import ModelResponse

from skvm.harness.gateway.translate import translation_for
from skvm.llm.codecs.events import decode_events

__all__ = ["one_at_a_time", "read", "with_results", "with_words"]


def one_at_a_time(dialect: str) -> dict[str, Any]:
    """The members of a request that say its program takes one call an answer."""
    if dialect == "messages":
        return {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    return {"parallel_tool_calls": False}


def read(dialect: str, answer: httpx2.Response) -> ModelResponse:
    """An answer, streamed or not."""
    assert answer.status_code == 200, answer.text
    translation = translation_for(dialect)
    if "event-stream" in answer.headers["content-type"]:
        return translation.read_events(decode_events(answer.content))
    return translation.read_answer(json.loads(answer.content))


def with_results(
    dialect: str, body: Mapping[str, Any], said: ModelResponse, results: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The next request: an answer and what its calls gave, as (id, text) in any order."""
    grown = copy.deepcopy(dict(body))
    calls = said.tool_calls
    if dialect == "chat":
        made = [{"id": call.tool_call_id, "type": "function", "function": _function(call)} for call in calls]
        grown["messages"].append({"role": "assistant", "content": said.text, "tool_calls": made})
        grown["messages"] += [{"role": "tool", "tool_call_id": id, "content": text} for id, text in results]
    elif dialect == "responses":
        grown["input"] += [
            {"type": "function_call", "call_id": call.tool_call_id, **_function(call)} for call in calls
        ]
        grown["input"] += [
            {"type": "function_call_output", "call_id": id, "output": text} for id, text in results
        ]
    else:
        used = [
            {
                "type": "tool_use",
                "id": call.tool_call_id,
                "name": call.tool_name,
                "input": call.args_as_dict(),
            }
            for call in calls
        ]
        told = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in results]
        grown["messages"] += [{"role": "assistant", "content": used}, {"role": "user", "content": told}]
    return grown


def with_words(dialect: str, body: Mapping[str, Any], words: str) -> dict[str, Any]:
    """The same request, with something its user said behind it."""
    grown = copy.deepcopy(dict(body))
    grown["input" if dialect == "responses" else "messages"].append({"role": "user", "content": words})
    return grown


def _function(call: Any) -> dict[str, str]:
    return {"name": call.tool_name, "arguments": call.args_as_json_str()}
