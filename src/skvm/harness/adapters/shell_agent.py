"""``shell-agent``: one fenced shell block a turn, its output back. What weak code models do best."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from skvm.harness.contract import Facility, RunContext, SkillMode, harness
from skvm.harness.delivery import injected_section, listed_section, skill_path
from skvm.harness.dialects import find_shell_blocks, is_command
from skvm.harness.history import response_text
from skvm.harness.loop import Reading, run_loop
from skvm.harness.pushback import PushBack, is_about_files
from skvm.harness.tools import COMMAND_TIMEOUT_S, Result, execution_text
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Trajectory

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelRequest, ModelResponse
    from pydantic_ai.tools import ToolDefinition

__all__ = ["ShellAgent"]

SYSTEM = """\
You do the user's task in a Linux shell. Answer with exactly one ```bash block, like this:
```bash
cat > notes.txt <<'EOF'
first line
EOF
```
It is run in the work directory and you are shown its output.
Only what stands in such a block is run; only commands create files.
When the task is done, answer without a block: what the task asks you to say, or one short sentence."""

GO_ON = (
    "If the task is done and checked, give your final answer without a block, in the form the task asks for. "
    "Else send the next ```bash block."
)
PUSH_BACK = (
    "Only ```bash blocks are run, so nothing was saved and no file exists. If the task asks for no file, "
    "say DONE. Else write the files now with one ```bash block."
)
CUT_OFF = "Your answer was cut off before its block ended; nothing was run. Send a shorter ```bash block."
CUT_OFF_LIMIT = 3
"""This many answers cut off in the middle of a block end the run."""


@harness("shell-agent")
@dataclass(frozen=True, slots=True)
class ShellAgent:
    """The agent that speaks shell."""

    revision: ClassVar[int] = 2

    @property
    def facilities(self) -> frozenset[Facility]:
        """Files, commands and, with ``curl`` or ``python3``, the web: all through the shell."""
        return frozenset({Facility.FILES, Facility.COMMANDS, Facility.FETCH, Facility.HOOKS})

    async def run(self, context: RunContext) -> Trajectory:
        """Run the agent."""
        system, skill = SYSTEM, context.skill
        if skill is not None and skill.mode is SkillMode.INJECT:
            system = f"{SYSTEM}\n\n{injected_section(skill)}"
        elif skill is not None:
            path = skill_path(skill)
            await context.cell.write(path, skill.content.encode())
            how = f"If it fits the task, read it first with `cat {path}`."
            system = f"{SYSTEM}\n\n{listed_section(skill, how)}"
        return await run_loop(context, _Shell(context, system, PushBack(context.prompt, PUSH_BACK)))


@dataclass(slots=True)
class _Shell:
    """One block a turn."""

    context: RunContext
    system: str
    push_back: PushBack
    name: str = "shell-agent"
    definitions: Sequence[ToolDefinition] = ()
    shell: str | None = None
    blocks: int = 0
    cut_off: int = 0

    @property
    def command_turn(self) -> Callable[[str, str], ModelResponse] | None:
        return _block

    def read(self, response: ModelResponse, turn: int) -> Reading:
        text = response_text(response)
        found = find_shell_blocks(text)
        self.blocks = found.count
        if found.command is not None and not found.is_closed and response.finish_reason == "length":
            # Half a script must not run.
            self.cut_off += 1
            words = CUT_OFF if self.cut_off < CUT_OFF_LIMIT else None
            return Reading((), Dialect.TEXT, response, text.strip(), push_back=words)
        if found.command is not None:
            history = _cut(response, text, found.end)
            return Reading((_call(found.command, turn),), Dialect.SHELL_FENCE, history, text.strip())
        if is_about_files(self.context.prompt) and is_command(text):
            return Reading((_call(text.strip(), turn),), Dialect.TEXT, response, text.strip())
        final_text = self.push_back.final_text(text.strip(), turn)
        words = self.push_back.to(text.strip(), turn)
        return Reading((), Dialect.TEXT, response, final_text, push_back=words)

    async def act(self, call: ToolCall) -> Result:
        command = str(call.arguments["command"])
        shell = await self._shell()
        try:
            execution = await self.context.cell.execute([shell, "-c", command], timeout_s=COMMAND_TIMEOUT_S)
        except (OSError, ValueError) as error:
            return Result(f"[not run] {error}", is_error=True)
        return Result(
            execution_text(execution),
            is_error=execution.is_timed_out,
            exit_code=execution.exit_code,
            is_truncated=execution.is_truncated,
        )

    async def _shell(self) -> str:
        """``bash`` where the cell has it, as models write it, else ``sh``."""
        if self.shell is None:
            probe = await self.context.cell.execute(["sh", "-c", "command -v bash"], timeout_s=10)
            self.shell = "bash" if probe.exit_code == 0 else "sh"
        return self.shell

    def tell(self, reading: Reading, observations: Sequence[Observation]) -> ModelRequest:
        from pydantic_ai.messages import ModelRequest, UserPromptPart

        if not observations:
            return ModelRequest([UserPromptPart(reading.push_back or GO_ON)])
        more = "Only the first block was run; the others were not.\n" if self.blocks > 1 else ""
        return ModelRequest([UserPromptPart(f"{observations[0].text}\n\n{more}{GO_ON}")])


def _call(command: str, turn: int) -> ToolCall:
    return ToolCall(id=f"shell-{turn}", name="shell", kind=ToolKind.RUN, arguments={"command": command})


def _block(command: str, _: str) -> ModelResponse:
    """A block with a command, in a fence longer than any the command holds."""
    from pydantic_ai.messages import ModelResponse, TextPart

    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", command)), default=0))
    return ModelResponse([TextPart(f"{fence}bash\n{command}\n{fence}")], finish_reason="tool_call")


def _cut(response: ModelResponse, text: str, end: int) -> ModelResponse:
    """Keep an answer up to its first block: what follows was written before any output was seen."""
    from pydantic_ai.messages import TextPart, ThinkingPart

    thinking = [part for part in response.parts if isinstance(part, ThinkingPart)]
    return replace(response, parts=[*thinking, TextPart(text[:end].rstrip())])
