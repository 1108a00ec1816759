"""Primitives: what a target can or cannot do, as probes with oracles.

A primitive is one frozen value in one file: id, category, description, three levels and how a
requirement is lowered. A level holds its claim, its seeded generator and its oracle in one place, so
that what is claimed, built and checked cannot drift apart.
"""

from __future__ import annotations

import enum
import hashlib
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skvm.harness.contract import Facility, TaskTool
from skvm.harness.sandbox import Cell
from skvm.harness.site import Site, Visit
from skvm.harness.trajectory import ToolKind, Trajectory
from skvm.registry import Registry

__all__ = [
    "FILE_COATS",
    "LEVELS",
    "PRIMITIVES",
    "SPOKEN_COATS",
    "Act",
    "Answer",
    "Category",
    "Coat",
    "Degradations",
    "Level",
    "LevelSpec",
    "Primitive",
    "Probe",
    "Verdict",
    "Work",
    "primitive",
]


class Level(enum.StrEnum):
    """Grade of a capability, L0 < L1 < L2 < L3; L0 is never probed."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"

    @property
    def rank(self) -> int:
        """0–3."""
        return int(self.value[1])


LEVELS: tuple[Level, ...] = (Level.L1, Level.L2, Level.L3)
"""The levels that are probed, lowest first."""

Category = Literal["generation", "reasoning", "tool_use", "instruction_following"]


class Coat(enum.StrEnum):
    """A reformatting of an answer that leaves what it says alone.

    It is put on what is graded: the files where the answer has files, else the response.
    """

    FENCED = "fenced"
    BOLD = "bold"
    LEAD_IN = "lead-in"
    AFTERWORD = "afterword"
    CRLF = "crlf"
    BLANK_LINES = "blank-lines"


SPOKEN_COATS = frozenset(Coat)
"""What a level accepts whose answer is said: every coat."""
FILE_COATS = frozenset({Coat.CRLF, Coat.BLANK_LINES})
"""What a level accepts whose answer is a text file: line ends and blank lines around it."""


@dataclass(frozen=True, slots=True)
class Act:
    """One tool call an agent would make for an answer.

    Args:
        kind: What it does, whatever the harness calls it.
        arguments: ``path`` of a file, ``command`` of a run, ``url`` of a fetch; all of a task's own tool.
        name: Of a task's own tool; the harness's name does not matter.
        output: What comes back.
        is_error: Whether it fails.
    """

    kind: ToolKind
    arguments: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    output: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a probe: what an agent would say, leave and do.

    Args:
        response: Its final text.
        files: Files it would write, by path relative to the work directory.
        turns: Tool calls it would make, by turn; only needed where the oracle looks at them.
    """

    response: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    turns: Sequence[Sequence[Act]] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to a target.

    Args:
        prompt: What the agent is asked.
        reference: A right answer, which the oracle accepts.
        files: Files laid out in the work directory before the agent starts.
        secret: What only the oracle knows (expected values, hidden inputs); JSON values.
        also: Other right answers: synonyms, another order where order is free, another notation.
        wrong: Plausible answers that are wrong, which the oracle refuses.
        site: Pages the agent can ask for at ``SITE_ORIGIN``.
        tools: Tools the agent is offered beside its own.
    """

    prompt: str
    reference: Answer
    files: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, Any] = field(default_factory=dict)
    also: Sequence[Answer] = ()
    wrong: Sequence[Answer] = ()
    site: Site | None = None
    tools: Sequence[TaskTool] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """What an agent left, as an oracle sees it.

    Args:
        response: The agent's final text.
        cell: A fresh confined cell on a snapshot of the work directory.
        trajectory: What the agent did; ``None`` where given work is graded without a run.
        visits: What the probe's site was asked; ``None`` likewise.
    """

    response: str
    cell: Cell
    trajectory: Trajectory | None = None
    visits: Sequence[Visit] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the work answers the probe, and why."""

    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """One level of a primitive.

    Args:
        claim: What a target at this level can do; the text requirements are matched against.
        generate: Makes a probe from a seeded source of randomness, and from nothing else.
        grade: The oracle.
        guess: An answer of the right form by someone who does not know: every choice at random, drawn from
            what the probe shows. Proves that guessing does not pass, and is how a simulated processor fails.
        accepts: Coats in which a right answer is still right; in the others it is wrong.
        commands: Programs this level needs beside the primitive's; missing → the level is not asked.
        modules: Python modules ``python3`` must be able to import in the sandbox; likewise.
    """

    claim: str
    generate: Callable[[random.Random], Probe]
    grade: Callable[[Probe, Work], Awaitable[Verdict]]
    guess: Callable[[Probe, random.Random], Answer] | None = None
    accepts: frozenset[Coat] = SPOKEN_COATS
    commands: Sequence[str] = ()
    modules: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Degradations:
    """How a requirement is lowered; ``None`` where it cannot be.

    Args:
        l3_to_l2: What to change so that L2 is enough.
        l2_to_l1: What to change so that L1 is enough.
    """

    l3_to_l2: str | None
    l2_to_l1: str | None


@dataclass(frozen=True, slots=True)
class Primitive:
    """A capability a target may have.

    Args:
        id: ``gen|reason|tool|follow`` and one or two dotted words.
        description: One sentence.
        levels: L1, L2 and L3.
        degradations: How a requirement is lowered.
        needs: Harness facilities without which it is unmeasured.
        revision: Raised whenever the oracle changes its mind about an answer or the claims change, so that
            what was measured before counts as measured with another instrument.
        commands: Programs the oracle or the agent needs (``python3``, ``node``); missing → unmeasured.
    """

    id: str
    description: str
    levels: Mapping[Level, LevelSpec]
    degradations: Degradations
    needs: frozenset[Facility] = frozenset()
    commands: Sequence[str] = ()
    revision: int = 1

    @property
    def category(self) -> Category:
        """Follows from the id's first segment."""
        categories: dict[str, Category] = {
            "gen": "generation",
            "reason": "reasoning",
            "tool": "tool_use",
            "follow": "instruction_following",
        }
        return categories[self.id.split(".", 1)[0]]

    def probe(self, level: Level, seed: int) -> Probe:
        """The probe of this level and seed: a function of exactly these three."""
        key = hashlib.sha256(f"{self.id}/{level}/{seed}".encode()).digest()
        return self.levels[level].generate(random.Random(key))

    async def grade(self, level: Level, probe: Probe, work: Work) -> Verdict:
        """Ask the level's oracle."""
        return await self.levels[level].grade(probe, work)


_ID = re.compile(r"(?:gen|reason|tool|follow)(?:\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*){1,2}")


def _check(name: str, value: Primitive) -> None:
    if not isinstance(value, Primitive):
        raise ValueError(f"{name!r} is a {type(value).__name__}, not a Primitive")  # noqa: TRY004 - one kind
    if not _ID.fullmatch(value.id):
        raise ValueError(
            f"{value.id!r} is no id of a primitive: gen, reason, tool or follow, then one or two words in "
            "lower case, with dots between them"
        )
    if name != value.id:
        raise ValueError(f"its id is {value.id!r}: the entry point must be called that")
    if set(value.levels) != set(LEVELS):
        raise ValueError(f"primitive {value.id!r} must define exactly L1, L2 and L3")


PRIMITIVES: Registry[Primitive] = Registry(
    "primitive", package="skvm.target.primitives", group="skvm.primitives", check=_check
)


def primitive(value: Primitive) -> Primitive:
    """Register a primitive under its id.

    Raises:
        ValueError: The id is taken or is none, or a level is missing.
    """
    return PRIMITIVES.register(value.id, value)
