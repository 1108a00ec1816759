"""The tools a client offers the model, how it is to choose among them, and the form of output it wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skvm.harness.gateway.translate.contract import RefusedRequestError

if TYPE_CHECKING:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

__all__ = ["Choice", "OutputForm", "function_tool", "parameters", "put_choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """How the model is to choose.

    Args:
        mode: ``auto``, ``required`` or ``none``.
        names: The tools it may choose among; all if ``None``.
    """

    mode: str
    names: Sequence[str] | None = None


def function_tool(
    name: str | None,
    description: str | None,
    schema: Mapping[str, Any] | None,
    *,
    strict: bool | None,
    place: str,
) -> ToolDefinition:
    """A tool as the client declared it; its schema goes on as it is."""
    from pydantic_ai.tools import ToolDefinition

    if not name:
        raise RefusedRequestError(f"{place} has no name")
    return ToolDefinition(
        name=name,
        description=description,
        parameters_json_schema=dict(schema) if schema else {"type": "object", "properties": {}},
        strict=strict,
    )


def put_choice(settings: ModelSettings, choice: Choice, tools: Sequence[ToolDefinition]) -> None:
    """Put the choice into the settings.

    Raises:
        RefusedRequestError: It wants a tool that is not among those which can be passed on.
    """
    from pydantic_ai.settings import ToolOrOutput

    if choice.names is None and choice.mode == "auto":
        return
    if choice.mode == "none":
        if tools:
            settings["tool_choice"] = "none"
        return
    offered = {tool.name for tool in tools}
    missing = sorted(set(choice.names or ()) - offered)
    if missing or not offered:
        wanted = ", ".join(missing) or "a tool"
        raise RefusedRequestError(f"tool_choice wants {wanted}, which is not among the function tools")
    if choice.names is None:
        settings["tool_choice"] = "required"
    elif choice.mode == "required":
        settings["tool_choice"] = list(choice.names)
    else:
        settings["tool_choice"] = ToolOrOutput(function_tools=list(choice.names))


@dataclass(frozen=True, slots=True)
class OutputForm:
    """A form of output that was asked for.

    Args:
        schema: What the JSON must fit.
        name: What the client calls it.
        description: What it says of it.
        strict: Whether the endpoint is to enforce it; its own default if ``None``.
    """

    schema: dict[str, Any]
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


def parameters(tools: Sequence[ToolDefinition], form: OutputForm | None) -> ModelRequestParameters:
    """Tools and form as pydantic-ai takes them."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    if form is None:
        return ModelRequestParameters(function_tools=list(tools))
    wanted = OutputObjectDefinition(
        json_schema=form.schema, name=form.name, description=form.description, strict=form.strict
    )
    return ModelRequestParameters(function_tools=list(tools), output_mode="native", output_object=wanted)
