"""A step that an agent with tools does: what it is told, and what its end means for the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from skvm.evidence.record import Outcome
from skvm.harness.contract import Harness, RunContext
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.tools import shorten
from skvm.harness.trajectory import Trajectory
from skvm.runtime.plan.model import AgentJob, StepResult, StepState
from skvm.runtime.plan.working.limits import Gate, RunLimits

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    from skvm.harness.dispatch import Touches
    from skvm.harness.trajectory import Observation, ToolCall

__all__ = ["PLAN_COMMAND", "Helper", "prompt_of", "run_agent"]

PLAN_COMMAND = "skvm plan run"
"""What a skill names where its commands are run by a plan."""
SAID_CHARS = 600
"""Characters kept of what an agent said at its end."""


@dataclass(frozen=True, slots=True)
class Helper:
    """Who does what commands cannot.

    Args:
        harness: The agent of a step.
        context: The whole run's: task, skill, model, session, cell and hooks.
    """

    harness: Harness
    context: RunContext


@dataclass(slots=True)
class _Relay(Hook):
    """Shows the run's hooks what one of several agents does; only the run itself begins and ends for them.

    Args:
        hooks: The run's.
        is_at_home: Whether the agent works in the run's own directory, of which hooks know what is touched.
    """

    hooks: Hooks
    is_at_home: bool

    def touches(self, call: ToolCall) -> Touches | None:
        return self.hooks.touches(call) if self.is_at_home else None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        await self.hooks.after_model(context, response)

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        return await self.hooks.before_tool(context, call)

    async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
        await self.hooks.after_tool(context, call, observation)


def prompt_of(job: AgentJob, context: RunContext, before: Sequence[str], *, is_last: bool = False) -> str:
    """What the agent of a step is asked.

    Args:
        job: The step.
        context: The whole run's.
        before: What the steps before it gave, a line each.
        is_last: Whether it gives the answer of the whole task.
    """
    parts = [
        context.prompt.strip(),
        "This task is done step by step. Do only the following, and nothing of the other steps:",
        f"<step>\n{job.instruction.strip()}\n</step>",
    ]
    if job.item is not None:
        parts.append(f"Do it for this one only: {job.item}")
    if before:
        parts.append("What was done before:\n" + "\n".join(f"- {line}" for line in before))
    if context.skill is not None and PLAN_COMMAND in context.skill.content:
        parts.append(f"The skill's plan is being run at this moment: do not call `{PLAN_COMMAND}`.")
    if is_last:
        parts.append("It is the last step: when it is done, give the final answer of the task.")
    else:
        parts.append("When that is done, say in one sentence what you did.")
    return "\n\n".join(parts)


async def run_agent(
    prompt: str, helper: Helper, context: RunContext, limits: RunLimits
) -> tuple[StepResult, Trajectory]:
    """Run the agent of a step to its end.

    Args:
        prompt: What it is asked.
        helper: Who it is.
        context: Its cell, session and directory.
        limits: Turns and time of the whole run.

    Raises:
        InfrastructureError: Provider or cell failed.
    """
    gate = Gate(limits)
    is_at_home = context.work_dir == helper.context.work_dir
    hooks = Hooks((gate, _Relay(context.hooks, is_at_home)))
    bounded = replace(
        context,
        prompt=prompt,
        hooks=hooks,
        timeout_s=max(0.01, min(context.timeout_s, limits.left_s)),
        max_steps=int(max(1, min(context.max_steps, limits.steps))),
    )
    trajectory = await helper.harness.run(bounded)
    if gate.is_shut and trajectory.turns:
        # The turn nobody took.
        trajectory = trajectory.model_copy(update={"turns": trajectory.turns[:-1]})
    return _judged(trajectory, is_shut=gate.is_shut), trajectory


def _judged(trajectory: Trajectory, *, is_shut: bool) -> StepResult:
    said = shorten(trajectory.final_text.strip(), SAID_CHARS)
    if is_shut or trajectory.outcome is Outcome.STEP_LIMIT:
        return StepResult(
            StepState.FAILED, said, "the model turns of the run are used up", usage=trajectory.usage
        )
    if trajectory.outcome is not Outcome.SCORED:
        return StepResult(
            StepState.FAILED, said, trajectory.detail or str(trajectory.outcome), usage=trajectory.usage
        )
    return StepResult(StepState.DONE, said, trajectory.detail or "", usage=trajectory.usage)
