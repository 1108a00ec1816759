"""Is a primitive sound? Its oracle takes right answers and refuses the rest, its probes hold what they claim.

The trials are those of ``skvm.target.trials``. Who asks the oracle, and where, is the caller's: a ``Judge``.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError, SkvmError
from skvm.harness.process import run_process
from skvm.target.contract import LEVELS, Answer, Coat, Level, Primitive, Probe, Verdict
from skvm.target.trials import CHEATERS, coated

__all__ = [
    "MAX_GUESS_RATE",
    "MAX_PROMPT_CHARS",
    "POOL_SEEDS",
    "Finding",
    "Judge",
    "Judged",
    "LevelReport",
    "Tally",
    "check_level",
    "check_processes",
    "check_words",
    "lucky_guesses",
    "pool_digest",
]

MAX_GUESS_RATE = 0.01
"""How often someone who does not know the answer may be right."""
MAX_PROMPT_CHARS = 2_000
"""Longer questions are slow to read for a small model, and measure its memory instead."""
POOL_SEEDS = 200
"""How many probes are compared with each other."""
_MAX_REPEATS = 1
_GUESSES = 20
_LUCK = 0.01
_GUESSER = "random-guess"
_PROCESS_TIMEOUT_S = 120.0
_DIGESTS = (
    "import sys\n"
    "from skvm.target.contract import LEVELS, PRIMITIVES\n"
    "from skvm.target.soundness import pool_digest\n"
    "for level in LEVELS: print(pool_digest(PRIMITIVES.get(sys.argv[1]), level))\n"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What an oracle said of one answer.

    Args:
        verdict: The oracle's.
        is_costly: Whether it needed a cell; such an oracle is asked about fewer guesses.
    """

    verdict: Verdict
    is_costly: bool = False


class Judge(Protocol):
    """Lays out an answer as an agent would have left it, and asks the oracle."""

    async def __call__(self, primitive: Primitive, level: Level, probe: Probe, answer: Answer) -> Judged:
        """Ask once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Args:
        level: Of which level; ``None`` for the whole primitive.
        seed: Of which probe; ``None`` for all of them.
        trial: What was tried: ``reference``, ``also 2``, ``coat bold``, ``wrong 1``, a cheater, ``guesses``,
            ``probes``, ``words``.
        reason: What came of it.
    """

    level: Level | None
    seed: int | None
    trial: str
    reason: str


@dataclass(slots=True)
class Tally:
    """How many of a kind of trial came out as they should.

    Args:
        asked: All of them.
        good: Those.
    """

    asked: int = 0
    good: int = 0

    def add(self, is_good: bool) -> None:
        """Count one."""
        self.asked, self.good = self.asked + 1, self.good + is_good


@dataclass(slots=True)
class LevelReport:
    """What the trials of one level gave.

    Args:
        level: Which.
        right: References and other right answers, which pass.
        coats: Reformatted references, which pass in the coats the level accepts, and fail in the others.
        wrong: The probes' own wrong answers and the cheaters', which fail.
        guesses: Random guesses; the good ones fail.
        distinct: Different probes among ``POOL_SEEDS``.
        findings: In order of seed.
    """

    level: Level
    right: Tally = field(default_factory=Tally)
    coats: Tally = field(default_factory=Tally)
    wrong: Tally = field(default_factory=Tally)
    guesses: Tally = field(default_factory=Tally)
    distinct: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_words(primitive: Primitive) -> tuple[Finding, ...]:
    """What can be seen without asking anything: claims, degradations, a guess at every level."""

    def found(level: Level | None, reason: str) -> Finding:
        return Finding(level, None, "words", reason)

    findings = []
    if len({primitive.levels[level].claim for level in LEVELS}) < len(LEVELS):
        findings.append(found(None, "two levels claim the same"))
    if not (primitive.degradations.l3_to_l2 or primitive.degradations.l2_to_l1):
        findings.append(found(None, "no degradation says how a requirement is lowered"))
    for level in LEVELS:
        if not primitive.levels[level].claim.strip():
            findings.append(found(level, "the claim is empty"))
        if primitive.levels[level].guess is None:
            findings.append(found(level, "no guess shows that guessing does not pass"))
    return tuple(findings)


async def check_level(
    primitive: Primitive,
    level: Level,
    judge: Judge,
    seeds: Sequence[int],
    *,
    concurrency: int = 1,
    on_seed: Callable[[], None] = lambda: None,
) -> LevelReport:
    """Run every trial of a level.

    Args:
        primitive: Whose.
        level: Which.
        judge: Asks the oracle.
        seeds: Probes that are tried.
        concurrency: Probes at once, ≥ 1.
        on_seed: Called after each.

    Raises:
        SkvmError: The judge could not ask (a sandbox that failed).
    """
    report = LevelReport(level)
    report.distinct, pool = await anyio.to_thread.run_sync(_check_pool, primitive, level)
    limiter = anyio.CapacityLimiter(concurrency)

    async def one(seed: int) -> None:
        async with limiter:
            await _Trial(primitive, level, seed, judge, report).run()
        on_seed()

    async with anyio.create_task_group() as group:
        for seed in seeds:
            group.start_soon(one, seed)
    report.findings.sort(key=lambda found: (found.seed, found.trial))
    report.findings[:0] = pool
    lucky = report.guesses.asked - report.guesses.good
    if lucky > lucky_guesses(report.guesses.asked):
        reason = f"{lucky} of {report.guesses.asked} random guesses passed; at most 1 in 100 may"
        report.findings.append(Finding(level, None, "guesses", reason))
    return report


class _Trial:
    """The trials of one probe."""

    def __init__(
        self, primitive: Primitive, level: Level, seed: int, judge: Judge, report: LevelReport
    ) -> None:
        self.primitive, self.level, self.seed = primitive, level, seed
        self.judge, self.report = judge, report
        self.is_costly = False

    async def run(self) -> None:
        """Try what should pass, then what should not."""
        try:
            probe = self.primitive.probe(self.level, self.seed)
        except Exception as error:  # noqa: BLE001 - a generator may do anything wrong; that is a finding
            self._find("probe", f"the generator raised {_named(error)}")
            return
        report = self.report
        for name, answer in _right(probe):
            await self._try(name, probe, partial(_same, answer), report.right, is_right=True)
        accepts = self.primitive.levels[self.level].accepts
        for coat in Coat:
            dressed = coated(probe.reference, coat)
            if dressed != probe.reference:
                make = partial(_same, dressed)
                await self._try(f"coat {coat}", probe, make, report.coats, is_right=coat in accepts)
        for number, wrong in enumerate(probe.wrong, start=1):
            await self._try(f"wrong {number}", probe, partial(_same, wrong), report.wrong, is_right=False)
        for name, cheater in CHEATERS.items():
            if name != _GUESSER:
                rng = random.Random(f"{name}/{self.seed}")
                make = partial(cheater, self.primitive, self.level, probe, rng)
                await self._try(name, probe, make, report.wrong, is_right=False)
        for number in range(1 if self.is_costly else _GUESSES):
            rng = random.Random(f"{_GUESSER}/{self.seed}/{number}")
            guess = partial(CHEATERS[_GUESSER], self.primitive, self.level, probe, rng)
            judged = await self._ask(_GUESSER, probe, guess)
            if judged is None:
                break
            self.report.guesses.add(not judged.verdict.passed)

    async def _try(
        self, trial: str, probe: Probe, make: Callable[[], Answer], tally: Tally, *, is_right: bool
    ) -> None:
        judged = await self._ask(trial, probe, make)
        is_good = judged is not None and judged.verdict.passed is is_right
        tally.add(is_good)
        if judged is not None and not is_good:
            said = "was refused" if is_right else "passed"
            self._find(trial, f"{said}: {judged.verdict.reason}")

    async def _ask(self, trial: str, probe: Probe, make: Callable[[], Answer]) -> Judged | None:
        try:
            judged = await self.judge(self.primitive, self.level, probe, make())
        except SkvmError:
            raise
        except Exception as error:  # noqa: BLE001 - an oracle may do anything wrong; that is a finding
            self._find(trial, f"the oracle raised {_named(error)}")
            return None
        self.is_costly = self.is_costly or judged.is_costly
        return judged

    def _find(self, trial: str, reason: str) -> None:
        self.report.findings.append(Finding(self.level, self.seed, trial, reason))


def _same(answer: Answer) -> Answer:
    return answer


def _right(probe: Probe) -> Iterator[tuple[str, Answer]]:
    yield "reference", probe.reference
    for number, answer in enumerate(probe.also, start=1):
        yield f"also {number}", answer


def lucky_guesses(asked: int) -> int:
    """How many of so many guesses may pass before luck is no explanation.

    The most that someone who is right once in a hundred reaches in 99 of 100 trials.
    """
    left, passed = 1.0, 0
    while True:
        left -= math.exp(
            math.lgamma(asked + 1)
            - math.lgamma(passed + 1)
            - math.lgamma(asked - passed + 1)
            + passed * math.log(MAX_GUESS_RATE)
            + (asked - passed) * math.log1p(-MAX_GUESS_RATE)
        )
        if left <= _LUCK + 1e-9 or passed >= asked:
            return passed
        passed += 1


def _check_pool(primitive: Primitive, level: Level) -> tuple[int, tuple[Finding, ...]]:
    """How many probes differ, and what is wrong with them as a whole."""

    def found(reason: str, seed: int | None = None) -> Finding:
        return Finding(level, seed, "probes", reason)

    try:
        probes = [primitive.probe(level, seed) for seed in range(POOL_SEEDS)]
        again = [primitive.probe(level, seed) for seed in range(POOL_SEEDS)]
    except Exception as error:  # noqa: BLE001 - as above
        return 0, (found(f"the generator raised {_named(error)}"),)
    findings = []
    differing = [seed for seed in range(POOL_SEEDS) if probes[seed] != again[seed]]
    if differing:
        reason = "the same seed gave another probe: draw from the generator's own argument alone"
        findings.append(found(reason, differing[0]))
    distinct = len({_shown(probe) for probe in probes})
    if distinct < POOL_SEEDS - _MAX_REPEATS:
        findings.append(found(f"only {distinct} of {POOL_SEEDS} probes differ: the pool is too small"))
    longest = max(range(POOL_SEEDS), key=lambda seed: len(probes[seed].prompt))
    if (length := len(probes[longest].prompt)) > MAX_PROMPT_CHARS:
        reason = f"the prompt has {length:,} characters, more than {MAX_PROMPT_CHARS:,}"
        findings.append(found(reason, longest))
    return distinct, tuple(findings)


def _shown(probe: Probe) -> str:
    """What an agent is shown."""
    return repr((probe.prompt, dict(probe.files), probe.site, probe.tools))


def pool_digest(primitive: Primitive, level: Level) -> str:
    """One digest of what ``POOL_SEEDS`` probes show; the same in every process."""
    digest = hashlib.sha256()
    for seed in range(POOL_SEEDS):
        # A generator that raises is found where its probes are compared with each other.
        with contextlib.suppress(Exception):
            shown = _shown(primitive.probe(level, seed))
            digest.update(shown.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


async def check_processes(primitive: Primitive) -> tuple[Finding, ...]:
    """Whether probes are the same in every process: sets and hashes of text are not in the same order in two.

    Raises:
        InfrastructureError: The primitive cannot be found in a process of its own.
    """
    digests = []
    for hash_seed in ("1", "2"):
        env = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        ran = await run_process(
            [sys.executable, "-c", _DIGESTS, primitive.id], timeout_s=_PROCESS_TIMEOUT_S, env=env
        )
        if ran.exit_code != 0:
            last = ran.stderr.strip().rpartition("\n")[2] or "no output"
            raise InfrastructureError(f"{primitive.id} cannot be asked in a second process: {last}")
        digests.append(ran.stdout.split())
    return tuple(
        Finding(
            level, None, "probes", "another process makes other probes: no order of a set, no hash of a text"
        )
        for level, first, second in zip(LEVELS, *digests, strict=True)
        if first != second
    )


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
