"""A task's own tools: they do nothing but be called, with arguments that fit their JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skvm.harness.contract import TaskTool
from skvm.harness.tools import Result
from skvm.harness.trajectory import ToolCall

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["call_task_tool", "task_definition"]

_MAX_COMPLAINTS = 5


def task_definition(tool: TaskTool) -> ToolDefinition:
    """A task's tool as the model is shown it."""
    from pydantic_ai.tools import ToolDefinition

    return ToolDefinition(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=dict(tool.parameters),
        strict=False,
    )


def call_task_tool(tool: TaskTool, call: ToolCall) -> Result:
    """Answer one call; arguments that do not fit come back as an error the model can act on."""
    if call.raw_arguments is not None:
        wanted = ", ".join(tool.parameters.get("properties", {})) or "no fields"
        return Result(
            f"The arguments of {tool.name} are not a valid JSON object. Send one with: {wanted}.",
            is_error=True,
        )
    complaints = _complaints(tool.parameters, call.arguments)
    if complaints:
        return Result(f"Wrong arguments for {tool.name}: {'; '.join(complaints)}.", is_error=True)
    return Result(tool.answer)


def _complaints(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(dict(schema), offline=True)
    found: list[str] = []
    for error in validator.iter_errors(dict(arguments)):
        if len(found) == _MAX_COMPLAINTS:
            break
        place = ".".join(str(part) for part in error.instance_path)
        found.append(f"{place}: {error.message}" if place else error.message)
    return found
