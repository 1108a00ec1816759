"""At once or in a row: the decision about one group on one target, from what its runs took.

A group starts as its forecast says. Where that promises a gain, both arms are tried in turns until the
interval of the ratio says which is faster, or so often that a gain worth having would have shown; then it
stays with the faster, and looks again now and then, as machines and providers change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from skvm.compiler.plans.plan import GroupForecast
from skvm.evaluate.stats.intervals import student_quantile
from skvm.runtime.plan.model import GroupMeasured

__all__ = ["Decision", "decide"]

Arm = Literal["parallel", "serial"]
MIN_RUNS = 2
"""Runs of each arm before anything is concluded."""
MAX_TRIALS = 6
"""Runs of each arm after which a gain that has not shown is none."""
KEPT_RUNS = 30
"""The newest runs of each arm that count."""
LOOK_AGAIN_EVERY = 50
"""One run in so many takes the arm that was decided against."""
LEVEL = 0.90
"""Of the interval: at most one wrong decision to run at once in twenty."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How a group runs now, and why.

    Args:
        group: Its id.
        arm: How it runs this time.
        is_settled: Whether the two arms are told apart; else this run is a trial, or nothing is known.
        reason: For a person.
        gain: How many times as fast it is at once, if both arms were measured.
        low: Lower end of the interval of ``gain``.
        high: Upper end.
        parallel_runs: Runs at once that count.
        serial_runs: Runs in a row that count.
    """

    group: str
    arm: Arm
    is_settled: bool
    reason: str
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    parallel_runs: int = 0
    serial_runs: int = 0

    @property
    def is_fused(self) -> bool:
        """Whether the group runs in a row."""
        return self.arm == "serial"


@dataclass(frozen=True, slots=True)
class _Ratio:
    """How many times as fast at once: geometric means and Welch's interval of their ratio."""

    gain: float
    low: float
    high: float


def decide(group: str, forecast: GroupForecast | None, runs: Sequence[GroupMeasured]) -> Decision:
    """Decide how a group runs next.

    Args:
        group: Its id.
        forecast: What it is expected to take, if anything is.
        runs: Of this group on this target, oldest first.
    """
    parallel = [run for run in runs if run.arm == "parallel"][-KEPT_RUNS:]
    serial = [run for run in runs if run.arm == "serial"][-KEPT_RUNS:]
    # The arm with fewer runs is tried next.
    trial: Arm = "parallel" if len(parallel) <= len(serial) else "serial"
    made = Decision(
        group, trial, is_settled=False, reason="", parallel_runs=len(parallel), serial_runs=len(serial)
    )
    if not runs and forecast is not None and forecast.parallel_s >= forecast.serial_s:
        reason = f"the forecast is {forecast.parallel_s:.3g} s at once and {forecast.serial_s:.3g} s in a row"
        return replace(made, arm="serial", reason=reason)
    ratio = _ratio(_each_s(serial), _each_s(parallel))
    if ratio is None:
        reason = f"tried both ways first: {len(parallel)} runs at once, {len(serial)} in a row"
        return replace(made, reason=reason)
    made = replace(made, gain=ratio.gain, low=ratio.low, high=ratio.high)
    shown = f"{ratio.gain:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}] at once"
    is_tried = min(len(parallel), len(serial)) >= MAX_TRIALS
    if ratio.low <= 1 < ratio.high and not is_tried:
        return replace(made, reason=f"not told apart yet: {shown}")
    arm: Arm = "parallel" if ratio.low > 1 else "serial"
    if len(runs) % LOOK_AGAIN_EVERY == LOOK_AGAIN_EVERY - 1:
        other: Arm = "serial" if arm == "parallel" else "parallel"
        return replace(made, arm=other, is_settled=True, reason=f"looked at again: {shown}")
    reason = f"faster: {shown}" if arm == "parallel" else f"no gain that shows: {shown}"
    return replace(made, arm=arm, is_settled=True, reason=reason)


def _each_s(runs: Sequence[GroupMeasured]) -> list[float]:
    """Seconds of wall time for each unit of work."""
    return [run.wall_s / run.units for run in runs if run.wall_s > 0]


def _ratio(serial_s: Sequence[float], parallel_s: Sequence[float]) -> _Ratio | None:
    if min(len(serial_s), len(parallel_s)) < MIN_RUNS:
        return None
    means, errors, sizes = [], [], []
    for values in (serial_s, parallel_s):
        logs = [math.log(value) for value in values]
        mean = math.fsum(logs) / len(logs)
        variance = math.fsum((value - mean) ** 2 for value in logs) / (len(logs) - 1)
        means.append(mean)
        errors.append(variance / len(logs))
        sizes.append(len(logs))
    spread = sum(errors)
    middle = means[0] - means[1]
    if spread == 0.0:
        return _Ratio(math.exp(middle), math.exp(middle), math.exp(middle))
    below = sum(error**2 / (size - 1) for error, size in zip(errors, sizes, strict=True))
    freedom = max(1, int(spread**2 / below))
    half = student_quantile((1 + LEVEL) / 2, freedom) * math.sqrt(spread)
    # Two runs that agree by luck would give an interval far too wide to write down.
    return _Ratio(math.exp(middle), math.exp(max(-20.0, middle - half)), math.exp(min(20.0, middle + half)))
