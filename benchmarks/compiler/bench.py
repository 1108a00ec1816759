"""A static compile of one skill in a warm process, with all passes, over the corpus.

``python -m benchmarks compiler`` prints the median and the 95th percentile over the skills of
``SKVM_TEST_DATA`` (default ``../shared/data``), and how many a core analyses a second. A compile is all but
reading from disk and writing: parsing has been done, nothing is remembered of the skill. The process is
pinned to one core. ``SKVM_BENCH_PROFILE=1`` says which functions take the time; ``SKVM_BENCH_EVERY=10``
takes every tenth skill.
"""

from __future__ import annotations

import cProfile
import gc
import os
import pstats
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from benchmarks.compiler.corpus import corpus, profiles, skill_files
from skvm.compiler.builds.proof import proof_of
from skvm.compiler.contract import PASSES, PassContext
from skvm.compiler.need import DETECTORS
from skvm.compiler.pipeline import resolve_passes, run_passes
from skvm.compiler.requirements import analyse, read
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.profile import Profile

TARGETS = ("all-L3", "local--qwen2.5-coder-1.5b@shell-agent", "all-L1", "all-L0")
_SHOWN = 40
ROUNDS = int(os.environ.get("SKVM_BENCH_ROUNDS", "3"))


def compile_times(skills: list[Skill], profile: Profile, rounds: int = 1) -> list[tuple[float, str]]:
    """Milliseconds and name of each skill, all passes and the proof, nothing written.

    Processor time, and the least of the rounds: others may share the core. Between two rounds of one skill
    stand all others, so that nothing of it is remembered.
    """
    passes = resolve_passes(PASSES.names())
    found = [float("inf")] * len(skills)

    async def run() -> None:
        for _ in range(rounds):
            for index, skill in enumerate(skills):
                began = time.process_time()
                result = await run_passes(skill, passes, PassContext(profile.model, profile.harness, profile))
                proof_of(skill, result, profile)
                found[index] = min(found[index], (time.process_time() - began) * 1000)

    anyio.run(run)
    return sorted(zip(found, (skill.id for skill in skills), strict=True))


def detector_times(skills: list[Skill]) -> list[tuple[float, str]]:
    """Milliseconds a skill of each detector, reading apart."""
    spent: dict[str, float] = {}
    for skill in skills:
        reading = read(skill)
        _ = reading.prose.sentences
        for name in DETECTORS.names():
            began = time.perf_counter()
            for _need in DETECTORS.get(name).find(reading):
                pass
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - began
    return sorted(((seconds * 1000 / len(skills), name) for name, seconds in spent.items()), reverse=True)


@contextmanager
def told(label: str) -> Iterator[None]:
    """Profile a block if asked to."""
    if os.environ.get("SKVM_BENCH_PROFILE") != "1":
        yield
        return
    profiler = cProfile.Profile()
    with profiler:
        yield
    print(f"-- {label}")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(_SHOWN)


def main() -> None:
    folder = corpus()
    files = skill_files(folder)
    if not files:
        print(f"skipped: no corpus in {folder} (set SKVM_TEST_DATA)")
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    skills = [load_skill(file.parent) for file in files]
    gc.freeze()
    targets = profiles(folder)
    compile_times(skills[:20], targets[TARGETS[0]])
    began = time.process_time()
    for skill in skills:
        analyse(skill)
    rate = len(skills) / (time.process_time() - began)
    print(f"{len(skills)} skills; analysis alone {rate:.0f} skills/s on one core (bar 60)")
    for name in TARGETS:
        if name in targets:
            with told(name):
                times = compile_times(skills, targets[name], ROUNDS)
            print(f"{name:<42}{_line([spent for spent, _ in times])}  slowest {times[-1][1]}")
    slowest = ", ".join(f"{name} {spent:.2f}" for spent, name in detector_times(skills)[:8])
    print(f"slowest detectors, ms a skill: {slowest}")


def _line(times: list[float]) -> str:
    median, late, most = (times[int(share * (len(times) - 1))] for share in (0.5, 0.95, 1.0))
    return f"median {median:5.1f} ms, 95th {late:6.1f}, most {most:6.1f} (bar 15, aim 10)"


if __name__ == "__main__":
    main()
