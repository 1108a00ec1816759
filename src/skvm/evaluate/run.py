"""One run: a task, once, by an agent, graded and recorded.

The order is fixed. Work directory, fixtures, ``_setup.sh``, skill bundle, inline fixtures; the agent in
its cell until that cell is closed; grading on copies, in other cells; the record. The journal knows of the
run before the agent starts, so that a run that is cut short is not a run that never was.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from socket import socket
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.account import Account, find_error
from skvm.evaluate.bench import Bench, RunSpec, open_bench
from skvm.evaluate.grading import Seal, errors_of, grade, needs_judge
from skvm.evaluate.opening import open_for
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
from skvm.evidence.record import CallRecord, Outcome, RunRecord, RunStarted
from skvm.harness.contract import HARNESSES, Harness, RunContext, SkillDelivery
from skvm.harness.hooks import HookRun, Hooks
from skvm.harness.sandbox import Cell, Policy
from skvm.harness.site import Visit
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import CallScope, DeadlineExceededError

if TYPE_CHECKING:
    from skvm.evaluate.judging import RunJudge

__all__ = ["Bench", "RunSpec", "open_bench", "run_once"]

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
    why_plain = ""
    if bench.follow is not None:
        spec, why_plain = await anyio.to_thread.run_sync(bench.follow, spec)
    agent = HARNESSES.get(spec.harness)() if isinstance(spec.harness, str) else spec.harness
    if bench.judge is not None and needs_judge(spec.task):
        bench.judge.check([spec.model_id])
        if not bench.judge.is_deferred:
            await bench.judge.warm_up()
    if not spec.simulated:
        await _warm_up(spec, bench)
    run = _Run(spec, bench, agent)
    if why_plain:
        run.account.notes.append(f"plan: not followed: {why_plain}")
    (start,) = await bench.journal.append_made(run.begin, spec.parent)
    passed_on: BaseException | None = None
    try:
        await run.execute()
    except BaseException as error:  # noqa: BLE001 - recorded first, then passed on
        passed_on = run.account.fail(error)
    # A cancelled scope must not keep the end of the run from being written.
    with anyio.CancelScope(shield=True):
        try:
            await bench.journal.append_made(run.finish, start)
        finally:
            await run.clean_up()
        await run.tell_hooks(start)
    if passed_on is not None:
        raise passed_on
    await run.let_hooks_reflect(start)
    return run.account.record


async def _warm_up(spec: RunSpec, bench: Bench) -> None:
    """Find the model, and load its client's libraries, before anything is recorded or timed."""
    scope = CallScope(spec.task.id, spec.label, spec.repetition)
    async with bench.port.session(scope) as session:
        # A provider that fails now fails in the run, too, and is recorded there.
        with contextlib.suppress(InfrastructureError):
            await session.model(spec.model_id)


class _Run:
    """The moving parts of one run; what is known of it stands in its account."""

    def __init__(self, spec: RunSpec, bench: Bench, agent: Harness) -> None:
        self.spec, self.bench, self.agent = spec, bench, agent
        self.account = Account(spec)
        self.work: Path | None = None
        self.judge = self._judge()
        self.given: Mapping[str, str] | None = None
        self.visits: Sequence[Visit] | None = None
        self.hooks: Hooks | None = None

    def _judge(self) -> RunJudge | None:
        spec, judge = self.spec, self.bench.judge
        if judge is None or not needs_judge(spec.task):
            return None
        return judge.for_run(CallScope(spec.task.id, spec.label, spec.repetition))

    async def execute(self) -> None:
        """Lay out, run, grade."""
        work = await self._lay_out()
        if self.judge is not None or self.spec.on_left is not None:
            self.given = await anyio.to_thread.run_sync(given_files, work)
        hooks = self.hooks = await self._hooks_in(work)
        trajectory = await self._run_agent(work, hooks)
        self.account.take(trajectory)
        if (look := self.spec.on_left) is not None:
            await anyio.to_thread.run_sync(look, work, self.given or {})
        if trajectory.outcome.is_graded:
            await self._grade(work, trajectory)

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
                self.account.notes += lay_bundle(skill, task, work)
            lay_inline(task, work)

    async def _set_up(self, work: Path) -> None:
        async with self.bench.sandbox.open(Policy(work_dir=work, network=self.spec.task.network)) as cell:
            done = await cell.execute(["bash", "_setup.sh"], timeout_s=SETUP_TIMEOUT_S)
        if done.is_timed_out:
            raise InfrastructureError(f"_setup.sh of {self.spec.task.id} took over {SETUP_TIMEOUT_S:g} s")
        if done.exit_code != 0:
            said = done.stderr.strip().splitlines()[-1:] or ["no message"]
            self.account.notes.append(f"_setup.sh ended with exit code {done.exit_code}: {said[0][:200]}")

    async def _hooks_in(self, work: Path) -> Hooks:
        """The hooks of this run; they may look things up on a disk."""
        started = self.account.started
        run = HookRun(
            run_id=started.run_id,
            task_digest=started.task_digest,
            model=started.model,
            harness=started.harness,
            work_dir=work,
            skill_id=started.skill_id,
            skill_digest=started.skill_digest,
            skill=self.account.spec.skill,
        )
        hooks = self.bench.hooks
        return await anyio.to_thread.run_sync(hooks.of_run, run) if hooks.hooks else hooks

    async def _run_agent(self, work: Path, hooks: Hooks) -> Trajectory:
        spec, bench = self.spec, self.bench
        timeout_s = spec.timeout_s or spec.task.timeout_s
        scope = CallScope(spec.task.id, spec.label, spec.repetition)
        began, shown, programs = perf_counter(), hooks.shown_folders(), hooks.shown_programs()
        async with bench.port.session(scope, deadline_s=timeout_s) as session:
            try:
                async with (
                    open_for(
                        spec, bench, self.agent, work, self.account.notes, shown=shown, programs=programs
                    ) as opened,
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
                        hooks=hooks,
                        temperature=bench.temperature,
                        max_output_tokens=bench.max_output_tokens,
                        seed=spec.seed,
                        network=spec.task.network,
                        tools=spec.tools,
                        site_origin=server.origin if server else None,
                        place=opened.place,
                        open_cell=opened.open_cell,
                    )
                    began = perf_counter()
                    trajectory = await self._drive(context)
                    ended = perf_counter()
                    await self._show_hooks(hooks, opened.cell, trajectory)
                    # What they took is not the agent's.
                    began += perf_counter() - ended
                    return trajectory
            finally:
                self.account.duration_ms = (perf_counter() - began) * 1000
                self.account.usage, self.account.calls = session.usage, tuple(session.calls)

    async def _show_hooks(self, hooks: Hooks, cell: Cell, trajectory: Trajectory) -> None:
        try:
            await hooks.before_close(cell, trajectory)
        except Exception as error:  # noqa: BLE001 - the hooks' fault, not the run's
            self.account.notes.append(f"a hook failed after the agent: {type(error).__name__}: {error}")

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
                if known := find_error(error, SkvmError):
                    raise known from error
                if find_error(error, DeadlineExceededError):
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
        self.account.judge(verdicts)

    def begin(self) -> list[tuple[str, RunStarted]]:
        """What the journal is told before anything is done; blocks."""
        return self.account.begin(self.bench.sandbox.name)

    def finish(self) -> list[tuple[str, CallRecord | RunRecord]]:
        """What the journal is told at the end; blocks. The trajectory goes into a blob first."""
        digest = self.account.put_trajectory(self.bench.blobs)
        self._remove()
        self.account.notes += self._hook_notes()
        return self.account.finish(digest, self.work, self.judge)

    async def tell_hooks(self, start: int) -> None:
        """Tell the hooks how the run was graded, and record what they have to say of it.

        The run is recorded already, and stays so: what goes wrong here is noted, and told to nobody else.
        """
        if self.hooks is None or not self.hooks.hooks:
            return
        try:
            said = await self.hooks.after_record(self.account.record)
            await self.bench.journal.append_made(lambda: said, start)
        except Exception as error:  # noqa: BLE001 - the hooks' fault, not the run's
            self.account.note_afterwards(f"a hook failed after the run: {type(error).__name__}: {error}")
        for note in self._hook_notes():
            self.account.note_afterwards(note)

    async def let_hooks_reflect(self, start: int) -> None:
        """Let the hooks think about the run; whoever ends the command need not wait for that."""
        if self.hooks is None or not self.hooks.hooks:
            return
        try:
            said = await self.hooks.reflect(self.account.record)
            if said:
                await self.bench.journal.append_made(lambda: said, start)
        except Exception as error:  # noqa: BLE001 - the hooks' fault, not the run's
            self.account.note_afterwards(f"a hook failed after the run: {type(error).__name__}: {error}")
        for note in self._hook_notes():
            self.account.note_afterwards(note)

    def _hook_notes(self) -> list[str]:
        """What the hooks have to tell that is not noted yet."""
        told = self.hooks.notes() if self.hooks is not None else []
        return [note for note in told if note not in self.account.notes]

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


def _delivery(spec: RunSpec) -> SkillDelivery | None:
    skill = spec.skill
    if skill is None:
        return None
    return SkillDelivery(
        name=skill.name, description=skill.description, content=skill.text(skill.body), mode=spec.skill_mode
    )
