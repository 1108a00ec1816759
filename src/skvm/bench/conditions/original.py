"""``original``: the skill as it was written."""

from __future__ import annotations

from dataclasses import dataclass

import anyio.to_thread

from skvm.bench.contract import Loadout, Situation, Unavailable, condition
from skvm.bench.outfit import deliver

__all__ = ["Original"]


@condition("original")
@dataclass(frozen=True, slots=True)
class Original:
    """Skill and bundle, untouched."""

    argument: str = ""

    @property
    def needs_skill(self) -> bool:
        """Without one it would be the bare task under another name."""
        return True

    async def prepare(self, situation: Situation) -> Loadout | Unavailable:
        """Join several skills, and find the environment of one that has a manifest."""
        return await anyio.to_thread.run_sync(_prepare, situation)


def _prepare(situation: Situation) -> Loadout | Unavailable:
    folders = [skill.root for skill in situation.skills if skill.root is not None]
    return deliver(situation, situation.skills, folders, is_compiled=False, what="as written", provenance={})
