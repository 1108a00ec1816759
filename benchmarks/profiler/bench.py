"""Are the oracles right? Every level of every primitive over many seeds: right answers, coats, cheats, ties.

``python -m benchmarks profiler`` takes 1,000 seeds a level (50 where a process is the oracle) and 10,000 for
ties and contradictions;
``SKVM_BENCH_SEEDS`` takes fewer, ``SKVM_BENCH_PRIMITIVES`` (ids, commas) only some.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import anyio
from tests.unit.target import works

from skvm.target.contract import LEVELS, PRIMITIVES, Coat, Level, Primitive
from skvm.target.trials import CHEATERS, coated

PROCESS_SEEDS = 50
TIE_FACTOR = 10


async def passes(primitive: Primitive, level: Level, probe: object, answer: object) -> bool:
    verdict = await works.graded(primitive, level, probe, answer)  # type: ignore[arg-type]
    return verdict.passed


async def check_level(primitive: Primitive, level: Level, many: int) -> bool:
    began, rng, spec = time.perf_counter(), random.Random(0), primitive.levels[level]
    is_slow = await works.runs_processes(primitive, level)
    seeds = min(many, PROCESS_SEEDS) if is_slow else many
    right = coats = coats_asked = 0
    lucky: Counter[str] = Counter()
    shown = set()
    for seed in range(seeds):
        probe = primitive.probe(level, seed)
        shown.add(repr((probe.prompt, probe.files, probe.site)))
        good = [await passes(primitive, level, probe, each) for each in (probe.reference, *probe.also)]
        right += all(good)
        if not all(good):
            print(f"  {primitive.id} {level} seed {seed}: a right answer is refused")
        for coat in [rng.choice(list(Coat))] if is_slow else Coat:
            answer = coated(probe.reference, coat)
            if answer != probe.reference:
                coats_asked += 1
                coats += await passes(primitive, level, probe, answer) is (coat in spec.accepts)
        for name in [rng.choice(list(CHEATERS))] if is_slow else CHEATERS:
            cheat = CHEATERS[name](primitive, level, probe, rng)
            lucky[name] += await passes(primitive, level, probe, cheat)
    ties = count_ties(primitive, level, many * TIE_FACTOR)
    worst = max(lucky.values(), default=0)
    is_sound = right == seeds and coats >= 0.99 * coats_asked and worst <= 0.01 * seeds and ties == 0
    named = ", ".join(f"{name} {count}" for name, count in lucky.most_common() if count)
    print(
        f"| `{primitive.id}` | {level} | {seeds} | {right} | {coats}/{coats_asked} | {len(shown)} "
        f"| {named or 'none'} | {ties} | {time.perf_counter() - began:.0f} |",
        flush=True,
    )
    return is_sound


def count_ties(primitive: Primitive, level: Level, seeds: int) -> int:
    solve = works.solver(primitive)
    if solve is None:
        raise SystemExit(f"tests/solvers has no second algorithm for {primitive.id}")
    return sum(len(solve(level, primitive.probe(level, seed))) != 1 for seed in range(seeds))


async def check(many: int, only: set[str]) -> int:
    print("| primitive | level | seeds | right | coats | distinct | cheats that passed | ties | s |")
    print("|---|---|--:|--:|--:|--:|---|--:|--:|")
    unsound = 0
    for primitive in PRIMITIVES.all():
        if only and primitive.id not in only:
            continue
        for level in LEVELS:
            unsound += not await check_level(primitive, level, many)
    return unsound


def main() -> None:
    os.environ["PATH"] = works.PATH
    only = {name for name in os.environ.get("SKVM_BENCH_PRIMITIVES", "").split(",") if name}
    unsound = anyio.run(check, int(os.environ.get("SKVM_BENCH_SEEDS") or 1000), only)
    print(f"\n{unsound} levels are NOT sound" if unsound else "\nevery level is sound")


if __name__ == "__main__":
    main()
