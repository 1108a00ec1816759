"""Reject a proposal, stop its session, and say of a session that died without a word that it did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.record import process_started
from skvm.harness.confine.inside.tree import descendants, is_dead, kill_all
from skvm.optimizer.model import Verdict
from skvm.optimizer.proposals.deploy import deciding
from skvm.optimizer.proposals.proposal import Proposal, moment
from skvm.optimizer.proposals.records import RunStatus
from skvm.optimizer.proposals.standing import why_not_cancelled, why_not_rejected

__all__ = ["MAX_REASON_CHARS", "cancel", "healed", "reject"]

MAX_REASON_CHARS = 2000
TERM_WAIT_S = 2.0
KILL_WAIT_S = 1.0


def reject(proposal: Proposal, reason: str | None = None) -> Proposal:
    """Decide against a proposal: it is neither deployed nor served to a bench from now on.

    Args:
        proposal: The proposal.
        reason: Why, for whoever looks later; longer than 2000 characters is cut.

    Raises:
        UsageError: It still runs, or a round of it is deployed.
        InfrastructureError: The disk refuses.
    """
    with deciding(proposal) as current:
        if (refusal := why_not_rejected(current.meta, current.phase)) is not None:
            way = "rollback" if current.meta.standing_deployments else "cancel"
            raise UsageError(
                f"{current.id} cannot be rejected: {refusal}", help=f"`skvm proposals {way} {current.id}`"
            )
        told = (reason or "").strip()[:MAX_REASON_CHARS] or None
        return current.update_meta(
            status="rejected", accepted_round=None, reject_reason=told, rejected_at=moment()
        )


def cancel(proposal: Proposal) -> Proposal:
    """Stop the session of a proposal, with every process it started.

    It is asked to end, which leaves it 2 s to write down how; then it is killed. Blocks for up to 3 s.

    Raises:
        UsageError: It does not run.
        InfrastructureError: It runs on another machine, is not ours to stop, or does not die.
    """
    with deciding(proposal) as current:
        status = current.run_status
        if (refusal := why_not_cancelled(current.meta, current.phase)) is not None or status is None:
            raise UsageError(
                f"{current.id} cannot be cancelled: {refusal}",
                help=f"`skvm proposals show {current.id}` says more",
            )
        if status.is_elsewhere:
            raise InfrastructureError(
                f"{current.id} runs on {status.host}", help="run the command on that machine"
            )
        _check_process(current, status)
        _stop(current, status.pid)
        ended = current.refreshed()
        if ended.meta.verdict is not None and ended.phase.value != "running":
            return ended  # it wrote down itself how it ended
        return ended.finalize(
            Verdict.CANCELLED,
            best_round=ended.meta.best_round,
            reason=ended.meta.best_round_reason,
            error="it was cancelled",
        )


def healed(proposal: Proposal) -> Proposal:
    """The proposal, with a session that is gone and still says that it runs marked as failed.

    It keeps no verdict, so that it can be resumed.

    Raises:
        InfrastructureError: The disk refuses.
    """
    status = proposal.run_status
    if status is None or status.phase != "running" or status.is_alive:
        return proposal
    with proposal.locked():
        now = proposal.refreshed()
        status = now.run_status
        if status is None or status.phase != "running" or status.is_alive:
            return now
        if now.meta.verdict not in {None, Verdict.FAILED, Verdict.CANCELLED}:
            ended = {"phase": "done", "finished_at": moment()}
        else:
            told = f"its process ({status.pid}) is gone and did not say why"
            ended = {"phase": "failed", "finished_at": moment(), "error": status.error or told}
        return now.write_status(status.model_copy(update=ended))


def _check_process(proposal: Proposal, status: RunStatus) -> None:
    """Refuse what cannot be told to be a session's process: a pid alone may be anybody's."""
    if status.process_started is not None:
        return
    words = _words_of(status.pid)
    if b"jit-optimize" not in words:
        raise InfrastructureError(
            f"{proposal.id}: process {status.pid} may be another by now",
            help="stop it by hand if it is its session",
        )


def _words_of(pid: int) -> bytes:
    """The command line of a process; empty if it is gone."""
    if sys.platform != "linux":
        asked = ["ps", "-o", "args=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, check=False).stdout
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _stop(proposal: Proposal, pid: int) -> None:
    known = _starts([pid, *descendants(pid)])
    if (root := known.get(pid)) is None:
        return  # it has just ended
    with suppress(ProcessLookupError):
        try:
            os.kill(pid, signal.SIGTERM)
        except PermissionError as error:
            raise InfrastructureError(f"{proposal.id}: process {pid} belongs to somebody else") from error
    give_up_at = time.monotonic() + TERM_WAIT_S
    while _lives(pid, root) and time.monotonic() < give_up_at:
        # What it starts while it ends is its own, too.
        known |= _starts(descendants(pid))
        time.sleep(0.02)

    def left() -> list[int]:
        below = _starts(descendants(pid)) if process_started(pid) == root else {}
        return [each for each, started in {**known, **below}.items() if _lives(each, started)]

    if not kill_all(left, patience_s=KILL_WAIT_S):
        raise InfrastructureError(f"{proposal.id}: processes {', '.join(map(str, left()))} do not die")


def _starts(pids: list[int]) -> dict[int, int]:
    found = {pid: process_started(pid) for pid in pids}
    return {pid: started for pid, started in found.items() if started is not None}


def _lives(pid: int, started: int) -> bool:
    if process_started(pid) != started:
        return False
    if sys.platform != "linux":
        return not is_dead(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # A dead process waits for whoever started it to ask after it; nothing more can be done to it.
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
