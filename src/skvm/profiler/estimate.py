"""What a measurement will take, before anything is spent: runs, tokens, dollars, minutes.

Runs follow from the design, which is played against targets of every kind. What a run costs is taken from
runs that were made: the target's own if there are any, else those of another model in the same harness,
and the estimate says whose. What nothing is known of stays unknown.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skvm.evidence.record import Usage
from skvm.harness.contract import HARNESSES, Facility
from skvm.profiler.ladder import HAS, LACKS, Design
from skvm.profiler.plan import Plan, Request
from skvm.profiler.simulated import is_simulated
from skvm.profiler.tally import usage_of
from skvm.target.contract import LEVELS, Level
from skvm.target.profile import PrimitiveDetail, Profile

__all__ = ["Estimate", "estimate", "runs_range"]

_ROUNDS = 2
_SURE_PASS, _SURE_FAIL = (1 + HAS) / 2, LACKS / 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """From the cheapest target to the dearest.

    Args:
        primitives: How many are to be measured.
        runs: Runs, lowest and highest expectation.
        usage: Tokens of one run on average; ``None`` where nothing is known.
        seconds: Of one run on average; ``None`` unless this target itself ran before.
        basis: Whose runs that is taken from, for people.
        concurrency: Runs at once.
    """

    primitives: int
    runs: tuple[int, int]
    usage: Usage | None
    seconds: float | None
    basis: str
    concurrency: int = 1

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Tokens of all runs."""
        if self.usage is None:
            return None
        return (self.runs[0] * self.usage.total_tokens, self.runs[1] * self.usage.total_tokens)

    @property
    def minutes(self) -> tuple[float, float] | None:
        """Wall time, if runs at once do not slow one another down."""
        if self.seconds is None:
            return None
        low, high = (runs * self.seconds / 60 / self.concurrency for runs in self.runs)
        return (low, high)


def estimate(request: Request, todo: Plan, known: Iterable[Profile]) -> Estimate:
    """What a request will take; spends nothing.

    Args:
        request: What to measure.
        todo: What of it has to be asked.
        known: Profiles to learn the cost of a run from.
    """
    # What the harness cannot do is looked at, but never asked.
    able = _facilities(request)
    asked = [primitive.id for primitive in todo.ask if primitive.needs <= able]
    runs = runs_range(request.design, len(asked)) if asked else (0, 0)
    profiles = [profile for profile in known if profile.harness == request.harness and not profile.simulated]
    own = [profile for profile in profiles if profile.model == request.model]
    of_target = [*(detail for profile in own for detail in profile.details), *todo.resumed]
    # Of other models the one that was measured most: a subset of primitives may be a cheap one.
    other = max(profiles, key=lambda profile: len(profile.details), default=None)
    details, basis = of_target, "its own runs"
    if not _usage(details, asked) and other is not None:
        details, basis = list(other.details), f"runs of {other.model}"
    usage = _usage(details, asked)
    return Estimate(
        primitives=len(asked),
        runs=runs,
        usage=usage,
        seconds=_seconds(of_target, asked),
        basis=basis if usage else "nothing: no runs of this harness are known",
        concurrency=request.concurrency,
    )


def _facilities(request: Request) -> frozenset[Facility]:
    if is_simulated(request.model):
        return frozenset(Facility)
    return HARNESSES.get(request.harness)().facilities


def _chosen(details: Sequence[PrimitiveDetail], asked: Sequence[str]) -> list[PrimitiveDetail]:
    """Those asked for, if any is known, else all."""
    costed = [detail for detail in details if detail.runs and detail.usage]
    return [detail for detail in costed if detail.primitive_id in set(asked)] or costed


def _usage(details: Sequence[PrimitiveDetail], asked: Sequence[str]) -> Usage | None:
    chosen = _chosen(details, asked)
    runs = sum(detail.runs or 0 for detail in chosen)
    if not runs:
        return None
    total = sum((usage_of(detail) for detail in chosen), Usage())
    return Usage(
        input_tokens=total.input_tokens // runs,
        output_tokens=total.output_tokens // runs,
        cache_read_tokens=total.cache_read_tokens // runs,
        cache_write_tokens=total.cache_write_tokens // runs,
    )


def _seconds(details: Sequence[PrimitiveDetail], asked: Sequence[str]) -> float | None:
    chosen = _chosen(details, asked)
    runs = sum(detail.runs or 0 for detail in chosen)
    lasted_ms = sum(result.duration_ms for detail in chosen for result in detail.level_results)
    return lasted_ms / 1000 / runs if runs else None


def runs_range(design: Design, primitives: int) -> tuple[int, int]:
    """Runs the design expects to make, over targets of every level and one of mixed levels.

    Args:
        design: The design.
        primitives: How many primitives, ≥ 1.
    """
    rng = random.Random(0)
    pools: list[Sequence[Level]] = [*([level] for level in Level), list(Level)]
    means = []
    for pool in pools:
        played = [_play(design, [rng.choice(pool) for _ in range(primitives)], rng) for _ in range(_ROUNDS)]
        means.append(sum(played) / _ROUNDS)
    return (round(min(means)), round(max(means)))


def _play(design: Design, truths: Sequence[Level], rng: random.Random) -> int:
    done: list[Mapping[Level, Sequence[bool]]] = []
    runs = 0
    for truth in truths:
        informed = design.informed(done)
        seen: dict[Level, list[bool]] = {level: [] for level in LEVELS}
        while levels := informed.next_levels(seen):
            for level in levels:
                seen[level].append(rng.random() < (_SURE_PASS if level <= truth else _SURE_FAIL))
                runs += 1
        done.append(seen)
    return runs
