"""Deferred judging through files: a manifest of what waits, and results that are merged back.

``<session>/deferred-evals/manifest.jsonl`` is derived from the journal and can be made anew at any time; it
holds all a judge needs, so it can be judged elsewhere. ``results.jsonl`` beside it grows by one synced line
for each judgement; a line that was cut short is passed over. Merging appends to the journal what is not
there yet.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread
from pydantic import ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from skvm.bench.judgements import CONCURRENCY, JUDGED, Pending, Tally, Told, each, question_in
from skvm.bench.judgements import pending_of as _pending_of
from skvm.errors import InfrastructureError, UsageError
from skvm.evaluate.judge_question import Excerpt, JudgeCriterion, JudgeInputs, JudgeQuestion
from skvm.evaluate.judging import Judge, Judged
from skvm.evidence.record import CriterionResult, Record, RunRecord, Usage
from skvm.files import replace_file
from skvm.llm.contract import CallScope

if TYPE_CHECKING:
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.journal import Journal

__all__ = ["Merged", "judge_manifest", "manifest_path", "merge_results", "results_path", "write_manifest"]

_PASS = 0.5


class _Part(Record):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class DeferredContext(_Part):
    """Which criterion of which run.

    Args:
        session_id: The bench session.
        task_id: The task.
        condition: What was varied.
        criterion_index: From 0.
        criterion_id: Its id, if it has one.
        run_id: The run; with the index, unique over repetitions and sessions.
        repetition: Which repeat, from 0.
        model: Full id of the model that is judged.
        harness: Its harness.
        inputs_digest: Blob of the question.
    """

    session_id: str
    task_id: str
    condition: str
    criterion_index: int = Field(ge=0)
    criterion_id: str | None = None
    run_id: str
    repetition: int = 0
    model: str
    harness: str
    inputs_digest: str | None = None


class DeferredEntry(_Part):
    """One line of a manifest: a question that waits."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    id: str
    created_at: datetime
    context: DeferredContext
    task: Excerpt
    criterion: JudgeCriterion
    inputs: JudgeInputs

    @property
    def question(self) -> JudgeQuestion:
        """What the judge is asked; the same words as if it had been asked at once."""
        return JudgeQuestion(task=self.task, criterion=self.criterion, inputs=self.inputs)


class DeferredResult(_Part):
    """One line of the results.

    Args:
        id: Of the manifest's entry.
        context: Likewise.
        score: In [0, 1]; ``None`` where the judge failed.
        details: Why, for a person.
        evaluated_at: When.
        infra_error: Why no score exists, if none does; such an entry is asked about again.
        judge_model: Full model id.
        usage: What it took.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    id: str
    context: DeferredContext
    score: float | None = Field(default=None, ge=0, le=1)
    details: str = ""
    evaluated_at: datetime
    infra_error: str | None = None
    judge_model: str = ""
    usage: Usage = Usage()

    @computed_field(alias="pass")  # type: ignore[prop-decorator]
    @property
    def is_pass(self) -> bool:
        """Whether the score is at least one half."""
        return self.score is not None and self.score >= _PASS


@dataclass(slots=True)
class Merged:
    """What a merge did.

    Args:
        appended: Judgements the journal did not have.
        standing: Judgements it had already.
        refused: Why results do not fit the journal, by id.
        open: Entries without a usable result.
    """

    appended: int = 0
    standing: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    open: int = 0


def manifest_path(session_dir: Path) -> Path:
    """Where a session's manifest lies."""
    return session_dir / "deferred-evals" / "manifest.jsonl"


def results_path(manifest: Path) -> Path:
    """Where the results of a manifest lie."""
    return manifest.with_name("results.jsonl")


async def write_manifest(session_id: str, journal: Journal, blobs: BlobStore, manifest: Path) -> int:
    """Write what of a session waits for a judge, and say how many entries that is.

    The same journal gives the same bytes. What was judged and merged is left out.

    Raises:
        InfrastructureError: A question is missing, or the file cannot be written.
    """
    waiting = await _pending_of(journal, session_id)
    # Questions are read as they are written: all of them together may be large.
    lines = (_entry(pending, question_in(blobs, pending)) for pending in waiting)

    def write() -> None:
        try:
            manifest.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(manifest, (f"{line.model_dump_json(by_alias=True)}\n".encode() for line in lines))
        except OSError as error:
            raise InfrastructureError(f"{manifest}: cannot be written: {error.strerror}") from error

    await anyio.to_thread.run_sync(write)
    return len(waiting)


async def judge_manifest(
    manifest: Path,
    judge: Judge,
    results: Path,
    *,
    concurrency: int = CONCURRENCY,
    on_done: Told | None = None,
) -> Tally:
    """Judge every entry of a manifest that has no score yet; each result is on disk before it counts.

    Killed at any moment, it goes on where it was when it is called again; what the judge failed on is asked
    again.

    Args:
        manifest: Written by ``write_manifest``.
        judge: Whom to ask.
        results: Grows by a line for each judgement.
        concurrency: Questions at once, ≥ 1.
        on_done: Told after each.

    Raises:
        UsageError: The manifest cannot be read, or the judge would judge itself; nothing was spent.
        ConfigError: The judge has no route or credential; nothing was spent.
        BudgetExceededError: The spend ceiling is reached; what was judged by then stands.
        InfrastructureError: The results cannot be written.
    """
    done = {line.id for line in _results(results) if line.score is not None}
    models, ids = set(), []
    for entry in _entries(manifest):
        ids.append(entry.id)
        if entry.id not in done:
            models.add(entry.context.model)
    tally = Tally(standing=sum(id in done for id in ids))
    if not models:
        return tally
    judge.check(sorted(models))
    await judge.warm_up()
    lock = anyio.Lock()

    async def settle(entry: DeferredEntry) -> None:
        context = entry.context
        asked = judge.for_run(CallScope(context.task_id, context.condition, context.repetition))
        result = await asked.ask(entry.question)
        line = _line(entry, result, judge.model_id, asked.usage)
        with anyio.CancelScope(shield=True):
            async with lock:
                await anyio.to_thread.run_sync(_append, results, line)
        tally.count(entry.id, result)
        if on_done is not None:
            on_done(tally)

    await each((entry for entry in _entries(manifest) if entry.id not in done), settle, concurrency)
    return tally


async def merge_results(journal: Journal, manifest: Path, results: Path) -> Merged:
    """Append to the journal what the results say and it does not know; twice is as good as once.

    Raises:
        UsageError: A file cannot be read.
        InfrastructureError: The journal cannot be written.
    """
    said: defaultdict[str, list[DeferredResult]] = defaultdict(list)
    for line in _results(results):
        said[line.id].append(line)
    runs = await _waiting_runs(journal, {entry.context.session_id for entry in _entries(manifest)})
    known = {
        (str(entry.body.get("run_id")), entry.body.get("criterion_index"))
        for entry in await journal.query(JUDGED)
        if (entry.body.get("result") or {}).get("score") is not None
    }
    merged = Merged()
    for entry in _entries(manifest):
        scored = next((line for line in said[entry.id] if line.score is not None), None)
        key = (entry.context.run_id, entry.context.criterion_index)
        if scored is None:
            merged.open += 1
        elif key in known:
            merged.standing += 1
        elif (parent := _run_of(entry, runs)) is None:
            merged.refused[entry.id] = "the journal has no run that waits for this judgement"
        else:
            usage = sum((line.usage for line in said[entry.id]), Usage())
            await journal.append(JUDGED, _judged(entry, scored, usage), parent)
            known.add(key)
            merged.appended += 1
    return merged


def _entry(pending: Pending, question: JudgeQuestion) -> DeferredEntry:
    run, criterion = pending.run, pending.criterion
    context = DeferredContext(
        session_id=run.session_id or "",
        task_id=run.task_id,
        condition=run.condition,
        criterion_index=pending.index,
        criterion_id=criterion.id if criterion.id != str(pending.index) else None,
        run_id=run.run_id,
        repetition=run.repetition,
        model=run.model,
        harness=run.harness,
        inputs_digest=criterion.inputs_digest,
    )
    return DeferredEntry(
        id=pending.id,
        created_at=run.finished_at,
        context=context,
        task=question.task,
        criterion=question.criterion,
        inputs=question.inputs,
    )


def _line(entry: DeferredEntry, result: CriterionResult, judge_model: str, usage: Usage) -> DeferredResult:
    return DeferredResult(
        id=entry.id,
        context=entry.context,
        score=result.score,
        details=result.details,
        evaluated_at=datetime.now(UTC),
        infra_error=result.infra_error,
        judge_model=judge_model,
        usage=usage,
    )


def _judged(entry: DeferredEntry, line: DeferredResult, usage: Usage) -> Judged:
    context = entry.context
    id = context.criterion_id or str(context.criterion_index)
    return Judged(
        run_id=context.run_id,
        session_id=context.session_id,
        criterion_index=context.criterion_index,
        criterion_id=id,
        result=CriterionResult(id=id, method=entry.criterion.method, score=line.score, details=line.details),
        judge_model=line.judge_model,
        inputs_digest=context.inputs_digest,
        usage=usage,
        judged_at=line.evaluated_at,
    )


async def _waiting_runs(journal: Journal, sessions: set[str]) -> dict[str, tuple[int, RunRecord]]:
    """Recorded runs of some sessions, with the ids of their records."""
    found = {}
    for session_id in sorted(sessions):
        for entry in await journal.query("run_finished", session=session_id):
            run = RunRecord.model_validate(entry.body)
            found[run.run_id] = (entry.id, run)
    return found


def _run_of(entry: DeferredEntry, runs: dict[str, tuple[int, RunRecord]]) -> int | None:
    """The record a judgement belongs under; ``None`` unless its criterion waits for this very question."""
    id, run = runs.get(entry.context.run_id, (0, None))
    index = entry.context.criterion_index
    if run is None or index >= len(run.criteria):
        return None
    criterion = run.criteria[index]
    return id if criterion.is_pending and criterion.inputs_digest == entry.context.inputs_digest else None


def _entries(manifest: Path) -> Iterator[DeferredEntry]:
    try:
        with manifest.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield DeferredEntry.model_validate_json(line)
                except ValueError as error:
                    raise UsageError(
                        f"{manifest}: line {number} is no entry of a manifest",
                        help="`skvm bench --judge` writes it anew from the journal",
                    ) from error
    except OSError as error:
        raise UsageError(f"{manifest}: cannot be read: {error.strerror}") from error


def _results(results: Path) -> Iterator[DeferredResult]:
    """Lines that are whole; the last one may have been cut by a kill."""
    try:
        data = results.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{results}: cannot be read: {error.strerror}") from error
    for line in data.splitlines():
        try:
            yield DeferredResult.model_validate_json(line)
        except ValueError:
            continue


def _append(results: Path, line: DeferredResult) -> None:
    data = f"{line.model_dump_json(by_alias=True)}\n".encode()
    try:
        results.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(results, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                # A line that was cut short must not swallow this one.
                data = data if file.read(1) == b"\n" else b"\n" + data
            file.write(data)
            os.fsync(descriptor)
    except OSError as error:
        raise InfrastructureError(
            f"{results}: cannot be written: {error.strerror}", help="free space, or name another file"
        ) from error
