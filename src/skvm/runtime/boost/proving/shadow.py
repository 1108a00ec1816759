"""A candidate run beside the model: what it would have left, compared with what the model left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skvm.harness.sandbox import Sandbox
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.proving.replay import Start, proof_of_step
from skvm.runtime.boost.proving.steps import open_steps

__all__ = ["shadow"]


async def shadow(
    candidate: Candidate,
    params: Mapping[str, Any],
    before_files: Mapping[str, bytes],
    after_files: Mapping[str, bytes],
    *,
    sandbox: Sandbox,
    tmp_dir: Path,
    between: Sequence[Mapping[str, bytes]] = (),
    trajectory: Trajectory | None = None,
) -> Proof:
    """Run a candidate where the model was asked instead, and compare; the agent's files are not touched.

    It says what agrees, not whether the model was right: that is for whoever knows how the run was graded.

    Args:
        candidate: The candidate that would have answered.
        params: The values it would have run with.
        before_files: Files of the work directory then.
        after_files: Files the run left.
        sandbox: Where the candidate is run.
        tmp_dir: Where folders for it are made.
        between: Files after the turns between the two, in order.
        trajectory: The run; for candidates that write nothing and only print.

    Raises:
        InfrastructureError: No cell can be opened.
    """
    async with open_steps([candidate.template], sandbox=sandbox, tmp_dir=tmp_dir) as steps:
        step = await steps.run(candidate, before_files, params)
    start = Start(params, before_files, (*between, after_files))
    return proof_of_step(candidate, start, step, trajectory)
