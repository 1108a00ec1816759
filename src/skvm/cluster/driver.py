"""The driver: sends runs out, and writes what comes back into the one journal.

The journal hears of a run before it is sent, and of its end in one step when all of it is here: a worker
that is lost leaves nothing half-told, and its runs are asked of another under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from skvm.cluster.fleet import Fleet, Member
from skvm.cluster.lane import Answer, LaneLostError
from skvm.cluster.order import RunOrder, RunResult
from skvm.cluster.recipes import ERRORS
from skvm.cluster.shipping import unpack_result
from skvm.cluster.writing import OrderWriter, why_here
from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.account import Account
from skvm.evaluate.bench import Bench, RunSpec
from skvm.evaluate.grading import errors_of, needs_judge
from skvm.evaluate.run import run_once
from skvm.evidence.record import RunRecord
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.llm.port import ModelPort

__all__ = ["RayRunner", "WorkerFaultError"]

LOSSES = 3
"""Workers a run may lose before it is taken to be what loses them."""
STOP_TIMEOUT_S = 20.0
"""How long a cancelled run may take to say how far it got."""


class WorkerFaultError(RuntimeError):
    """A bug of ours on a worker; its message is what was printed there."""


class RayRunner:
    """Makes runs on workers (see ``skvm.evaluate.bench.Runner``).

    Args:
        fleet: The workers.
        local: Runs at once in this process, of those that cannot be sent.
        on_note: Told one line of what a person may want to know.
    """

    def __init__(
        self, fleet: Fleet, *, local: int = 1, on_note: Callable[[str], None] = lambda _: None
    ) -> None:
        self.fleet = fleet
        self._on_note = on_note
        self._local = anyio.CapacityLimiter(local)
        self._writer = OrderWriter()
        self._writing = anyio.Lock()
        self._told: set[str] = set()

    @property
    def places(self) -> int:
        """Runs at once of all workers that are wanted."""
        return self.fleet.wanted * self.fleet.slots

    async def run(self, spec: RunSpec, bench: Bench) -> RunRecord:
        """Run a task once on some worker; see ``run_once``, whose errors it raises.

        A run that cannot be written down is made in this process, which is told once for each reason.
        """
        if why := why_here(spec, bench):
            self._tell_once(f"some runs are made in this process: {why}")
            async with self._local:
                return await run_once(spec, replace(bench, runner=None))
        _check(spec, bench)
        member = await self.fleet.take()
        run = _Sent(spec, bench, self, member)
        try:
            return await run.make()
        finally:
            self.fleet.give_back(run.member, is_made=run.is_made)

    async def write(self, run: _Sent, attempt: int) -> RunOrder:
        """The order of one attempt; blobs it names can be had of ``load``.

        Raises:
            BudgetExceededError: Others have reached the spend ceiling while this one waited for a place.
        """
        started = run.account.started

        def work() -> RunOrder:
            return self._writer.write(
                run.spec, run.bench, attempt=f"{started.run_id}.{attempt}", run_id=started.run_id
            )

        async with self._writing:
            order = await anyio.to_thread.run_sync(work)
        left = _left(run.bench)
        _check_left(left)
        return order.model_copy(update={"max_usd": left.max_usd, "max_tokens": left.max_tokens})

    async def supply(self, member: Member, order: RunOrder) -> None:
        """Have the worker's node keep every blob an order names, and send only those it lacks."""
        if member.confirmed.issuperset(order.digests):
            return
        async with member.supplying:
            asked = [digest for digest in order.digests if digest not in member.confirmed]
            if not asked:
                return
            missing = json.loads(await member.ask("lacking", json.dumps(asked)))
            if missing:
                blobs = await anyio.to_thread.run_sync(lambda: [self._writer.load(each) for each in missing])
                await member.ask("keep", *blobs)
            member.confirmed.update(asked)

    def _tell_once(self, note: str) -> None:
        if note not in self._told:
            self._told.add(note)
            self._on_note(note)


class _Sent:
    """One run that is made elsewhere."""

    def __init__(self, spec: RunSpec, bench: Bench, runner: RayRunner, member: Member) -> None:
        self.spec, self.bench, self.runner, self.member = spec, bench, runner, member
        self.account = Account(spec)
        self.is_made = False
        self._pending: Answer | None = None
        self._attempt = ""

    async def make(self) -> RunRecord:
        """Make it; it is in the journal whatever happens."""
        account = self.account
        (start,) = await self.bench.journal.append_made(
            lambda: account.begin(self.bench.sandbox.name), self.spec.parent
        )
        result: tuple[RunResult, dict[str, bytes]] | None = None
        passed_on: BaseException | None = None
        try:
            result = await self._attempts()
        except BaseException as error:  # noqa: BLE001 - recorded first, then passed on
            if not isinstance(error, Exception):
                # Cancelled here, not failed there: it may still go on.
                with anyio.CancelScope(shield=True):
                    result = await self._stopped()
            passed_on = account.fail(error)
        # A cancelled scope must not keep the end of the run from being written.
        with anyio.CancelScope(shield=True):
            record = await self._end(start, result, passed_on)
        return record  # noqa: RET504 - a scope may swallow what is raised in it

    async def _attempts(self) -> tuple[RunResult, dict[str, bytes]]:
        fleet = self.runner.fleet
        for number in range(LOSSES):
            if number:
                fleet.give_back(self.member)
                self.member = await fleet.take()
            try:
                order = await self.runner.write(self, number)
                await self.runner.supply(self.member, order)
                self._attempt = order.attempt
                self._pending = self.member.lane.submit("run", order.model_dump_json(by_alias=True))
                return await self._answer()
            except LaneLostError:
                self._pending = None
                fleet.lost(self.member)
        raise InfrastructureError(
            f"{LOSSES} workers were lost while they made this run, the last on {self.member.hello.node}"
        )

    async def _answer(self) -> tuple[RunResult, dict[str, bytes]]:
        assert self._pending is not None  # noqa: S101 - it was sent
        data = await self._pending()
        self.is_made = True
        return unpack_result(data if isinstance(data, bytes) else data.encode())

    async def _stopped(self) -> tuple[RunResult, dict[str, bytes]] | None:
        """Stop it where it is made, and what it has to say then; ``None`` where that is nothing."""
        if self._pending is None or self.is_made:
            return None
        with anyio.move_on_after(STOP_TIMEOUT_S):
            try:
                await self.member.ask("stop", self._attempt)
                return await self._answer()
            except (LaneLostError, SkvmError, RuntimeError):
                # Whatever is wrong there: that it was cancelled is to be written down here.
                return None
        return None

    async def _end(
        self, start: int, result: tuple[RunResult, dict[str, bytes]] | None, passed_on: BaseException | None
    ) -> RunRecord:
        """Write down how it ended, and say so to whoever asked for it."""
        account, journal = self.account, self.bench.journal
        finished = None if result is None else _finished(result[0])
        if result is None or finished is None:
            if result is not None and passed_on is None:
                passed_on = account.fail(_error_of(result[0]))
            await journal.append_made(lambda: account.finish(None, None, None), start)
            if passed_on is not None:
                raise passed_on
            return account.record
        told, blobs = result
        renamed: dict[str, str] = {}
        await journal.append_below(start, lambda: self._rows(told, blobs, renamed))
        self._count(finished)
        if passed_on is not None:
            raise passed_on
        if told.error:
            raise _error_of(told)
        if self.spec.recipe is not None:
            self.spec.recipe.take(told.seen)
        record = told.record or finished
        return record if not renamed else RunRecord.model_validate(_renamed(record.model_dump(), renamed))

    def _rows(
        self, result: RunResult, blobs: Mapping[str, bytes], renamed: dict[str, str]
    ) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """What the journal is told; the blobs are kept first. Blocks."""
        for digest, data in blobs.items():
            kept = self.bench.blobs.put(data)
            if kept != digest:
                # A secret that is known here and was not there was taken out of it.
                renamed[digest] = kept
        for row in result.rows:
            yield row.parent, row.kind, _renamed(row.body, renamed)

    def _count(self, record: RunRecord) -> None:
        """Count what it took under the ceilings of this process."""
        port = self.bench.port
        if isinstance(port, ModelPort):
            used = record.usage + record.judge_usage
            port.budget.count(used)
            port.add_usage(used)


def _check(spec: RunSpec, bench: Bench) -> None:
    """What ``run_once`` looks at before anything is recorded, as far as it can be seen from here.

    Raises:
        UsageError: A criterion is malformed, or the model its own judge.
        BudgetExceededError: The spend ceiling is reached.
    """
    if errors := errors_of(spec.task):
        listed = "; ".join(f"{error.code} {error.message}" for error in errors)
        raise UsageError(f"task {spec.task.id!r}: {listed}", help=errors[0].help)
    if bench.judge is not None and needs_judge(spec.task):
        bench.judge.check([spec.model_id])
    _check_left(_left(bench))


def _check_left(left: SpendLimit) -> None:
    if (left.max_usd is not None and left.max_usd <= 0) or (
        left.max_tokens is not None and left.max_tokens <= 0
    ):
        raise BudgetExceededError(
            "the spend ceiling is reached; nothing more was sent", help="raise --max-usd or --max-tokens"
        )


def _left(bench: Bench) -> SpendLimit:
    return bench.port.budget.left if isinstance(bench.port, ModelPort) else SpendLimit()


def _finished(result: RunResult) -> RunRecord | None:
    body = next((row.body for row in result.rows if row.kind == "run_finished"), None)
    return None if body is None else RunRecord.model_validate(body)


def _error_of(result: RunResult) -> Exception:
    """The error a worker told of."""
    kind = ERRORS.get(result.error)
    if kind is not None:
        return kind(result.message, help=result.help)
    if result.error == "cancelled":
        return InfrastructureError(f"the worker on {result.node} ended the run")
    return WorkerFaultError(f"on node {result.node}:\n{result.message}")


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with digests in it replaced."""
    if not names:
        return value
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(each, names) for each in value]
    return value
