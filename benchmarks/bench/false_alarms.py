"""How often a bench claims a difference that is not there, and how often it finds one that is.

``python -m benchmarks.bench.false_alarms`` simulates 2,000 benches with the same behaviour in every condition
(A/A), then benches with a true effect; the scores are drawn, not run, the statistics are the real ones.
``SKVM_BENCH_SIMULATED`` takes another number. Under three minutes on one core.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skvm.evaluate.stats import (
    Interval,
    StopRule,
    Verdict,
    compare_quantity,
    compare_scores,
    corrected,
    decide,
    decide_scores,
    exact_binomial,
    holm,
    mean_score,
    smallest_detectable,
)
from skvm.evidence.record import Outcome, RunRecord, Usage

Runs = dict[str, dict[int, float]]
KINDS = ("binary", "graded", "tied")
FAULTS, TIME_OUTS = 0.05, 0.05
CLAIMS = (Verdict.BETTER, Verdict.WORSE)
DESIGNS = ((3, 3), (5, 5), (10, 1), (10, 3), (20, 3), (30, 5))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Drawn:
    """One bench: the scores of each condition, as completed and with time-outs as 0."""

    completed: list[Runs]
    treated: list[Runs]
    order: list[tuple[str, int]]


def draw(
    rng: random.Random,
    conditions: int,
    *,
    effect: float = 0.0,
    design: tuple[int, int] | None = None,
    kinds: Sequence[str] = KINDS,
    time_outs: float = TIME_OUTS,
) -> Drawn:
    """A bench whose first condition is better by ``effect`` in the mean over tasks."""
    tasks, repetitions = design or (rng.randint(3, 30), rng.randint(1, 5))
    kind = rng.choice(kinds)
    drawn = Drawn([{} for _ in range(conditions)], [{} for _ in range(conditions)], [])
    scorers = {f"task{number}": scorer(rng, kind, effect) for number in range(tasks)}
    for repetition in range(repetitions):
        for task, score_of in scorers.items():
            drawn.order.append((task, repetition))
            for condition in range(conditions):
                if rng.random() < FAULTS:
                    continue
                score, late = score_of(condition == 0), rng.random() < time_outs
                # What a run that was cut off leaves behind is worth less than what it would have been.
                left = score * rng.random() if late and kind != "binary" else 0.0 if late else score
                drawn.completed[condition].setdefault(task, {})[repetition] = left
                drawn.treated[condition].setdefault(task, {})[repetition] = 0.0 if late else score
    return drawn


def scorer(rng: random.Random, kind: str, effect: float) -> Callable[[bool], float]:
    """What one task gives with and without the effect; its difficulty is drawn."""
    if kind == "tied":
        # A task is solved nearly always or nearly never; the effect turns some of the others.
        easy = rng.random() < 0.5
        turned = easy or rng.random() < 2 * effect
        return lambda helped: float((turned if helped else easy) != (rng.random() < 0.02))
    # Room above, so that the mean effect is what it is called.
    base = rng.betavariate(0.8, 0.8) * (1 - effect)
    if kind == "binary":
        return lambda helped: float(rng.random() < base + effect * helped)
    spread = rng.uniform(2, 20)

    def graded(helped: bool) -> float:
        mean = min(0.999, max(0.001, base + effect * helped))
        return round(rng.betavariate(spread * mean, spread * (1 - mean)), 2)

    return graded


def watch(drawn: Drawn, *, margin: float | None = 0.05) -> tuple[list[bool], float]:
    """A watched session, looked at after every block: what differs in the end, and the share of it run."""
    control = drawn.completed[-1]
    pairs = range(len(drawn.completed) - 1)
    rule, done = StopRule(pairs, margin=margin), 0
    for task, repetition in drawn.order:
        for pair in pairs:
            ours = drawn.completed[pair].get(task, {}).get(repetition)
            theirs = control.get(task, {}).get(repetition)
            if ours is not None and theirs is not None:
                rule.add(pair, ours - theirs)
        done += 1
        if rule.is_sure:
            break
    adjusted = holm([rule.watched[pair].p for pair in pairs])
    return [p <= 0.05 for p in adjusted], done / len(drawn.order)


def excludes_zero(interval: Interval | None) -> bool:
    return interval is not None and (interval.low > 0 or interval.high < 0)


def row(name: str, flags: Sequence[bool]) -> None:
    held = exact_binomial(sum(flags), len(flags))
    share = f"{sum(flags)} of {len(flags)} | {sum(flags) / len(flags):.1%}"
    print(f"| {name} | {share} | {held.low:.1%} – {held.high:.1%} |", flush=True)


def false_alarms(benches: int) -> None:
    print("| A/A benches, what is flagged | flagged | share | 95 % interval |")
    print("|---|--:|--:|--:|")
    for name, view in (("as completed", "completed"), ("time-out = 0", "treated")):
        rng, verdicts, intervals = random.Random(1), [], []
        for _ in range(benches):
            sides = getattr(draw(rng, 2), view)
            found = decide_scores(*sides)
            verdicts.append(found.verdict in CLAIMS)
            intervals.append(excludes_zero(found.interval))
        row(f"2 conditions, verdict, {name}", verdicts)
        row(f"2 conditions, interval without 0, {name}", intervals)
    families = []
    rng = random.Random(2)
    for _ in range(benches):
        *sides, control = draw(rng, 4).completed
        family = corrected({place: decide_scores(side, control) for place, side in enumerate(sides)})
        families.append(any(each.verdict in CLAIMS for each in family.values()))
    row("4 conditions, any verdict after Holm", families)
    for conditions in (2, 4):
        rng = random.Random(3 + conditions)
        for_pairs = [any(watch(draw(rng, conditions))[0]) for _ in range(benches)]
        row(f"{conditions} conditions, `--stop-when sure`, any verdict", for_pairs)
    rng, bootstraps = random.Random(1), []
    for _ in range(benches // 4):
        ours, theirs = (
            {task: [*runs.values()] for task, runs in side.items()} for side in draw(rng, 2).completed
        )
        bootstraps.append(excludes_zero(compare_scores(ours, theirs, resamples=200).interval))
    row("for comparison: bootstrap interval without 0", bootstraps)


def power(benches: int) -> None:
    print(
        "\n| true effect | tasks × repetitions | found | found when watched | share run when watched "
        "| smallest detectable (median) |"
    )
    print("|--:|---|--:|--:|--:|--:|")
    for effect in (0.15, 0.3):
        for design in (None, *DESIGNS):
            rng = random.Random(f"{effect}{design}")
            found, watched, spent, smallest = 0, 0, [], []
            for _ in range(benches):
                drawn = draw(rng, 2, effect=effect, design=design)
                decision = decide_scores(*drawn.completed)
                found += decision.verdict is Verdict.BETTER
                smallest.append(decision.smallest_detectable)
                flags, share = watch(drawn)
                watched += flags[0]
                spent.append(share)
            known = [each for each in smallest if each is not None]
            name = f"{design[0]} × {design[1]}" if design else "the mixture above"
            print(
                f"| +{effect} | {name} | {_share(found, benches)} | {_share(watched, benches)} "
                f"| {statistics.mean(spent):.0%} | {f'{statistics.median(known):.2f}' if known else '–'} |",
                flush=True,
            )


def coverage(benches: int) -> None:
    """How often an interval holds the effect over all tasks there could be."""
    print("\n| true effect | tasks × repetitions | pass or fail | graded | tied |")
    print("|--:|---|--:|--:|--:|")
    for effect in (0.15, 0.3):
        for design in DESIGNS:
            cells = []
            for kind in KINDS:
                rng, held = random.Random(f"{effect}{design}{kind}"), 0
                for _ in range(benches):
                    sides = draw(rng, 2, effect=effect, design=design, kinds=[kind], time_outs=0.0).completed
                    interval = decide_scores(*sides).interval
                    held += interval is not None and interval.low <= effect <= interval.high
                cells.append(f"{held / benches:.0%}")
            print(f"| +{effect} | {design[0]} × {design[1]} | {' | '.join(cells)} |", flush=True)


def _share(hits: int, trials: int) -> str:
    held = exact_binomial(hits, trials)
    return f"{hits / trials:.0%} ({held.low:.0%} – {held.high:.0%})"


def detectable(benches: int) -> None:
    """Power at the difference the closed form names, from the variance that is true."""
    print("\n| tasks | smallest detectable, in standard deviations | power there |")
    print("|--:|--:|--:|")
    for tasks in (6, 8, 12, 20, 40):
        # Any values with a sample variance of 1 give what the closed form says of a variance of 1.
        unit = [math.sqrt((tasks - 1) / tasks) * (-1) ** place for place in range(tasks)]
        effect = smallest_detectable({str(place): [value] for place, value in enumerate(unit)}, by_task=True)
        assert effect is not None
        rng, hits, scale = random.Random(tasks), 0, 0.05
        for _ in range(benches):
            sides = (
                {f"{t}": {0: rng.gauss(effect, 1) * scale} for t in range(tasks)},
                {f"{t}": {0: 0.0} for t in range(tasks)},
            )
            hits += decide_scores(*sides).verdict is Verdict.BETTER
        print(f"| {tasks} | {effect:.2f} | {_share(hits, benches)} |", flush=True)


def cost(conditions: int = 10, tasks: int = 100, repetitions: int = 10) -> None:
    """CPU time of all that a report computes over many runs."""
    rng = random.Random(7)
    runs = [
        [
            RunRecord(
                run_id=f"{condition}-{task}-{repetition}",
                task_id=f"task{task}",
                task_digest="d",
                condition=str(condition),
                repetition=repetition,
                model="m",
                harness="h",
                outcome=Outcome.TIMED_OUT if rng.random() < TIME_OUTS else Outcome.SCORED,
                score=round(rng.random(), 2),
                usage=Usage(
                    input_tokens=rng.randint(1, 9999), output_tokens=9, calls=1, cost_usd=rng.random()
                ),
                duration_ms=rng.uniform(1, 1e5),
                started_at=NOW,
                finished_at=NOW,
            )
            for task in range(tasks)
            for repetition in range(repetitions)
        ]
        for condition in range(conditions)
    ]
    *others, control = runs
    started = time.process_time()
    for view in ("as-completed", "intention-to-treat"):
        corrected({place: decide(side, control, view=view) for place, side in enumerate(others)})
        for side in runs:
            mean_score(side, view)
    scored = time.process_time()
    for side in others:
        for quantity in ("tokens", "seconds", "cost_usd"):
            compare_quantity(side, control, quantity)
    ended = time.process_time()
    print(
        f"\n{conditions} conditions × {tasks} tasks × {repetitions} repetitions, CPU: means and verdicts in "
        f"both views {scored - started:.2f} s, ratios of tokens, seconds and dollars {ended - scored:.2f} s"
    )


def main() -> None:
    benches = int(os.environ.get("SKVM_BENCH_SIMULATED") or 2000)
    false_alarms(benches)
    power(max(1, benches // 8))
    detectable(benches)
    coverage(max(1, benches // 5))
    cost()


if __name__ == "__main__":
    main()
