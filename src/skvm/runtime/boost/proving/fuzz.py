"""The last look before a candidate may answer: run on changed names, values and data.

Nobody says what is right for these. What is looked at is how results hang together: names and values must be
followed, an order must not matter, other data must matter, damaged data must not be taken for good, and no
value may ever be run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from skvm.harness.sandbox import Sandbox
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.proving.data_trials import (
    made_small,
    try_again,
    try_beside,
    try_damaged,
    try_other_data,
    try_reordered,
)
from skvm.runtime.boost.proving.ground import FlawError, Ground, UntoldError
from skvm.runtime.boost.proving.proof import Proof, one_line
from skvm.runtime.boost.proving.replay import Start, proof_of_step, start_of
from skvm.runtime.boost.proving.steps import Steps, open_steps
from skvm.runtime.boost.proving.value_trials import try_names, try_values, try_words
from skvm.runtime.boost.watching import WatchedRun

__all__ = ["fuzz", "fuzz_in"]

MAX_S = 120.0
"""Wall clock of all trials of one candidate."""


async def fuzz(
    candidate: Candidate,
    runs: Sequence[WatchedRun],
    *,
    sandbox: Sandbox,
    tmp_dir: Path,
    rounds: int = 2,
    seed: int = 0,
) -> Proof:
    """Run a candidate on changed names, values and data, all in one cell.

    Args:
        candidate: The candidate.
        runs: Runs it may have been made from; those it would answer are where trials begin.
        sandbox: Where it is run.
        tmp_dir: Where folders for it are made.
        rounds: Random changes of each kind.
        seed: Of these changes; the same seed gives the same trials.

    Returns:
        ``is_good`` is ``None`` where no run can be begun from, the cell is lost, or trying takes longer than
        ``MAX_S``.

    Raises:
        InfrastructureError: No cell can be opened.
    """
    async with open_steps([candidate.template], sandbox=sandbox, tmp_dir=tmp_dir) as steps:
        return await fuzz_in(steps, candidate, runs, tmp_dir=tmp_dir, rounds=rounds, seed=seed)


async def fuzz_in(
    steps: Steps,
    candidate: Candidate,
    runs: Sequence[WatchedRun],
    *,
    tmp_dir: Path,
    rounds: int = 2,
    seed: int = 0,
) -> Proof:
    """The same in a cell that is open and knows the candidate's template."""
    ends_at = anyio.current_time() + MAX_S
    found = await _good_start(steps, candidate, runs, tmp_dir)
    if isinstance(found, Proof):
        return found
    start, prompt, step_ms = found
    ground = Ground(steps, candidate, start, ends_at)
    try:
        await _try_all(ground, prompt, random.Random(seed), rounds)
    except FlawError as flaw:
        return Proof(False, one_line(str(flaw)), step_ms)
    except UntoldError as error:
        return Proof(None, one_line(str(error)), step_ms)
    return Proof(True, "", step_ms)


async def _good_start(
    steps: Steps, candidate: Candidate, runs: Sequence[WatchedRun], tmp_dir: Path
) -> tuple[Start, str, float] | Proof:
    """A start from which it does what the run did, the run's prompt and the time it took; or why not."""
    proof = Proof(None, "no run to begin from")
    for run in runs:
        start = await anyio.to_thread.run_sync(start_of, candidate, run, tmp_dir)
        if isinstance(start, Proof):
            proof = start if proof.is_good is None else proof
            continue
        step = await steps.run(candidate, start.before, start.params)
        proof = proof_of_step(candidate, start, step, run.trajectory)
        if step.is_done and proof.is_good is not False:
            return start, run.prompt, step.step_ms
    return proof


async def _try_all(ground: Ground, prompt: str, draw: random.Random, rounds: int) -> None:
    """All trials, those first that are likely to find something.

    Raises:
        FlawError: One of them found something.
        UntoldError: They take too long, or the cell is gone.
    """
    ground = await made_small(ground)
    ground.base = await ground.run("where a run began", is_wired=True)
    if not ground.base.is_done:
        raise FlawError(ground.base.why)
    await try_beside(ground, prompt)
    await try_again(ground)
    await try_names(ground)
    await try_values(ground)
    await try_words(ground, prompt)
    await try_reordered(ground, draw, rounds)
    await try_other_data(ground, draw, rounds)
    await try_damaged(ground)
    await ground.run("once more", is_last=True)
