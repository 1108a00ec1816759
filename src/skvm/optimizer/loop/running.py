"""Runs of a session: which spec each is, and that none is made twice."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import anyio

from skvm.compiler.acceptance.trials import EVALS
from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench, RunSpec
from skvm.evaluate.schedule import run_persistently
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.contract import SkillMode
from skvm.harness.environment.bind import Bound
from skvm.optimizer.loop.history import counts
from skvm.optimizer.loop.request import OptimizeRequest
from skvm.optimizer.model import Evidence
from skvm.optimizer.policy.events import Measured
from skvm.skill.ir import Skill
from skvm.task.model import Task

__all__ = ["GIVE_UP_AFTER", "Cell", "Runner", "in_order", "measured"]

PAUSE_S = 1.0
"""Before a train run is tried again whose infrastructure failed."""
GIVE_UP_AFTER = 5
"""Runs that fail for outside reasons one after the other before the session is stopped; it can go on."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cell:
    """Which run of a session one is; its text is the run's ``cell`` in the journal.

    Args:
        round: Whose pair or train run it is.
        role: ``train``, ``pair`` or ``baseline``.
        task_id: The task.
        index: Repetition of a train or baseline run, number of a pair.
        side: Of a pair ``original`` or ``treated``, of a baseline the condition, else ``""``.
    """

    round: int
    role: str
    task_id: str
    index: int
    side: str = ""

    @property
    def key(self) -> str:
        """The text."""
        return json.dumps([self.round, self.role, self.task_id, self.index, self.side])

    @classmethod
    def parse(cls, key: str | None) -> Cell | None:
        """Read the text; ``None`` if it is none."""
        try:
            parts = json.loads(key or "")
        except ValueError:
            return None
        if not isinstance(parts, list) or list(map(type, parts)) != [int, str, str, int, str]:
            return None
        return cls(*parts)

    @property
    def of_original(self) -> bool:
        """Whether it was run with the original."""
        return self.side == "original" or (not self.side and self.round == 0)


@dataclass(slots=True)
class Runner:
    """Makes the runs of a session.

    Args:
        request: What is asked for.
        bench: What runs share.
        session_id: Of the runs.
        known: Runs that were made before, by cell; those that count are not repeated.
        environment: What the skill's commands find first.
    """

    request: OptimizeRequest
    bench: Bench
    session_id: str
    known: dict[str, RunRecord] = field(default_factory=dict)
    environment: Bound | None = None
    failures: int = 0

    def spec(self, cell: Cell, task: Task, skill: Skill | None, condition: str, seed: int) -> RunSpec:
        """What to run."""
        asked = self.request
        return RunSpec(
            task=task,
            model_id=asked.target_model,
            harness=asked.harness,
            skill=_blind(skill) if skill is not None else None,
            skill_mode=SkillMode(asked.skill_mode),
            condition=condition,
            repetition=cell.index,
            max_steps=asked.max_steps,
            timeout_s=asked.timeout_s,
            seed=asked.seed + seed,
            session_id=self.session_id,
            cell=cell.key,
            environment=self.environment if skill is not None else None,
        )

    async def run(self, spec: RunSpec) -> RunRecord:
        """Run, unless it was run before.

        Raises:
            InfrastructureError: Many runs failed for outside reasons one after the other.
            SkvmError: What a run passes on.
        """
        if (record := self.known.get(spec.cell or "")) is None:
            record = await run_persistently(spec, self.bench)
            self._take(record)
        return record

    async def run_for_evidence(self, spec: RunSpec) -> tuple[RunRecord, Evidence | None]:
        """Run a train task; the evidence is ``None`` where it was run before.

        Raises:
            InfrastructureError: As for ``run``.
            SkvmError: Likewise.
        """
        from skvm.optimizer.editing.capturing import run_for_evidence

        if (record := self.known.get(spec.cell or "")) is not None:
            return record, None
        evidence: Evidence | None
        record, evidence = await run_for_evidence(spec, self.bench)
        if record.outcome is Outcome.INFRA_FAILED:
            await anyio.sleep(PAUSE_S)
            record, evidence = await run_for_evidence(spec, self.bench)
        self._take(record)
        return record, evidence

    def _take(self, record: RunRecord) -> None:
        failed = record.outcome is Outcome.INFRA_FAILED
        self.failures = self.failures + 1 if failed else 0
        if counts(record) and record.cell:
            self.known[record.cell] = record
        if self.failures >= GIVE_UP_AFTER:
            raise InfrastructureError(
                f"{GIVE_UP_AFTER} runs failed one after the other; the last: {record.detail}",
                help="mend it, then go on with --resume",
            )


def _blind(skill: Skill) -> Skill:
    """The skill without the test cases it brings along: tasks may be made of them."""
    kept = tuple(each for each in skill.resources if not each.path.startswith(EVALS))
    return replace(skill, resources=kept)


def measured(record: RunRecord) -> Measured:
    """What a run says of the skill: a run that timed out did not finish the task, whatever it left."""
    score = record.score if record.outcome.is_graded else None
    if record.outcome is Outcome.TIMED_OUT:
        score = 0.0
    return Measured(
        score=score,
        tokens=record.usage.total_tokens,
        seconds=record.duration_ms / 1000,
        cost_usd=record.usage.cost_usd,
        run_id=record.run_id,
    )


async def in_order(
    jobs: Sequence[Callable[[], Awaitable[T]]], take: Callable[[T], Awaitable[None]], concurrency: int
) -> None:
    """Do jobs, some at once, and take what comes of each in the order of the jobs.

    Raises:
        BaseException: What the first job or ``take`` raised; the other jobs are cancelled.
    """
    done: dict[int, T] = {}
    waiting = iter(range(len(jobs)))
    taken = 0
    lock = anyio.Lock()
    cause: list[BaseException] = []

    async def work() -> None:
        nonlocal taken
        for index in waiting:
            try:
                done[index] = await jobs[index]()
                async with lock:
                    while taken in done:
                        await take(done.pop(taken))
                        taken += 1
            except BaseException as error:
                cause.append(error)
                raise

    try:
        async with anyio.create_task_group() as group:
            for _ in range(min(concurrency, len(jobs))):
                group.start_soon(work)
    except BaseExceptionGroup as failures:
        raise (cause[0] if cause else failures) from None


def by_cell(runs: Sequence[RunRecord]) -> dict[str, RunRecord]:
    """The run that stands for each cell: the first that counts."""
    found: dict[str, RunRecord] = {}
    for run in runs:
        if run.cell is not None and counts(run):
            found.setdefault(run.cell, run)
    return found


__all__ += ["by_cell"]
