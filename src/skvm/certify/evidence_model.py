"""What a bench session found of a skill on one target, as records of a certificate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Comparison",
    "ConditionFigures",
    "Evidence",
    "Excluded",
    "Held",
    "Interval",
    "JournalRecord",
    "Prepared",
    "Task",
]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True
    )


class Interval(_Part):
    """A confidence interval; ``over`` says what it speaks of: tasks like these, or runs of these tasks."""

    low: float
    high: float
    level: float = Field(gt=0, lt=1)
    method: str
    over: Literal["tasks", "runs"]


JournalRecord = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,15} sha256:[0-9a-f]{64}$")]
"""A record of the journal the figures come from: its id, and the digest of what it holds."""


class Task(_Part):
    """A task, by the digest of all that can change a run of it or its grade."""

    id: str
    digest: str


class Held(_Part):
    """What was held the same in every condition."""

    repetitions: int = Field(ge=1)
    skill_mode: str
    temperature: float
    seed: int
    sandbox: str
    max_output_tokens: int | None
    max_steps: int | None
    timeout_seconds: float | None
    judge_model: str | None
    compiler_model: str
    boost: str
    plans: str


class ConditionFigures(_Part):
    """One condition over all tasks.

    Args:
        condition: Its name.
        delivered: Digests of what its runs delivered; none without a skill.
        is_subject: Whether that is the very skill of the certificate, in every run.
        score: Mean over tasks.
        interval: Around it.
        strict_score: The same with every time-out as 0.
        pass_rate: Share of tasks with a mean score of 0.5 or more.
        runs: Runs there were, one a repetition.
        scored: Those with a score.
        tasks: Tasks with a scored run.
        loaded: Scored runs in which the skill is known to have reached the model; ``None`` where no run can
            tell, or there was no skill.
        tokens: Of a scored run, cached ones included, in the mean.
        cost_micro_usd: Of a scored run in the mean, in millionths of a dollar; ``None`` where a price is not
            known.
        seconds: Of a scored run in the mean.
        steps: Turns of the model, likewise.
    """

    condition: str
    delivered: tuple[str, ...]
    is_subject: bool
    score: float | None = Field(ge=0, le=1)
    interval: Interval | None
    strict_score: float | None = Field(ge=0, le=1)
    pass_rate: float | None = Field(ge=0, le=1)
    runs: int = Field(ge=0)
    scored: int = Field(ge=0)
    tasks: int = Field(ge=0)
    loaded: int | None = Field(ge=0)
    tokens: float | None
    cost_micro_usd: int | None
    seconds: float | None
    steps: float | None


class Comparison(_Part):
    """A condition against another, paired by task.

    Args:
        difference: Mean over their common tasks; ``None`` without one.
        p: Of the test the verdict stands on, rounded up.
        holm_p: Corrected for all comparisons with the same control.
        verdict: ``better``, ``worse``, ``no difference found`` or ``undecided``.
        sentence: The verdict, with what it stands on.
        runs: Scored runs of the common tasks, of both sides.
    """

    treatment: str
    control: str
    difference: float | None
    interval: Interval | None
    p: float | None = Field(ge=0, le=1)
    holm_p: float | None = Field(ge=0, le=1)
    verdict: str
    sentence: str
    tasks: int = Field(ge=0)
    runs: tuple[int, int]


class Excluded(_Part):
    """How many runs of a condition no figure stands on, and why."""

    condition: str
    reason: str
    explanation: str
    runs: int = Field(ge=1)


class Prepared(_Part):
    """What a condition was made from, before its first run.

    Args:
        what: What was done, one line.
        digests: Of what went in and came out, as ``name value``.
        cost_micro_usd: What that cost; ``None`` where a price is not known.
        problem: Why it could not be had, if so.
    """

    condition: str
    what: str
    digests: tuple[str, ...]
    tokens: int = Field(ge=0)
    cost_micro_usd: int | None
    problem: str | None


class Evidence(_Part):
    """A bench session, as far as it is about this skill on this target.

    Args:
        session: Its id.
        is_whole: Whether it ran to its end.
        stopped: What was known when it ended early, if it did.
        plan: The journal's record of its plan.
        runs: The records of all its finished attempts on this target with these tasks.
        judgements: Records of what judges said later.
        tasks: Tasks of this skill alone, in order of id.
        left_out: Tasks of the session that use other skills.
        is_simulated: Whether any run was of a simulated model.
        sandboxes: What confined the runs.
        held: What was held the same.
        conditions: In the order of the plan.
        comparisons: With no skill, and with the skill as it was written.
        excluded: What the figures do not stand on.
        prepared: How the conditions were made ready.
    """

    session: str
    is_whole: bool
    stopped: str | None
    plan: JournalRecord
    runs: tuple[JournalRecord, ...]
    judgements: tuple[JournalRecord, ...]
    tasks: tuple[Task, ...]
    left_out: int = Field(ge=0)
    is_simulated: bool
    sandboxes: tuple[str, ...]
    held: Held
    conditions: tuple[ConditionFigures, ...]
    comparisons: tuple[Comparison, ...]
    excluded: tuple[Excluded, ...]
    prepared: tuple[Prepared, ...]
