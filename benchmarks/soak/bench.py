"""Many short runs under fire, through ``skvm bench`` itself: does everything return to where it was?

``python -m benchmarks.soak [--runs N] [--fault-rate R] [--seed N] [--sandbox NAME]`` prints one table and
exits 1 when a bar fails. A block is a session of ``bare-agent`` over a model that fails, which is resumed
until every run of it has a result, and a session of a hostile program. What the process holds after the
first two blocks is the start: by then everything is loaded that is loaded once.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from tests.confinement import wait_until_gone

from benchmarks.soak.ground import TASKS, Ground, open_ground
from benchmarks.soak.hostile import MISDEEDS, hostile_harnesses
from benchmarks.soak.sampling import Holdings, Sampler

__all__ = ["Bar", "main", "soak"]

BLOCK = 500
WARM_BLOCKS = 2
MOST_RESUMES = 6
RSS_GROWTH = 0.10
RSS_SLACK_MB = 16.0
"""What an allocator may keep in pieces; a leak of 2 kB a run is more by the end."""
BLOCKS_GROWTH = 0.01
"""What caches of bounded size may still take in after the first blocks."""
TIMEOUT_MS = 4000


@dataclass(frozen=True)
class Bar:
    """One line of the table.

    Args:
        what: What is measured.
        figures: At the start, at most, at the end; or one figure.
        holds: Whether it is as it should be.
        bar: That, in words.
    """

    what: str
    figures: tuple[str, ...]
    holds: bool
    bar: str


@dataclass
class Found:
    """What came of a soak.

    Args:
        start: What was held after the first blocks.
        end: At the end.
        peak: At most.
        runs: Runs that were asked for.
        unfinished: Sessions that could not be brought to an end.
        odd_codes: Exit codes no session should have.
    """

    start: Holdings | None = None
    end: Holdings | None = None
    peak: Holdings | None = None
    runs: int = 0
    unfinished: int = 0
    resumes: int = 0
    odd_codes: list[int] = field(default_factory=list)
    escaped: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    facts: dict[str, str] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)


def soak(runs: int, rate: float, seed: int, sandbox: str = "auto", *, block: int = BLOCK) -> Found:
    """Run it.

    Args:
        runs: How many, about.
        rate: Share of the model's answers, and of the runs, that are faults.
        seed: Of the faults.
        sandbox: Back end.
        block: Runs of one block.
    """
    found, marker = Found(), f"{uuid.uuid4().int % 10**9 + 10**9}"
    began, cpu = time.monotonic(), _cpu_s()
    with open_ground(rate, seed) as ground, hostile_harnesses(marker) as hostile:
        # What is made once and stays lies here from the first cell on, so it is part of the start.
        sampler = Sampler((ground.tmp, ground.system_tmp), lambda: ground.spare)
        misdeeds = cycle(MISDEEDS)
        blocks = max(WARM_BLOCKS + 1, math.ceil(runs / block))
        with sampler.watching():
            for number in range(blocks):
                size = min(block, math.ceil(runs / blocks))
                bad = max(1, round(size * rate))
                _good_session(ground, found, size - bad, sandbox)
                _hostile_session(ground, found, list(islice(misdeeds, bad)), hostile, sandbox)
                if number + 1 == WARM_BLOCKS:
                    found.start = sampler.settled(None)
                _tell(number + 1, blocks, found, sampler)
            found.end = sampler.settled(found.start)
        found.peak = sampler.peak
        found.escaped = len(wait_until_gone(marker))
        found.wall_s, found.cpu_s = time.monotonic() - began, _cpu_s() - cpu
        _judge(found, ground)
    return found


def _good_session(ground: Ground, found: Found, runs: int, sandbox: str) -> None:
    """One session that must come to an end with a result for every run."""
    repetitions = math.ceil(runs / TASKS)
    tasks = ",".join(f"t{number}" for number in range(TASKS))
    found.runs += repetitions * TASKS
    code = ground.skvm(*_bench(tasks, repetitions, "bare-agent", sandbox))
    for _ in range(MOST_RESUMES):
        if code == 0:
            return
        found.resumes += 1
        if code not in {1, 3}:
            found.odd_codes.append(code)
        code = ground.skvm("bench", "--resume=latest")
    found.unfinished += code != 0


def _hostile_session(
    ground: Ground, found: Found, misdeeds: Sequence[str], hostile: str, sandbox: str
) -> None:
    """Sessions of programs some of which fail, as they should."""
    while misdeeds:
        # Each misdeed is one task, so the same one twice is another session.
        now = list(dict.fromkeys(misdeeds))
        misdeeds = list(misdeeds)[len(now) :]
        found.runs += len(now)
        code = ground.skvm(*_bench(",".join(now), 1, hostile, sandbox))
        if code not in {0, 1}:
            found.odd_codes.append(code)


def _bench(tasks: str, repetitions: int, adapter: str, sandbox: str) -> list[str]:
    return [
        "bench",
        "--model=fake/m",
        f"--adapter={adapter}",
        f"--tasks={tasks}",
        "--conditions=no-skill",
        f"--runs-per-task={repetitions}",
        "--concurrency=16",
        f"--timeout-ms={TIMEOUT_MS}",
        f"--sandbox={sandbox}",
    ]


def _cpu_s() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _tell(number: int, blocks: int, found: Found, sampler: Sampler) -> None:
    held = sampler.look()
    print(
        f"block {number} of {blocks}: {found.runs:,} runs, {held.rss_mb:.0f} MB, {held.descriptors} "
        f"descriptors, {held.threads} threads, {held.processes} processes, {held.temporary} temporary files",
        file=sys.stderr,
        flush=True,
    )


def _judge(found: Found, ground: Ground) -> None:
    """Hold everything against its bar."""
    start, end, peak = found.start, found.end, found.peak
    assert start is not None
    assert end is not None
    assert peak is not None
    allowed_mb = start.rss_mb * (1 + RSS_GROWTH) + RSS_SLACK_MB
    figures = tuple(f"{each.rss_mb:.0f} MB" for each in (start, peak, end))
    found.bars.append(Bar("memory", figures, end.rss_mb <= allowed_mb, f"≤ {allowed_mb:.0f} MB at the end"))
    figures = tuple(f"{each.blocks:,}" for each in (start, peak, end))
    allowed = int(start.blocks * (1 + BLOCKS_GROWTH))
    found.bars.append(Bar("blocks of Python objects", figures, end.blocks <= allowed, f"≤ {allowed:,}"))
    for name, what in (
        ("descriptors", "descriptors"),
        ("threads", "threads"),
        ("processes", "processes"),
        ("temporary", "temporary files"),
    ):
        values = tuple(getattr(each, name) for each in (start, peak, end))
        holds = values[2] <= values[0]
        found.bars.append(Bar(what, tuple(map(str, values)), holds, "no more than at the start"))
    open_runs, outcomes = ground.journal()
    told = ground.injected()
    for what, count, bar in (
        ("processes that escaped a cell", found.escaped, "none"),
        ("runs without an end in the journal", open_runs, "none"),
        ("runs that count twice", ground.doubled(), "none"),
        ("sessions that could not be finished", found.unfinished, "none"),
        ("commands that ended with another code", len(found.odd_codes), "none"),
        ("tracebacks", ground.said_tracebacks(), "none"),
    ):
        found.bars.append(Bar(what, (str(count),), count == 0, bar))
    asked = told.pop("asked")
    cpu_ms = found.cpu_s / max(1, outcomes.total()) * 1000
    found.facts = {
        "runs asked for": f"{found.runs:,}",
        "runs made": f"{outcomes.total():,}: {_counts(outcomes)}",
        "sessions resumed": f"{found.resumes:,}",
        "model calls": f"{asked:,}, of them {sum(told.values()):,} faults: {_counts(told)}",
        "time": f"{found.wall_s:.0f} s; {cpu_ms:.0f} ms of processor a run, ours and our children's",
    }


def _counts(found: Mapping[str, int]) -> str:
    ordered = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{count:,} {name}" for name, count in ordered)


def report(found: Found) -> None:
    """Print the table."""
    for name, fact in found.facts.items():
        print(f"{name}: {fact}")
    print("\n| | start | at most | end | bar | |\n|---|--:|--:|--:|---|---|")
    for bar in found.bars:
        figures = bar.figures if len(bar.figures) == 3 else ("", "", *bar.figures)
        print(f"| {bar.what} | {' | '.join(figures)} | {bar.bar} | {'holds' if bar.holds else 'FAILS'} |")


def main(arguments: Sequence[str] = ()) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="runs, about (10,000)")
    parser.add_argument("--fault-rate", type=float, default=0.05, help="share of faults (0.05)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (1)")
    parser.add_argument("--sandbox", default="auto", help="back end (auto)")
    parser.add_argument("--block", type=int, default=BLOCK, help=f"runs of one block ({BLOCK})")
    given = parser.parse_args(arguments)
    if given.runs < 1 or given.block < 20 or not 0 <= given.fault_rate <= 1:
        parser.error("--runs is at least 1, --block at least 20, --fault-rate from 0 to 1")
    found = soak(given.runs, given.fault_rate, given.seed, given.sandbox, block=given.block)
    report(found)
    return 0 if all(bar.holds for bar in found.bars) else 1
