"""Paired runs of a variant against its original, interleaved and resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from skvm.compiler.acceptance.verdict import Acceptance, Side, TaskScores, bound_of, judge
from skvm.errors import UsageError
from skvm.evaluate.bench import Bench, RunSpec
from skvm.evaluate.grading import check_criteria, errors_of
from skvm.evaluate.schedule import run_many
from skvm.evidence.record import Outcome, RunRecord
from skvm.skill.bundle import digest_of
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from skvm.task.digest import task_digest
from skvm.task.model import Task

__all__ = ["TEMPERATURE", "Trial", "TrialTask", "check_tasks", "run_trial"]

TEMPERATURE = 0.7
"""At 0 every repetition of a task would be the same run."""
CONDITIONS = ("original", "aot-compiled")
EVALS = "evals/"
"""Folder of a bundle that holds what a skill is graded by; no agent sees it in a trial."""


@dataclass(frozen=True, slots=True)
class TrialTask:
    """A task and where it came from (``given``, ``evals``, ``model``)."""

    task: Task
    source: str = "given"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is measured.

    Args:
        original: The skill as it was.
        variant: The compiled skill.
        tasks: At least one; pairs go round them in turn.
        pairs: Pairs of runs, > 0.
        model: Full model id of the target.
        harness: Registered harness name.
        lost: What the variant must keep and does not.
    """

    original: Skill
    variant: Skill
    tasks: Sequence[TrialTask]
    pairs: int
    model: str
    harness: str
    lost: Sequence[str] = ()

    @property
    def session_id(self) -> str:
        """Of all its runs: the same trial goes on where it was stopped, also with more pairs."""
        parts = [skill_digest(self.original), skill_digest(self.variant), self.model, self.harness]
        return f"accept-{digest_of(' '.join(parts).encode())[7:23]}"


def check_tasks(tasks: Sequence[TrialTask]) -> None:
    """Refuse tasks that cannot be graded, before anything is spent.

    Raises:
        UsageError: A criterion is malformed, a task has none that anything here can grade, or two tasks have
            one id.
    """
    ids = [found.task.id for found in tasks]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise UsageError(f"two tasks are called {twice[0]!r}", help="each task needs an id of its own")
    for found in tasks:
        if errors := errors_of(found.task):
            raise UsageError(f"task {found.task.id!r}: {errors[0].code} {errors[0].message}")
        if len(check_criteria(found.task)) >= len(found.task.criteria):
            raise UsageError(
                f"task {found.task.id!r} has no criterion that can be graded here",
                help="give tasks with file-check or script criteria: --tasks=DIR,…",
            )


async def run_trial(
    trial: Trial, bench: Bench, on_done: Callable[[RunRecord], None] = lambda _: None
) -> Acceptance:
    """Run what is missing of a trial and judge it.

    The order is original, variant, variant, original, and so on, so that neither side always runs first; both
    runs of a pair have the same seed. Runs of the same trial that are graded in the journal are not repeated.

    Args:
        trial: What to measure.
        bench: What runs share.
        on_done: Told of every run, also of those found in the journal.

    Raises:
        UsageError: A task cannot be graded, or the harness is unknown.
        ConfigError: The model has no route or credential.
        BudgetExceededError: The spend ceiling is reached.
        InfrastructureError: The journal cannot be used.
    """
    check_tasks(trial.tasks)
    specs = _specs(trial)
    known = await _known(trial, bench)
    records: dict[int, RunRecord] = {}
    for index, spec in enumerate(specs):
        if (record := known.get(_key_of(spec))) is not None:
            records[index] = record
            on_done(record)
    missing = [index for index in range(len(specs)) if index not in records]

    def keep(position: int, record: RunRecord) -> None:
        records[missing[position]] = record
        on_done(record)

    warm = replace(bench, temperature=TEMPERATURE)
    await run_many([specs[index] for index in missing], warm, on_done=keep)
    return _judged(trial, [records[index] for index in range(len(specs))])


def _specs(trial: Trial) -> list[RunSpec]:
    skills = dict(zip(CONDITIONS, (_blind(trial.original), _blind(trial.variant)), strict=True))
    made = []
    for pair in range(trial.pairs):
        repetition, which = divmod(pair, len(trial.tasks))
        made += [
            RunSpec(
                task=trial.tasks[which].task,
                model_id=trial.model,
                harness=trial.harness,
                skill=skills[condition],
                condition=condition,
                repetition=repetition,
                seed=repetition,
                session_id=trial.session_id,
            )
            for condition in (CONDITIONS if pair % 2 == 0 else CONDITIONS[::-1])
        ]
    return made


def _blind(skill: Skill) -> Skill:
    """The skill without the files it is graded by."""
    return replace(
        skill, resources=tuple(found for found in skill.resources if not found.path.startswith(EVALS))
    )


_Key = tuple[str, str, int, str | None]


def _key_of(spec: RunSpec) -> _Key:
    digest = skill_digest(spec.skill) if spec.skill else None
    return (task_digest(spec.task), spec.condition, spec.repetition, digest)


async def _known(trial: Trial, bench: Bench) -> dict[_Key, RunRecord]:
    """Graded runs of this trial, the newest of each."""
    found: dict[_Key, RunRecord] = {}
    for entry in await bench.journal.query("run_finished"):
        if entry.body.get("session_id") == trial.session_id:
            record = RunRecord.model_validate(entry.body)
            if record.outcome.is_graded and record.score is not None:
                key = (record.task_digest, record.condition, record.repetition, record.skill_digest)
                found[key] = record
    return found


def _judged(trial: Trial, records: Sequence[RunRecord]) -> Acceptance:
    """The verdict on all runs, given in the order they were planned."""
    scores: dict[str, tuple[list[float], list[float]]] = {}
    for first, second in zip(records[::2], records[1::2], strict=True):
        by = {record.condition: _score(record) for record in (first, second)}
        before, after = by[CONDITIONS[0]], by[CONDITIONS[1]]
        if before is not None and after is not None:
            held = scores.setdefault(first.task_id, ([], []))
            held[0].append(before)
            held[1].append(after)
    compared, bound = bound_of(
        {task: pair[1] for task, pair in scores.items()}, {task: pair[0] for task, pair in scores.items()}
    )
    scored = sum(len(pair[0]) for pair in scores.values())
    best = max((score for pair in scores.values() for side in pair for score in side), default=0.0)
    verdict, reason = judge(bound, scored_pairs=scored, best=best, lost=trial.lost)
    return Acceptance(
        verdict=verdict,
        reason=reason,
        pairs=trial.pairs,
        scored_pairs=scored,
        difference=compared.difference,
        interval=bound,
        temperature=TEMPERATURE,
        seeds=tuple(range(-(-trial.pairs // len(trial.tasks)))),
        lost=tuple(trial.lost),
        original=_side(records, CONDITIONS[0], [pair[0] for pair in scores.values()]),
        variant=_side(records, CONDITIONS[1], [pair[1] for pair in scores.values()]),
        tasks=tuple(_task_scores(found, scores) for found in trial.tasks),
        original_digest=skill_digest(trial.original),
        variant_digest=skill_digest(trial.variant),
        model=trial.model,
        harness=trial.harness,
    )


def _score(record: RunRecord) -> float | None:
    """A run's score; one that timed out counts as 0, one nobody could grade not at all."""
    if not record.outcome.is_graded or record.score is None:
        return None
    return 0.0 if record.outcome is Outcome.TIMED_OUT else record.score


def _side(records: Sequence[RunRecord], condition: str, scores: Sequence[Sequence[float]]) -> Side:
    mine = [record for record in records if record.condition == condition]
    outcomes = sorted(record.outcome.value for record in mine)
    flat = [score for of_task in scores for score in of_task]
    return Side(
        runs=len(mine),
        scored=sum(_score(record) is not None for record in mine),
        mean=sum(flat) / len(flat) if flat else None,
        outcomes={name: outcomes.count(name) for name in dict.fromkeys(outcomes)},
        input_tokens=sum(record.usage.input_tokens + record.usage.cache_read_tokens for record in mine),
        output_tokens=sum(record.usage.output_tokens for record in mine),
    )


def _task_scores(found: TrialTask, scores: dict[str, tuple[list[float], list[float]]]) -> TaskScores:
    before, after = scores.get(found.task.id, ([], []))
    return TaskScores(
        id=found.task.id,
        digest=task_digest(found.task),
        source=found.source,
        original=tuple(before),
        variant=tuple(after),
    )
