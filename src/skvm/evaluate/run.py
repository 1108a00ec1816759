"""One run: a task, once, by an agent, graded and recorded.

The order is fixed. Work directory, fixtures, ``_setup.sh``, skill bundle, inline fixtures; the agent in
its cell until that cell is closed; grading on copies, in other cells; the record. The journal knows of the
run before the agent starts, so that a run that is cut short is not a run that never was.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.bench import Bench, RunSpec, open_bench
from skvm.evaluate.grading import Seal, errors_of, grade, needs_judge
from skvm.evaluate.opening import open_for
from skvm.evaluate.score import combine, standing_note
from skvm.evaluate.site_server import SiteServer, serve_site
from skvm.evaluate.work_files import given_files
from skvm.evaluate.workspace import (
    SETUP_TIMEOUT_S,
    lay_bundle,
    lay_fixtures,
    lay_inline,
    make_private_folder,
    remove_tree,
)
from skvm.evidence.record import CallRecord, CriterionResult, Outcome, RunRecord, RunStarted, Usage
from skvm.harness.contract import HARNESSES, Harness, RunContext, SkillDelivery
from skvm.harness.sandbox import Policy
from skvm.harness.site import Visit
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import BudgetExceededError, CallScope, DeadlineExceededError
from skvm.task.digest import task_digest

if TYPE_CHECKING:
    from skvm.evaluate.judging import RunJudge

__all__ = ["Bench", "RunSpec", "open_bench", "run_once"]

E = TypeVar("E", bound=BaseException)
GRACE_S = 15.0
"""How long past its deadline a harness may take to stop before it is stopped."""


async def run_once(spec: RunSpec, bench: Bench) -> RunRecord:
    """Run a task once, grade it and record it.

    Every ending is recorded, and all but these are returned: a cancellation is recorded as ``cancelled``
    and passed on; an error that the next run would meet too (a spend ceiling reached) is recorded as
    ``infra_failed`` and passed on. A provider or a sandbox that failed is a
    returned ``infra_failed`` without a score.

    Raises:
        UsageError: A criterion is malformed, the harness unknown or the model its own judge; nothing was
            spent or recorded.
        ConfigError: The model has no route or credential; nothing was spent or recorded.
        BudgetExceededError: The spend ceiling is reached.
        InfrastructureError: The journal cannot be written.
    """
    if errors := errors_of(spec.task):
        listed = "; ".join(f"{error.code} {error.message}" for error in errors)
        raise UsageError(f"task {spec.task.id!r}: {listed}", help=errors[0].help)
    agent = HARNESSES.get(spec.harness)() if isinstance(spec.harness, str) else spec.harness
    if bench.judge is not None and needs_judge(spec.task):
        bench.judge.check([spec.model_id])
        if not bench.judge.is_deferred:
            await bench.judge.warm_up()
    if not spec.simulated:
        await _warm_up(spec, bench)
    run = _Run(spec, bench, agent)
    (start,) = await bench.journal.append_made(run.begin, spec.parent)
    passed_on: BaseException | None = None
    try:
        await run.execute()
    except BaseException as error:  # noqa: BLE001 - recorded first, then passed on
        passed_on = run.fail(error)
    # A cancelled scope must not keep the end of the run from being written.
    with anyio.CancelScope(shield=True):
        try:
            await bench.journal.append_made(run.finish, start)
        finally:
            await run.clean_up()
    if passed_on is not None:
        raise passed_on
    return run.record


async def _warm_up(spec: RunSpec, bench: Bench) -> None:
    """Find the model, and load its client's libraries, before anything is recorded or timed."""
    scope = CallScope(spec.task.id, spec.label, spec.repetition)
    async with bench.port.session(scope) as session:
        # A provider that fails now fails in the run, too, and is recorded there.
        with contextlib.suppress(InfrastructureError):
            await session.model(spec.model_id)


def _started(spec: RunSpec, bench: Bench) -> RunStarted:
    now = datetime.now(UTC)
    digest = None
    if spec.skill is not None:
        from skvm.skill.emit import skill_digest

        digest = skill_digest(spec.skill)
    return RunStarted(
        run_id=f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(3)}",
        session_id=spec.session_id,
        task_id=spec.task.id,
        task_digest=task_digest(spec.task),
        condition=spec.label,
        repetition=spec.repetition,
        model=spec.model_id,
        harness=spec.harness_name,
        skill_id=spec.skill.id if spec.skill else None,
        skill_digest=digest,
        sandbox=bench.sandbox.name,
        cell=spec.cell,
        seed=spec.seed,
        started_at=now,
    )


class _Run:
    """The moving parts of one run, and what is known of it so far."""

    started: RunStarted
    record: RunRecord

    def __init__(self, spec: RunSpec, bench: Bench, agent: Harness) -> None:
        self.spec, self.bench, self.agent = spec, bench, agent
        self.work: Path | None = None
        self.calls: Sequence[CallRecord] = ()
        self.judge = self._judge()
        self.given: Mapping[str, str] | None = None
        self.usage = Usage()
        self.trajectory: Trajectory | None = None
        self.visits: Sequence[Visit] | None = None
        self.outcome = Outcome.SCORED
        self.detail: str | None = None
        self.criteria: tuple[CriterionResult, ...] = ()
        self.score: float | None = None
        self.notes: list[str] = []
        self.duration_ms = 0.0

    def _judge(self) -> RunJudge | None:
        spec, judge = self.spec, self.bench.judge
        if judge is None or not needs_judge(spec.task):
            return None
        return judge.for_run(CallScope(spec.task.id, spec.label, spec.repetition))

    @property
    def call_records(self) -> list[tuple[str, CallRecord]]:
        """Every model call for the journal, the judge's under a kind of their own."""
        judged = self.judge.calls if self.judge else []
        return [*(("call", call) for call in self.calls), *(("judge_call", call) for call in judged)]

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
        known = _find(error, SkvmError)
        if known is None:
            self.end(Outcome.INFRA_FAILED, f"{type(error).__name__}: {error}")
            return error
        self.end(Outcome.INFRA_FAILED, known.message)
        is_outcome = isinstance(known, InfrastructureError) and not isinstance(known, BudgetExceededError)
        return None if is_outcome else known

    async def execute(self) -> None:
        """Lay out, run, grade."""
        work = await self._lay_out()
        if self.judge is not None:
            self.given = await anyio.to_thread.run_sync(given_files, work)
        self.trajectory = await self._run_agent(work)
        self.end(self.trajectory.outcome, self.trajectory.detail)
        if self.outcome.is_graded:
            await self._grade(work, self.trajectory)

    def _make_work_dir(self) -> Path:
        named = self.spec.work_dir
        if named is None:
            return make_private_folder(self.bench.settings.tmp_dir, "run")
        try:
            named.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InfrastructureError(f"{named}: cannot be made: {error.strerror}") from error
        return named.absolute()

    async def _lay_out(self) -> Path:
        work, has_setup = await anyio.to_thread.run_sync(self._lay_first)
        if has_setup:
            await self._set_up(work)
            await anyio.to_thread.run_sync(self._lay_rest, work)
        return work

    def _lay_first(self) -> tuple[Path, bool]:
        """Everything, or only what comes before a setup script, if there is one."""
        self.work = work = self._make_work_dir()
        with _laying_out(work):
            lay_fixtures(self.spec.task, work)
            has_setup = (work / "_setup.sh").is_file()
        if not has_setup:
            self._lay_rest(work)
        return work, has_setup

    def _lay_rest(self, work: Path) -> None:
        task, skill = self.spec.task, self.spec.skill
        with _laying_out(work):
            if skill is not None:
                self.notes += lay_bundle(skill, task, work)
            lay_inline(task, work)

    async def _set_up(self, work: Path) -> None:
        async with self.bench.sandbox.open(Policy(work_dir=work, network=self.spec.task.network)) as cell:
            done = await cell.execute(["bash", "_setup.sh"], timeout_s=SETUP_TIMEOUT_S)
        if done.is_timed_out:
            raise InfrastructureError(f"_setup.sh of {self.spec.task.id} took over {SETUP_TIMEOUT_S:g} s")
        if done.exit_code != 0:
            said = done.stderr.strip().splitlines()[-1:] or ["no message"]
            self.notes.append(f"_setup.sh ended with exit code {done.exit_code}: {said[0][:200]}")

    async def _run_agent(self, work: Path) -> Trajectory:
        spec, bench = self.spec, self.bench
        timeout_s = spec.timeout_s or spec.task.timeout_s
        scope = CallScope(spec.task.id, spec.label, spec.repetition)
        began = perf_counter()
        async with bench.port.session(scope, deadline_s=timeout_s) as session:
            try:
                async with (
                    open_for(spec, bench, self.agent, work, self.notes) as opened,
                    self._serving(opened.site_door) as server,
                ):
                    context = RunContext(
                        prompt=server.here(spec.task.prompt) if server else spec.task.prompt,
                        model_id=spec.model_id,
                        session=session,
                        cell=opened.cell,
                        work_dir=work,
                        timeout_s=timeout_s,
                        max_steps=spec.max_steps or spec.task.max_steps,
                        skill=_delivery(spec),
                        hooks=bench.hooks,
                        temperature=bench.temperature,
                        max_output_tokens=bench.max_output_tokens,
                        seed=spec.seed,
                        network=spec.task.network,
                        tools=spec.tools,
                        site_origin=server.origin if server else None,
                        place=opened.place,
                    )
                    began = perf_counter()
                    return await self._drive(context)
            finally:
                self.duration_ms = (perf_counter() - began) * 1000
                self.usage, self.calls = session.usage, tuple(session.calls)

    @contextlib.asynccontextmanager
    async def _serving(self, door: socket | None) -> AsyncIterator[SiteServer | None]:
        """Serve the run's site, if it has one, at the door of its cell."""
        if self.spec.site is None or door is None:
            yield None
            return
        async with serve_site(self.spec.site, door) as server:
            try:
                yield server
            finally:
                self.visits = tuple(server.visits)

    async def _drive(self, context: RunContext) -> Trajectory:
        """Run the harness; what goes wrong in it becomes an outcome."""
        outcome, detail = Outcome.TIMED_OUT, "the harness did not stop at its deadline"
        with anyio.move_on_after(context.timeout_s + GRACE_S):
            try:
                return await self.agent.run(context)
            except Exception as error:
                if known := _find(error, SkvmError):
                    raise known from error
                if _find(error, DeadlineExceededError):
                    detail = f"the deadline of {context.timeout_s:g} s passed"
                else:
                    outcome, detail = Outcome.HARNESS_FAILED, f"{type(error).__name__}: {error}"
        return Trajectory(
            harness=self.spec.harness_name,
            model=self.spec.model_id,
            prompt=context.prompt,
            outcome=outcome,
            detail=detail,
            usage=context.session.usage,
        )

    async def _grade(self, work: Path, trajectory: Trajectory) -> None:
        spec = self.spec
        tmp_dir = self.bench.settings.tmp_dir
        seal = Seal(self.bench.sandbox, tmp_dir, work, self.visits, self.judge, self.given)
        verdicts = await grade(spec.task, trajectory, seal, spec.oracle)
        self.criteria = verdicts.results
        self.notes += verdicts.notes
        if verdicts.fault is not None:
            self.end(Outcome.GRADER_FAILED, verdicts.fault)
            return
        self.score = combine(verdicts.results, spec.task.grading_weights)
        is_graded = any(result.score is not None or result.is_pending for result in verdicts.results)
        if verdicts.results and not is_graded:
            self.end(Outcome.GRADER_FAILED, "no criterion of this task can be graded here")
        elif note := standing_note(verdicts.results):
            self.notes.append(note)

    def begin(self) -> list[tuple[str, RunStarted]]:
        """What the journal is told before anything is done; blocks."""
        self.started = _started(self.spec, self.bench)
        return [("run_started", self.started)]

    def finish(self) -> list[tuple[str, CallRecord | RunRecord]]:
        """What the journal is told at the end; blocks. The trajectory goes into a blob first."""
        trajectory = self.trajectory
        digest = None if trajectory is None else self.bench.blobs.put(_as_bytes(trajectory))
        self._remove()
        self.record = self._finished(digest)
        return [*self.call_records, ("run_finished", self.record)]

    def _finished(self, digest: str | None) -> RunRecord:
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
            work_dir=str(self.work) if self._is_kept else None,
            judge_usage=self.judge.usage if self.judge else Usage(),
            grading_weights=self.spec.task.grading_weights,
            finished_at=datetime.now(UTC),
        )

    @property
    def _is_kept(self) -> bool:
        return self.work is not None and (self.spec.keep_work_dir or self.spec.work_dir is not None)

    async def clean_up(self) -> None:
        """Remove the work directory if it is still there and not to be kept."""
        if self.work is not None:
            await anyio.to_thread.run_sync(self._remove)

    def _remove(self) -> None:
        if self.work is not None and not self._is_kept:
            remove_tree(self.work)
            self.work = None


@contextlib.contextmanager
def _laying_out(work: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfrastructureError(
            f"{work}: cannot be laid out: {error.strerror or error} ({error.filename})"
        ) from error


_SHARED = set(RunStarted.model_fields) & set(RunRecord.model_fields) - {"schema_"}


def _as_bytes(trajectory: Trajectory) -> bytes:
    try:
        return trajectory.model_dump_json(by_alias=True).encode()
    except ValueError:
        # A prompt or a harness of others may hold what UTF-8 does not take.
        plain = trajectory.model_dump(mode="json", by_alias=True)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def _delivery(spec: RunSpec) -> SkillDelivery | None:
    skill = spec.skill
    if skill is None:
        return None
    return SkillDelivery(
        name=skill.name, description=skill.description, content=skill.text(skill.body), mode=spec.skill_mode
    )


def _find(error: BaseException, kind: type[E]) -> E | None:
    """The error itself, or the first of that kind inside the groups that task groups make."""
    if isinstance(error, kind):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inner if (found := _find(each, kind)) is not None), None)
