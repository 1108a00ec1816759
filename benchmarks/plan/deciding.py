"""``python -m benchmarks plan deciding``: what it costs to find out whether a group pays (a simulation).

Groups of known true ratio live through so many runs, each a trial or as decided, with noisy times; beside it
a plan that always runs at once.
"""

from __future__ import annotations

import random
import statistics

from skvm.compiler.plans.plan import GroupForecast
from skvm.runtime.plan.deciding.decision import decide
from skvm.runtime.plan.model import GroupMeasured

RATIOS = (0.5, 0.8, 0.95, 1.0, 1.05, 1.25, 2.0)
NOISES = (0.05, 0.2)
RUNS = 60
LIVES = 100


def lived(ratio: float, noise: float, seed: int) -> tuple[list[float], str]:
    """Times of all runs, a serial one taking 1 on average, and the arm after the last."""
    chance = random.Random(seed)
    forecast = GroupForecast(serialS=1.0, parallelS=0.5)
    runs: list[GroupMeasured] = []
    for _ in range(RUNS):
        arm = decide("g", forecast, runs).arm
        took_s = (1.0 if arm == "serial" else 1.0 / ratio) * chance.lognormvariate(-(noise**2) / 2, noise)
        runs.append(
            GroupMeasured(
                plan_run="r", skill_digest="s", group="g", arm=arm, units=1, wall_s=took_s, work_s=took_s
            )
        )
    return [run.wall_s for run in runs], decide("g", forecast, runs).arm


def main() -> None:
    print(f"{LIVES} lives of {RUNS} runs a row; 1.00 is always in a row, lower is faster")
    for noise in NOISES:
        for ratio in RATIOS:
            lives = [lived(ratio, noise, seed) for seed in range(LIVES)]
            at_once = sum(arm == "parallel" for _, arm in lives) / LIVES
            first = statistics.fmean(statistics.fmean(times[:12]) for times, _ in lives)
            later = statistics.fmean(statistics.fmean(times[12:]) for times, _ in lives)
            print(
                f"  noise {noise:.2f}, at once {ratio:.2f}x: runs 1-12 {first:.2f}, later {later:.2f},"
                f" always at once {1 / ratio:.2f}; ends at once in {at_once:.0%}"
            )


if __name__ == "__main__":
    main()
