"""A candidate tried on recorded runs, and what each of them is evidence of.

A replay is evidence where the run took no part in making the candidate. A run that did is none by itself; it
becomes one where the other runs give the same code without it. A candidate that does not do again what a run
it was made from did is wrong, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.proving.fuzz import fuzz_in
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.proving.replay import replay_in
from skvm.runtime.boost.proving.steps import open_steps

if TYPE_CHECKING:
    from skvm.harness.sandbox import Sandbox
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["MAX_REPLAYS", "Trial", "try_out"]

MAX_REPLAYS = 8
"""Runs a candidate is replayed on, the newest first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a candidate.

    Args:
        replays: Evidence: what a replay on each run proved, newest run first.
        fuzzed: What fuzzing proved; ``None`` where it was not tried.
        refusal: Why the candidate is no good; ``""`` where it may be.
    """

    replays: tuple[tuple[WatchedRun, Proof], ...] = ()
    fuzzed: Proof | None = None
    refusal: str = ""


@dataclass(slots=True)
class _Tally:
    replays: list[tuple[WatchedRun, Proof]] = field(default_factory=list)
    good: int = 0
    bad: int = 0


async def try_out(
    candidate: Candidate,
    runs: Sequence[WatchedRun],
    *,
    known: Sequence[WatchedRun],
    serves: WatchedRun | None,
    fuzz_from: int | None,
    sandbox: Sandbox,
    tmp_dir: Path,
) -> Trial:
    """Replay a candidate on runs whose prompts are its own, then fuzz it.

    Args:
        candidate: The candidate.
        runs: Runs it is replayed on, oldest first.
        known: All runs of its skill: what it could be made of without one of them.
        serves: The run it has to do right; ``None`` where none is set.
        fuzz_from: It is fuzzed if at least so many replays were good; ``None`` for never. Fuzzing takes
            longer than all else and is worth it shortly before a promotion.
        sandbox: Where it is run.
        tmp_dir: Where folders for it are made.

    Raises:
        InfrastructureError: No cell can be opened.
    """
    tally = _Tally()
    async with open_steps([candidate.template], sandbox=sandbox, tmp_dir=tmp_dir) as steps:
        tried = 0
        for run in reversed(runs):
            if tried == MAX_REPLAYS:
                break
            proof = await replay_in(steps, candidate, run, tmp_dir=tmp_dir)
            is_wanted = serves is not None and run.record.run_id == serves.record.run_id
            if is_wanted and proof.is_good is not True:
                return Trial(tuple(tally.replays), None, f"it does not do the run again: {proof.reason}")
            if proof.is_good is None:
                continue
            tried += 1
            if refusal := await _weigh(tally, candidate, run, known, proof):
                return Trial(tuple(tally.replays), None, refusal)
        if tally.bad > tally.good:
            return Trial(tuple(tally.replays), None, "it disagrees with more runs than it agrees with")
        if fuzz_from is None or tally.good < fuzz_from:
            return Trial(tuple(tally.replays))
        fuzzed = await fuzz_in(steps, candidate, known, tmp_dir=tmp_dir)
    refusal = f"fuzzing: {fuzzed.reason}" if fuzzed.is_good is False else ""
    return Trial(tuple(tally.replays), fuzzed, refusal)


async def _weigh(
    tally: _Tally, candidate: Candidate, run: WatchedRun, known: Sequence[WatchedRun], proof: Proof
) -> str:
    """Count a replay; gives why the candidate is no good, if it shows that."""
    if run.record.run_id in candidate.origin.run_ids:
        if not proof.is_good:
            return f"it does not do again what it was made from: {proof.reason}"
        if not await anyio.to_thread.run_sync(_comes_without, candidate, run, known):
            return ""
    tally.replays.append((run, proof))
    tally.good += bool(proof.is_good)
    tally.bad += not proof.is_good
    return ""


def _comes_without(candidate: Candidate, run: WatchedRun, known: Sequence[WatchedRun]) -> bool:
    """Whether the other runs give the same code for the same prompts; blocks."""
    others = [each for each in known if each.record.run_id != run.record.run_id]
    return any(_is_like(each, candidate) for each in compile_candidates(others).candidates)


def _is_like(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates do the same for the same prompts; how strictly they look at files may differ."""
    return (
        one.template.code == other.template.code
        and [param.name for param in one.template.params] == [param.name for param in other.template.params]
        and one.skeletons == other.skeletons
        and one.sources == other.sources
    )
