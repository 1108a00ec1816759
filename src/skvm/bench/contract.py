"""The condition contract: what really runs, given a skill and a target.

A condition is a frozen dataclass registered under its file's name. The bench prepares it once for every
(skill, target) before the first run; what it cannot do it says then, with the way out, and those cells
are left out of every comparison by that reason.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from skvm.bench.plan import BenchPlan, PlannedCondition, Target
from skvm.errors import UsageError
from skvm.evidence.record import Usage
from skvm.harness.contract import SkillMode
from skvm.harness.hooks import Hooks
from skvm.registry import Registry

if TYPE_CHECKING:
    from skvm.evaluate.bench import Bench
    from skvm.harness.environment.bind import Bound
    from skvm.harness.permissions import Permissions
    from skvm.skill.ir import Skill

__all__ = [
    "CONDITIONS",
    "LABELLED",
    "Condition",
    "Loadout",
    "Situation",
    "Unavailable",
    "canonical_name",
    "condition",
    "condition_names",
    "condition_of",
    "planned_condition",
]

LABELLED = "labelled"
"""What stands behind every label of a custom plan; nobody asks for it by this name."""


@dataclass(frozen=True, slots=True)
class Situation:
    """For whom a condition is prepared.

    Args:
        skills: The task's skills as they were written, in its order; none for a task without one.
        target: The model and the harness.
        plan: What the session was asked for.
        bench: What runs share: settings, model port, sandbox, journal.
    """

    skills: tuple[Skill, ...]
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
        usage: Model calls that were spent before it was known.
        duration_ms: Wall time until then.
    """

    reason: str
    help: str | None = None
    usage: Usage = field(default_factory=Usage)
    duration_ms: float = 0.0


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
"""Makers; one is given what follows the name: ``p13`` of ``aot-compiled-p13``, else ``""``."""

_WITH_PASSES = re.compile(r"(?P<family>aot-compiled)-p(?P<digits>[0-9]+)")

F = TypeVar("F", bound=Callable[[str], Condition])


def condition(name: str) -> Callable[[F], F]:
    """Register a condition class whose only field is its argument."""

    def decorate(maker: F) -> F:
        CONDITIONS.register(name, maker)
        return maker

    return decorate


def condition_names() -> tuple[str, ...]:
    """The names one can ask for, sorted."""
    return tuple(name for name in CONDITIONS.names() if name != LABELLED)


def canonical_name(name: str) -> str:
    """The name under which a condition is recorded: the digits behind ``-p`` each once, in order."""
    found = _WITH_PASSES.fullmatch(name)
    return f"{found['family']}-p{''.join(sorted(set(found['digits'])))}" if found else name


def condition_of(name: str) -> Condition:
    """The condition called ``name``.

    Raises:
        UsageError: Nothing is called that, or its argument is malformed.
    """
    found = _WITH_PASSES.fullmatch(name)
    family = found["family"] if found else name
    known = condition_names()
    if family not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"there is no condition {name!r} here", help=f"{hint}known: {', '.join(known)}")
    return CONDITIONS.get(family)(f"p{found['digits']}" if found else "")


def planned_condition(planned: PlannedCondition) -> Condition:
    """The condition of a plan: the one its name says, or for a label the one that delivers the folder.

    Raises:
        UsageError: As ``condition_of``.
    """
    if planned.is_label or planned.skill is not None:
        return CONDITIONS.get(LABELLED)(planned.skill or "")
    return condition_of(planned.name)
