"""``no-skill``: the bare task."""

from __future__ import annotations

from dataclasses import dataclass

from skvm.bench.contract import Loadout, Situation, Unavailable, condition

__all__ = ["NoSkill"]


@condition("no-skill")
@dataclass(frozen=True, slots=True)
class NoSkill:
    """Nothing is delivered."""

    argument: str = ""

    @property
    def needs_skill(self) -> bool:
        """It means the same for every task."""
        return False

    async def prepare(self, situation: Situation) -> Loadout | Unavailable:
        """There is nothing to make."""
        return Loadout(skill=None, what="the bare task")
