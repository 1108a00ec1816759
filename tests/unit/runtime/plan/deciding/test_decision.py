from __future__ import annotations

import random

from skvm.compiler.plans.plan import GroupForecast
from skvm.runtime.plan.deciding.decision import LOOK_AGAIN_EVERY, MAX_TRIALS, Decision, decide
from skvm.runtime.plan.model import GroupMeasured


def run(arm: str, wall_s: float, units: int = 4) -> GroupMeasured:
    return GroupMeasured.model_validate(
        {
            "plan_run": "r",
            "skill_digest": "s",
            "group": "g",
            "arm": arm,
            "units": units,
            "wall_s": wall_s,
            "work_s": wall_s,
        }
    )


def lived(serial_s: float, parallel_s: float, count: int, *, noise: float, seed: int) -> list[Decision]:
    """The decisions of so many runs that take these times."""
    chance = random.Random(seed)
    runs: list[GroupMeasured] = []
    decisions = []
    for _ in range(count):
        decision = decide("g", GroupForecast(serialS=8, parallelS=4), runs)
        decisions.append(decision)
        mean_s = parallel_s if decision.arm == "parallel" else serial_s
        runs.append(run(decision.arm, mean_s * chance.lognormvariate(0, noise)))
    return decisions


def test_a_forecast_without_a_gain_is_not_tried():
    decision = decide("g", GroupForecast(serialS=0.01, parallelS=0.02), [])
    assert decision.is_fused
    assert "0.02 s at once and 0.01 s in a row" in decision.reason


def test_both_arms_are_tried_first():
    arms = [decision.arm for decision in lived(8, 4, 4, noise=0.01, seed=1)]
    assert arms == ["parallel", "serial", "parallel", "serial"]


def test_a_clear_gain_stays_at_once_and_is_looked_at_again():
    decisions = lived(8, 4, 120, noise=0.05, seed=2)
    serial = [index for index, decision in enumerate(decisions) if decision.is_fused]
    assert serial[:2] == [1, 3]
    assert all(index % LOOK_AGAIN_EVERY == LOOK_AGAIN_EVERY - 1 for index in serial[2:])
    assert len(serial) == 4
    last = decisions[-2]
    assert last.is_settled
    assert last.low is not None
    assert last.high is not None
    assert 1 < last.low < 2 < last.high or abs((last.gain or 0) - 2) < 0.2


def test_a_clear_loss_is_fused_after_the_trials():
    decisions = lived(4, 8, 40, noise=0.05, seed=3)
    assert decisions[-1].is_fused
    assert "no gain that shows" in decisions[-1].reason
    assert sum(not decision.is_fused for decision in decisions) <= 5


def test_no_difference_is_fused_when_it_has_been_looked_for_long_enough():
    kept = 0
    for seed in range(40):
        decisions = lived(5, 5, 3 * MAX_TRIALS, noise=0.2, seed=seed)
        kept += not decisions[-1].is_fused
    # One in twenty is the promise for one look; it looks several times.
    assert kept <= 8


def test_times_that_never_vary_are_told_apart_at_once():
    runs = [run("parallel", 1.0), run("serial", 2.0)] * 2
    decision = decide("g", None, runs)
    assert (decision.gain, decision.low, decision.high, decision.arm) == (2.0, 2.0, 2.0, "parallel")


def test_units_make_runs_of_different_sizes_comparable():
    runs = [run("parallel", 4.0, 8), run("serial", 4.0, 4), run("parallel", 2.0, 4), run("serial", 8.0, 8)]
    assert decide("g", None, runs).gain == 2.0
