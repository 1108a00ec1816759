"""What a timeline is made of: legs, bars, links. All times are seconds on one axis that leaves out pauses."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime

from skvm.runtime.plan.model import GroupMeasured, PlanStarted, StepFinished

__all__ = ["Bar", "BarState", "Leg", "Link", "Timeline"]


class BarState(enum.StrEnum):
    """How a node ended, or how it stands.

    ``cut short``: it was under way when its process ended, and has no end on record; ``running``: it is.
    The others are those of ``StepState``.
    """

    DONE = "done"
    FAILED = "failed"
    LEFT = "left"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"
    RUNNING = "running"
    CUT_SHORT = "cut short"


@dataclass(frozen=True, slots=True)
class Leg:
    """What one process did of a plan run; a run that was taken up again has several.

    Args:
        number: From 1.
        started: Its record.
        begins_s: Where it begins on the axis.
        wall_s: How long it took, or has taken so far.
        idle_s: How long nothing happened before it, ≥ 0; the axis leaves that out.
        is_interrupted: Whether it ended before the plan did.
        is_running: Whether it still runs.
    """

    number: int
    started: PlanStarted
    begins_s: float
    wall_s: float
    idle_s: float = 0.0
    is_interrupted: bool = False
    is_running: bool = False

    @property
    def ends_s(self) -> float:
        """Where it ends on the axis."""
        return self.begins_s + self.wall_s


@dataclass(frozen=True, slots=True)
class Bar:
    """One try of one node.

    Args:
        node: Its id.
        title: For a person; the node's id where nothing better is known.
        state: How it ended.
        leg: Number of the leg, from 1.
        lane: Row it stands in, from 0; ``None`` for a node that never began.
        ready_s: When everything it waits for was done.
        started_s: When it began; ``None`` if it never did.
        ended_s: When it ended, or until when it was seen; ≥ ``started_s``.
        record: Its end on record, if it has one.
        attempt: Which try, from 1.
        is_superseded: Whether there is a later try.
        is_map: Whether its work is that of its items.
        parent: The node it is an item of, if that is here, too.
    """

    node: str
    title: str
    state: BarState
    leg: int
    lane: int | None
    ready_s: float
    started_s: float | None
    ended_s: float
    record: StepFinished | None = None
    attempt: int = 1
    is_superseded: bool = False
    is_map: bool = False
    parent: str | None = None

    @property
    def ran_s(self) -> float:
        """How long it ran, ≥ 0."""
        return 0.0 if self.started_s is None else self.ended_s - self.started_s

    @property
    def waited_s(self) -> float:
        """How long it was ready and did not begin, ≥ 0."""
        return 0.0 if self.started_s is None else self.started_s - self.ready_s

    @property
    def after(self) -> tuple[str, ...]:
        """Nodes it waited for."""
        return self.record.after if self.record else ()


@dataclass(frozen=True, slots=True)
class Link:
    """A node on the critical path.

    Args:
        node: Its id.
        waited_s: Between the end of the link before (or the beginning) and its own beginning.
        ran_s: How long it ran.
    """

    node: str
    waited_s: float
    ran_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A plan run as it can be seen.

    Args:
        plan_run: Its id.
        legs: In order; at least one.
        bars: In the order they began or were given up.
        lanes: Rows they stand in.
        critical: The chain of nodes that decided when the run ended, first to last; none before it has.
        running: From when on how many nodes ran at once, maps not counted: their items are.
        waiting: From when on how many were ready and had no place.
        groups: What was measured of groups.
        states: Nodes by their last state, items not counted.
        work_s: All durations together, maps not counted.
    """

    plan_run: str
    legs: tuple[Leg, ...]
    bars: tuple[Bar, ...] = ()
    lanes: int = 0
    critical: tuple[Link, ...] = ()
    running: tuple[tuple[float, int], ...] = ()
    waiting: tuple[tuple[float, int], ...] = ()
    groups: tuple[GroupMeasured, ...] = ()
    states: dict[BarState, int] = field(default_factory=dict)
    work_s: float = 0.0

    @property
    def started(self) -> PlanStarted:
        """The record of its first beginning."""
        return self.legs[0].started

    @property
    def started_at(self) -> datetime:
        """When it first began."""
        return self.started.started_at

    @property
    def wall_s(self) -> float:
        """How long it ran, pauses between legs left out."""
        return self.legs[-1].ends_s

    @property
    def speed_up(self) -> float | None:
        """How many times as long its work would have taken in a row; ``None`` if nothing ran."""
        return self.work_s / self.wall_s if self.wall_s > 0 and self.work_s > 0 else None

    @property
    def most_at_once(self) -> int:
        """The highest number of nodes that ran at once."""
        return max((count for _, count in self.running), default=0)

    @property
    def ending(self) -> str:
        """How it stands, in a word: ``running``, ``interrupted``, ``done``, ``left`` or ``not done``."""
        if self.legs[-1].is_running:
            return "running"
        if self.legs[-1].is_interrupted:
            return "interrupted"
        if set(self.states) <= {BarState.DONE}:
            return "done"
        return "left" if set(self.states) <= {BarState.DONE, BarState.LEFT} else "not done"
