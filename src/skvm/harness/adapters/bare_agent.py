"""``bare-agent``: native tool calls on files, commands and the web; calls written as text work too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skvm.harness.command_tool import CommandTool
from skvm.harness.contract import Facility, RunContext, SkillMode, TaskTool, harness
from skvm.harness.delivery import injected_section, listed_section
from skvm.harness.dialects import find_calls, parse_arguments
from skvm.harness.history import response_text
from skvm.harness.loop import Reading, run_loop
from skvm.harness.pushback import PushBack
from skvm.harness.task_tools import call_task_tool, task_definition
from skvm.harness.tools import FILE_TOOLS, Result, Tool, definition, load_skill_tool, run_tool
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Trajectory

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart
    from pydantic_ai.tools import ToolDefinition

__all__ = ["BareAgent"]

SYSTEM = """\
You complete the user's task by calling tools. They act in the work directory, which is the current one.
Never guess what a file holds or what a computation gives: read it, or compute it with execute_command.
Files exist only if you write them with write_file or execute_command; text in your answer saves nothing.
Call a tool, look at its result, then go on. When the task is done, answer in plain text without a call."""

COMMANDS = CommandTool("execute_command", "command")
"""Where a hook's commands are run."""
PUSH_BACK = (
    "No tool was called, so nothing was saved and no file exists. If the task asks for no file, say DONE. "
    "Else call write_file or execute_command now."
)


@harness("bare-agent")
@dataclass(frozen=True, slots=True)
class BareAgent:
    """The plain tool-calling agent."""

    @property
    def facilities(self) -> frozenset[Facility]:
        """Everything but a browser."""
        return frozenset(Facility) - {Facility.BROWSER}

    async def run(self, context: RunContext) -> Trajectory:
        """Run the agent."""
        tools = list(FILE_TOOLS)
        system = SYSTEM
        if context.skill is not None and context.skill.mode is SkillMode.INJECT:
            system = f"{SYSTEM}\n\n{injected_section(context.skill)}"
        elif context.skill is not None:
            tools.append(load_skill_tool(context.skill))
            how = "Call load_skill with its name before you start if it fits the task."
            system = f"{SYSTEM}\n\n{listed_section(context.skill, how)}"
        push_back = PushBack(context.prompt, PUSH_BACK)
        own = {tool.name: tool for tool in context.tools}
        # Where the task has a tool of the same name, the task's is the one that counts.
        named = {tool.name: tool for tool in tools if tool.name not in own}
        return await run_loop(context, _Native(context, system, named, own, push_back))


@dataclass(slots=True)
class _Native:
    """Native calls, or calls written as text where an answer has none."""

    context: RunContext
    system: str
    tools: dict[str, Tool[Any]]
    task_tools: dict[str, TaskTool]
    push_back: PushBack
    name: str = "bare-agent"
    provider_ids: dict[str, str] = field(default_factory=dict)

    @property
    def definitions(self) -> Sequence[ToolDefinition]:
        own = [task_definition(tool) for tool in self.task_tools.values()]
        return [*(definition(tool) for tool in self.tools.values()), *own]

    @property
    def command_turn(self) -> Callable[[str, str], ModelResponse] | None:
        # A task's own tool of that name runs nothing.
        return COMMANDS.turn if COMMANDS.name in self.tools else None

    def read(self, response: ModelResponse, turn: int) -> Reading:
        from pydantic_ai.messages import ToolCallPart

        parts = [part for part in response.parts if isinstance(part, ToolCallPart)]
        text = response_text(response)
        if parts:
            calls = tuple(self._native(part, turn, place) for place, part in enumerate(parts))
            return Reading(calls, Dialect.NATIVE, response, text, is_concurrent=True)
        written = find_calls(text, {*self.tools, *self.task_tools})
        calls = tuple(
            ToolCall(
                id=f"text-{turn}-{place}",
                name=call.name,
                kind=self._kind(call.name),
                arguments=call.arguments,
                raw_arguments=call.raw,
            )
            for place, call in enumerate(written)
        )
        if calls:
            return Reading(calls, Dialect.JSON_FENCE, response, text)
        final_text = self.push_back.final_text(text, turn)
        return Reading((), Dialect.TEXT, response, final_text, push_back=self.push_back.to(text, turn))

    def _native(self, part: ToolCallPart, turn: int, place: int) -> ToolCall:
        arguments = parse_arguments(part.args)
        taken = part.tool_call_id in self.provider_ids or not part.tool_call_id
        id = f"{part.tool_call_id}#{turn}.{place}" if taken else part.tool_call_id
        self.provider_ids[id] = part.tool_call_id
        return ToolCall(
            id=id,
            name=part.tool_name,
            kind=self._kind(part.tool_name),
            arguments=arguments or {},
            raw_arguments=None if arguments is not None else str(part.args),
        )

    def _kind(self, name: str) -> ToolKind:
        tool = self.tools.get(name)
        return tool.kind if tool else ToolKind.OTHER

    async def act(self, call: ToolCall) -> Result:
        if (own := self.task_tools.get(call.name)) is not None:
            return call_task_tool(own, call)
        return await run_tool(self.tools, self.context, call, also=self.task_tools)

    def tell(self, reading: Reading, observations: Sequence[Observation]) -> ModelRequest:
        from pydantic_ai.messages import ModelRequest, ToolReturnPart, UserPromptPart

        if reading.push_back is not None:
            return ModelRequest([UserPromptPart(reading.push_back)])
        pairs = list(zip(reading.calls, observations, strict=True))
        if reading.dialect is not Dialect.NATIVE:
            return ModelRequest([UserPromptPart("\n\n".join(_as_text(*pair) for pair in pairs))])
        return ModelRequest(
            [
                ToolReturnPart(
                    call.name,
                    observation.text,
                    self.provider_ids[call.id],
                    outcome="failed" if observation.is_error else "success",
                )
                for call, observation in pairs
            ]
        )


def _as_text(call: ToolCall, observation: Observation) -> str:
    said = "failed" if observation.is_error else "gave"
    return f"[{call.name} {said}]\n{observation.text}"
