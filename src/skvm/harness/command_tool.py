"""The tool a program's model runs commands with, as a hook needs it to answer in the model's place.

What a request really offers is the truth: a tool that is not offered cannot be called, and one with required
arguments nobody knows a harmless value for is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.tools import ToolDefinition

__all__ = ["CommandTool", "FindsCommandTool", "find_command_tool"]

SAID = "Run a prepared script"
"""What stands where a tool wants to be told what the command is for."""
_WORDS = frozenset({"description", "explanation", "justification", "purpose", "reason", "summary", "title"})
_SHELL = ("bash", "-c")


@dataclass(frozen=True, slots=True)
class CommandTool:
    """A tool that runs a command line.

    Args:
        name: As it is offered.
        argument: The argument that takes the command.
        is_argv: Whether it takes a list of words instead of a line.
        others: Further arguments.
    """

    name: str
    argument: str
    is_argv: bool = False
    others: Mapping[str, Any] = field(default_factory=dict)

    def turn(self, command: str, call_id: str) -> ModelResponse:
        """The answer of a model that runs a command and says nothing."""
        from pydantic_ai.messages import ModelResponse, ToolCallPart

        value = [*_SHELL, command] if self.is_argv else command
        call = ToolCallPart(self.name, {self.argument: value, **self.others}, call_id)
        return ModelResponse([call], finish_reason="tool_call")


class FindsCommandTool(Protocol):
    """What knows a program's tools; ``programs.contract.ToolTable`` is one."""

    def command_tool(self, offered: Sequence[ToolDefinition]) -> CommandTool | None:
        """The tool that runs commands among those a request offers."""


def find_command_tool(
    offered: Sequence[ToolDefinition],
    names: Iterable[str],
    arguments: Sequence[str],
    fixed: Mapping[str, Mapping[str, Any]],
) -> CommandTool | None:
    """Find the first tool of some names that a command can be handed to.

    Args:
        offered: The tools of a request.
        names: Tools that run commands, the best one first.
        arguments: What the argument for the command may be called, the likeliest first.
        fixed: Values of further arguments by tool, for those its schema has.
    """
    by_name = {tool.name: tool for tool in offered}
    for name in names:
        if (tool := by_name.get(name)) is not None and (found := _made(tool, arguments, fixed.get(name, {}))):
            return found
    return None


def _made(tool: ToolDefinition, arguments: Sequence[str], fixed: Mapping[str, Any]) -> CommandTool | None:
    schema = tool.parameters_json_schema
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return None
    argument = next((name for name in arguments if name in properties), None)
    if argument is None or (takes := _takes(properties[argument])) is None:
        return None
    others = {name: value for name, value in fixed.items() if name in properties and name != argument}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name == argument or name in others:
            continue
        if name not in _WORDS or _takes(properties.get(name)) != "string":
            return None
        others[name] = SAID
    return CommandTool(tool.name, argument, takes == "array", others)


def _takes(about: Any) -> str | None:
    """``string``, ``array`` (of strings) or ``None``: what an argument takes."""
    if not isinstance(about, Mapping) or about.get("enum"):
        return None
    kinds = about.get("type")
    listed = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    if not listed:
        either = about.get("anyOf") or about.get("oneOf")
        choices = either if isinstance(either, list) else []
        return next((found for each in choices if (found := _takes(each))), None)
    if "string" in listed:
        return "string"
    items = about.get("items")
    is_words = isinstance(items, Mapping) and items.get("type") == "string"
    return "array" if "array" in listed and is_words else None
