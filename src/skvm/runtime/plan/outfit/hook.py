"""Puts ``skvm`` into the cells of runs whose skill tells the agent to run its plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench
from skvm.evaluate.workspace import PLAN_COMMAND, runs_plan
from skvm.evidence.journal import Journal
from skvm.evidence.record import Record, RunRecord
from skvm.harness.confine.provision import is_reachable
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.harness.sandbox import Cell
from skvm.harness.trajectory import Trajectory
from skvm.runtime.plan.outfit.laying import Outfit, lay_outfit
from skvm.runtime.plan.outfit.returning import Returned, bring_out, put_on_record
from skvm.settings import Settings

__all__ = ["PlanCommand", "with_plan_command"]


@dataclass(slots=True)
class _Shows(Hook):
    """Shows the outfit to one run, and brings out what was recorded of its plan."""

    outfit: Outfit
    journal: Journal
    returned: Returned = field(default_factory=Returned)

    def shown_folders(self) -> Sequence[Path]:
        return self.outfit.packages

    def shown_programs(self) -> Sequence[Path]:
        return (self.outfit.programs,)

    async def before_close(self, cell: Cell, trajectory: Trajectory) -> None:
        if any(PLAN_COMMAND.search(str(call.arguments)) for call in trajectory.tool_calls):
            self.returned = await bring_out(cell)

    async def after_record(self, record: RunRecord) -> Sequence[tuple[str, Record]]:
        if self.returned.rows:
            # Not given back: what hangs below what needs its id.
            await put_on_record(self.journal, record, self.returned)
        return ()

    def notes(self) -> Sequence[str]:
        return self.returned.notes


@dataclass(frozen=True, slots=True)
class _Tells(Hook):
    """Says why a run has no such command."""

    reason: str

    def notes(self) -> Sequence[str]:
        return (f"the skill's plan could not be run in the cell: {self.reason}",)


@dataclass(frozen=True, slots=True)
class PlanCommand(Hook):
    """Puts ``skvm`` on the PATH of runs whose skill tells the agent to run its plan.

    Args:
        settings: Where the launcher may be laid.
        sandbox: Name of the back end the cells are of.
        journal: Where runs are recorded.
    """

    settings: Settings
    sandbox: str
    journal: Journal

    def of_run(self, run: HookRun) -> Hook:
        """A hook that shows the outfit, where the skill names the command; else one that does nothing."""
        if run.skill is None or not runs_plan(run.skill):
            return Hook()
        try:
            outfit = lay_outfit(_root(self.settings))
        except InfrastructureError as error:
            return _Tells(error.message)
        if self.sandbox == "landlock" and os.geteuid() == 0:
            # Such a cell is another user's, who would not get there.
            for folder in (outfit.programs, *outfit.packages):
                if not is_reachable(folder):
                    return _Tells(f"its user cannot pass the folders above {folder}")
        return _Shows(outfit, self.journal)


def _root(settings: Settings) -> Path:
    """Where the launcher lies: in the cache, unless that is closed to the user of a cell of root's."""
    kept = settings.cache_dir / "outfit"
    try:
        settings.cache_dir.mkdir(parents=True, exist_ok=True)
        is_closed = os.geteuid() == 0 and not is_reachable(kept)
    except OSError as error:
        raise InfrastructureError(f"{settings.cache_dir}: cannot be used: {error.strerror}") from error
    return settings.tmp_dir / "skvm-outfit" if is_closed else kept


def with_plan_command(bench: Bench) -> Bench:
    """The same bench, in whose runs skills that say so find ``skvm plan run``."""
    hook = PlanCommand(bench.settings, bench.sandbox.name, bench.journal)
    return replace(bench, hooks=bench.hooks.joined(Hooks((hook,))))
