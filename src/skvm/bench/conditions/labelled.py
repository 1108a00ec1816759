"""What stands behind a label of a custom plan: a skill folder, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from skvm.bench.contract import LABELLED, Loadout, Situation, Unavailable, condition
from skvm.bench.outfit import deliver, refused
from skvm.compiler.builds.delivered import skill_or_variant
from skvm.errors import UsageError

__all__ = ["Labelled"]


@condition(LABELLED)
@dataclass(frozen=True, slots=True)
class Labelled:
    """A folder of the person's choice, whatever the task's own skill is.

    Args:
        folder: The skill's, or a variant's; ``""`` delivers nothing.
    """

    folder: str = ""

    @property
    def needs_skill(self) -> bool:
        """It brings its own."""
        return False

    async def prepare(self, situation: Situation) -> Loadout | Unavailable:
        """Read the folder; a variant is called what its original is called."""
        if not self.folder:
            return Loadout(skill=None, what="the bare task")
        return await anyio.to_thread.run_sync(_prepare, situation, Path(self.folder))


def _prepare(situation: Situation, folder: Path) -> Loadout | Unavailable:
    try:
        skill, is_variant = skill_or_variant(folder)
    except UsageError as error:
        return refused(error)
    folders = [skill.root] if skill.root is not None else []
    what = "a compiled variant" if is_variant else "as written"
    return deliver(situation, [skill], folders, is_compiled=is_variant, what=what, provenance={})
