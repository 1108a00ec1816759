"""Ask an endpoint what it can do with a model: one forced tool call, one answer held to a schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from skvm.evidence.redact import without_keys
from skvm.llm.capabilities import Capabilities, assumed
from skvm.llm.contract import DeadlineExceededError, ProviderError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model

    from skvm.llm.route import Endpoint

__all__ = ["PROBE_DEADLINE_S", "probe_endpoint"]

PROBE_DEADLINE_S = 30.0
_TOOL = "report_reading"
_WANTED: dict[str, Any] = {"sensor": "north-7", "value": 42}
_REFUSALS = frozenset({400, 404, 405, 415, 422, 501})
"""Statuses that say "I cannot do this", not "I am in trouble"."""


async def probe_endpoint(model: Model, endpoint: Endpoint) -> Capabilities:
    """Find out what a model can do; two or three short calls.

    Raises:
        ProviderError: The endpoint does not serve the model at all.
        DeadlineExceededError: It was too slow.
    """
    from skvm.llm.model import PortModel

    notes: list[str] = []
    called, clean = await _probe_tool(model, notes)
    schema = await _probe_schema(model, notes)
    limit_field = (
        model.limit_field
        if isinstance(model, PortModel) and model.limit_field
        else assumed(endpoint).limit_field
    )
    return Capabilities(
        model=endpoint.model_id,
        base_url=without_keys(endpoint.base_url),
        forced_tool=called,
        clean_arguments=clean,
        json_schema=schema,
        limit_field=limit_field,
        probed_at=datetime.now(UTC).replace(microsecond=0),
        notes=tuple(notes),
    )


async def _probe_tool(model: Model, notes: list[str]) -> tuple[bool, bool]:
    """Whether the demanded tool is called, and whether its arguments are clean."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    schema = {
        "type": "object",
        "properties": {"sensor": {"type": "string"}, "value": {"type": "integer"}},
        "required": ["sensor", "value"],
        "additionalProperties": False,
    }
    tool = ToolDefinition(
        name=_TOOL, description="Report one sensor reading.", parameters_json_schema=schema, kind="output"
    )
    parameters = ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
    answer = await _try(model, "Report that sensor north-7 reads 42.", parameters, notes, "forced tool call")
    if answer is None:
        return False, True
    calls = [call for call in answer.tool_calls if call.tool_name == _TOOL]
    if not calls:
        notes.append("forced tool call: the model answered with text")
        return False, True
    arguments = calls[0].args
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            notes.append("forced tool call: the arguments are polluted (not JSON)")
            return True, False
    if not isinstance(arguments, dict) or set(arguments) != set(_WANTED):
        notes.append("forced tool call: the arguments are polluted (not the fields asked for)")
        return True, False
    return True, True


async def _probe_schema(model: Model, notes: list[str]) -> bool:
    """Whether an answer is held to a schema the prompt does not mention."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "green", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    parameters = ModelRequestParameters(
        output_mode="native", output_object=OutputObjectDefinition(json_schema=schema, name="colour")
    )
    answer = await _try(model, "What colour is grass?", parameters, notes, "JSON schema")
    if answer is None:
        return False
    try:
        decoded = json.loads(answer.text or "")
    except (ValueError, RecursionError):
        decoded = None
    if isinstance(decoded, dict) and decoded.get("colour") in {"red", "green", "blue"}:
        return True
    notes.append("JSON schema: the answer was not held to it")
    return False


async def _try(
    model: Model, prompt: str, parameters: Any, notes: list[str], what: str
) -> ModelResponse | None:
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.settings import ModelSettings

    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(prompt)])]
    try:
        return await model.request(messages, ModelSettings(temperature=0.0, max_tokens=256), parameters)
    except UserError:
        notes.append(f"{what}: not offered for this model")
    except ProviderError as error:
        if error.status not in _REFUSALS or _names_no_feature(error):
            raise
        notes.append(f"{what}: refused with {error.status}")
    except DeadlineExceededError:
        raise
    return None


def _names_no_feature(error: ProviderError) -> bool:
    """A 404 is about the model or the path unless it speaks of what was asked for."""
    return error.status == 404 and "tool" not in error.message and "response_format" not in error.message
