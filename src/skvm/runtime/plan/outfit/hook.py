"""Puts ``skvm`` into the cells of runs whose skill tells the agent to run its plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench
from skvm.evaluate.workspace import runs_plan
from skvm.harness.confine.provision import is_reachable
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.runtime.plan.outfit.laying import Outfit, lay_outfit
from skvm.settings import Settings

__all__ = ["PlanCommand", "with_plan_command"]


@dataclass(frozen=True, slots=True)
class _Shows(Hook):
    """Shows the outfit to one run."""

    outfit: Outfit

    def shown_folders(self) -> Sequence[Path]:
        return self.outfit.packages

    def shown_programs(self) -> Sequence[Path]:
        return (self.outfit.programs,)


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
    """

    settings: Settings
    sandbox: str

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
        return _Shows(outfit)


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
    hook = PlanCommand(bench.settings, bench.sandbox.name)
    return replace(bench, hooks=bench.hooks.joined(Hooks((hook,))))
