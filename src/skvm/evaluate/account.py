"""What is known of one run so far, how it ended, and what the journal is told of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from skvm.errors import InfrastructureError, SkvmError
from skvm.evaluate.score import combine, standing_note
from skvm.evidence.record import CallRecord, CriterionResult, Outcome, RunRecord, RunStarted, Usage
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import BudgetExceededError
from skvm.task.digest import task_digest

if TYPE_CHECKING:
    from skvm.evaluate.bench import RunSpec
    from skvm.evaluate.grading import Verdicts
    from skvm.evaluate.judging import RunJudge
    from skvm.evidence.blobs import BlobStore

__all__ = ["Account", "find_error"]

E = TypeVar("E", bound=BaseException)


class Account:
    """The account of one run: filled in while it goes on, told to the journal at its two ends."""

    started: RunStarted
    record: RunRecord

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.calls: Sequence[CallRecord] = ()
        self.usage = Usage()
        self.trajectory: Trajectory | None = None
        self.outcome = Outcome.SCORED
        self.detail: str | None = None
        self.criteria: tuple[CriterionResult, ...] = ()
        self.score: float | None = None
        self.notes: list[str] = []
        self.duration_ms = 0.0

    def take(self, trajectory: Trajectory) -> None:
        """Take what the agent did, and how that ended."""
        self.trajectory = trajectory
        self.end(trajectory.outcome, trajectory.detail)

    def judge(self, verdicts: Verdicts) -> None:
        """Take what the graders said, and score it."""
        self.criteria = verdicts.results
        self.notes += verdicts.notes
        if verdicts.fault is not None:
            self.end(Outcome.GRADER_FAILED, verdicts.fault)
            return
        self.score = combine(verdicts.results, self.spec.task.grading_weights)
        is_graded = any(result.score is not None or result.is_pending for result in verdicts.results)
        if verdicts.results and not is_graded:
            self.end(Outcome.GRADER_FAILED, "no criterion of this task can be graded here")
        elif note := standing_note(verdicts.results):
            self.notes.append(note)

    def end(self, outcome: Outcome, detail: str | None) -> None:
        """Say how it ended; only a graded outcome keeps a score."""
        self.outcome, self.detail = outcome, detail
        if not outcome.is_graded:
            self.score = None

    def fail(self, error: BaseException) -> BaseException | None:
        """Say how an exception ended it, and what of it the caller must see."""
        if isinstance(error, anyio.get_cancelled_exc_class() | KeyboardInterrupt):
            self.end(Outcome.CANCELLED, "cancelled")
            return error
        known = find_error(error, SkvmError)
        if known is None:
            self.end(Outcome.INFRA_FAILED, f"{type(error).__name__}: {error}")
            return error
        self.end(Outcome.INFRA_FAILED, f"{known.message} ({known.help})" if known.help else known.message)
        is_outcome = isinstance(known, InfrastructureError) and not isinstance(known, BudgetExceededError)
        return None if is_outcome else known

    def begin(self, sandbox: str) -> list[tuple[str, RunStarted]]:
        """What the journal is told before anything is done; blocks."""
        self.started = _started(self.spec, sandbox)
        return [("run_started", self.started)]

    def put_trajectory(self, blobs: BlobStore) -> str | None:
        """Keep the trajectory as a blob, and give its digest; blocks."""
        return None if self.trajectory is None else blobs.put(_as_bytes(self.trajectory))

    def finish(
        self, digest: str | None, kept: Path | None, judge: RunJudge | None
    ) -> list[tuple[str, CallRecord | RunRecord]]:
        """What the journal is told at the end: every call, the judge's under a kind of their own, the record.

        Args:
            digest: That of the trajectory.
            kept: The work directory, if it stays.
            judge: Who judged the run, if anybody.
        """
        self.record = self._finished(digest, kept, judge.usage if judge else Usage())
        judged = judge.calls if judge else []
        return [
            *(("call", call) for call in self.calls),
            *(("judge_call", call) for call in judged),
            ("run_finished", self.record),
        ]

    def note_afterwards(self, note: str) -> None:
        """Add a note to the record as it is returned; the journal has had it already."""
        self.notes.append(note)
        self.record = self.record.model_copy(update={"notes": tuple(self.notes)})

    def _finished(self, digest: str | None, kept: Path | None, judge_usage: Usage) -> RunRecord:
        trajectory = self.trajectory
        return RunRecord(
            **self.started.model_dump(include=_SHARED),
            outcome=self.outcome,
            score=self.score,
            criteria=self.criteria,
            usage=self.usage,
            duration_ms=(trajectory.duration_ms if trajectory else 0.0) or self.duration_ms,
            llm_duration_ms=sum(call.duration_ms for call in self.calls),
            turns=len(trajectory.turns) if trajectory else 0,
            skill_loaded=trajectory.skill_loaded if trajectory else None,
            trajectory_digest=digest,
            detail=self.detail,
            simulated=self.spec.simulated,
            notes=tuple(self.notes),
            work_dir=None if kept is None else str(kept),
            judge_usage=judge_usage,
            grading_weights=self.spec.task.grading_weights,
            finished_at=datetime.now(UTC),
        )


_SHARED = set(RunStarted.model_fields) & set(RunRecord.model_fields) - {"schema_"}


def _started(spec: RunSpec, sandbox: str) -> RunStarted:
    now = datetime.now(UTC)
    digest = None
    if spec.skill is not None:
        from skvm.skill.emit import skill_digest

        digest = skill_digest(spec.skill)
    return RunStarted(
        run_id=spec.run_id or f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(3)}",
        session_id=spec.session_id,
        task_id=spec.task.id,
        task_digest=task_digest(spec.task),
        condition=spec.label,
        repetition=spec.repetition,
        model=spec.model_id,
        harness=spec.harness_name,
        skill_id=spec.skill.id if spec.skill else None,
        skill_digest=digest,
        sandbox=sandbox,
        cell=spec.cell,
        seed=spec.seed,
        started_at=now,
    )


def _as_bytes(trajectory: Trajectory) -> bytes:
    try:
        return trajectory.model_dump_json(by_alias=True).encode()
    except ValueError:
        # A prompt or a harness of others may hold what UTF-8 does not take.
        plain = trajectory.model_dump(mode="json", by_alias=True)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def find_error(error: BaseException, kind: type[E]) -> E | None:
    """The error itself, or the first of that kind inside the groups that task groups make."""
    if isinstance(error, kind):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inner if (found := find_error(each, kind)) is not None), None)
