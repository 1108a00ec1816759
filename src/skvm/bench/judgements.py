"""Judgements that come after their runs: which criteria still wait, and runs with what was said since.

The journal is the only truth. A run is recorded with criteria that wait; each judgement is a ``judged``
record under that run's end. A criterion waits until a judgement with a score is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evaluate.judge_question import JudgeQuestion
from skvm.evaluate.judging import Judge, Judged, with_judgements
from skvm.evidence.record import CriterionResult, RunRecord
from skvm.llm.contract import CallScope

if TYPE_CHECKING:
    from pydantic import BaseModel

    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.journal import Journal

__all__ = [
    "CONCURRENCY",
    "JUDGED",
    "Pending",
    "Tally",
    "Told",
    "each",
    "judged_runs",
    "pending_of",
    "question_in",
    "settle_pending",
]

JUDGED = "judged"
"""Kind of the record that holds a judgement."""
CONCURRENCY = 4
"""Judgements at once, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A criterion that waits for its judge.

    Args:
        entry_id: The run's ``run_finished`` record.
        run: The run, judgements so far applied.
        index: Which criterion, from 0.
    """

    entry_id: int
    run: RunRecord
    index: int

    @property
    def id(self) -> str:
        """Unique over runs, repetitions and criteria."""
        return f"{self.run.run_id}-{self.index}"

    @property
    def criterion(self) -> CriterionResult:
        """The criterion's result so far."""
        return self.run.criteria[self.index]


@dataclass(slots=True)
class Tally:
    """What a round of judging gave.

    Args:
        judged: Criteria that have a score now.
        failed: Why others have none, by id; they are asked about again the next time.
        standing: Criteria that had one before.
    """

    judged: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    standing: int = 0

    def count(self, id: str, result: CriterionResult) -> None:
        """Take note of one judgement."""
        if result.score is None:
            self.failed[id] = result.infra_error or "no score"
        else:
            self.judged += 1


Told = Callable[[Tally], None]
T = TypeVar("T")


async def judged_runs(
    journal: Journal, runs: Iterable[RunRecord], *, session_id: str | None = None
) -> tuple[RunRecord, ...]:
    """Runs with every judgement the journal has of them.

    Args:
        journal: Where the judgements are.
        runs: As they were recorded.
        session_id: Their session, if they are all of one; then only its judgements are read.
    """
    said: defaultdict[str, list[Judged]] = defaultdict(list)
    for entry in await journal.query(JUDGED):
        if session_id is not None and entry.body.get("session_id") != session_id:
            continue
        judged = Judged.model_validate(entry.body)
        said[judged.run_id].append(judged)
    return tuple(with_judgements(run, said[run.run_id]) if run.run_id in said else run for run in runs)


async def pending_of(journal: Journal, session_id: str) -> tuple[Pending, ...]:
    """The criteria of a session that wait for a judge, in the order their runs ended."""
    entries = await journal.query("run_finished", session=session_id)
    recorded = [RunRecord.model_validate(entry.body) for entry in entries]
    runs = await judged_runs(journal, recorded, session_id=session_id)
    return tuple(
        Pending(entry.id, run, index)
        for entry, run in zip(entries, runs, strict=True)
        for index, criterion in enumerate(run.criteria)
        if criterion.is_pending
    )


def question_in(blobs: BlobStore, pending: Pending) -> JudgeQuestion:
    """What the judge is to be asked. Reads a file.

    Raises:
        InfrastructureError: It is missing, damaged or of a newer skvm.
    """
    digest = pending.criterion.inputs_digest
    if digest is None:
        raise InfrastructureError(f"run {pending.run.run_id} kept no question for its judge")
    try:
        return JudgeQuestion.model_validate_json(blobs.get(digest))
    except ValueError as error:
        raise InfrastructureError(
            f"the question {digest} of run {pending.run.run_id} cannot be read",
            help="a newer skvm may have written it",
        ) from error


async def settle_pending(
    session_id: str,
    journal: Journal,
    blobs: BlobStore,
    judge: Judge,
    *,
    concurrency: int = CONCURRENCY,
    on_done: Told | None = None,
) -> Tally:
    """Judge every criterion of a session that waits, each judgement on disk before the next is begun.

    Killed at any moment, it goes on where it was when it is called again. A judge that failed on a question
    leaves it waiting; what that took is recorded all the same.

    Args:
        session_id: The session.
        journal: Where its runs are.
        blobs: Where their questions are.
        judge: Whom to ask.
        concurrency: Questions at once, ≥ 1.
        on_done: Told after each.

    Raises:
        UsageError: The judge would judge itself; nothing was spent.
        ConfigError: It has no route or credential; nothing was spent.
        BudgetExceededError: The spend ceiling is reached; what was judged by then stands.
    """
    waiting = await pending_of(journal, session_id)
    tally = Tally()
    if not waiting:
        return tally
    judge.check(sorted({pending.run.model for pending in waiting}))
    await judge.warm_up()

    async def settle(pending: Pending) -> None:
        tally.count(pending.id, await _settle(pending, journal, blobs, judge))
        if on_done is not None:
            on_done(tally)

    await each(waiting, settle, concurrency)
    return tally


async def _settle(pending: Pending, journal: Journal, blobs: BlobStore, judge: Judge) -> CriterionResult:
    try:
        question = await anyio.to_thread.run_sync(question_in, blobs, pending)
    except InfrastructureError as error:
        # One damaged question must not keep the others from being asked.
        return pending.criterion.model_copy(update={"infra_error": error.message})
    run = pending.run
    asked = judge.for_run(CallScope(run.task_id, run.condition, run.repetition))
    result: CriterionResult | None = None
    try:
        result = await asked.ask(question)
        return result
    finally:
        # What was spent before the ceiling was reached, or before Ctrl-C, is spent.
        records: list[tuple[str, BaseModel]] = [("judge_call", call) for call in asked.calls]
        if result is not None:
            judged = Judged(
                run_id=run.run_id,
                session_id=run.session_id,
                criterion_index=pending.index,
                criterion_id=pending.criterion.id,
                result=result,
                judge_model=judge.model_id,
                inputs_digest=pending.criterion.inputs_digest,
                usage=asked.usage,
                judged_at=datetime.now(UTC),
            )
            records.append((JUDGED, judged))
        with anyio.CancelScope(shield=True):
            await journal.append_all(records, pending.entry_id)


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], concurrency: int) -> None:
    """Do the work for every item, so many at once; the first failure ends it and is raised.

    Raises:
        ValueError: ``concurrency`` is below 1.
    """
    if concurrency < 1:
        raise ValueError("concurrency is at least 1")
    waiting = iter(items)

    async def worker() -> None:
        # One shared iterator is the queue.
        for item in waiting:
            await work(item)

    try:
        async with anyio.create_task_group() as group:
            for _ in range(concurrency):
                group.start_soon(worker)
    except BaseExceptionGroup as failures:
        # Cancelling its siblings is part of one failure: the caller sees the failure itself.
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from None
        raise
