"""Are the oracles right? Every level of every primitive over many seeds: right answers, coats, cheats, ties.

``python -m benchmarks profiler`` takes 1,000 seeds a level (50 where a process is the oracle) and 10,000 for
ties and contradictions, on every core; ``SKVM_BENCH_SEEDS`` takes fewer, ``SKVM_BENCH_PRIMITIVES`` (ids,
commas) only some, ``SKVM_BENCH_WORKERS`` so many processes. Every draw is a function of primitive, level and
seed, so that the table is the same (but for its seconds) however the work is shared out.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from tests.unit.target import works

from skvm.target.contract import LEVELS, PRIMITIVES, Answer, Coat, Level, Primitive, Probe
from skvm.target.trials import CHEATERS, coated

PROCESS_SEEDS = 50
TIE_FACTOR = 10
GUESSES = 5
"""Guesses a probe, where the oracle runs nothing."""
CHUNK, PROCESS_CHUNK = 50, 5
"""Seeds a worker takes at once."""
SHARED_MEMORY = Path("/dev/shm")
MAX_SHOWN = 5
"""Failures of one kind shown for a level."""


@dataclass
class Tally:
    """What was found over some seeds of one level."""

    seeds: int = 0
    right: int = 0
    solved: int = 0
    wrong_asked: int = 0
    wrong_passed: int = 0
    coats_asked: Counter[str] = field(default_factory=Counter)
    coats_right: Counter[str] = field(default_factory=Counter)
    cheats_asked: Counter[str] = field(default_factory=Counter)
    cheats_passed: Counter[str] = field(default_factory=Counter)
    shown: set[int] = field(default_factory=set)
    tie_seeds: int = 0
    ties: int = 0
    longest: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in ("seeds", "right", "solved", "wrong_asked", "wrong_passed", "tie_seeds", "ties"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("coats_asked", "coats_right", "cheats_asked", "cheats_passed"):
            getattr(self, name).update(getattr(other, name))
        self.shown |= other.shown
        self.longest = max(self.longest, other.longest)
        self.seconds += other.seconds
        self.notes += other.notes

    def faults(self) -> list[str]:
        """Why the level is not sound; nothing where it is."""
        found = []
        if self.right < self.seeds:
            found.append(f"{self.seeds - self.right} probes with a right answer that is refused")
        if self.solved < self.seeds:
            found.append(f"{self.seeds - self.solved} probes whose second solution is refused")
        if self.wrong_passed:
            found.append(f"{self.wrong_passed} of {self.wrong_asked} wrong answers pass")
        # Coat by coat and cheat by cheat: a mean over all of them hides one that always goes wrong.
        for coat, asked in self.coats_asked.items():
            if self.coats_right[coat] < 0.99 * asked:
                found.append(f"coat {coat}: {self.coats_right[coat]} of {asked} as the level says")
        for cheat, passed in self.cheats_passed.items():
            if passed > 0.01 * self.cheats_asked[cheat]:
                found.append(f"cheat {cheat}: {passed} of {self.cheats_asked[cheat]} pass")
        if self.ties:
            found.append(f"{self.ties} of {self.tie_seeds} probes with a tie or a contradiction")
        if len(self.shown) < 0.995 * self.seeds:
            found.append(f"only {len(self.shown)} of {self.seeds} probes are different")
        if self.longest > 2000:
            found.append(f"a prompt of {self.longest} characters")
        return found


async def passes(primitive: Primitive, level: Level, probe: Probe, answer: Answer) -> bool:
    return (await works.graded(primitive, level, probe, answer)).passed


async def try_seed(tally: Tally, primitive: Primitive, level: Level, seed: int, is_slow: bool) -> None:
    rng = random.Random(f"{primitive.id}/{level}/{seed}")
    spec, probe = primitive.levels[level], primitive.probe(level, seed)
    tally.seeds += 1
    tally.longest = max(tally.longest, len(probe.prompt))
    tally.shown.add(int.from_bytes(random.Random(repr(shown(probe))).randbytes(8)))
    good = [probe.reference, *probe.also]
    verdicts = [await passes(primitive, level, probe, each) for each in good]
    tally.right += all(verdicts)
    if not all(verdicts):
        tally.notes.append(f"seed {seed}: right answer {verdicts.index(False)} is refused")
    solutions = solver(primitive)(level, probe)
    is_solved = bool(solutions) and await passes(primitive, level, probe, solutions[0])
    tally.solved += is_solved
    if not is_solved:
        tally.notes.append(f"seed {seed}: the second algorithm's answer is refused")
    for place, answer in enumerate(probe.wrong):
        tally.wrong_asked += 1
        if await passes(primitive, level, probe, answer):
            tally.wrong_passed += 1
            tally.notes.append(f"seed {seed}: wrong answer {place} passes")
    for coat in [rng.choice(list(Coat))] if is_slow else Coat:
        bare = rng.choice(good)
        answer = coated(bare, coat)
        if answer != bare:
            tally.coats_asked[coat] += 1
            if await passes(primitive, level, probe, answer) is (coat in spec.accepts):
                tally.coats_right[coat] += 1
            else:
                tally.notes.append(f"seed {seed}: coat {coat} is not taken as the level says")
    for name in [rng.choice(list(CHEATERS))] if is_slow else CHEATERS:
        for _ in range(GUESSES if "guess" in name and not is_slow else 1):
            tally.cheats_asked[name] += 1
            cheat = CHEATERS[name](primitive, level, probe, rng)
            if await passes(primitive, level, probe, cheat):
                tally.cheats_passed[name] += 1
                tally.notes.append(f"seed {seed}: cheat {name} passes")


def shown(probe: Probe) -> object:
    return probe.prompt, probe.files, probe.site, probe.tools


def solver(primitive: Primitive) -> works.Solve:
    solve = works.solver(primitive)
    if solve is None:
        raise SystemExit(f"tests/solvers has no second algorithm for {primitive.id}")
    return solve


def try_seeds(id: str, level: Level, seeds: Sequence[int], is_slow: bool) -> Tally:
    """In a worker: answers, coats and cheats."""

    async def run() -> None:
        for seed in seeds:
            await try_seed(tally, PRIMITIVES.get(id), level, seed, is_slow)

    tally, began = Tally(), time.perf_counter()
    # A folder is made for every answer: in memory that takes a tenth of the time. Programs stay on the disk,
    # for what lies in shared memory may not be executable.
    in_memory = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    tempfile.tempdir = str(SHARED_MEMORY) if in_memory and not is_slow else None
    anyio.run(run)
    tally.seconds = time.perf_counter() - began
    return tally


def count_ties(id: str, level: Level, seeds: Sequence[int]) -> Tally:
    """In a worker: probes with no right answer, or more than one."""
    primitive, began = PRIMITIVES.get(id), time.perf_counter()
    solve, tally = solver(primitive), Tally(tie_seeds=len(seeds))
    for seed in seeds:
        count = len(solve(level, primitive.probe(level, seed)))
        if count != 1:
            tally.ties += 1
            tally.notes.append(f"seed {seed}: {count} right answers")
    tally.seconds = time.perf_counter() - began
    return tally


def is_slow(id: str, level: Level) -> bool:
    """In a worker: whether the level's oracle runs programs."""
    return anyio.run(works.runs_processes, PRIMITIVES.get(id), level)


def set_up() -> None:
    """In a worker, before anything else."""
    os.environ["PATH"] = works.PATH


def missing(primitive: Primitive, level: Level) -> list[str]:
    """Programs and modules this level needs that are not here."""
    spec = primitive.levels[level]
    programs = [name for name in (*primitive.commands, *spec.commands) if shutil.which(name) is None]
    return programs + [name for name in spec.modules if importlib.util.find_spec(name) is None]


def chunks(count: int, size: int) -> list[range]:
    return [range(low, min(low + size, count)) for low in range(0, count, size)]


def row(primitive: Primitive, level: Level, tally: Tally) -> str:
    cheats = ", ".join(f"{name} {count}" for name, count in tally.cheats_passed.most_common() if count)
    return (
        f"| `{primitive.id}` | {level} | {tally.seeds} | {tally.right} | {tally.solved} "
        f"| {sum(tally.coats_right.values())}/{sum(tally.coats_asked.values())} | {len(tally.shown)} "
        f"| {tally.wrong_passed}/{tally.wrong_asked} | {cheats or 'none'} | {tally.ties} "
        f"| {'yes' if not tally.faults() else 'NO'} | {tally.seconds:.0f} |"
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def check(many: int, wanted: Sequence[Primitive], pool: ProcessPoolExecutor) -> tuple[int, int]:
    """How many levels are unsound, and how many cannot be judged here."""
    print("| primitive | level | seeds | right | solved | coats | distinct | wrong that passed", end=" ")
    print("| cheats that passed | ties | sound | s |")
    print("|---|---|--:|--:|--:|--:|--:|--:|---|--:|---|--:|")
    levels = [(each, level) for each in wanted for level in LEVELS]
    here = [(each, level) for each, level in levels if not missing(each, level)]
    slow = [pool.submit(is_slow, primitive.id, level) for primitive, level in here]
    jobs: dict[tuple[str, Level], list[Future[Tally]]] = {}
    for (primitive, level), found in zip(here, slow, strict=True):
        takes_long = found.result()
        seeds = chunks(
            min(many, PROCESS_SEEDS) if takes_long else many, PROCESS_CHUNK if takes_long else CHUNK
        )
        ties = chunks(many * TIE_FACTOR, CHUNK * TIE_FACTOR)
        jobs[primitive.id, level] = [
            *(pool.submit(try_seeds, primitive.id, level, each, takes_long) for each in seeds),
            *(pool.submit(count_ties, primitive.id, level, each) for each in ties),
        ]
    unsound = 0
    for done, (primitive, level) in enumerate(levels, start=1):
        if (primitive.id, level) not in jobs:
            gone = ", ".join(missing(primitive, level))
            print(f"| `{primitive.id}` | {level} | 0 |  |  |  |  |  | not asked: no {gone} |  |  |  |")
            continue
        tally = Tally()
        for job in jobs[primitive.id, level]:
            tally.add(job.result())
        print(row(primitive, level, tally), flush=True)
        unsound += bool(tally.faults())
        say(f"  [{done}/{len(levels)}] {primitive.id} {level}: {'; '.join(tally.faults()) or 'sound'}")
        for note in first_of_each(tally.notes, lambda note: note.split(":")[1]):
            say(f"      {note}")
    return unsound, len(levels) - len(here)


def first_of_each(notes: Sequence[str], kind: Callable[[str], str]) -> list[str]:
    seen: Counter[str] = Counter()
    kept = []
    for note in notes:
        seen[kind(note)] += 1
        if seen[kind(note)] <= MAX_SHOWN:
            kept.append(note)
    return kept


def main() -> None:
    set_up()
    only = {name for name in os.environ.get("SKVM_BENCH_PRIMITIVES", "").split(",") if name}
    many = int(os.environ.get("SKVM_BENCH_SEEDS") or 1000)
    workers = int(os.environ.get("SKVM_BENCH_WORKERS") or 0) or len(os.sched_getaffinity(0))
    if unknown := only - {each.id for each in PRIMITIVES.all()}:
        raise SystemExit(f"no such primitive: {', '.join(sorted(unknown))}")
    wanted = [each for each in PRIMITIVES.all() if not only or each.id in only]
    for each in wanted:
        solver(each)
    # Spawned, not forked: a fork of a process with threads may take a lock along that nobody lets go.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=set_up) as pool:
        unsound, unasked = check(many, wanted, pool)
    print(f"\n{unsound} levels are NOT sound" if unsound else "\nevery level that was asked is sound")
    if unasked:
        print(f"{unasked} levels were not asked, for want of a program")


if __name__ == "__main__":
    main()
