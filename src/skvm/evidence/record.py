"""Records: what crosses a disk, process or HTTP boundary, frozen and versioned.

``Outcome`` is the third channel beside errors and diagnostics: how one run ended.
"""

from __future__ import annotations

import enum
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CallRecord",
    "CriterionResult",
    "Outcome",
    "Record",
    "RunRecord",
    "RunStarted",
    "Usage",
    "process_started",
]


class Record(BaseModel):
    """A frozen value with a schema number; unknown keys are dropped on reading."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_enum_values=False, defer_build=True)


class Outcome(enum.StrEnum):
    """How one run ended; only an agent's own doing has a score."""

    SCORED = "scored"
    TIMED_OUT = "timed_out"
    STEP_LIMIT = "step_limit"
    HARNESS_FAILED = "harness_failed"
    GRADER_FAILED = "grader_failed"
    INFRA_FAILED = "infra_failed"
    CANCELLED = "cancelled"

    @property
    def is_graded(self) -> bool:
        """Whether the work is graded as it was left (a score exists)."""
        return self in {Outcome.SCORED, Outcome.TIMED_OUT, Outcome.STEP_LIMIT}


class Usage(Record):
    """Tokens and money of one or many model calls.

    Args:
        input_tokens: Tokens read that were not served from a cache, ≥ 0.
        output_tokens: Tokens written, ≥ 0.
        cache_read_tokens: Tokens served from a prompt cache, not counted in ``input_tokens``.
        cache_write_tokens: Tokens written to a prompt cache.
        calls: Model calls this stands for.
        cost_usd: Dollars, or ``None`` where any part of the price is unknown; never 0 for unknown.
    """

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)
    calls: int = Field(default=0, ge=0)
    cost_usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        """The sum; an unknown cost stays unknown."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            calls=self.calls + other.calls,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )

    @property
    def total_tokens(self) -> int:
        """All tokens read and written, cached ones included."""
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens


class CallRecord(Record):
    """One model call as the port saw it."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    model: str
    dialect: str
    status: int
    attempts: int = 1
    duration_ms: float
    usage: Usage
    request_digest: str | None = None
    response_digest: str | None = None
    replayed: bool = False
    error: str | None = None

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CriterionResult(Record):
    """What one grader says of one criterion.

    Args:
        id: The criterion's id, else its index as text.
        method: The grader's name.
        score: In [0, 1], or ``None`` where the grader could not grade (see ``infra_error``).
        weight: The criterion's weight, if it has one.
        details: Why, for a person.
        checkpoints: Named part scores.
        infra_error: Why no score exists, if none does.
        is_pending: Whether a judge is still to be asked; the score is then ``None`` and nothing failed.
        inputs_digest: Blob of what the judge was or will be shown.
    """

    id: str
    method: str
    score: float | None = Field(default=None, ge=0, le=1)
    weight: float | None = None
    details: str = ""
    checkpoints: tuple[Checkpoint, ...] = ()
    infra_error: str | None = None
    is_pending: bool = False
    inputs_digest: str | None = None


class Checkpoint(Record):
    """A named part of a criterion's score."""

    name: str
    score: float = Field(ge=0, le=1)
    weight: float | None = None
    reason: str = ""


class RunRecord(Record):
    """One task run once.

    Args:
        run_id: Unique id, sortable by time.
        task_id: The task's id.
        condition: What was varied (``no-skill``, ``original``, ``aot-compiled``, …).
        repetition: Which repeat, from 0.
        model: Full model id.
        harness: Registered harness name.
        skill_id: The skill's id, ``None`` without one.
        skill_digest: Digest of all bytes of the skill as it was delivered.
        task_digest: Digest of the task.
        outcome: How it ended.
        score: In [0, 1]; ``None`` unless the outcome is graded.
        criteria: What each grader said.
        usage: All model calls of the run.
        duration_ms: Wall time of the agent, grading left out.
        llm_duration_ms: Time spent in model calls.
        turns: Assistant turns.
        skill_loaded: Whether the skill reached the model; ``None`` where that cannot be told.
        trajectory_digest: Blob of the trajectory.
        sandbox: Which sandbox confined it.
        detail: One line on an outcome that is not ``scored``.
        simulated: Whether the model is a simulated processor.
        notes: What else is worth knowing (files left out, a setup script that failed), one line each.
        work_dir: Where the work directory was kept, if it was asked for.
        cell: Key of the bench cell it fills: a digest of all that was varied or held; ``None`` elsewhere.
        seed: Sampling seed, if one was given.
        judge_usage: What judging it took; no part of ``usage``.
        grading_weights: The task's weights of ``automated`` and ``llmJudge``, if it has them: a later
            judgement combines the score anew.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    run_id: str
    session_id: str | None = None
    task_id: str
    condition: str
    repetition: int = 0
    model: str
    harness: str
    skill_id: str | None = None
    skill_digest: str | None = None
    task_digest: str
    outcome: Outcome
    score: float | None = Field(default=None, ge=0, le=1)
    criteria: tuple[CriterionResult, ...] = ()
    usage: Usage = Usage()
    duration_ms: float = 0.0
    llm_duration_ms: float = 0.0
    turns: int = 0
    skill_loaded: bool | None = None
    trajectory_digest: str | None = None
    sandbox: str = ""
    detail: str | None = None
    simulated: bool = False
    notes: tuple[str, ...] = ()
    work_dir: str | None = None
    cell: str | None = None
    seed: int | None = None
    judge_usage: Usage = Usage()
    grading_weights: dict[str, float] | None = None
    started_at: datetime
    finished_at: datetime

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class RunStarted(Record):
    """That a run began: all that is known of it before its agent starts.

    Args:
        pid: The process that runs it.
        process_started: When that process started, in clock ticks since boot; tells a reused pid apart.
        host: The machine it runs on.
        cell: Key of the bench cell it is to fill; ``None`` outside a bench.
        seed: Sampling seed, if one was given.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    run_id: str
    session_id: str | None = None
    task_id: str
    task_digest: str
    condition: str
    repetition: int = 0
    model: str
    harness: str
    skill_id: str | None = None
    skill_digest: str | None = None
    sandbox: str = ""
    pid: int = Field(default_factory=os.getpid)
    process_started: int | None = Field(default_factory=lambda: process_started(os.getpid()))
    host: str = Field(default_factory=platform.node)
    cell: str | None = None
    seed: int | None = None
    started_at: datetime

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @property
    def is_alive(self) -> bool:
        """Whether the process that began it still runs on this machine."""
        return (
            self.host == platform.node()
            and self.process_started is not None
            and process_started(self.pid) == self.process_started
        )


def process_started(pid: int) -> int | None:
    """Start time of a process; ``None`` if there is no such process.

    In clock ticks since boot; elsewhere than on Linux in seconds since 1970.
    """
    if sys.platform != "linux":
        return _asked_of_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The program's name may hold spaces and brackets; what follows its last bracket is plain.
    return int(stat.rpartition(")")[2].split()[19])


def _asked_of_ps(pid: int) -> int | None:
    """In whole seconds, which is all that ``ps`` tells."""
    env = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], env=env, capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        return None
    started = datetime.strptime(" ".join(done.stdout.split()), "%a %b %d %H:%M:%S %Y")
    return int(started.replace(tzinfo=UTC).timestamp())


CriterionResult.model_rebuild()
