"""The ladder against simulated processors: wrong levels, runs, and what the intervals cover.

``python -m benchmarks.profiler.simulated`` plays whole profiles of 26 primitives with the real designs; the
answers are drawn, not run, so that thousands of profiles take minutes. ``SKVM_BENCH_PROFILES`` takes fewer.
"""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from skvm.evaluate.stats import anytime_binomial, exact_binomial
from skvm.profiler.ladder import Design, FixedDesign, SequentialDesign, highest
from skvm.target.contract import LEVELS, Level

PRIMITIVES = 26
HIGH, LOW = 0.97, 0.03
CONCURRENCY = 2
Chances = dict[Level, float]
Seen = dict[Level, list[bool]]
POOLS: dict[str, Sequence[Level]] = {"weak": [Level.L0], "strong": [Level.L3], "mixed": list(Level)}


def at(level: Level) -> Chances:
    return {each: HIGH if each <= level else LOW for each in LEVELS}


def profile(
    design: Design, targets: Sequence[Chances], rng: random.Random, concurrency: int
) -> tuple[list[Seen], list[Level]]:
    """A whole profile, so many primitives under way at once: what was seen, and the levels found."""
    found = [Level.L0] * len(targets)
    seen: list[Seen] = [{level: [] for level in LEVELS} for _ in targets]
    active, waiting = list(range(min(concurrency, len(targets)))), list(range(concurrency, len(targets)))
    while active:
        for place in tuple(active):
            informed = design.informed(each for other, each in enumerate(seen) if other != place)
            levels = informed.next_levels(seen[place])
            for level in levels:
                seen[place][level].append(rng.random() < targets[place][level])
            if not levels:
                found[place] = highest(informed, seen[place])
                active.remove(place)
                active += waiting[:1]
                del waiting[:1]
    return seen, found


def away_from_the_line(profiles: int) -> dict[tuple[str, str], list[int]]:
    print("| target | design | runs: mean | sd | most | wrong levels |")
    print("|---|---|--:|--:|--:|--:|")
    all_runs = {}
    strict = SequentialDesign(odds_limit=1.0)
    for target, pool in POOLS.items():
        for design in (SequentialDesign(), strict, FixedDesign(3)):
            rng, runs, wrong = random.Random(target), [], 0
            for _ in range(profiles):
                truths = [rng.choice(pool) for _ in range(PRIMITIVES)]
                seen, found = profile(design, [at(truth) for truth in truths], rng, CONCURRENCY)
                runs.append(sum(len(outcomes) for each in seen for outcomes in each.values()))
                wrong += sum(level is not truth for level, truth in zip(found, truths, strict=True))
            all_runs[(target, design.name)] = runs
            print(
                f"| {target} | `{design.name}` | {statistics.mean(runs):.1f} | {statistics.pstdev(runs):.1f} "
                f"| {max(runs)} | {wrong / profiles / PRIMITIVES:.2%} |",
                flush=True,
            )
    return all_runs


def near_the_line(profiles: int) -> list[dict[str, Any]]:
    print("\n| success rate | probes: mean | 95 % interval covers | exact interval, not made for stopping |")
    print("|--:|--:|--:|--:|")
    rows = []
    for hundredths in range(40, 92, 5):
        chance, rng = hundredths / 100, random.Random(hundredths)
        counts, covered, exact = [], 0, 0
        for _ in range(max(1, profiles // 4)):
            target = [dict.fromkeys(LEVELS, chance)] * PRIMITIVES
            for each in profile(SequentialDesign(), target, rng, CONCURRENCY)[0]:
                for outcomes in each.values():
                    if outcomes:
                        passed, asked = sum(outcomes), len(outcomes)
                        counts.append(asked)
                        covered += _holds(anytime_binomial, passed, asked, chance)
                        exact += _holds(exact_binomial, passed, asked, chance)
        rows.append({"chance": chance, "covered": covered / len(counts), "probes": statistics.mean(counts)})
        print(
            f"| {chance:.2f} | {rows[-1]['probes']:.1f} | {rows[-1]['covered']:.1%} "
            f"| {exact / len(counts):.1%} |",
            flush=True,
        )
    return rows


def _holds(interval: Callable[[int, int], Any], passed: int, asked: int, truth: float) -> bool:
    found = interval(passed, asked)
    return bool(found.low <= truth <= found.high)


def decisions(rounds: int) -> list[dict[str, Any]]:
    """How often a level counts as held, by success rate, for one primitive with a flat prior."""
    rows = []
    for design in (SequentialDesign(), FixedDesign(3)):
        for hundredths in range(0, 101, 5):
            rng, held, asked = random.Random(hundredths), 0, 0
            for _ in range(rounds):
                seen: Seen = {Level.L1: []}
                while levels := design.next_levels(seen):
                    for level in levels:
                        seen[level].append(rng.random() < hundredths / 100)
                held += design.holds(Level.L1, seen) is True
                asked += len(seen[Level.L1])
            rows.append(
                {
                    "design": design.name,
                    "chance": hundredths / 100,
                    "held": held / rounds,
                    "probes": asked / rounds,
                }
            )
    return rows


def draw(runs: dict[tuple[str, str], list[int]], curve: list[dict[str, Any]], folder: Path) -> None:
    import altair as alt

    values = [
        {"target": target, "design": name, "runs": count}
        for (target, name), counts in runs.items()
        for count in counts
    ]
    order = list(POOLS)
    boxes = (
        alt.Chart(alt.Data(values=values), width=420, height=90)
        .mark_boxplot(extent="min-max")
        .encode(
            x=alt.X("runs:Q", title="runs of a whole profile"),
            y=alt.Y("design:N", title=None),
            color=alt.Color("design:N", legend=None),
            row=alt.Row("target:N", sort=order, title=None),
        )
    )
    boxes.save(folder / "runs.png", scale_factor=2)
    base = alt.Chart(alt.Data(values=curve), width=420, height=200).encode(
        x=alt.X("chance:Q", title="true success rate of the level"), color=alt.Color("design:N", title=None)
    )
    held = base.mark_line(point=True).encode(
        y=alt.Y("held:Q", title="counts as held", axis=alt.Axis(format="%"))
    )
    probes = base.mark_line(point=True).encode(y=alt.Y("probes:Q", title="probes"))
    (held & probes).save(folder / "decisions.png", scale_factor=2)


def main() -> None:
    profiles = int(os.environ.get("SKVM_BENCH_PROFILES") or 1000)
    runs = away_from_the_line(profiles)
    near_the_line(profiles)
    draw(runs, decisions(20 * profiles), Path(__file__).parent)


if __name__ == "__main__":
    main()
