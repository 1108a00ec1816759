"""Hooks: what may watch or act while a harness runs.

A hook is any object with some of these async methods; a harness calls them in order of registration.
``before_model`` may answer in the model's place: the first one that returns a response wins, and its
turn is executed like any other, in the harness's own tools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_ai.messages import ModelMessage, ModelResponse

    from skvm.evidence.record import Record, RunRecord
    from skvm.harness.dispatch import Touches
    from skvm.harness.sandbox import Cell
    from skvm.harness.trajectory import Observation, ToolCall, Trajectory
    from skvm.skill.ir import Skill

__all__ = ["Hook", "HookContext", "HookRun", "Hooks"]


@dataclass(frozen=True, slots=True)
class HookRun:
    """The run a hook is to act in.

    Args:
        run_id: Its id in the journal.
        task_digest: Of the task.
        model: Full model id.
        harness: Registered name.
        work_dir: The agent's work directory, on the host; laid out already.
        skill_id: The skill's id, ``None`` without one.
        skill_digest: Digest of the skill as it is delivered.
        skill: The skill itself.
    """

    run_id: str
    task_digest: str
    model: str
    harness: str
    work_dir: Path
    skill_id: str | None = None
    skill_digest: str | None = None
    skill: Skill | None = None


@dataclass(frozen=True, slots=True)
class HookContext:
    """Where in a run a hook is called.

    Args:
        prompt: The task's prompt.
        work_dir: The agent's work directory, on the host.
        turn: Index of the turn about to be made or just made, from 0.
        messages: The conversation so far.
        command_turn: Makes a turn that runs a shell command (one or many lines) with the harness's own
            tool, so that it runs where the model's commands run; ``None`` where the harness has no such
            tool, or none is offered in this request.
        is_local: Whether ``work_dir`` is the agent's; not so where a gateway stands alone.
    """

    prompt: str
    work_dir: Path
    turn: int
    messages: Sequence[ModelMessage]
    command_turn: Callable[[str], ModelResponse] | None = None
    is_local: bool = True


class Hook:
    """Base of all hooks: every method does nothing."""

    def of_run(self, run: HookRun) -> Hook:
        """The hook that acts in one run: itself, unless it remembers something between calls."""
        return self

    def shown_folders(self) -> Sequence[Path]:
        """Folders of the host that the run's cell is to see, read-only, at the same place."""
        return ()

    def shown_programs(self) -> Sequence[Path]:
        """Folders of programs that the run's commands are to find, read-only, at the same place.

        They come last on PATH before the system's, and no skill's permissions hold them back.
        """
        return ()

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """Answer in the model's place, or return ``None``.

        An answer without a call whose finish reason is ``stop`` ends the run as it stands.
        """
        return None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        """See what the model (or a hook before) answered."""

    def touches(self, call: ToolCall) -> Touches | None:
        """Say what a command would touch, as things lie now; ``None`` if nothing is known of it.

        Asked of commands that a model wants together with other calls; a command that no hook knows runs
        when all before it are done, and all behind it wait for it.
        """
        return None

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        """Answer in the tool's place, or return ``None``."""
        return None

    async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
        """See what a tool gave."""

    async def after_run(self, trajectory: Trajectory) -> None:
        """See the whole run."""

    async def before_close(self, cell: Cell, trajectory: Trajectory) -> None:
        """See the cell as the agent left it, before it is closed; it should not take long."""

    async def after_record(self, record: RunRecord) -> Sequence[tuple[str, Record]]:
        """See how the run was graded, after it was recorded; gives what else is to be recorded of it.

        Called of the hook that ``of_run`` gave, also where the run failed; it should not take long.
        """
        return ()

    async def reflect(self, record: RunRecord) -> Sequence[tuple[str, Record]]:
        """Think about a run that is recorded with all that ``after_record`` gave; gives what came of it.

        It may take long, and is cut off where somebody ends the command.
        """
        return ()

    def notes(self) -> Sequence[str]:
        """What a reader of the run should be told, in lines; asked before and after it is recorded."""
        return ()


@dataclass(frozen=True, slots=True)
class Hooks:
    """An ordered set of hooks, asked as one."""

    hooks: tuple[Hook, ...] = ()

    def joined(self, others: Hooks) -> Hooks:
        """These, then others."""
        return Hooks((*self.hooks, *others.hooks)) if others.hooks else self

    def of_run(self, run: HookRun) -> Hooks:
        """The hooks that act in one run."""
        acting = (hook.of_run(run) for hook in self.hooks)
        # One that does nothing is no reason to read what passes.
        return Hooks(tuple(hook for hook in acting if type(hook) is not Hook))

    def shown_folders(self) -> tuple[Path, ...]:
        """All folders any hook wants shown."""
        return tuple(dict.fromkeys(folder for hook in self.hooks for folder in hook.shown_folders()))

    def shown_programs(self) -> tuple[Path, ...]:
        """All folders of programs any hook brings."""
        return tuple(dict.fromkeys(folder for hook in self.hooks for folder in hook.shown_programs()))

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """The first answer any hook gives, else ``None``."""
        for hook in self.hooks:
            if (response := await hook.before_model(context)) is not None:
                return response
        return None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        """Tell every hook."""
        for hook in self.hooks:
            await hook.after_model(context, response)

    def touches(self, call: ToolCall) -> Touches | None:
        """What the first hook that knows it says of a command, else ``None``."""
        for hook in self.hooks:
            if (touches := hook.touches(call)) is not None:
                return touches
        return None

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        """The first answer any hook gives, else ``None``."""
        for hook in self.hooks:
            if (observation := await hook.before_tool(context, call)) is not None:
                return observation
        return None

    async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
        """Tell every hook."""
        for hook in self.hooks:
            await hook.after_tool(context, call, observation)

    async def after_run(self, trajectory: Trajectory) -> None:
        """Tell every hook."""
        for hook in self.hooks:
            await hook.after_run(trajectory)

    async def before_close(self, cell: Cell, trajectory: Trajectory) -> None:
        """Show every hook."""
        for hook in self.hooks:
            await hook.before_close(cell, trajectory)

    async def after_record(self, record: RunRecord) -> list[tuple[str, Record]]:
        """What any hook has to record of a run."""
        return [each for hook in self.hooks for each in await hook.after_record(record)]

    async def reflect(self, record: RunRecord) -> list[tuple[str, Record]]:
        """What came of it when every hook thought about a run."""
        return [each for hook in self.hooks for each in await hook.reflect(record)]

    def notes(self) -> list[str]:
        """What any hook has to tell of a run."""
        return [note for hook in self.hooks for note in hook.notes()]
