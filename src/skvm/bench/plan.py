"""The plan of a bench: everything that was decided before the first run, as one record.

It stands in the journal (``bench_started``) before anything is spent, and beside the reports as
``metadata.json``. Resuming a session reads it and needs nothing else; what it names by digest may not have
changed since.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.evidence.record import Record, Usage

__all__ = [
    "BenchPlan",
    "PlannedCondition",
    "PlannedSkill",
    "PlannedTask",
    "PlannedTrigger",
    "Preparation",
    "Skip",
    "Target",
]


class _Part(Record):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Skip(_Part):
    """A task that is not run.

    Args:
        task_id: Which.
        reason: Why, one line.
    """

    task_id: str
    reason: str


class Target(_Part):
    """A model in a harness."""

    model: str
    harness: str

    @property
    def label(self) -> str:
        """How a table names it."""
        return f"{self.model} in {self.harness}"


class PlannedSkill(_Part):
    """A skill as it was when the bench was planned.

    Args:
        id: The skill's id.
        path: Its folder, absolute.
        digest: Over all its bytes.
    """

    id: str
    path: str
    digest: str


class PlannedTask(_Part):
    """A task as it was when the bench was planned.

    Args:
        id: The task's id.
        name: For people.
        category: Report grouping.
        grading_type: A label only.
        path: Its folder or file, absolute.
        digest: Of all that can change a run of it, or its grade.
        skills: The skills its skilled conditions use; none for a task without a skill.
    """

    id: str
    name: str
    category: str
    grading_type: str = "automated"
    path: str
    digest: str
    skills: tuple[PlannedSkill, ...] = ()


class PlannedTrigger(_Part):
    """A prompt that should have a harness load a skill, or should not.

    Args:
        id: Unique among those of its skill.
        skill: The skill that is listed.
        prompt: What the agent is asked.
        should_trigger: Whether the skill is for it.
        fixtures: Inline files, by path relative to the work directory.
        source: Where it comes from: ``file``, ``evals``, ``description``, ``neighbour`` or ``model``.
    """

    id: str
    skill: PlannedSkill
    prompt: str
    should_trigger: bool
    fixtures: dict[str, str] = Field(default_factory=dict)
    source: str = "file"


class PlannedCondition(_Part):
    """A condition. What a custom plan says of one of its own goes before what the plan says of all.

    Args:
        name: Its registered name with its argument (``aot-compiled-p13``), or a label.
        skill: The skill folder a label of a custom plan stands for, absolute.
        is_label: Whether the name is such a label; without a skill it is a bare run.
        targets: Where it runs; ``None`` on every target.
        task_ids: What it runs; ``None`` for every task.
        repetitions: Instead of the plan's.
        max_steps: Instead of the plan's.
        timeout_mult: Times a task's own wall clock, > 0.
    """

    name: str
    skill: str | None = None
    is_label: bool = False
    targets: tuple[Target, ...] | None = None
    task_ids: tuple[str, ...] | None = None
    repetitions: int | None = Field(default=None, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    timeout_mult: float = Field(default=1.0, gt=0)


class Preparation(_Part):
    """What was done for a condition before its first run, and what that cost.

    Args:
        condition: The condition's name.
        model: Full model id of the target.
        harness: Harness name of the target.
        skill_id: The skill it was done for; ``None`` where a task has none.
        what: One line: ``compiled``, ``up to date``, ``found`` …
        is_reused: Whether it stood already, and nothing was spent now.
        usage: Model calls of it.
        duration_ms: Its wall time.
        problem: Why these cells cannot run; ``None`` where they can.
        help: The way out of the problem.
        provenance: Digests of what went in and came out, by name.
    """

    condition: str
    model: str
    harness: str
    skill_id: str | None = None
    what: str = ""
    is_reused: bool = True
    usage: Usage = Usage()
    duration_ms: float = 0.0
    problem: str | None = None
    help: str | None = None
    provenance: dict[str, str] = Field(default_factory=dict)


class BenchPlan(_Part):
    """What a session runs.

    Args:
        session_id: The session.
        created_at: ISO time stamp.
        tasks: In order of id.
        skipped: Tasks asked for that cannot run here.
        targets: In the order given.
        conditions: In the order given; the first one named ``original``, else ``no-skill``, is the baseline.
        repetitions: Of every cell, ≥ 1.
        skill_mode: How skills reach the model.
        timeout_s: Instead of every task's own.
        max_steps: Instead of every task's own.
        temperature: The same in every condition.
        max_output_tokens: Output tokens a turn at most; ``None`` leaves that to the harness.
        seed: The repetition is added to it, so that the conditions of a repetition share a seed.
        sandbox: Name of a back end, or ``auto``.
        adapter_config: Whose configuration harnesses that are programs run with.
        judge_model: Who judges, if anybody.
        is_judge_deferred: Whether judging waits for the end of the session.
        may_judge_itself: Whether the judge may be the judged model.
        compiler_model: Who helps compiling.
        profile: Path of the profile to compile for, instead of the target's own.
        allow_missing: Whether to run without what a skill's environment requires.
        concurrency: Runs at once on this machine, ≥ 1.
        limits: Runs at once of a harness or at a provider, by its name.
        stop_when: ``sure`` ends a session as soon as the anytime-valid test is.
        margin: What difference ``sure`` may overlook, in score.
        keep_work_dirs: Whether work directories stay.
        boost: Whether templates act in every condition: not at all, beside the model, or in its place.
        follow_plans: Whether runs follow the plans of their skills, and how groups of steps then run.
        jit_runs: Warm-up runs of the condition ``jit-boost`` at most, ≥ 1.
        max_usd: Spend ceiling in dollars.
        max_tokens: Spend ceiling in tokens.
        triggers: Prompts by which loading of skills is tested, beside the matrix.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    session_id: str
    created_at: str
    tasks: tuple[PlannedTask, ...]
    skipped: tuple[Skip, ...] = ()
    targets: tuple[Target, ...]
    conditions: tuple[PlannedCondition, ...]
    repetitions: int = Field(default=1, ge=1)
    skill_mode: Literal["inject", "discover"] = "inject"
    timeout_s: float | None = None
    max_steps: int | None = None
    temperature: float = 0.0
    max_output_tokens: int | None = None
    seed: int = 0
    sandbox: str = "auto"
    adapter_config: Literal["managed", "native"] = "managed"
    judge_model: str | None = None
    is_judge_deferred: bool = False
    may_judge_itself: bool = False
    compiler_model: str = "none"
    profile: str | None = None
    allow_missing: bool = False
    concurrency: int = Field(default=1, ge=1)
    limits: dict[str, int] = Field(default_factory=dict)
    stop_when: Literal["sure"] | None = None
    margin: float = 0.05
    keep_work_dirs: bool = False
    boost: Literal["off", "shadow", "on"] = "off"
    follow_plans: Literal["off", "auto", "serial", "parallel"] = "off"
    jit_runs: int = Field(default=6, ge=1)
    max_usd: float | None = None
    max_tokens: int | None = None
    triggers: tuple[PlannedTrigger, ...] = ()

    @property
    def condition_names(self) -> tuple[str, ...]:
        """The names, in order, each once."""
        return tuple(dict.fromkeys(condition.name for condition in self.conditions))

    @property
    def baseline(self) -> str:
        """What the others are compared with: ``original``, else ``no-skill``, else the first."""
        names = self.condition_names
        return next((name for name in ("original", "no-skill") if name in names), names[0])
