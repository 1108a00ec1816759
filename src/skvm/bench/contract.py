"""The condition contract: what really runs, given a skill and a target.

A condition is a frozen dataclass registered under its file's name. The bench prepares it once for every
(skill, target) before the first run; what it cannot do it says then, with the way out, and those cells
are left out of every comparison by that reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from skvm.bench.plan import BenchPlan, Target
from skvm.evidence.record import Usage
from skvm.harness.contract import SkillMode
from skvm.harness.hooks import Hooks
from skvm.registry import Registry

if TYPE_CHECKING:
    from skvm.evaluate.bench import Bench
    from skvm.harness.environment.bind import Bound
    from skvm.harness.permissions import Permissions
    from skvm.skill.ir import Skill

__all__ = ["CONDITIONS", "Condition", "Loadout", "Situation", "Unavailable", "condition", "condition_of"]


@dataclass(frozen=True, slots=True)
class Situation:
    """For whom a condition is prepared.

    Args:
        skill: The skill as it was written; ``None`` for a task without one. Several skills of a task are
            one here.
        target: The model and the harness.
        plan: What the session was asked for.
        bench: What runs share: settings, model port, sandbox, journal.
    """

    skill: Skill | None
    target: Target
    plan: BenchPlan
    bench: Bench


@dataclass(frozen=True, slots=True)
class Loadout:
    """What the runs of a condition get.

    Args:
        skill: What is delivered to the agent; ``None`` for nothing.
        skill_mode: How.
        environment: Private environment found first by the agent's commands.
        permissions: What the skill may touch; runs are told, not held.
        hooks: What acts in these runs alone.
        what: One line on what was done.
        is_reused: Whether it stood already.
        usage: Model calls it took now.
        duration_ms: Wall time it took now.
        provenance: Digests of what went in and came out, by name.
    """

    skill: Skill | None
    skill_mode: SkillMode = SkillMode.INJECT
    environment: Bound | None = None
    permissions: Permissions | None = None
    hooks: Hooks = field(default_factory=Hooks)
    what: str = ""
    is_reused: bool = True
    usage: Usage = field(default_factory=Usage)
    duration_ms: float = 0.0
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why a condition cannot run here.

    Args:
        reason: One line.
        help: The way out.
    """

    reason: str
    help: str | None = None


class Condition(Protocol):
    """A function from a skill to what really runs."""

    @property
    def needs_skill(self) -> bool:
        """Whether it means nothing for a task without a skill; such cells are not planned."""

    async def prepare(self, situation: Situation) -> Loadout | Unavailable:
        """Make what the runs need, or say why not.

        Raises:
            SkvmError: The whole bench cannot go on.
        """


CONDITIONS: Registry[Callable[[str], Condition]] = Registry(
    "condition", package="skvm.bench.conditions", group="skvm.conditions"
)
"""Makers; one is given what follows the condition's own name: ``p13`` of ``aot-compiled-p13``, else ``""``."""

F = TypeVar("F", bound=Callable[[str], Condition])


def condition(name: str) -> Callable[[F], F]:
    """Register a condition class whose only field is its argument."""

    def decorate(maker: F) -> F:
        CONDITIONS.register(name, maker)
        return maker

    return decorate


def condition_of(name: str) -> Condition:
    """The condition called ``name``.

    Raises:
        UsageError: Nothing is called that, or its argument is malformed.
    """
    if (found := re.fullmatch(r"(?P<family>aot-compiled)-(?P<argument>p\d+)", name)) is not None:
        return CONDITIONS.get(found["family"])(found["argument"])
    return CONDITIONS.get(name)("")
